use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::Reason,
    flashjob::{
        fixtures::{Scene, at, endpoint, found, identity, running, spec, take_in, uuid},
        plan::Concluded,
    },
};

fn view(index: Option<usize>) -> DeviceView {
    DeviceView {
        index,
        uuid: uuid(index.unwrap_or(0)),
        endpoint: index.map(endpoint),
        pod: None,
        phase: DevicePhase::Flashing,
        reason: Reason::Flashing,
        message: String::new(),
        since: Some(at(5)),
    }
}

/// A device whose attempts failed for this reason before, as the status stores it.
fn tried(index: usize) -> DeviceStatus {
    DeviceStatus {
        index: count(index),
        uuid: uuid(index).to_string(),
        phase: DevicePhase::Waiting.into(),
        reason: Some(Reason::ContactFailed.into()),
        attempts: 1,
        earlier_failures: vec![Reason::ContactFailed.into()],
        next_time: Some(Time(at(500))),
        log_tail: Some("of the first attempt".into()),
        ..DeviceStatus::default()
    }
}

#[test]
fn the_names_of_devices_take_their_letters_with_quotes_and_commas_and_sets_take_their_text() {
    let scene = Scene::new(2);
    let status = FlashJobStatus {
        completed_uuids: vec!["uuid-1".into()],
        completed_indexes: Some("1".into()),
        failed_indexes: Some("10-12".into()),
        ..FlashJobStatus::default()
    };
    let (listed, completed, sets) = (2 * ("uuid-0".len() + 3), "uuid-1".len() + 3, 1 + 5);
    assert_eq!(named(&scene.job, &status), listed + completed + sets);
}

#[test]
fn a_device_that_ended_earlier_is_listed_once_beside_those_that_end_now() {
    let mut scene = Scene::new(3);
    for index in 0..2 {
        let failed = found(Some(index), Outcome::Failed, Reason::DeviceInvalid);
        scene.memory.refused.insert(index, failed);
    }
    scene.store(scene.status(60));
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    scene.memory.refused.remove(&0);
    let status = scene.status(61);
    let mut listed: Vec<_> = status.devices.iter().map(|device| device.index).collect();
    listed.sort_unstable();
    assert_eq!(listed, [0, 1]);
}

#[test]
fn failures_are_listed_before_successes_and_of_each_the_newest_first() {
    let mut scene = Scene::new(4);
    for (index, outcome, second) in [
        (0, Outcome::Succeeded, 55),
        (1, Outcome::Failed, 51),
        (2, Outcome::Failed, 53),
        (3, Outcome::Succeeded, 57),
    ] {
        let mut ended = found(Some(index), outcome, Reason::DeviceInvalid);
        ended.at = at(second);
        scene.memory.refused.insert(index, ended);
    }
    let status = scene.status(60);
    let listed: Vec<_> = status.devices.iter().map(|device| device.index).collect();
    assert_eq!(listed, [2, 1, 3, 0]);
}

#[test]
fn all_failures_are_told_of_where_the_names_of_devices_leave_room_for_them() {
    let devices = 70;
    let mut scene = Scene::new(devices);
    // 117 KB of names.
    let others = (0..3_000).map(|index| format!("{index:036}"));
    scene.edit(|spec| spec.uuid.extend(others));
    assert_eq!(scene.job.invalid, None);
    for index in 0..devices {
        let mut failed = found(Some(index), Outcome::Failed, Reason::DeviceInvalid);
        failed.verdict.message = "m".repeat(1_000);
        scene.memory.refused.insert(index, failed);
    }
    let status = scene.status(60);
    assert_eq!(status.devices.len(), devices);
    assert!(
        json_size(&status.devices) > 70_000,
        "more than a small room"
    );
}

#[rstest]
#[case::warns("Warn", Some("it differs from the job: "))]
#[case::ignores("Ignore", None)]
fn a_device_that_differs_from_its_job_says_so_where_the_job_warns(
    #[case] policy: &str,
    #[case] says: Option<&str>,
) {
    let mut spec = spec(1);
    spec["device"] = json!("something-else");
    spec["mismatchPolicy"] = json!(policy);
    let mut scene = Scene::of(&spec);
    take_in(
        &mut scene.ledger,
        None,
        None,
        Some(running(&identity(0, "a0"))),
    );
    let status = scene.status(60);
    let device = &status.devices[0];
    assert_eq!((device.attempts, device.phase.as_str()), (1, "Flashing"));
    let message = device.message.as_deref().unwrap_or_default();
    assert_eq!(
        message.contains("it differs from the job"),
        says.is_some(),
        "{message}"
    );
    assert!(message.contains(says.unwrap_or_default()), "{message}");
}

