//! `kubectl flashjob status`: waits for the end of a job, with a line for each change.

use std::{pin::pin, time::Duration};

use flashjob_operator::{
    cli::terminal::{Failure, complain},
    cluster::clock::now,
    display,
    flashjob::spec::job::Job,
};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::output::{Output, Shown};
use crate::{
    cluster::{Cluster, Seen, watch_job},
    command_line::{Common, Exit, PROGRAM},
    show::{Line, Screen, Tone, duration},
    view::{Standing, Summary, document::One, standing},
};

/// What the document is called.
pub const KIND: &str = "FlashJobSummary";

/// Options of `status`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob status my-job\n  \
    kubectl flashjob status my-job --timeout 2h\n  \
    kubectl flashjob status my-job --watch=false\n  \
    kubectl flashjob status my-job -o jsonpath='{.counts.failed}'\n\n\
    A person is waited for when a step waits for approval, when the job or its class is suspended, or when the job cannot go on until \
    somebody acts; flashes in progress end first.\n\n\
    Rights: get, list and watch flashjobs in the namespace; the ClusterRole flashjob-viewer gives them.\n\n\
    Exit codes: 0 every device succeeded, 1 the FlashJob failed, is gone or cannot be read, 2 wrong usage, 3 a person is waited for, \
    124 the time is over and the FlashJob goes on; so, too, with --watch=false.")]
pub struct Status {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    /// Wait for the end of the FlashJob. false: say how it stands now.
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true",
        require_equals = true, action = clap::ArgAction::Set)]
    watch: bool,

    /// How long to wait, such as 30m; 0 is for ever.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::parse)]
    timeout: Duration,

    /// How it is printed. Everything but text is printed once, at the end: how the FlashJob stands then.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

impl Status {
    /// Waits for the end of a job, this long.
    pub fn of(job: &str, timeout: Duration) -> Self {
        Self {
            job: job.to_owned(),
            watch: true,
            timeout,
            output: Shown::As(Output::Text),
        }
    }

    /// Prints lines until the job has ended.
    ///
    /// # Errors
    /// When the job cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let screen = Screen::of(common.color);
        let limit = Some(self.timeout).filter(|limit| !limit.is_zero());
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut said = None;
        let mut last = None;
        let mut changes = pin!(watch_job(&cluster, &self.job));
        loop {
            let next = match deadline {
                Some(deadline) => timeout_at(deadline, changes.next()).await,
                None => Ok(changes.next().await),
            };
            let Ok(next) = next else {
                self.conclude(last.as_deref())?;
                let limit = self.timeout;
                self.advise(&cluster, &format!("not finished within {limit:?}"), "get");
                return Ok(Exit::TimedOut);
            };
            let job = match next {
                Some(Ok(Seen::Job(job))) => job,
                Some(Ok(Seen::Gone)) | None => {
                    return Err(gone(&cluster, &self.job, said.is_some()));
                }
                Some(Ok(Seen::Lost(words))) => {
                    complain(&format!("{PROGRAM}: {words}; trying again"));
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
            };
            let words = words(&job);
            if said.as_ref() != Some(&words) {
                if self.is_for_people() {
                    screen.print([line(&job, &words, now())])?;
                }
                said = Some(words);
            }
            if let Some(exit) = self.exit(&cluster, &job) {
                self.conclude(Some(&job))?;
                return Ok(exit);
            }
            last = Some(job);
        }
    }

    fn is_for_people(&self) -> bool {
        self.output.is(&Output::Text) || self.output.is(&Output::Wide)
    }

    /// Prints the document of how the job stands at the end, where one is wanted.
    fn conclude(&self, job: Option<&Job>) -> Result<(), Failure> {
        let Some(job) = job else { return Ok(()) };
        let document = One::of(KIND, Summary::of(job));
        self.output.print_jobs(&document, [self.job.as_str()])?;
        Ok(())
    }

    /// What the program ends with, if the job stands so that it does, and what to do next.
    fn exit(&self, cluster: &Cluster, job: &Job) -> Option<Exit> {
        let exit = match standing(job) {
            Standing::Complete => Exit::Done,
            Standing::Failed => {
                self.advise(cluster, "failed", "get");
                Exit::Failed
            }
            Standing::Waits => {
                let command = super::next_for_a_person(job);
                self.advise(cluster, "waits for a person", command);
                Exit::Waits
            }
            Standing::Goes if self.watch => return None,
            Standing::Goes => Exit::TimedOut,
        };
        Some(exit)
    }

    fn advise(&self, cluster: &Cluster, why: &str, command: &str) {
        let (job, namespace) = (&self.job, &cluster.namespace);
        complain(&format!(
            "FlashJob {namespace}/{job} {why}; next: {PROGRAM} {command} {job} -n {namespace}"
        ));
    }
}

/// The job does not exist, or was deleted.
pub(super) fn gone(cluster: &Cluster, job: &str, was_there: bool) -> Failure {
    let namespace = &cluster.namespace;
    if was_there {
        format!("FlashJob {namespace}/{job} was deleted").into()
    } else {
        format!(
            "namespace {namespace} has no FlashJob {job}; list those that it has: {PROGRAM} list -n {namespace}"
        )
        .into()
    }
}

/// What is told of a job: the same as long as nothing of it changes.
fn words(job: &Job) -> String {
    let summary = Summary::of(job);
    let counts = summary.counts;
    let mut words = summary.state().to_owned();
    if summary.outdated {
        return format!("{words}: the operator has not looked at the newest spec yet");
    }
    words = format!("{words} {}/{}", summary.done(), counts.selected);
    for (count, name) in [
        (counts.failed, "failed"),
        (counts.in_flight, "in flight"),
        (counts.verifying, "verifying"),
    ] {
        if count > 0 {
            words = format!("{words}, {count} {name}");
        }
    }
    if let Some(step) = summary.step.as_ref().filter(|_| summary.finished.is_none()) {
        words = format!("{words}, step {} {}", step.id, step.state);
    }
    match &summary.message {
        Some(message) => format!("{words}: {message}"),
        None => words,
    }
}

fn line(job: &Job, words: &str, now: Timestamp) -> Line {
    let icon = Summary::of(job).icon();
    Line::of(Tone::Faint, &format!("{} ", display::time(now))).and(icon.tone, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::{at, rollout};

    #[test]
    fn a_line_says_how_far_a_job_is_and_why() {
        let job = rollout();
        let line = line(&job, &words(&job), at(0));
        assert_eq!(
            line.text(),
            "2026-11-30T00:53:20Z Running 8/120, 2 failed, 3 in flight, step 1.2 Running: 6 of 120 succeeded; 3 in flight, 0 verifying, \
             108 pending, 1 waiting, 2 failed"
        );
    }

    #[test]
    fn the_same_state_is_not_told_twice() {
        let (job, mut later) = (rollout(), rollout());
        later.status.next_time = None;
        later.version += 1;
        assert_eq!(words(&job), words(&later));
        later.generation += 1;
        assert!(words(&later).ends_with("has not looked at the newest spec yet"));
    }
}
