// Objects of an attempt are optional everywhere; the helpers say so once.
#![allow(clippy::unnecessary_wraps)]

use rstest::rstest;

use super::*;
use crate::flashjob::{
    fixtures::{
        BOUNDS, address, at, attempt, ended, found, identity, pod, record, running, service,
    },
    observe::objects::{ContainerSight, ObservedRecord, ObservedService},
    verdict::Outcome,
};
use helm_release::Status;

#[path = "tests/ending.rs"]
mod ended_attempt;
#[path = "tests/phases.rs"]
mod phases;
#[path = "tests/pods.rs"]
mod started_pod;

fn wish() -> AttemptGoal {
    AttemptGoal {
        job: JobState::Exists,
        ending: None,
        was_flashing: false,
        closed: None,
        held: None,
        adopts: false,
    }
}

fn leaving() -> AttemptGoal {
    AttemptGoal {
        job: JobState::Leaving,
        ..wish()
    }
}

fn ending(succeeded: bool, reason: Reason, second: i64) -> AttemptGoal {
    let ending = StoredVerdict {
        stage: Stage::Final,
        succeeded,
        reason,
        message: "said so".into(),
        at: Some(at(second)),
    };
    AttemptGoal {
        ending: Some(ending),
        ..wish()
    }
}

fn pending() -> Option<ObservedRecord> {
    Some(record(&identity(0, "a"), Status::PendingInstall, false))
}

fn deployed() -> Option<ObservedRecord> {
    Some(record(&identity(0, "a"), Status::Deployed, true))
}

fn served(address: Address) -> Option<ObservedService> {
    Some(service(&identity(0, "a"), address))
}

fn with_pod(pod: ObservedPod) -> Attempt {
    attempt(deployed(), served(address()), Some(pod))
}

fn a_pod() -> ObservedPod {
    pod(&identity(0, "a"))
}

fn a_running() -> ObservedPod {
    running(&identity(0, "a"))
}

fn an_ended() -> ObservedPod {
    ended(&identity(0, "a"))
}

/// At a second by both clocks; what is waited for of the attempt was seen at second 0, and its ending when it came.
fn decide(
    attempt: &Attempt,
    wish: &AttemptGoal,
    memory: &Memory,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let seen = |second, ended, known: Option<&Waits>| {
        Waits::of(attempt, ended, known, Now::from(second).steady)
    };
    let mut waits = seen(at(0), false, None);
    if let Some(ended) = wish.ending.as_ref().and_then(|ending| ending.at) {
        waits = seen(ended, true, Some(&waits));
    }
    let memory = Memory {
        waits: [("a".into(), waits)].into(),
        ..memory.clone()
    };
    super::decide(attempt, wish, &memory, bounds, now.into())
}

fn deciding(attempt: &Attempt, wish: &AttemptGoal, second: i64) -> Decision {
    decide(attempt, wish, &Memory::default(), &BOUNDS, at(second))
}

fn releasing() -> Memory {
    Memory {
        releasing: ["a".into()].into(),
        ..Memory::default()
    }
}

fn troubled(second: i64) -> Memory {
    let trouble = Trouble {
        reason: Reason::QuotaExceeded,
        message: "quota".into(),
        until: at(second),
        tries: 1,
    };
    Memory {
        trouble: [("a".into(), trouble)].into(),
        ..Memory::default()
    }
}

fn removal_of(decision: &Decision) -> Removal {
    match &decision.action {
        Some(Action::Remove(removal)) => removal.clone(),
        other => panic!("no removal but {other:?}: {decision:?}"),
    }
}

#[test]
fn nothing_is_decided_while_a_step_runs() {
    let mut busy = attempt(pending(), None, None);
    busy.acting = true;
    let decision = deciding(&busy, &wish(), 9_999);
    assert_eq!(
        (decision.action, decision.release, decision.wake_at),
        (None, None, None)
    );
}

#[test]
fn a_recorded_attempt_without_service_gets_its_service() {
    assert_eq!(
        deciding(&attempt(pending(), None, None), &wish(), 1).action,
        Some(Action::ApplyService)
    );
}

#[test]
fn a_pod_is_created_only_with_an_ipv4_address() {
    let decision = deciding(&attempt(pending(), served(address()), None), &wish(), 1);
    assert_eq!(
        decision.action,
        Some(Action::Launch {
            address: "198.51.100.7".into()
        })
    );
}

