//! `kubectl flashjob approve` and `deny`.

use flashjob_operator::{cli::terminal::Failure, cluster::clock::now, flashjob::spec::job::Job};
use serde_json::json;

use super::steered::{Steered, Subject, done, refused};
use crate::{
    cluster::Cluster,
    command_line::{Common, Exit},
    order::approve::{decide, decide_against, decision},
};

/// Field manager of `spec.approval`: of both, so that the later decision takes the place of the one before.
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

    /// Why, for those who look at the job later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Options of `deny`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob deny my-job --reason \"3 of 10 devices answer late\"\n\n\
    The round stops with the reason StepDenied; what is in flight ends. To let it go on after all, approve the step.\n\n\
    Rights: get, patch and approve flashjobs in the namespace; the ClusterRole flashjob-approver gives them.\n\n\
    Exit codes: 0 denied, 1 the round has no such step or something failed.")]
pub struct Deny {
    #[command(flatten)]
    subject: Subject,

    /// ROUND.STEP to deny, as status.step.id shows it. Unset: the step that the round has reached.
    #[arg(long, value_name = "ROUND.STEP")]
    step: Option<String>,

    /// Why; the job's status says it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Deny {
    /// Decides against the step.
    ///
    /// # Errors
    /// When the round has no such step, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Steered { cluster, job } = self.subject.find(common).await?;
        let denial = decide_against(&job.status, self.step.as_deref())
            .map_err(|why| refused(&job, &why, "get"))?;
        let approval = decision(&denial.step, "Deny", Some(&self.reason), now());
        cluster
            .claim(&job, MANAGER, &json!({ "approval": approval }))
            .await?;
        done(&job, &format!("denied {}", denial.what), "status")
    }
}

impl Approve {
    /// Approves the step.
    ///
    /// # Errors
    /// When nothing waits for approval, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Steered { cluster, job } = self.subject.find(common).await?;
        let words = approve(&cluster, &job, self.step.as_deref(), self.reason.as_deref()).await?;
        done(&job, &words, "status")
    }
}

/// Approves the named step of the job, or else the step that waits for approval; returns the message for the user.
///
/// # Errors
/// When nothing waits for approval, or the cluster refuses.
pub(super) async fn approve(
    cluster: &Cluster,
    job: &Job,
    step: Option<&str>,
    reason: Option<&str>,
) -> Result<String, Failure> {
    let approval = decide(&job.status, step).map_err(|why| refused(job, &why, "get"))?;
    let decision = decision(&approval.step, "Approve", reason, now());
    let spec = json!({ "approval": decision });
    cluster.claim(job, MANAGER, &spec).await?;
    Ok(format!("approved {}", approval.what))
}
