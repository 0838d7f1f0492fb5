//! `kubectl flashjob cleanup`: frees what FlashJobs left behind when the operator is gone, without its Lease.
//!
//! Finds everything by label, decides in `leftovers`, then writes. A flash in progress is left alone unless `--now` is given.

use flashjob_operator::cli::terminal::{Failure, print};

use crate::{
    cluster::Cluster,
    command_line::{Common, Exit},
    leftovers::{Plan, plan},
};

/// Options of `cleanup`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob cleanup my-job -n demo --dry-run\n  \
    kubectl flashjob cleanup my-job -n demo --now\n  \
    kubectl flashjob cleanup -n demo\n\n\
    Rights: in the namespace, list, patch and delete flashjobs, pods, services, secrets, controllerrevisions and networkpolicies; of \
    the built-in roles admin has all but the FlashJobs and ControllerRevisions.\n\n\
    Exit codes: 0 everything is freed, 1 flashes in progress were left or something failed.")]
pub struct Cleanup {
    /// Name of the FlashJob, which may be gone already. Unset: all of the namespace.
    #[arg(value_name = "JOB")]
    job: Option<String>,

    /// Delete flash Pods that are still running too. A device that is interrupted while it receives firmware may have to
    /// be flashed again before it works.
    #[arg(long)]
    now: bool,

    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

impl Cleanup {
    /// Frees what it may, and says what it did.
    ///
    /// # Errors
    /// When the cluster cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let found = cluster.leftovers(self.job.as_deref()).await?;
        let plan = plan(&found, self.now);
        if plan.steps.is_empty() && plan.in_progress.is_empty() {
            let namespace = &cluster.namespace;
            print(&format!("nothing to free in namespace {namespace}\n"))?;
            return Ok(Exit::Done);
        }
        let failures = self.carry_out(&cluster, &plan).await?;
        print(&in_progress(&plan))?;
        let done = failures == 0 && plan.in_progress.is_empty();
        Ok(if done { Exit::Done } else { Exit::Failed })
    }

    /// One line a step; how many failed. A FlashJob keeps its finalizer when anything before failed.
    async fn carry_out(&self, cluster: &Cluster, plan: &Plan) -> Result<usize, Failure> {
        let mut failures = 0;
        for step in &plan.steps {
            let line = match (self.dry_run, step.frees_job() && failures > 0) {
                (true, _) => format!("would {step}\n"),
                (false, true) => format!("did not {step}: something before failed\n"),
                (false, false) => match cluster.free(step).await {
                    Ok(note) => format!("{step}{note}\n"),
                    Err(error) => {
                        failures += 1;
                        format!("FAILED {step}: {}\n", error.message)
                    }
                },
            };
            print(&line)?;
        }
        Ok(failures)
    }
}

fn in_progress(plan: &Plan) -> String {
    let Some(first) = plan.in_progress.first() else {
        return String::new();
    };
    let pods: Vec<_> = plan
        .in_progress
        .iter()
        .map(|pod| format!("  {pod}\n"))
        .collect();
    format!(
        "flashes in progress that were left alone: {}\n{}Run this again when they have ended (kubectl get pods -n {} -w), \
         or with --now to interrupt them.\n",
        pods.len(),
        pods.concat(),
        first.namespace,
    )
}
