//! What is planned and said of single attempts.

use super::*;
use crate::flashjob::{
    fixtures::{BOUNDS, numbered},
    observe::{memory::Trouble, objects::Address, waits::Deadlines},
    plan::attempt::{Action, RecordRemoval, adoption},
};

/// The API server did not answer when something was done about the attempt; it is tried again at second 100.
pub(super) fn troubled(scene: &mut Scene) {
    let trouble = Trouble {
        reason: Reason::ApiError,
        message: "no answer".into(),
        until: at(100),
        tries: 1,
    };
    scene.memory.trouble.insert("a0".into(), trouble);
}

fn stored_failed(scene: &mut Scene) {
    scene.stored(|status| status.failed_indexes = Some("0".into()));
}
fn found_failed(scene: &mut Scene) {
    let refused = found(Some(0), Outcome::Failed, Reason::DeviceInvalid);
    scene.memory.refused.insert(0, refused);
}

#[rstest]
#[case::nothing_else_is_known(|_: &mut Scene| (), true)]
#[case::the_spec_cannot_be_read(unreadable, true)]
#[case::the_job_is_being_deleted(deleting, false)]
#[case::the_status_was_tampered_with(tampered, false)]
#[case::another_round_is_asked_for(another_round, false)]
#[case::the_selection_is_of_another_round(roster_of_another_round, false)]
#[case::its_end_is_stored(stored_failed, false)]
#[case::its_end_was_found(found_failed, false)]
fn the_pod_of_a_stored_flash_is_looked_for_where(
    #[case] change: fn(&mut Scene),
    #[case] asked: bool,
) {
    let mut scene = Scene::new(1);
    flashing_status(&mut scene, 0);
    change(&mut scene);
    let steps = scene.plan(1).actions;
    let want = [(identity(0, "a0"), Action::ConfirmInterrupted)];
    assert_eq!(steps, want[..usize::from(asked)]);
}

#[rstest]
#[case::before_that(99, false, Some(at(100)))]
#[case::then(100, true, None)]
fn the_api_server_is_asked_again_when_trouble_is_over(
    #[case] second: i64,
    #[case] asked: bool,
    #[case] wake_at: Option<Timestamp>,
) {
    let mut scene = Scene::new(1);
    flashing_status(&mut scene, 0);
    troubled(&mut scene);
    let plan = scene.plan(second);
    assert_eq!(plan.actions.len(), usize::from(asked));
    assert_eq!(plan.wake_at, wake_at);
}

#[rstest]
#[case::that_flashes(true, true, Reason::ForeignRevision)]
#[case::of_our_own(true, false, Reason::Flashing)]
fn a_revision_that_somebody_else_wrote_is_told_while_the_flash_runs(
    #[case] launched: bool,
    #[case] foreign: bool,
    #[case] reason: Reason,
) {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    let mut record = record(&who, Status::Deployed, launched);
    record.foreign = foreign;
    let pod = launched.then(|| running(&who));
    let serving = service(&who, address());
    take_in(&mut scene.ledger, Some(record), Some(serving), pod);
    let views = scene.plan(1).views;
    assert_eq!(views[0].reason, reason);
    assert_eq!(views[0].message.contains("helm upgrade"), foreign);
}

#[test]
fn a_revision_that_somebody_else_wrote_is_not_told_of_what_is_not_launched() {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    let mut record = record(&who, Status::PendingInstall, false);
    record.foreign = true;
    take_in(&mut scene.ledger, Some(record), None, None);
    let views = scene.plan(1).views;
    assert_ne!(views[0].reason, Reason::ForeignRevision);
    assert_eq!(views[0].pod, None, "no Pod was created");
}

#[rstest]
#[case::with_lock_and_slot(Status::Deployed, true, true)]
#[case::with_a_slot_alone(Status::Failed, true, true)]
#[case::with_neither(Status::Failed, false, false)]
fn what_is_left_of_an_attempt_is_waited_for(
    #[case] status: Status,
    #[case] serves: bool,
    #[case] waited: bool,
) {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    let mut over = record(&who, status, false);
    over.settled = (status == Status::Failed).then_some(1);
    let serving = serves.then(|| service(&who, address()));
    take_in(&mut scene.ledger, Some(over), serving, None);
    let waits = scene.plan(1).waits;
    let ids: Vec<&str> = waits.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a0"][..usize::from(waited)]);
}

#[test]
fn what_is_read_back_is_waited_for_though_it_holds_its_lock_alone() {
    let mut scene = Scene::new(1);
    take_in(
        &mut scene.ledger,
        record_of(0, Status::Deployed, true),
        None,
        None,
    );
    let job = scene.job.uid.clone();
    scene.ledger.note_read_back(&job, |_| true);
    assert_eq!(scene.ledger.slots(), 0);
    assert_eq!(scene.plan(1).waits.len(), 1);
}

#[test]
fn an_attempt_has_no_index_in_a_selection_of_another_round() {
    let mut scene = Scene::new(1);
    fly(&mut scene, 0);
    assert_eq!(scene.plan(1).views[0].index, Some(0));
    roster_of_another_round(&mut scene);
    assert_eq!(scene.plan(1).views[0].index, None);
}

#[test]
fn a_device_that_was_refused_does_not_begin() {
    let mut scene = Scene::new(2);
    found_failed(&mut scene);
    let begun: Vec<_> = scene
        .plan(1)
        .begin
        .iter()
        .map(|begin| begin.index)
        .collect();
    assert_eq!(begun, [1]);
}