#[test]
fn an_address_of_a_service_that_is_being_deleted_is_not_used_and_the_service_is_let_go() {
    let mut leaving = service(&identity(0, "a"), address());
    leaving.sight.deleting = Some(at(1));
    let decision = deciding(&attempt(pending(), Some(leaving.clone()), None), &wish(), 2);
    let free = Removal {
        free: true,
        ..Removal::default()
    };
    assert_eq!(removal_of(&decision), free);
    assert_eq!((decision.release, decision.wake_at), (None, Some(at(120))));
    leaving.finalizers.clear();
    let decision = deciding(&attempt(pending(), Some(leaving), None), &wish(), 2);
    assert_eq!((decision.action, decision.release), (None, None));
    assert_eq!(decision.wake_at, Some(at(120)));
}

fn loose() -> ObservedService {
    ObservedService {
        finalizers: vec!["service.kubernetes.io/load-balancer-cleanup".into()],
        ..service(&identity(0, "a"), address())
    }
}

#[rstest]
#[case::before_its_pod_starts(pending(), None)]
#[case::while_its_pod_starts(pending(), Some(a_pod()))]
#[case::while_its_pod_runs(deployed(), Some(a_running()))]
fn a_service_that_anybody_can_take_away_is_held(
    #[case] record: Option<ObservedRecord>,
    #[case] pod: Option<ObservedPod>,
) {
    let marks = record
        .clone()
        .filter(|record| !record.has_pod && pod.is_some());
    let unheld = attempt(record, Some(loose()), pod);
    let decision = deciding(&unheld, &wish(), 1);
    let want = marks.map_or(Action::HoldService, |_| Action::MarkDeployed);
    assert_eq!((decision.action, decision.release), (Some(want), None));
}

#[test]
fn a_service_is_not_held_where_that_cannot_be_or_its_flash_is_over() {
    let mut leaving = loose();
    leaving.sight.deleting = Some(at(1));
    let flashing = attempt(deployed(), Some(leaving), Some(a_running()));
    assert_eq!(deciding(&flashing, &wish(), 2).action, None);
    let closed = AttemptGoal {
        held: Some((Reason::Queued, "wait".into())),
        ..wish()
    };
    let reserved = attempt(pending(), Some(loose()), None);
    assert_eq!(deciding(&reserved, &closed, 2).action, None);
    let over = attempt(deployed(), Some(loose()), Some(an_ended()));
    let stored = ending(true, Reason::FirmwareSent, 50);
    let removal = removal_of(&deciding(&over, &stored, 51));
    assert_eq!((removal.free, removal.service), (false, true));
}

#[rstest]
#[case::deleted(address(), true, Reason::ServiceDeleted, "until the flash has ended")]
#[case::moved(Address::Ipv4("198.51.100.8".into()), false, Reason::AddressLost, "; the flash ends by its deadline")]
fn a_flash_says_what_became_of_its_service(
    #[case] now: Address,
    #[case] leaves: bool,
    #[case] reason: Reason,
    #[case] ends: &str,
) {
    let mut changed = service(&identity(0, "a"), now);
    changed.sight.deleting = leaves.then(|| at(5));
    let decision = deciding(
        &attempt(deployed(), Some(changed), Some(a_running())),
        &wish(),
        6,
    );
    assert_eq!(
        (decision.reason, decision.phase),
        (reason, DevicePhase::Flashing)
    );
    assert!(decision.message.ends_with(ends), "{}", decision.message);
}

#[test]
fn the_service_of_a_flash_that_somebody_deletes_is_let_go_only_after_its_verdict() {
    let mut leaving = service(&identity(0, "a"), address());
    leaving.sight.deleting = Some(at(1));
    let with = |pod| attempt(deployed(), Some(leaving.clone()), pod);
    assert_eq!(deciding(&with(Some(a_running())), &wish(), 2).action, None);
    let over = deciding(&with(Some(an_ended())), &wish(), 2);
    assert_eq!(over.action, Some(Action::ReadVerdict));
    let cut = ending(false, Reason::DeadlineExceeded, 50);
    let cools = deciding(&with(None), &cut, 51);
    assert_eq!((&cools.action, cools.cools_until), (&None, Some(at(140))));
    let removal = removal_of(&deciding(&with(None), &cut, 140));
    assert_eq!((removal.free, removal.service), (true, false));
}

