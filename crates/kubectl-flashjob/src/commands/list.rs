//! `kubectl flashjob list`.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    cli::terminal::Failure,
    cluster::{Scope, clock::now},
    flashjob::spec::job::Job,
};

use super::output::{Output, Shown};
use crate::{
    command_line::{Common, Exit, PROGRAM},
    show::{Line, Screen, Tone},
    view::{Summary, document, table},
};

/// What a list is called.
const KIND: &str = "FlashJobSummaryList";

/// Options of `list`.
#[derive(clap::Args, Debug)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  \
    kubectl flashjob list\n  \
    kubectl flashjob list -A -o wide\n  \
    kubectl flashjob list -o json | jq '.items[] | select(.waitsForAPerson)'\n  \
    kubectl flashjob list -o jsonpath='{range .items[*]}{.name}{\"\\t\"}{.version}{\"\\n\"}{end}'\n\n\
    Rights: list flashjobs in the namespace, with -A in the whole cluster; the ClusterRole flashjob-viewer gives it."
)]
pub struct List {
    /// In all namespaces.
    #[arg(long, short = 'A')]
    all_namespaces: bool,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let scope = if self.all_namespaces {
            Scope::All
        } else {
            Scope::Namespaces([cluster.namespace.clone()].into())
        };
        let listed = cluster.reader.list::<Guarded<FlashJob>>(&scope, "").await?;
        let jobs = listed.iter().filter_map(Job::parse);
        let mut jobs: Vec<_> = jobs.map(|job| Summary::of(&job)).collect();
        jobs.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let document = document::List::of(KIND, jobs);
        let names = document.items.iter().map(|job| job.name.as_str());
        if self.output.print_jobs(&document, names)? {
            return Ok(Exit::Done);
        }
        let screen = Screen::of(common.color);
        if document.items.is_empty() {
            screen.print(none(&cluster.namespace, self.all_namespaces))?;
            return Ok(Exit::Done);
        }
        let wide = self.output.is(&Output::Wide);
        screen.print(table(&document.items, self.all_namespaces, wide, now()))?;
        Ok(Exit::Done)
    }
}

fn none(namespace: &str, all: bool) -> Vec<Line> {
    let words = if all {
        "There is no FlashJob in the cluster.".to_owned()
    } else {
        format!("Namespace {namespace} has no FlashJob. Look everywhere: {PROGRAM} list -A")
    };
    vec![Line::of(Tone::Plain, &words)]
}
