//! `flashjob-operator cleanup`: frees what FlashJobs left behind when the operator is gone. Run by a person, without the lease.
//!
//! Finds everything by label, decides in `plan`, then writes. A flash in progress is left alone unless `--now` is given.

mod find;
mod plan;

use std::{process::ExitCode, time::Duration};

use super::{Failure, connection::Connection, print};
use crate::{
    cluster::{DeleteCondition, Deleted, Kinds, Reader, Writer},
    telemetry::Metrics,
};
use plan::{Plan, Step};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `cleanup`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    flashjob-operator cleanup my-job -n demo --dry-run\n  \
    flashjob-operator cleanup my-job -n demo --now\n  \
    flashjob-operator cleanup -n demo\n\n\
    Rights: in the namespace, list, patch and delete flashjobs, pods, services, secrets, controllerrevisions and networkpolicies; of \
    the built-in roles admin has all but the FlashJobs and ControllerRevisions.\n\n\
    Exit codes: 0 everything is freed, 1 flashes in progress were left or something failed.")]
pub struct Cleanup {
    /// Name of the FlashJob, which may be gone already. Unset: all of the namespace.
    #[arg(value_name = "JOB")]
    job: Option<String>,

    #[command(flatten)]
    connection: Connection,

    /// Namespace. Unset: that of the kubeconfig's context.
    #[arg(long, short)]
    namespace: Option<String>,

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
    pub async fn run(&self) -> Result<ExitCode, Failure> {
        let clients = self.connection.writing(PATIENCE).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        let reader = Reader::new(clients.read, PATIENCE);
        let found = find::find(&reader, &namespace, self.job.as_deref()).await?;
        let plan = plan::plan(&found, self.now);
        if plan.steps.is_empty() && plan.in_progress.is_empty() {
            print(&format!("nothing to free in namespace {namespace}\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let writer = Writer::new(
            clients.write,
            Kinds::default(),
            PATIENCE,
            Metrics::default(),
        );
        let failures = self.carry_out(&writer, &plan).await?;
        print(&in_progress(&plan))?;
        let done = failures == 0 && plan.in_progress.is_empty();
        Ok(if done {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// One line a step; how many failed. A FlashJob keeps its finalizer when anything before failed.
    async fn carry_out(&self, writer: &Writer, plan: &Plan) -> Result<usize, Failure> {
        let mut failures = 0;
        for step in &plan.steps {
            let line = match (self.dry_run, step.frees_job() && failures > 0) {
                (true, _) => format!("would {step}\n"),
                (false, true) => format!("did not {step}: something before failed\n"),
                (false, false) => match act(writer, step).await {
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

async fn act(writer: &Writer, step: &Step) -> Result<&'static str, crate::cluster::ApiError> {
    match step {
        Step::Delete { key, uid } => {
            let deleted = writer.delete(key, &DeleteCondition::uid(uid)).await?;
            Ok(if deleted == Deleted::Deleting {
                " (it ends first)"
            } else {
                ""
            })
        }
        Step::RemoveFinalizer {
            key,
            uid,
            finalizers,
            finalizer,
        } => writer
            .remove_finalizer(key, uid, finalizers, finalizer)
            .await
            .map(|_| ""),
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