#[rstest]
#[case::no_address(
    Address::None,
    Reason::AddressPending,
    "Service flash-uuid-0-a has no address yet"
)]
#[case::a_host_name(
    Address::Unusable("the host name x".into()),
    Reason::AddressUnusable,
    "the load balancer gave the host name x: the device needs an IPv4 address"
)]
fn an_address_is_waited_for_until_its_deadline_and_then_the_attempt_is_given_up(
    #[case] what: Address,
    #[case] reason: Reason,
    #[case] words: &str,
) {
    let waiting = attempt(pending(), served(what), None);
    let before = deciding(&waiting, &wish(), 119);
    assert_eq!(before.message, words);
    assert_eq!(
        (before.action, before.release, before.reason, before.wake_at),
        (None, None, reason, Some(at(120)))
    );
    let after = deciding(&waiting, &wish(), 120);
    let (given, message) = after.release.unwrap();
    assert_eq!((after.action, given), (None, reason));
    assert_eq!(message, format!("{words} after 120 s"));
}

#[test]
fn an_address_that_came_late_is_still_used() {
    let late = deciding(&attempt(pending(), served(address()), None), &wish(), 5_000);
    assert!(
        matches!(late.action, Some(Action::Launch { .. })),
        "{late:?}"
    );
}

#[test]
fn a_closed_gate_gives_up_what_has_not_started_and_nothing_else() {
    let closed = AttemptGoal {
        closed: Some((Reason::DeviceNotFound, "gone".into())),
        ..wish()
    };
    let reserved = deciding(&attempt(pending(), served(address()), None), &closed, 1);
    assert_eq!(
        (reserved.action, reserved.release.unwrap().0),
        (None, Reason::DeviceNotFound)
    );
    let flashing = deciding(&with_pod(a_running()), &closed, 1);
    assert_eq!((flashing.action, flashing.release), (None, None));
}

#[test]
fn an_attempt_whose_gates_cannot_be_asked_is_neither_launched_nor_given_up() {
    let held = AttemptGoal {
        held: Some((Reason::AkriNotInstalled, "unknown".into())),
        ..wish()
    };
    let decision = deciding(&attempt(pending(), served(address()), None), &held, 1);
    assert_eq!(
        (decision.action, decision.release, decision.reason),
        (None, None, Reason::AkriNotInstalled)
    );
}

#[test]
fn a_launched_pod_with_a_pending_record_is_marked_deployed() {
    let decision = deciding(
        &attempt(pending(), served(address()), Some(a_running())),
        &wish(),
        1,
    );
    assert_eq!(decision.action, Some(Action::MarkDeployed));
}

#[test]
fn a_pending_revision_of_a_helm_upgrade_by_hand_is_left_to_helm_while_the_flash_goes_on() {
    let theirs = pending().map(|record| ObservedRecord {
        foreign: true,
        ..record
    });
    let decision = deciding(
        &attempt(theirs, served(address()), Some(a_running())),
        &wish(),
        1,
    );
    assert_eq!((decision.action, decision.reason), (None, Reason::Flashing));
}

#[rstest]
#[case::its_pod_was_seen_by_this_leader(true, false)]
#[case::its_pod_is_in_the_stored_status(false, true)]
fn a_pending_record_whose_pod_was_seen_is_never_launched_again(
    #[case] seen: bool,
    #[case] stored: bool,
) {
    let mut vanished = attempt(pending(), served(address()), None);
    vanished.pod_seen = seen;
    let decision = deciding(
        &vanished,
        &AttemptGoal {
            was_flashing: stored,
            ..wish()
        },
        1,
    );
    assert_eq!(decision.action, Some(Action::ConfirmInterrupted));
}

#[test]
fn a_released_attempt_goes_pod_then_service_then_record() {
    let mut gone = a_pod();
    gone.sight.deleting = Some(at(300));
    gone.node = None;
    let first = removal_of(&decide(
        &with_pod(gone),
        &wish(),
        &releasing(),
        &BOUNDS,
        at(301),
    ));
    assert_eq!(
        first,
        Removal {
            untrack: true,
            free: true,
            service: true,
            ..Removal::default()
        }
    );
    let mut without = attempt(deployed(), None, None);
    without.pod_seen = true;
    without.pod_never_ran = true;
    let last = removal_of(&decide(&without, &wish(), &releasing(), &BOUNDS, at(302)));
    assert_eq!(
        last,
        Removal {
            record: RecordRemoval::Delete,
            ..Removal::default()
        }
    );
}

#[test]
fn the_record_of_a_released_attempt_outlives_a_stored_status_that_says_flashing() {
    let mut without = attempt(deployed(), None, None);
    without.pod_seen = true;
    without.pod_never_ran = true;
    let shown = AttemptGoal {
        was_flashing: true,
        ..wish()
    };
    let waits = decide(&without, &shown, &releasing(), &BOUNDS, at(302));
    assert_eq!((waits.action, waits.phase), (None, DevicePhase::Reserved));
    let goes = decide(&without, &wish(), &releasing(), &BOUNDS, at(303));
    assert_eq!(removal_of(&goes).record, RecordRemoval::Delete);
}

