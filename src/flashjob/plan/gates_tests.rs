//! What a job wants of an attempt: whether it is of the job, how it ended by the stored status, and what holds it.

use rstest::rstest;

use super::*;
use crate::{
    api::{AlreadyAtVersion, DeviceSelector, DeviceStatus, FlashJobStatus},
    flashjob::{
        fixtures::{Scene, address, found, identity, instance, numbered, service, take_in, uuid},
        observe::objects::Identity,
    },
};
use helm_release::Status;

fn who() -> Identity {
    identity(0, "a0")
}

/// Two devices; the first attempt at the first one is recorded.
fn scene() -> Scene {
    let mut scene = Scene::new(2);
    let mut record = numbered(&who(), 1, Status::PendingInstall);
    record.has_pod = false;
    let serving = service(&who(), address());
    take_in(&mut scene.ledger, Some(record), Some(serving), None);
    scene
}

fn wished(scene: &Scene, index: Option<usize>) -> AttemptGoal {
    paced_wish(scene, index, &Pace::default())
}

fn paced_wish(scene: &Scene, index: Option<usize>, pace: &Pace) -> AttemptGoal {
    let attempt = scene.ledger.attempt(&who().key).unwrap();
    wish(&scene.observed(), pace, attempt, index)
}

#[rstest]
#[case::of_its_round(|_: &mut Scene| (), Some(0), JobState::Exists)]
#[case::of_an_older_round(|_: &mut Scene| (), None, JobState::Leaving)]
#[case::of_a_round_that_is_being_replaced(|scene: &mut Scene| scene.edit(|spec| spec.firmware = "registry/esp32:2".into()), Some(0), JobState::Leaving)]
#[case::of_a_job_that_cannot_be_read(|scene: &mut Scene| scene.job.spec = Err("not a list".into()), Some(0), JobState::Exists)]
#[case::of_a_job_that_is_deleted(|scene: &mut Scene| scene.job.deleting = true, Some(0), JobState::Leaving)]
fn an_attempt_belongs_to_its_job(
    #[case] change: fn(&mut Scene),
    #[case] index: Option<usize>,
    #[case] state: JobState,
) {
    let mut scene = scene();
    change(&mut scene);
    assert_eq!(wished(&scene, index).job, state);
}

#[rstest]
#[case::in_a_round(true, false, true)]
#[case::before_the_first_round(false, false, false)]
#[case::when_it_is_deleted_before_that(false, true, true)]
fn a_job_takes_over_what_the_original_operator_made(
    #[case] round: bool,
    #[case] deleting: bool,
    #[case] adopts: bool,
) {
    let mut scene = scene();
    if !round {
        scene.store(FlashJobStatus::default());
    }
    scene.job.deleting = deleting;
    assert_eq!(wished(&scene, None).adopts, adopts);
}

#[rstest]
#[case::that_may_stop_the_job(Outcome::Failed, true, true)]
#[case::of_which_nothing_is_known(Outcome::Unknown, true, true)]
#[case::that_may_not(Outcome::Failed, false, false)]
#[case::that_is_none(Outcome::Succeeded, true, false)]
fn an_attempt_is_held_while_a_failure_is_counted(
    #[case] outcome: Outcome,
    #[case] counts_failures: bool,
    #[case] held: bool,
) {
    let mut scene = scene();
    let mut pace = Pace::default();
    pace.counts_failures = counts_failures;
    assert_eq!(paced_wish(&scene, Some(0), &pace).held, None);
    let verdict = found(Some(1), outcome, Reason::FlashFailed);
    scene.memory.verdicts.insert("a1".into(), verdict);
    let wish = paced_wish(&scene, Some(0), &pace);
    assert_eq!(wish.held.is_some(), held, "{:?}", wish.held);
}

/// Until it is carried out nobody knows whether it names the device.
#[test]
fn an_attempt_is_held_and_not_dropped_while_an_edited_selector_is_not_carried_out() {
    let mut scene = scene();
    scene.edit(|spec| spec.uuid = vec![uuid(1).to_string()]);
    let reason = |wish: Option<(Reason, String)>| wish.map(|(reason, _)| reason);
    let wish = wished(&scene, Some(0));
    assert_eq!(reason(wish.closed), Some(Reason::NotRequested));
    assert_eq!(wish.held, None);
    scene.edit(|spec| spec.device_selector = Some(DeviceSelector::default()));
    let wish = wished(&scene, Some(0));
    assert_eq!(wish.closed, None);
    assert_eq!(reason(wish.held), Some(Reason::Queued));
}

#[rstest]
#[case::succeeded(Outcome::Succeeded, true)]
#[case::failed(Outcome::Failed, false)]
fn an_attempt_of_an_older_round_ended_as_its_verdict_was_found(
    #[case] outcome: Outcome,
    #[case] succeeded: bool,
) {
    let mut scene = scene();
    let verdict = found(None, outcome, Reason::FlashFailed);
    scene.memory.verdicts.insert("a0".into(), verdict);
    let ending = wished(&scene, None).ending.unwrap();
    assert_eq!((ending.succeeded, ending.stage), (succeeded, Stage::Final));
    assert_eq!(wished(&scene, Some(0)).ending, None, "it is to be stored");
}

