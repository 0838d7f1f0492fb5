//! Asking once for devices to be flashed again: which rerun is due, and when the failed devices may go. Pure.
//!
//! Within a round the index sets only grow, but for this: one stored status write takes the failed devices out of
//! `failedIndexes` and records the rerun's id with it, so that a crash finds either nothing done or all of it. What the devices
//! did before stays in their releases, as revisions that are over. Called by `rounds`.

use super::{job::Job, ledger::Ledger, roster::Roster, sight::RecordSight};
use crate::api::{Rerun, RerunDevices};

/// The rerun that the spec asks for and that was neither acted upon nor recorded. None before the first round: a job that is
/// created with one begins anyway, and records its id.
#[must_use]
pub fn due(job: &Job) -> Option<&Rerun> {
    job.status.round.as_ref()?;
    let rerun = job.spec.as_ref().ok()?.rerun.as_ref()?;
    let known = job.status.last_rerun_id.as_deref() == Some(rerun.id.as_str());
    (!known && !rerun.id.is_empty()).then_some(rerun)
}

/// Whether a due rerun asks for a whole round.
#[must_use]
pub fn wants_round(job: &Job) -> bool {
    due(job).is_some_and(|rerun| rerun.devices == Some(RerunDevices::All))
}

/// Whether nothing of a failed device's attempts is left but what `helm history` shows: only then may it begin again.
#[must_use]
pub fn failures_are_settled(job: &Job, roster: &Roster, ledger: &Ledger) -> bool {
    ledger.of_job(&job.uid).all(|(_, attempt)| {
        let index = roster
            .index_of(&attempt.identity.uuid)
            .filter(|_| attempt.identity.round == roster.round);
        let failed = index.is_some_and(|index| job.finals.failed.contains(index));
        let bare = attempt.pod.is_none() && attempt.service.is_none() && !attempt.step;
        let over = attempt.record().is_none_or(RecordSight::is_settled);
        !failed || (bare && over)
    })
}

#[cfg(test)]
#[path = "rerun_tests.rs"]
mod tests;
