//! Bugs that are planted into the simulated leader, to show that the laws find them. None of them is in the operator.

use super::{
    faults::{CRASH, HAND, LEASE, STOP, USER},
    run,
};

pub use crate::seam::Bug;

/// Worlds within which a planted bug must break a law.
const WORLDS: u64 = 1_000;

/// The last number of a case is the world that the hunt begins with: one or two before the one in which the bug was found last,
/// as worlds change with the simulation. After the last world come those before it.
#[rstest::rstest]
#[case::steps_7_and_8_are_swapped(
    Bug::RemoveBeforeStoring,
    CRASH,
    "before its verdict was stored",
    0
)]
#[case::no_lease_check(Bug::NoLeaseCheck, STOP, "took effect after another had begun", 29)]
#[case::no_wait(
    Bug::NoWaitAfterTakeOver,
    LEASE,
    "took effect after another had begun",
    64
)]
#[case::slots_from_the_cache(Bug::CountSlotsFromCache, CRASH, "more slots are in use", 14)]
#[case::interrupted_without_a_look(Bug::InterruptedWithoutLiveGet, CRASH, "verdict", 140)]
#[case::unlocked_too_early(Bug::UnlockOnDeleteAccepted, HAND, "", 4)]
#[case::not_counted(Bug::NotCountedOnWhatItShares, CRASH, "than its limit", 4)]
#[case::unknown_is_failed(Bug::UnknownIsFailed, HAND, "did not fail", 11)]
#[case::all_steps_at_once(Bug::AllStepsAtOnce, CRASH, "before the first step", 0)]
#[case::unlock_while_read_back(Bug::UnlockWhileReadBack, HAND, "reads it back", 3)]
#[case::sent_is_enough(Bug::SentIsEnough, CRASH, "without the version", 24)]
#[case::verdict_without_uid(Bug::VerdictWithoutUid, USER, "", 355)]
#[case::address_given_up(Bug::FreeWhatIsDeleted, HAND, "removed while its Pod lives", 0)]
#[case::addresses_shared(Bug::SharesAddresses, CRASH, "live and were told", 2)]
#[case::conflict_is_gone(Bug::ConflictIsGone, CRASH, "more slots are in use", 177)]
fn a_planted_bug_breaks_a_law(
    #[case] bug: Bug,
    #[case] fault: usize,
    #[case] law: &str,
    #[case] first: u64,
) {
    let breaks = |seed| run::planted(seed, bug, fault).filter(|found| found.contains(law));
    let found = (first..WORLDS)
        .chain(0..first)
        .find_map(|seed| Some((seed, breaks(seed)?)));
    let (seed, found) =
        found.unwrap_or_else(|| panic!("{bug:?} did not break the law {law:?} in {WORLDS} worlds"));
    println!("{bug:?} in world {seed}: {found}");
}

#[rstest::rstest]
#[case::record(Bug::RecordNotSealed)]
#[case::service(Bug::ServiceNotSealed)]
#[case::pod(Bug::PodNotSealed)]
fn an_object_that_is_believed_without_a_seal_breaks_a_law(#[case] bug: Bug) {
    let breaks = |seed| Some((seed, run::beside_a_hostile_writer(seed, bug)?));
    let (seed, found) = (0..WORLDS)
        .find_map(breaks)
        .unwrap_or_else(|| panic!("{bug:?} did not break a law in {WORLDS} worlds"));
    println!("{bug:?} in world {seed}: {found}");
}