#[rstest]
#[case::before_its_ending_is_stored(false, 290)]
#[case::once_it_is(true, 160)]
fn the_cool_down_of_an_attempt_is_counted_from_when_its_ending_was_seen_stored(
    #[case] ended: bool,
    #[case] until: i64,
) {
    let mut scene = Scene::new(1);
    fly(&mut scene, 0);
    if ended {
        stored_failed(&mut scene);
    }
    let (_, waits) = scene.plan(70).waits.remove(0);
    let later = Deadlines::new(&BOUNDS, Now::from(at(200)), waits);
    assert_eq!(later.cool_down(), at(until));
}

/// Nothing of it holds lock or slot, but its Pod may be there.
#[test]
fn a_flash_of_a_failed_release_keeps_its_device_until_the_api_server_was_asked_for_its_pod() {
    let mut scene = Scene::new(1);
    let failed = record_of(0, Status::Failed, true);
    take_in(&mut scene.ledger, failed, None, None);
    let asked = [(identity(0, "a0"), Action::ConfirmInterrupted)];
    assert_eq!(scene.plan(1).actions, asked);
    troubled(&mut scene);
    let plan = scene.plan(50);
    assert!(plan.actions.is_empty() && plan.begin.is_empty(), "{plan:?}");
}

#[rstest]
#[case::that_runs(true, Reason::Adopted)]
#[case::that_has_not_started(false, Reason::PodPending)]
fn a_flash_of_the_original_operator_is_told_only_while_it_runs(
    #[case] runs: bool,
    #[case] reason: Reason,
) {
    let mut scene = Scene::new(1);
    let who = identity(0, adoption::attempt_id(&uuid(0)).as_str());
    let mut original = if runs { running(&who) } else { pod(&who) };
    original.sight.name = adoption::pod_name("lamps", &uuid(0));
    take_in(&mut scene.ledger, None, None, Some(original));
    let views = scene.plan(1).views;
    assert_eq!(views[0].reason, reason);
    let said = if runs {
        "Pod lamps-flashing-pod-uuid-0 was started by the original operator; it is followed to its end"
    } else {
        ""
    };
    assert_eq!(views[0].message, said);
}

#[rstest]
#[case::in_time(119, true)]
#[case::too_late(120, false)]
fn a_service_that_somebody_deletes_before_its_flash_is_made_again_or_its_attempt_given_up(
    #[case] second: i64,
    #[case] freed: bool,
) {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    let mut doomed = service(&who, address());
    doomed.sight.deleting = Some(at(0));
    let pending = record_of(0, Status::PendingInstall, false);
    take_in(&mut scene.ledger, pending, Some(doomed), None);
    let plan = scene.plan(second);
    let frees = matches!(plan.actions.as_slice(), [(_, Action::Remove(due))] if due.free);
    assert_eq!((frees, plan.actions.len()), (freed, usize::from(freed)));
    assert_eq!(plan.release.len(), usize::from(!freed));
}

/// Of a device that failed, helm shows why until the job goes; a later revision of the release has helm mark the record as superseded.
#[rstest]
#[case::as_it_was_left(Status::Failed, false)]
#[case::as_helm_marked_it(Status::Superseded, true)]
fn a_record_that_is_history_is_marked_failed_again_where_helm_marked_it(
    #[case] status: Status,
    #[case] marked_again: bool,
) {
    let mut scene = Scene::new(2);
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    let mut record = numbered(&identity(0, "a"), 1, Status::Failed);
    record.status = status;
    scene.ledger.see_record(record);
    let plan = scene.plan(1);
    let fails = |action: &Action| match action {
        Action::Remove(removal) => matches!(removal.record, RecordRemoval::Fail(_)),
        _ => false,
    };
    let actions: Vec<_> = plan
        .actions
        .iter()
        .map(|(_, action)| fails(action))
        .collect();
    assert_eq!(actions, if marked_again { vec![true] } else { Vec::new() });
    let record = scene
        .ledger
        .attempt(&identity(0, "a").key)
        .unwrap()
        .record();
    assert_eq!(
        record.unwrap().stored.is_some(),
        marked_again,
        "its content is kept only where the record is rewritten"
    );
}

#[rstest]
#[case::in_time(39, &[])]
#[case::too_late(40, &[Reason::AddressPending])]
fn an_address_is_waited_for_as_long_as_holds_of_the_job(
    #[case] second: i64,
    #[case] given_up: &[Reason],
) {
    let mut scene = Scene::new(1);
    scene.world.operator.address_timeout_seconds = 40;
    let pending = record_of(0, Status::PendingInstall, false);
    let serving = service(&identity(0, "a0"), Address::None);
    take_in(&mut scene.ledger, pending, Some(serving), None);
    let release = scene.plan(second).release;
    let reasons: Vec<_> = release.iter().map(|(.., waiting)| waiting.reason).collect();
    assert_eq!(reasons, given_up);
}

#[rstest]
#[case::its_record(true, true, 7)]
#[case::its_service_where_the_record_is_gone(false, true, 8)]
#[case::its_pod_where_nothing_else_is_left(false, false, 9)]
fn a_device_has_been_under_way_since(
    #[case] recorded: bool,
    #[case] serves: bool,
    #[case] second: i64,
) {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    let mut record = record(&who, Status::Deployed, true);
    record.sight.created = at(7);
    let mut serving = service(&who, address());
    serving.sight.created = at(8);
    let mut flashing = running(&who);
    flashing.sight.created = at(9);
    let record = recorded.then_some(record);
    let serving = serves.then_some(serving);
    take_in(&mut scene.ledger, record, serving, Some(flashing));
    assert_eq!(scene.plan(10).views[0].since, Some(at(second)));
}
