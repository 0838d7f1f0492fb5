//! Bugs that are planted into the operator's own code, to show that the laws find them.
//!
//! Five have no case yet. Sixty worlds did not show `NoWaitAfterTakeOver` and `ConflictIsGone`; the hunts for
//! `InterruptedWithoutLiveGet`, `NotCountedOnWhatItShares` and `DeletionsUntold` were shorter. `src/flashjob/laws` stays until all of
//! them are found here.

use super::{
    faults::Fault,
    run::{self, Plan},
};
use crate::seam::Bug;

/// Worlds within which a planted bug must break a law.
const WORLDS: u64 = 40;

/// A world in which the bug may show.
fn plan(seed: u64, bug: Bug, only: Option<Fault>) -> Plan {
    Plan {
        seed,
        bug: Some(bug),
        only,
        hostile: only.is_none(),
        unlabels: bug == Bug::LabelsTellAll,
        ..Plan::default()
    }
}

/// The last number of a case is the world that the hunt begins with: worlds change with the simulation, and the hunt goes on from
/// there.
#[rstest::rstest]
#[case::steps_7_and_8_are_swapped(Bug::RemoveBeforeStoring, Some(Fault::Crash), 0)]
#[case::no_lease_check(Bug::NoLeaseCheck, Some(Fault::Stop), 22)]
#[case::slots_from_the_cache(Bug::CountSlotsFromCache, Some(Fault::Crash), 0)]
#[case::unlocked_too_early(Bug::UnlockOnDeleteAccepted, Some(Fault::Hand), 21)]
#[case::sent_is_enough(Bug::SentIsEnough, Some(Fault::Crash), 19)]
#[case::unknown_is_failed(Bug::UnknownIsFailed, Some(Fault::Hand), 1)]
#[case::all_steps_at_once(Bug::AllStepsAtOnce, Some(Fault::Crash), 0)]
#[case::unlock_while_read_back(Bug::UnlockWhileReadBack, Some(Fault::Hand), 9)]
#[case::verdict_without_uid(Bug::VerdictWithoutUid, Some(Fault::User), 0)]
#[case::address_given_up(Bug::FreeWhatIsDeleted, Some(Fault::Hand), 6)]
#[case::addresses_shared(Bug::SharesAddresses, Some(Fault::Crash), 3)]
#[case::a_record_without_a_seal(Bug::RecordNotSealed, None, 1)]
#[case::a_service_without_a_seal(Bug::ServiceNotSealed, None, 0)]
#[case::a_pod_without_a_seal(Bug::PodNotSealed, None, 0)]
#[case::delete_without_uid(Bug::DeleteWithoutUid, Some(Fault::User), 0)]
#[case::deleting_is_gone(Bug::DeletingIsGone, Some(Fault::Hand), 25)]
#[case::labels_tell_all(Bug::LabelsTellAll, Some(Fault::Crash), 14)]
#[case::status_skips_ledger(Bug::StatusSkipsLedger, Some(Fault::Hand), 0)]
#[case::retry_counted_twice(Bug::RetryCountedTwice, Some(Fault::Hand), 2)]
#[case::lease_by_wall_clock(Bug::LeaseByWallClock, Some(Fault::Stop), 22)]
fn a_planted_bug_breaks_a_law(#[case] bug: Bug, #[case] only: Option<Fault>, #[case] first: u64) {
    let breaks = |seed| Some((seed, run::world(plan(seed, bug, only)).broken?));
    let found = (first..first + WORLDS).find_map(breaks);
    let (seed, law) =
        found.unwrap_or_else(|| panic!("{bug:?} broke no law in {WORLDS} worlds from {first}"));
    println!("{bug:?} in world {seed}: {law}");
    let without = Plan {
        bug: None,
        ..plan(seed, bug, only)
    };
    assert_eq!(run::world(without).broken, None, "without the bug");
}
