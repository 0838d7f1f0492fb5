//! `kubectl flashjob suspend`, `resume` and `abort`.

use clap::ArgGroup;
use flashjob_operator::{
    api::DevicePhase,
    cli::terminal::{Failure, complain, print},
    cluster::Suspension,
    flashjob::spec::job::Job,
};
use serde_json::{Value, json};

use super::{
    steered::{Steered, Subject, done, refused},
    stop::Which,
};
use crate::{
    cluster::Cluster,
    command_line::{Common, Exit, PROGRAM},
    order::suspend::{MANAGER, resumed, suspended},
};

/// Options of `suspend`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    kubectl flashjob suspend my-job\n\n\
    Flashes in progress end by themselves.\n\n\
    Rights: get and patch flashjobs in the namespace; the ClusterRole flashjob-editor gives them.")]
pub struct Suspend {
    #[command(flatten)]
    subject: Subject,
}

impl Suspend {
    /// Suspends the job.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Steered { cluster, job } = self.subject.find(common).await?;
        let words = suspend(&cluster, &job).await?;
        done(&job, &words, "resume")
    }
}

/// Suspends the job; returns the message for the user.
///
/// # Errors
/// When the cluster refuses.
pub(super) async fn suspend(cluster: &Cluster, job: &Job) -> Result<String, Failure> {
    let spec = json!({"suspend": true});
    let now = cluster.claim(job, MANAGER, &spec).await?;
    suspended(job, &now).map_err(|why| refused(job, &why, "get"))
}

/// Options of `resume`.
#[derive(clap::Args, Debug)]
#[command(
    group = ArgGroup::new("meant").args(["job", "all", "classes"]).required(true),
    after_help = "Examples:\n  \
    kubectl flashjob resume my-job\n  \
    kubectl flashjob resume my-job --force\n  \
    kubectl flashjob resume --all\n  \
    kubectl flashjob resume --class esp32\n\n\
    Takes back what `suspend` has set of a FlashJob, or `stop` of FlashClasses. What somebody else has suspended, too, stays so unless \
    --force is given.\n\n\
    Rights: get and patch flashjobs in the namespace, which the ClusterRole flashjob-editor gives; with --all or --class list and patch \
    flashclasses, which flashclass-admin gives.\n\n\
    Exit codes: 0 it goes on, 1 it, or one of the classes, stays suspended or something failed, 2 wrong usage."
)]
pub struct Resume {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB", conflicts_with = "dry_run")]
    job: Option<String>,

    #[command(flatten)]
    which: Which,

    /// Let it go on even where somebody else has suspended it.
    #[arg(long)]
    force: bool,
}

impl Resume {
    /// Lets the job, or the classes, go on.
    ///
    /// # Errors
    /// When the cluster refuses, or the job stays suspended.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Some(job) = &self.job else {
            let suspension = if self.force {
                Suspension::Overrule
            } else {
                Suspension::Release
            };
            return self.which.order(common, suspension).await;
        };
        let Steered { cluster, job } = Subject::of(job).find(common).await?;
        let words = resume(&cluster, &job, self.force).await?;
        done(&job, &words, "status")
    }
}

/// Resumes the job; returns the message for the user.
///
/// # Errors
/// When the cluster refuses, or the job stays suspended.
pub(super) async fn resume(cluster: &Cluster, job: &Job, force: bool) -> Result<String, Failure> {
    let spec = if force {
        json!({"suspend": false})
    } else {
        Value::Null
    };
    let now = cluster.claim(job, MANAGER, &spec).await?;
    resumed(job, &now).map_err(|why| refused(job, &why, "get"))
}

/// Options of `abort`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob abort my-job\n  \
    kubectl flashjob abort my-job --now\n\n\
    Suspends the FlashJob and says what is in flight: without --now that ends by itself.\n\n\
    Rights: get and patch flashjobs in the namespace, which the ClusterRole flashjob-editor gives; with --now also get and delete \
    pods.")]
pub struct Abort {
    #[command(flatten)]
    subject: Subject,

    /// Delete the Pods of flashes in progress, too. A device that is interrupted while it receives firmware may have to be flashed
    /// again before it works.
    #[arg(long)]
    now: bool,
}

impl Abort {
    /// Suspends the job, and ends what is in flight where that was said.
    ///
    /// # Errors
    /// When the cluster refuses. A Pod that cannot be deleted does not keep the others from it.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let Steered { cluster, job } = self.subject.find(common).await?;
        let words = suspend(&cluster, &job).await?;
        // What began before the suspension was seen is in flight, too.
        let Steered { cluster, job } = self.subject.find(common).await?;
        let mut exit = Exit::Done;
        for device in &job.status.devices {
            let flashing = device.is(DevicePhase::Flashing);
            let Some(pod) = device.pod.as_ref().filter(|_| flashing) else {
                continue;
            };
            let endpoint = device.host_endpoint.as_deref().unwrap_or_default();
            if !self.now {
                print(&format!(
                    "  device {} {endpoint}: Pod {pod} ends by itself\n",
                    device.index
                ))?;
                continue;
            }
            match cluster.end_pod(&job, pod).await {
                Ok(true) => print(&format!(
                    "  device {} {endpoint}: Pod {pod} is being deleted\n",
                    device.index
                ))?,
                Ok(false) => {}
                Err(error) => {
                    exit = Exit::Failed;
                    complain(&format!("{PROGRAM}: device {}: {error}", device.index));
                }
            }
        }
        let words = if self.now {
            "suspended; the Pods of its flashes end within their grace period"
        } else {
            &words
        };
        done(&job, words, "status")?;
        Ok(exit)
    }
}
