//! How far a job is: its devices by state, as shares of a bar, and how long the flashes go on. Pure.

use flashjob_operator::flashjob::{
    explain::{seconds_left, span},
    spec::job::Job,
};
use serde::Serialize;

/// How far a job is.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Devices of the job.
    pub selected: i64,
    /// Those that are final.
    pub done: i64,
    /// Those that failed.
    pub failed: i64,
    /// Those in flight.
    pub in_flight: i64,
    /// Its devices by state, in the order of the bar, none of them empty.
    pub shares: Vec<Share>,
    /// How long the flashes left over take, going by those that have ended; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// Devices in the same state.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Class of the style sheet.
    pub tone: &'static str,
    /// The state.
    pub word: &'static str,
    /// How many.
    pub devices: i64,
    /// How many stand before them in the bar.
    pub from: i64,
}

/// How far a job is.
#[must_use]
pub fn progress(job: &Job) -> Progress {
    let counts = job.status.counts.unwrap_or_default();
    let states = [
        ("good", "succeeded", counts.succeeded),
        ("skip", "skipped", counts.skipped),
        ("bad", "failed", counts.failed),
        ("read", "being read back", counts.verifying),
        ("busy", "in flight", counts.in_flight),
        ("held", "waiting for the next try", counts.waiting),
        ("patient", "not begun", counts.pending),
    ];
    let mut from = 0;
    let mut shares = Vec::new();
    for (tone, word, devices) in states {
        if devices > 0 {
            shares.push(Share {
                tone,
                word,
                devices,
                from,
            });
            from += devices;
        }
    }
    Progress {
        selected: counts.selected,
        done: counts.succeeded + counts.failed + counts.skipped,
        failed: counts.failed,
        in_flight: counts.in_flight,
        shares,
        left: seconds_left(job).map(span),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::job_of;

    #[test]
    fn the_parts_of_the_bar_follow_each_other_and_make_the_whole() {
        let counts =
            json!({"selected": 10, "succeeded": 4, "failed": 2, "inFlight": 1, "pending": 3});
        let job = job_of(&json!({}), &json!({"counts": counts}));
        let progress = progress(&job);
        let shares = progress.shares.iter();
        let shares: Vec<_> = shares
            .map(|share| (share.tone, share.from, share.devices))
            .collect();
        assert_eq!(
            shares,
            [
                ("good", 0, 4),
                ("bad", 4, 2),
                ("busy", 6, 1),
                ("patient", 7, 3)
            ]
        );
        assert_eq!((progress.done, progress.selected), (6, 10));
    }

    #[test]
    fn of_a_job_that_nobody_has_looked_at_nothing_is_said() {
        let progress = progress(&job_of(&json!({}), &json!({})));
        assert!(progress.shares.is_empty());
        assert_eq!((progress.selected, progress.left), (0, None));
    }
}
