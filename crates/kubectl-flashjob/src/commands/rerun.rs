//! `kubectl flashjob retry` and `rerun`.

use flashjob_operator::{cli::terminal::Failure, cluster::clock::now};

use super::steered::{Steered, Subject, done, refused};
use crate::{
    command_line::{Common, Exit, Misused},
    order::rerun::{Which, decide, spec},
};

/// Field manager of `spec.rerun`.
const MANAGER: &str = "kubectl-flashjob-rerun";

/// Options of `retry`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    kubectl flashjob retry my-job\n\n\
    Rights: get and patch flashjobs in the namespace; the ClusterRole flashjob-editor gives them.")]
pub struct Retry {
    #[command(flatten)]
    subject: Subject,
}

/// Options of `rerun`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    kubectl flashjob rerun my-job --all\n\n\
    Rights: get and patch flashjobs in the namespace; the ClusterRole flashjob-editor gives them.")]
pub struct Rerun {
    #[command(flatten)]
    subject: Subject,

    /// Flash every device of the FlashJob again, those that succeeded included.
    #[arg(long)]
    all: bool,
}

impl Retry {
    /// Flashes those devices again that failed.
    ///
    /// # Errors
    /// When there is none, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        run(&self.subject, common, Which::Failed).await
    }
}

impl Rerun {
    /// Flashes all devices again.
    ///
    /// # Errors
    /// When it was not said that all are meant, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        if !self.all {
            let words = "rerun flashes every device again, those that succeeded included: say so with --all; for those that failed \
                         there is: kubectl flashjob retry";
            return Err(Box::new(Misused(words.to_owned())));
        }
        run(&self.subject, common, Which::All).await
    }
}

async fn run(subject: &Subject, common: &Common, which: Which) -> Result<Exit, Failure> {
    let Steered { cluster, job } = subject.find(common).await?;
    let words = decide(&job, which).map_err(|why| refused(&job, &why, "get"))?;
    cluster.claim(&job, MANAGER, &spec(which, now())).await?;
    done(&job, &words, "status")
}
