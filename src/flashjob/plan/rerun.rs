//! Asking once for devices to be flashed again: when the failed devices may go. Pure.
//!
//! Within a round the index sets only grow, but for this: one stored status write takes the failed devices out of
//! `failedIndexes` and records the rerun's id with it, so that a crash finds either nothing done or all of it. What the devices
//! did before stays in their releases, as revisions that are over. Called by `rounds`.

use crate::flashjob::{
    observe::{ledger::Ledger, objects::ObservedRecord, selection::Selection},
    spec::job::Job,
};

/// Whether nothing of a failed device's attempts is left but what `helm history` shows: only then may it begin again.
#[must_use]
pub fn failures_are_settled(job: &Job, roster: &Selection, ledger: &Ledger) -> bool {
    ledger.of_job(&job.uid).all(|(_, attempt)| {
        let index = roster
            .index_of(&attempt.identity.uuid)
            .filter(|_| attempt.identity.round == roster.round);
        let failed = index.is_some_and(|index| job.finals.failed.contains(index));
        let bare = attempt.pod.is_none() && attempt.service.is_none() && !attempt.acting;
        let over = attempt.record().is_none_or(ObservedRecord::is_settled);
        !failed || (bare && over)
    })
}

#[cfg(test)]
#[path = "rerun_tests.rs"]
mod tests;