/// The stored status is all that a next leader has of such a flash: as long as its verdict is not stored, it says Flashing.
#[rstest]
#[case::its_pod_was_seen_by_this_leader(true, false)]
#[case::its_pod_is_in_the_stored_status(false, true)]
fn a_flash_whose_pod_vanished_stays_flashing_whatever_is_under_way(
    #[case] seen: bool,
    #[case] stored: bool,
) {
    let mut vanished = attempt(pending(), served(address()), None);
    vanished.pod_seen = seen;
    let wish = AttemptGoal {
        was_flashing: stored,
        ..wish()
    };
    let mut memory = Memory::default();
    let trouble = Trouble {
        reason: Reason::ApiError,
        message: "no".into(),
        until: at(9),
        tries: 1,
    };
    memory.trouble.insert("a".into(), trouble);
    let troubled = decide(&vanished, &wish, &memory, &BOUNDS, at(1));
    assert_eq!(troubled.phase, DevicePhase::Flashing);
    vanished.acting = true;
    let working = decide(&vanished, &wish, &Memory::default(), &BOUNDS, at(1));
    assert_eq!(working.phase, DevicePhase::Flashing);
    assert_eq!(working.reason, Reason::Interrupted);
}

#[test]
fn a_pod_that_vanished_while_it_was_being_given_up_may_have_flashed() {
    let mut vanished = attempt(deployed(), served(address()), None);
    vanished.pod_seen = true;
    let decision = decide(&vanished, &wish(), &releasing(), &BOUNDS, at(302));
    assert_eq!(decision.action, Some(Action::ConfirmInterrupted));
}

#[test]
fn the_verdict_is_read_once_and_then_waits_to_be_stored() {
    let over = with_pod(an_ended());
    assert_eq!(
        deciding(&over, &wish(), 60).action,
        Some(Action::ReadVerdict)
    );
    let mut memory = Memory::default();
    memory.verdicts.insert(
        "a".into(),
        found(Some(0), Outcome::Succeeded, Reason::FirmwareSent),
    );
    assert_eq!(
        decide(&over, &wish(), &memory, &BOUNDS, at(60)).action,
        None,
        "found but not stored: nothing is removed"
    );
    let vanished = attempt(deployed(), served(address()), None);
    assert_eq!(
        deciding(&vanished, &wish(), 60).action,
        Some(Action::ConfirmInterrupted)
    );
    assert_eq!(
        decide(&vanished, &wish(), &memory, &BOUNDS, at(60)).action,
        None
    );
}

#[test]
fn a_pod_that_ended_before_it_was_taken_up_has_no_verdict_and_is_given_up() {
    let mut never = a_pod();
    never.node = None;
    never.sight.deleting = Some(at(9));
    let decision = deciding(&with_pod(never), &wish(), 10);
    assert_eq!(
        (decision.action, decision.release.unwrap().0),
        (None, Reason::PodNotStarted)
    );
}

#[test]
fn trouble_is_waited_out() {
    let reserved = attempt(pending(), served(address()), None);
    let decision = decide(&reserved, &wish(), &troubled(10), &BOUNDS, at(9));
    assert_eq!(
        (decision.action, decision.release, decision.reason),
        (None, None, Reason::QuotaExceeded)
    );
    assert_eq!(decision.wake_at, Some(at(10)));
    let after = decide(&reserved, &wish(), &troubled(10), &BOUNDS, at(10));
    assert!(matches!(after.action, Some(Action::Launch { .. })));
}

/// Its last write was carried out, and the answer was lost. The next attempt of the device is what the status shows.
#[test]
fn the_trouble_of_an_attempt_whose_record_is_settled_is_over() {
    let record = ObservedRecord {
        settled: Some(1),
        ..record(&identity(0, "a"), Status::Failed, true)
    };
    let settled = attempt(Some(record), None, None);
    let decision = decide(&settled, &wish(), &troubled(10), &BOUNDS, at(9));
    assert_eq!(
        (decision.phase, decision.reason, decision.wake_at),
        (DevicePhase::Pending, Reason::Queued, None)
    );
}

#[test]
fn trouble_that_lasts_gives_up_what_was_not_launched_and_nothing_else() {
    let reserved = attempt(pending(), served(address()), None);
    let overdue = decide(&reserved, &wish(), &troubled(130), &BOUNDS, at(121));
    assert_eq!(overdue.release.unwrap().0, Reason::QuotaExceeded);
    let flashing = decide(
        &with_pod(a_running()),
        &wish(),
        &troubled(130),
        &BOUNDS,
        at(121),
    );
    assert_eq!(flashing.release, None);
    let being_given_up = Memory {
        releasing: ["a".into()].into(),
        ..troubled(130)
    };
    let again = decide(&reserved, &wish(), &being_given_up, &BOUNDS, at(121));
    assert_eq!(
        (again.action, again.release),
        (None, None),
        "given up once; its removal waits for its next try"
    );
}