#[rstest]
#[case::completed(|status: &mut FlashJobStatus| status.completed_indexes = Some("0".into()), true, Reason::FirmwareSent)]
#[case::skipped(|status: &mut FlashJobStatus| status.skipped_indexes = Some("0".into()), true, Reason::FirmwareSent)]
#[case::failed(|status: &mut FlashJobStatus| status.failed_indexes = Some("0".into()), false, Reason::FlashFailed)]
fn a_device_without_an_entry_ended_as_the_lists_say(
    #[case] store: fn(&mut FlashJobStatus),
    #[case] succeeded: bool,
    #[case] reason: Reason,
) {
    let mut scene = scene();
    scene.stored(store);
    let ending = wished(&scene, Some(0)).ending.unwrap();
    assert_eq!((ending.succeeded, ending.reason), (succeeded, reason));
}

/// The entry of the first device.
fn entry(scene: &mut Scene, attempt: &str, phase: &str, reason: &str, failures: usize) {
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            pod: Some(format!("flash-{}-{attempt}", uuid(0))),
            phase: phase.into(),
            reason: Some(reason.into()),
            message: Some("said so".into()),
            earlier_failures: vec!["ContactFailed".into(); failures],
            ..DeviceStatus::default()
        }];
    });
}

#[rstest]
#[case::that_flashes("a0", "Flashing", true)]
#[case::that_waits("a0", "Waiting", false)]
#[case::of_another_attempt("a9", "Flashing", false)]
fn an_attempt_was_flashing_by_an_entry(
    #[case] attempt: &str,
    #[case] phase: &str,
    #[case] was_flashing: bool,
) {
    let mut scene = scene();
    entry(&mut scene, attempt, phase, "Flashing", 0);
    assert_eq!(wished(&scene, Some(0)).was_flashing, was_flashing);
}

#[rstest]
#[case::sent("Verifying", "Verifying", Some((Stage::Verifying, true)))]
#[case::perhaps_sent("Verifying", "NodeLost", Some((Stage::Verifying, false)))]
#[case::failed("Waiting", "ContactFailed", Some((Stage::Retried, false)))]
#[case::failed_whatever_word_stands_there("Waiting", "Verifying", Some((Stage::Retried, false)))]
#[case::not_yet("Flashing", "Flashing", None)]
fn an_attempt_whose_device_is_not_final_ended_as_its_own_entry_says(
    #[case] phase: &str,
    #[case] reason: &str,
    #[case] want: Option<(Stage, bool)>,
) {
    let mut scene = scene();
    let failures = usize::from(phase == "Waiting");
    entry(&mut scene, "a0", phase, reason, failures);
    let ending = wished(&scene, Some(0)).ending;
    let found = ending
        .as_ref()
        .map(|ending| (ending.stage, ending.succeeded));
    assert_eq!(found, want);
    if let Some(ending) = ending {
        assert_eq!(ending.reason.as_str(), reason);
        assert_eq!(ending.message, "said so");
    }
}

fn nothing(_: &mut Scene) {}

fn remembered(scene: &mut Scene) {
    scene.memory.retried.insert("a0".into());
}

/// It failed, and a later attempt at its device is recorded.
fn followed(scene: &mut Scene) {
    let mut failed = numbered(&who(), 1, Status::Failed);
    failed.sight.version = 50;
    let later = numbered(&identity(0, "a9"), 2, Status::Deployed);
    take_in(&mut scene.ledger, Some(failed), None, None);
    take_in(&mut scene.ledger, Some(later), None, None);
}

#[rstest]
#[case::that_counts_it_as_a_failure(nothing, 1, true)]
#[case::that_counts_no_failure(nothing, 0, false)]
#[case::whose_attempt_followed_as_is_remembered(remembered, 0, true)]
#[case::whose_attempt_is_recorded_as_a_later_one(followed, 0, true)]
fn an_attempt_is_over_by_the_entry_of_a_later_one(
    #[case] change: fn(&mut Scene),
    #[case] failures: usize,
    #[case] over: bool,
) {
    let mut scene = scene();
    change(&mut scene);
    entry(&mut scene, "a9", "Flashing", "Flashing", failures);
    let ending = wished(&scene, Some(0)).ending;
    assert_eq!(ending.is_some(), over, "{ending:?}");
    if let Some(ending) = ending {
        assert_eq!(ending.stage, Stage::Retried);
        let said = (ending.reason, ending.message.as_str());
        assert_eq!(said, (Reason::FlashFailed, ""), "the later one's words");
    }
}

#[test]
fn the_second_attempt_is_not_over_by_one_failure() {
    let mut scene = scene();
    let mut second = numbered(&who(), 2, Status::PendingInstall);
    second.sight.version = 50;
    scene.ledger.see_record(second);
    entry(&mut scene, "a9", "Flashing", "Flashing", 1);
    assert_eq!(wished(&scene, Some(0)).ending, None);
}

#[rstest]
#[case::under_its_uid("uuid-0")]
#[case::under_another_uid("new-uid")]
fn an_attempt_is_closed_once_its_device_got_the_version_in_the_meantime(#[case] uid: &str) {
    let mut scene = scene();
    scene.edit(|spec| spec.already_at_version = Some(AlreadyAtVersion::Skip));
    assert_eq!(wished(&scene, Some(0)).closed, None);
    scene.inventory.delete(&uuid(0));
    let mut found = instance(uid, 0);
    let properties = &mut found.spec.broker_properties;
    properties.insert("VERSION".into(), "0.2.0".into());
    scene.inventory.apply(&found);
    let message = "device 192.0.2.1:80 reports version 0.2.0 already";
    assert_eq!(
        wished(&scene, Some(0)).closed,
        Some((Reason::AlreadyAtVersion, message.into()))
    );
}
