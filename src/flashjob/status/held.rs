//! What is said of a job whose order and pace keep devices from starting: stopped, suspended, or waiting. Pure.
//!
//! Called by `describe`.

use crate::flashjob::status::counts::Tally;
use crate::{
    api::Reason,
    flashjob::{
        plan::rollout::{failure_limits, hold::Hold, pace::Pace},
        spec::job::Job,
    },
};

/// Reason and message of a job that waits, or is stopped; and whether it has ended with that.
pub(super) struct Paced {
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) ended: bool,
}

/// What the pace of a job says of it, after `done`; nothing where devices are started as they come.
pub(super) fn paced(job: &Job, tally: &Tally, pace: &Pace, done: &str) -> Option<Paced> {
    if let Some(stop) = &pace.stop {
        let ended = tally.under_way() == 0;
        let message = if ended {
            format!(
                "{}; {done}, {} failed, {} never started; see: kubectl get flashjob {} -n {} -o yaml",
                stop.message,
                tally.failed,
                tally.pending(),
                job.name,
                job.namespace
            )
        } else {
            format!(
                "{}; nothing new starts, {} in flight end first",
                stop.message,
                tally.under_way()
            )
        };
        return Some(Paced {
            reason: failure_limits::reason(stop),
            message,
            ended,
        });
    }
    if tally.finals() >= tally.selected {
        return None;
    }
    let Hold {
        reason, message, ..
    } = pace.waits_for()?.clone();
    Some(Paced {
        reason,
        message: format!("{done}, {} in flight; {message}", tally.in_flight),
        ended: false,
    })
}

/// What is said of a job that is suspended before its round, or its next one, began.
pub(super) fn suspended(job: &Job) -> Option<Paced> {
    job.suspended().then(|| {
        let Hold {
            reason, message, ..
        } = Hold::suspended(job);
        Paced {
            reason,
            message: format!("no device is selected yet; {message}"),
            ended: false,
        }
    })
}