#[test]
fn the_version_before_a_flash_is_told_of_devices_that_began_alone() {
    let scene = Scene::new(2);
    let entry = |index: usize, attempts| DeviceStatus {
        index: count(index),
        attempts,
        ..DeviceStatus::default()
    };
    let mut entries = [entry(0, 0), entry(1, 1)];
    let observed = scene.observed();
    annotate(
        entries.iter_mut(),
        &scene.job,
        observed.roster.unwrap(),
        observed.effective(),
    );
    let versions = entries.map(|entry| entry.from_version);
    assert_eq!(versions, [None, Some("0.1.0".into())]);
}

#[rstest]
#[case::as_much_as_there_is(0, true)]
#[case::a_byte_more_than_there_is(1, false)]
fn a_device_that_is_worked_on_keeps_its_words_where_they_fit(
    #[case] lacking: usize,
    #[case] kept: bool,
) {
    let mut device = tried(0);
    device.message = Some("why".into());
    let mut room = size(&device) - lacking;
    let mut list = Vec::new();
    keep(&mut list, [device.clone()].into_iter(), &mut room);
    if !kept {
        device.message = None;
        device.log_tail = None;
    }
    assert_eq!(list, [device]);
}

#[test]
fn what_is_of_no_device_of_the_round_has_an_index_that_no_device_has() {
    let (scene, plan) = (Scene::new(2), Plan::default());
    let entry = entry_of_view(&scene.job, &view(None), &plan);
    assert_eq!(entry.index, -1);
    let found = found(None, Outcome::Failed, Reason::FlashFailed);
    assert_eq!(entry_of_found(&scene.job, &found, &plan, at(60)).index, -1);
}

#[test]
fn a_final_device_of_which_nothing_else_is_known_has_its_uuid_and_the_end_of_its_log() {
    let scene = Scene::new(2);
    let mut found = found(Some(1), Outcome::Failed, Reason::FlashFailed);
    found.verdict.log_tail = "one\ntwo".into();
    let entry = entry_of_found(&scene.job, &found, &Plan::default(), at(60));
    let expected = DeviceStatus {
        index: 1,
        uuid: "uuid-1".into(),
        phase: DevicePhase::Failed.into(),
        reason: Some(Reason::FlashFailed.into()),
        message: Some("said so".into()),
        completion_time: Some(Time(at(50))),
        log_tail: Some("one\ntwo".into()),
        ..DeviceStatus::default()
    };
    assert_eq!(entry, expected);
}

#[test]
fn a_final_device_keeps_neither_the_time_of_a_next_attempt_nor_the_log_of_an_earlier_one() {
    let mut scene = Scene::new(1);
    scene.stored(|status| status.devices = vec![tried(0)]);
    let found = found(Some(0), Outcome::Succeeded, Reason::FirmwareSent);
    let entry = entry_of_found(&scene.job, &found, &Plan::default(), at(60));
    assert_eq!(entry.phase.as_str(), "Succeeded");
    assert_eq!((entry.next_time, entry.log_tail), (None, None));
    assert_eq!(entry.earlier_failures, ["ContactFailed"]);
}

#[test]
fn a_verdict_takes_endpoint_and_start_from_the_attempt_at_its_own_device() {
    let scene = Scene::new(2);
    let plan = Plan {
        views: vec![view(None), view(Some(0)), view(Some(1))],
        ..Plan::default()
    };
    let of_second = found(Some(1), Outcome::Failed, Reason::FlashFailed);
    let entry = known(&scene.job, &of_second, &plan);
    assert_eq!(
        (entry.index, entry.host_endpoint),
        (1, Some(endpoint(1))),
        "not those of the first"
    );
    let of_no_device = found(None, Outcome::Failed, Reason::FlashFailed);
    let entry = known(&scene.job, &of_no_device, &plan);
    assert_eq!(entry, DeviceStatus::default());
}

#[test]
fn the_version_that_was_read_back_is_that_of_the_device_itself() {
    let scene = Scene::new(2);
    let concluded = |index, version: &str| Concluded {
        found: found(Some(index), Outcome::Succeeded, Reason::Verified),
        version: Some(version.into()),
        untouched: false,
    };
    let plan = Plan {
        concluded: vec![concluded(0, "0.2.0"), concluded(1, "0.2.1")],
        ..Plan::default()
    };
    let entry = entry_of_found(&scene.job, &plan.concluded[1].found, &plan, at(60));
    assert_eq!(entry.to_version.as_deref(), Some("0.2.1"));
}

#[rstest]
#[case::of_a_verdict("said so", "said so; failed before: ContactFailed")]
#[case::of_nothing_else("", "failed before: ContactFailed")]
fn why_earlier_attempts_failed_stands_behind_the_message(
    #[case] message: &str,
    #[case] says: &str,
) {
    assert_eq!(with_history(message, &tried(0)), says);
    assert_eq!(with_history(message, &DeviceStatus::default()), message);
}
