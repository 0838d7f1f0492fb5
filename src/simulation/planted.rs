//! Bugs that are planted into the operator's own code, to show that the laws find them.

use super::{
    faults::Fault,
    run::{self, Plan},
};
use crate::seam::Bug;

/// Worlds within which a planted bug must break the law of its case.
const WORLDS: u64 = 40;

/// A world in which the bug may show. Without faults, a hostile writer forges objects in it.
fn plan(seed: u64, bug: Bug, only: &'static [Fault]) -> Plan {
    Plan {
        seed,
        bug: Some(bug),
        only: Some(only),
        hostile: only.is_empty(),
        unlabels: bug == Bug::LabelsTellAll,
        pooled: bug == Bug::LeasesWhatIsLeased,
        stale_lists: bug == Bug::InterruptedWithoutLiveGet,
        ..Plan::default()
    }
}

/// A case has the bug, the faults, words of the broken law, and the first world of the hunt: worlds change with the simulation, and
/// the hunt goes on from there.
#[rstest::rstest]
#[case::steps_7_and_8_are_swapped(Bug::RemoveBeforeStoring, &[Fault::Crash], "before its verdict was stored", 0)]
#[case::no_lease_check(Bug::NoLeaseCheck, &[Fault::Stop], "took effect after another had begun", 22)]
#[case::slots_from_the_cache(Bug::CountSlotsFromCache, &[Fault::Crash], "than its limit", 6)]
#[case::unlocked_too_early(Bug::UnlockOnDeleteAccepted, &[Fault::Hand], "more slots are in use", 50)]
#[case::sent_is_enough(Bug::SentIsEnough, &[Fault::Crash], "without the version", 19)]
#[case::unknown_is_failed(Bug::UnknownIsFailed, &[Fault::Hand], "before its retries were used up", 5)]
#[case::all_steps_at_once(Bug::AllStepsAtOnce, &[Fault::Crash], "before the first step", 0)]
#[case::unlock_while_read_back(Bug::UnlockWhileReadBack, &[Fault::Hand], "reads it back", 9)]
#[case::verdict_without_uid(Bug::VerdictWithoutUid, &[Fault::User], "names no uid", 0)]
#[case::address_given_up(Bug::FreeWhatIsDeleted, &[Fault::Hand], "removed while its Pod lives", 6)]
#[case::addresses_shared(Bug::SharesAddresses, &[Fault::Crash], "live and were told", 3)]
#[case::a_record_without_a_seal(Bug::RecordNotSealed, &[], "which no leader wrote", 1)]
#[case::a_service_without_a_seal(Bug::ServiceNotSealed, &[], "which no leader wrote", 0)]
#[case::a_pod_without_a_seal(Bug::PodNotSealed, &[], "which no leader wrote", 0)]
#[case::delete_without_uid(Bug::DeleteWithoutUid, &[Fault::User], "names no uid", 0)]
#[case::deleting_is_gone(Bug::DeletingIsGone, &[Fault::Hand, Fault::Label], "more slots are in use", 100)]
#[case::labels_tell_all(Bug::LabelsTellAll, &[Fault::Crash], "than its limit", 14)]
#[case::status_skips_ledger(Bug::StatusSkipsLedger, &[Fault::Hand], "does not come to rest", 2)]
#[case::retry_counted_twice(Bug::RetryCountedTwice, &[Fault::Hand], "before its retries were used up", 2)]
#[case::lease_by_wall_clock(Bug::LeaseByWallClock, &[Fault::Stop], "took effect after another had begun", 22)]
#[case::no_wait(Bug::NoWaitAfterTakeOver, &[Fault::Lease], "took effect after another had begun", 0)]
#[case::conflict_is_gone(Bug::ConflictIsGone, &[Fault::Webhook], "more slots are in use", 7)]
#[case::interrupted_without_a_look(Bug::InterruptedWithoutLiveGet, &[Fault::Crash], "before its verdict was stored", 0)]
#[case::not_counted_on_what_it_shares(Bug::NotCountedOnWhatItShares, &[Fault::Crash], "than its limit", 8)]
#[case::deletions_untold(Bug::DeletionsUntold, &[Fault::Hand], "does not come to rest", 0)]
#[case::leases_what_is_leased(Bug::LeasesWhatIsLeased, &[Fault::Crash], "is leased to", 0)]
#[case::unclear_is_over(Bug::UnclearIsOver, &[Fault::User], "more slots are in use", 7)]
fn a_planted_bug_breaks_a_law(
    #[case] bug: Bug,
    #[case] only: &'static [Fault],
    #[case] law: &str,
    #[case] first: u64,
) {
    let breaks = |seed| {
        let broken = run::world(plan(seed, bug, only)).broken?;
        println!("{bug:?} in world {seed}: {broken}");
        broken.contains(law).then_some(seed)
    };
    let found = (first..first + WORLDS).find_map(breaks);
    let seed = found.unwrap_or_else(|| {
        panic!("{bug:?} did not break the law {law:?} in {WORLDS} worlds from {first}")
    });
    let without = Plan {
        bug: None,
        ..plan(seed, bug, only)
    };
    assert_eq!(
        run::world(without).broken,
        None,
        "world {seed} without the bug"
    );
}
