//! Numbers of the attempts at a device within a round: each is given once, whatever was rerun or given up since. Pure.
//!
//! Records say which numbers were given; the stored status says how many attempts failed, also those whose record is gone.
//! Called by `plan`.

use std::collections::BTreeMap;

use crate::flashjob::observe::{
    ledger::{Attempt, Ledger},
    objects::Identity,
};
use crate::identifiers::{JobUid, Uuid};
use helm_release::Status;

/// The highest number that is known of each device, by UUID.
#[derive(Debug, Default)]
pub struct Numbers<'a>(BTreeMap<&'a Uuid, u32>);

impl<'a> Numbers<'a> {
    /// Those of one round of a job.
    #[must_use]
    pub fn of(ledger: &'a Ledger, job_uid: &'a JobUid, round: i64) -> Self {
        let mut numbers = BTreeMap::new();
        for (_, attempt) in ledger.of_job(job_uid) {
            if attempt.identity.round != round {
                continue;
            }
            let highest = numbers.entry(&attempt.identity.uuid).or_insert(0);
            *highest = (*highest).max(attempt.number().unwrap_or(0));
        }
        Self(numbers)
    }

    /// Number of the next attempt at a device of which as many attempts failed.
    #[must_use]
    pub fn next(&self, uuid: &Uuid, failures: usize) -> u32 {
        let failed = u32::try_from(failures).unwrap_or(u32::MAX);
        let known = self.0.get(uuid).copied().unwrap_or(0);
        failed.max(known).saturating_add(1)
    }
}

/// Whether a later attempt at the same device is known: this one failed and is over, or the other could not have begun.
#[must_use]
pub fn is_superseded(ledger: &Ledger, attempt: &Attempt) -> bool {
    let failed = attempt
        .record()
        .is_some_and(|record| record.status == Status::Failed || record.is_settled());
    let Some(number) = attempt.number().filter(|_| failed) else {
        return false;
    };
    let Identity {
        key, round, uuid, ..
    } = &attempt.identity;
    let mut others = ledger.of_job(&key.job_uid);
    others.any(|(_, other)| {
        let same = other.identity.round == *round && other.identity.uuid == *uuid;
        same && other.number().is_some_and(|later| later > number)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::flashjob::fixtures::{JOB, identity, numbered, take_in, uuid};

    fn ledger(attempts: &[(&str, u32, Status)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (id, number, status) in attempts {
            let record = numbered(&identity(0, id), *number, *status);
            take_in(&mut ledger, Some(record), None, None);
        }
        ledger
    }

    #[rstest]
    #[case::the_first(&[], 0, 1)]
    #[case::after_a_failure_without_a_record(&[], 1, 2)]
    #[case::after_a_failure(&[1], 1, 2)]
    #[case::after_a_rerun(&[1, 2], 0, 3)]
    #[case::after_a_failure_after_a_rerun(&[1, 2, 3], 1, 4)]
    #[case::records_of_some_are_gone(&[3], 1, 4)]
    fn a_number_is_given_once(
        #[case] known: &[u32],
        #[case] failures: usize,
        #[case] expected: u32,
    ) {
        let ids = ["a", "b", "c"];
        let known: Vec<_> = ids
            .iter()
            .zip(known)
            .map(|(id, number)| (*id, *number, Status::Failed))
            .collect();
        let (ledger, job) = (ledger(&known), JOB.into());
        let numbers = Numbers::of(&ledger, &job, 1);
        assert_eq!(numbers.next(&uuid(0), failures), expected);
        assert_eq!(numbers.next(&uuid(1), 0), 1, "another device");
        assert_eq!(
            Numbers::of(&ledger, &job, 2).next(&uuid(0), 0),
            1,
            "another round"
        );
    }

    #[test]
    fn a_failed_attempt_is_superseded_by_a_later_one_and_one_under_way_never_is() {
        let ledger = ledger(&[
            ("a", 1, Status::Failed),
            ("b", 2, Status::Deployed),
            ("c", 3, Status::PendingInstall),
        ]);
        let superseded = |id| {
            let attempt = ledger.attempt(&identity(0, id).key).unwrap();
            is_superseded(&ledger, attempt)
        };
        assert_eq!(["a", "b", "c"].map(superseded), [true, false, false]);
    }

    #[rstest]
    #[case::alone(None, false)]
    #[case::after_an_earlier_one(Some((identity(0, "b"), 1)), false)]
    #[case::before_a_later_one(Some((identity(0, "b"), 3)), true)]
    #[case::beside_one_at_another_device(Some((identity(1, "b"), 3)), false)]
    #[case::beside_one_of_another_round(Some((Identity { round: 2, ..identity(0, "b") }, 3)), false)]
    fn a_failed_attempt_is_superseded_only_by_a_later_one_of_its_device_and_round(
        #[case] other: Option<(Identity, u32)>,
        #[case] superseded: bool,
    ) {
        let mut ledger = ledger(&[("a", 2, Status::Failed)]);
        if let Some((who, number)) = other {
            let record = numbered(&who, number, Status::Deployed);
            take_in(&mut ledger, Some(record), None, None);
        }
        let own = ledger.attempt(&identity(0, "a").key).unwrap();
        assert_eq!(is_superseded(&ledger, own), superseded);
    }

    #[rstest]
    #[case::failed_and_that_is_stored(Status::Failed, true, true)]
    #[case::failed_and_that_is_not_stored_yet(Status::Failed, false, true)]
    #[case::was_marked_by_helm_after_it_failed(Status::Superseded, true, true)]
    #[case::was_marked_by_helm_before_its_end(Status::Superseded, false, false)]
    #[case::is_under_way(Status::Deployed, false, false)]
    fn an_attempt_is_superseded_by_a_later_one_where_it(
        #[case] status: Status,
        #[case] settled: bool,
        #[case] superseded: bool,
    ) {
        let mut ledger = ledger(&[("b", 2, Status::Deployed)]);
        let mut record = numbered(&identity(0, "a"), 1, status);
        record.settled = settled.then_some(1);
        take_in(&mut ledger, Some(record), None, None);
        let own = ledger.attempt(&identity(0, "a").key).unwrap();
        assert_eq!(is_superseded(&ledger, own), superseded);
    }
}
