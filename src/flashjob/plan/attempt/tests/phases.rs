//! The phase, reason and message of a device, derived from its attempt.

use serde_json::json;

use super::*;
use crate::flashjob::{
    fixtures::{numbered, take_in},
    observe::ledger::Ledger,
};

#[rstest]
#[case::that_was_never_created(false, false, wish(), false, DevicePhase::Reserved)]
#[case::that_vanished(true, false, wish(), false, DevicePhase::Flashing)]
#[case::that_never_ran(true, true, wish(), false, DevicePhase::Reserved)]
#[case::of_an_attempt_that_is_given_up(true, false, wish(), true, DevicePhase::Reserved)]
#[case::of_an_attempt_whose_ending_is_stored(
    true,
    false,
    ending(false, Reason::Interrupted, 0),
    false,
    DevicePhase::Reserved
)]
fn a_device_without_a_pod_is_flashing_only_where_its_pod_vanished(
    #[case] seen: bool,
    #[case] never_ran: bool,
    #[case] wish: AttemptGoal,
    #[case] given_up: bool,
    #[case] phase: DevicePhase,
) {
    let mut bare = attempt(pending(), served(address()), None);
    bare.pod_seen = seen;
    bare.pod_never_ran = never_ran;
    let mut memory = troubled(10);
    memory.releasing = given_up.then(|| "a".into()).into_iter().collect();
    let decision = decide(&bare, &wish, &memory, &BOUNDS, at(9));
    assert_eq!((decision.phase, decision.action), (phase, None));
}

#[rstest]
#[case::was_seen(true, false)]
#[case::is_in_the_stored_status(false, true)]
fn trouble_that_lasts_does_not_give_up_an_attempt_whose_pod(
    #[case] seen: bool,
    #[case] stored: bool,
) {
    let mut launched = attempt(pending(), served(address()), None);
    launched.pod_seen = seen;
    let wish = AttemptGoal {
        was_flashing: stored,
        ..wish()
    };
    let decision = decide(&launched, &wish, &troubled(130), &BOUNDS, at(121));
    assert_eq!((decision.action, decision.release), (None, None));
}

#[rstest]
#[case::none(None, Reason::Reserved, "the release is being written")]
#[case::one_that_runs(Some(a_running()), Reason::Flashing, "")]
#[case::one_that_has_ended(
    Some(an_ended()),
    Reason::ReadingVerdict,
    "the flash ended; its log is being read"
)]
fn while_a_step_runs_the_pod_says_what_is_going_on(
    #[case] pod: Option<ObservedPod>,
    #[case] reason: Reason,
    #[case] words: &str,
) {
    let mut busy = attempt(pending(), served(address()), pod);
    busy.acting = true;
    let decision = deciding(&busy, &wish(), 1);
    assert_eq!(
        (decision.reason, decision.message.as_str()),
        (reason, words)
    );
}

/// The administrator's values give the address.
fn given() -> Option<ObservedRecord> {
    let mut record = numbered(&identity(0, "a"), 1, Status::PendingInstall);
    let mut stored = record.stored.as_deref().cloned().unwrap();
    stored.record.config = json!({"externalIP": "198.51.100.9"});
    record.stored = Some(stored.into());
    Some(record)
}

#[rstest]
#[case::has_none_yet(pending(), Address::None, DevicePhase::AwaitingAddress)]
#[case::has_one(pending(), address(), DevicePhase::Reserved)]
#[case::has_none_and_needs_none(given(), Address::None, DevicePhase::Reserved)]
fn a_device_awaits_an_address_where_its_service(
    #[case] record: Option<ObservedRecord>,
    #[case] found: Address,
    #[case] phase: DevicePhase,
) {
    let reserved = attempt(record, served(found), None);
    assert_eq!(phase_of(&reserved), phase);
}

/// It never had a record that somebody could have taken away.
#[test]
fn a_service_that_the_original_operator_left_goes_and_nobody_is_said_to_have_uninstalled_it() {
    let device = identity(0, "").uuid;
    let who = identity(0, adoption::attempt_id(&device).as_str());
    let mut ledger = Ledger::default();
    take_in(&mut ledger, None, Some(service(&who, address())), None);
    let decision = deciding(ledger.attempt(&who.key).unwrap(), &wish(), 1);
    let goes = Removal {
        free: true,
        service: true,
        ..Removal::default()
    };
    assert_eq!(removal_of(&decision), goes);
    assert_eq!(
        (decision.release, decision.phase, decision.reason),
        (None, DevicePhase::Pending, Reason::Queued)
    );
}

#[test]
fn an_action_is_logged_by_its_name() {
    let launch = Action::Launch {
        address: "198.51.100.7".into(),
    };
    let actions = [Action::Adopt, launch, Action::Remove(Removal::default())];
    let names = actions.map(|action| action.as_str());
    assert_eq!(names, ["Adopt", "Launch", "Remove"]);
}
