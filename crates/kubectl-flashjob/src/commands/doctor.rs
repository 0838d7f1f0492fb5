//! `kubectl flashjob doctor`.

use flashjob_operator::cli::terminal::{Failure, Output};

use super::output::Shown;
use crate::{
    command_line::{Common, Exit},
    show::Screen,
    view::{
        doctor::{Finding, Verdict, findings, lines},
        document::List,
    },
};

/// What the list is called.
const KIND: &str = "FindingList";

/// Options of `doctor`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob doctor -n lab\n  \
    kubectl flashjob doctor -n lab --operator-namespace firmware\n  \
    kubectl flashjob doctor -n lab -o json | jq '.items[] | select(.verdict != \"OK\")'\n  \
    kubectl flashjob doctor -n lab -o jsonpath='{.items[?(@.verdict==\"FAIL\")].message}'\n\n\
    OK: it is in order. WARN: a flash may go wrong because of it. FAIL: no flash goes well before it is put right. UNKNOWN: it cannot be \
    told, mostly because you may not read it; the right that you lack is named.\n\n\
    Nothing is written: a Service of type LoadBalancer is tried by a dry run. Of Secrets only the names are read.\n\n\
    Rights: none are needed to begin with. All is seen by who may get customresourcedefinitions, list flashclasses and services in the whole \
    cluster, list instances and pods, get secrets and create services in the namespace, get the namespace itself, and get deployments, configmaps and leases in the operator's namespace.\n\n\
    Exit codes: 0 nothing is FAIL, 1 something is, or no cluster can be connected to, 2 wrong usage.")]
pub struct Doctor {
    /// Namespace of the operator.
    #[arg(long, default_value = "flashjob-system", value_name = "NAME")]
    operator_namespace: String,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

impl Doctor {
    /// Prints what is found.
    ///
    /// # Errors
    /// When no client can be made, or standard output cannot be written.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let facts = Box::pin(cluster.examine(&self.operator_namespace)).await;
        let document = List::of(KIND, findings(&facts));
        if !self.output.print(&document)? {
            let screen = Screen::of(common.color);
            screen.print(lines(&document.items, screen.columns))?;
        }
        Ok(exit(&document.items))
    }
}

/// What the program ends with after these findings.
fn exit(findings: &[Finding]) -> Exit {
    let failed = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Fail);
    if failed { Exit::Failed } else { Exit::Done }
}
