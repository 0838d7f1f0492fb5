//! `kubectl flashjob approve`.

use flashjob_operator::cli::terminal::Failure;
use serde_json::json;

use super::steered::{Steered, Subject, done, refused};
use crate::{
    command_line::{Common, Exit},
    order::approve::decide,
};

/// Field manager of `spec.approvedStep`.
const MANAGER: &str = "kubectl-flashjob-approve";

/// Options of `approve`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob approve my-job\n  \
    kubectl flashjob approve my-job --step 1.2\n\n\
    A step of another round, or one that is over, is refused.\n\n\
    Rights: get, patch and approve flashjobs in the namespace; the ClusterRole flashjob-approver gives them.\n\n\
    Exit codes: 0 approved, 1 nothing waits for approval or something failed.")]
pub struct Approve {
    #[command(flatten)]
    subject: Subject,

    /// ROUND.STEP to approve, with the steps before it, as status.step.id shows it. It may be a later step of the round in
    /// progress. Unset: the step that waits.
    #[arg(long, value_name = "ROUND.STEP")]
    step: Option<String>,
}

impl Approve {
    /// Approves the step.
    ///
    /// # Errors
    /// When nothing waits for approval, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Steered { cluster, job } = self.subject.find(common).await?;
        let approval =
            decide(&job.status, self.step.as_deref()).map_err(|why| refused(&job, &why, "get"))?;
        let spec = json!({"approvedStep": approval.step});
        cluster.claim(&job, MANAGER, &spec).await?;
        done(&job, &approval.note, "status")
    }
}