/// helm marks a release before it takes away its objects.
#[rstest]
#[case::on_its_way(Status::Uninstalling)]
#[case::kept_as_history(Status::Uninstalled)]
fn a_release_that_was_uninstalled_before_its_pod_was_created_begins_anew(#[case] status: Status) {
    let leaving = || Some(record(&identity(0, "a"), status, false));
    let reserved = attempt(leaving(), served(address()), None);
    let asks = deciding(&reserved, &wish(), 1);
    assert_eq!(asks.action, Some(Action::ConfirmUnlaunched));
    assert_eq!((asks.release, asks.reason), (None, Reason::Uninstalled));
    let asked = Memory {
        unlaunched: ["a".into()].into(),
        ..Memory::default()
    };
    let anew = decide(&reserved, &wish(), &asked, &BOUNDS, at(2));
    let (reason, message) = anew.release.unwrap();
    assert_eq!((anew.action, reason), (None, Reason::Uninstalled));
    assert!(message.contains("no attempt is lost"), "{message}");
    let shown = AttemptGoal {
        was_flashing: true,
        ..wish()
    };
    let interrupted = decide(&reserved, &shown, &asked, &BOUNDS, at(2));
    assert_eq!(interrupted.action, Some(Action::ConfirmInterrupted));
    let mut seen = attempt(leaving(), served(address()), None);
    seen.pod_seen = true;
    let interrupted = decide(&seen, &wish(), &asked, &BOUNDS, at(2));
    assert_eq!(interrupted.action, Some(Action::ConfirmInterrupted));
    let launched = attempt(
        Some(record(&identity(0, "a"), status, true)),
        served(address()),
        None,
    );
    let interrupted = decide(&launched, &wish(), &asked, &BOUNDS, at(2));
    assert_eq!(interrupted.action, Some(Action::ConfirmInterrupted));
}

#[test]
fn a_service_that_no_record_speaks_for_goes() {
    let decision = deciding(&attempt(None, served(address()), None), &wish(), 1);
    assert_eq!(
        removal_of(&decision),
        Removal {
            free: true,
            service: true,
            ..Removal::default()
        }
    );
    assert_eq!(
        decision.release.map(|(reason, _)| reason),
        Some(Reason::Uninstalled),
        "somebody took its record away"
    );
}

#[rstest]
#[case::while_its_process_may_live(true, 49, None, Some(50))]
#[case::and_taken_over_afterwards(true, 50, Some(Action::ApplyService), None)]
#[case::but_the_operators_own_is_taken_over_at_once(false, 1, Some(Action::ApplyService), None)]
fn a_pending_record_of_helms_is_left_alone(
    #[case] by_helm: bool,
    #[case] second: i64,
    #[case] action: Option<Action>,
    #[case] wake: Option<i64>,
) {
    let record = ObservedRecord {
        by_helm,
        ..record(&identity(0, "a"), Status::PendingUpgrade, true)
    };
    let decision = deciding(&attempt(Some(record), None, None), &wish(), second);
    assert_eq!((decision.action, decision.wake_at), (action, wake.map(at)));
}

#[test]
fn an_attempt_that_helm_failed_before_its_pod_is_given_up_with_helms_reason_and_uninstalled() {
    let failed = attempt(
        Some(record(&identity(0, "a"), Status::Failed, false)),
        served(address()),
        None,
    );
    let at_once = decide(&failed, &wish(), &troubled(1), &BOUNDS, at(0));
    assert_eq!(
        (at_once.release, at_once.wake_at),
        (None, Some(at(1))),
        "not at once: no hot loop"
    );
    let decision = decide(&failed, &wish(), &troubled(1), &BOUNDS, at(1));
    assert_eq!(
        decision.release,
        Some((Reason::QuotaExceeded, "quota".into()))
    );
    assert_ne!(
        decision.phase,
        DevicePhase::Pending,
        "the device is not free before the release is gone"
    );
    assert!(removal_of(&decide(&failed, &wish(), &releasing(), &BOUNDS, at(2))).service);
    let rest = attempt(failed.record().cloned(), None, None);
    let removal = removal_of(&decide(&rest, &wish(), &releasing(), &BOUNDS, at(2)));
    assert_eq!(removal.record, RecordRemoval::Delete);
}
