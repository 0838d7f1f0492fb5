//! What all subcommands that steer a job share: which job, and what is said at the end.

use flashjob_operator::{
    cli::{
        job::find_job,
        terminal::{Failure, print},
    },
    flashjob::spec::job::Job,
};

use crate::{
    cluster::Cluster,
    command_line::{Common, Exit, PROGRAM},
};

/// Which job is steered.
#[derive(clap::Args, Clone, Debug)]
pub struct Subject {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,
}

/// A job, and where it is.
pub struct Steered {
    /// Where.
    pub cluster: Cluster,
    /// The job as it is stored.
    pub job: Job,
}

impl Subject {
    /// The job of this name.
    pub fn of(name: &str) -> Self {
        Self {
            job: name.to_owned(),
        }
    }

    /// Reads the job.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find(&self, common: &Common) -> Result<Steered, Failure> {
        let cluster = common.connection.connect().await?;
        let job = find_job(&cluster.reader, &cluster.namespace, &self.job).await?;
        Ok(Steered { cluster, job })
    }
}

/// Says what was done, and what comes next.
///
/// # Errors
/// When standard output cannot be written.
pub fn done(job: &Job, words: &str, next: &str) -> Result<Exit, Failure> {
    print(&sentence(job, words, next))?;
    Ok(Exit::Done)
}

/// Why nothing was done, and what helps.
pub fn refused(job: &Job, why: &str, next: &str) -> Failure {
    // One that names a command already needs no other.
    if why.contains(PROGRAM) {
        format!("FlashJob {}/{}: {why}", job.namespace, job.name).into()
    } else {
        sentence(job, why, next).trim_end().to_owned().into()
    }
}

fn sentence(job: &Job, words: &str, next: &str) -> String {
    let Job {
        name, namespace, ..
    } = job;
    format!("FlashJob {namespace}/{name}: {words}; next: {PROGRAM} {next} {name} -n {namespace}\n")
}
