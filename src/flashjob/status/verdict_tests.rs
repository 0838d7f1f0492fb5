//! The status of a whole job: what blocks it, whether it has finished, and how its devices are counted.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    api::{DevicePhase, DeviceStatus, Reason, Refusal},
    flashjob::{
        fixtures::{
            Scene, at, found, identity, refused_trial, running, spec, take_in, uuid, waiting,
        },
        verdict::Outcome,
    },
};

fn refusal(reason: Reason) -> Refusal {
    Refusal {
        reason,
        message: "why".into(),
    }
}

#[rstest]
#[case::an_altered_selection(Reason::SelectionLost, "SelectionLost")]
#[case::values(Reason::ValueNotAllowed, "FlashClassInvalid")]
fn a_selection_that_is_lost_comes_before_what_a_class_refuses_and_values_after_it(
    #[case] found: Reason,
    #[case] says: &str,
) {
    let mut scene = Scene::new(2);
    scene.memory.trial = Some(refused_trial(refusal(found)));
    scene.terms.refusal = Some(refusal(Reason::FlashClassInvalid));
    assert_eq!(scene.status(1).reason.as_deref(), Some(says));
    scene.terms.refusal = None;
    assert_eq!(scene.status(1).reason.as_deref(), Some(found.as_str()));
}

#[test]
fn what_devices_came_to_is_stored_while_the_selection_is_known_though_it_is_called_lost() {
    let mut scene = Scene::new(2);
    scene.memory.trial = Some(refused_trial(refusal(Reason::SelectionLost)));
    let sent = found(Some(1), Outcome::Succeeded, Reason::FirmwareSent);
    scene.memory.verdicts.insert("b0".into(), sent);
    let status = scene.status(60);
    assert_eq!(status.completed_indexes.as_deref(), Some("1"));
    assert_eq!(status.counts.unwrap().succeeded, 1);
}

#[test]
fn a_job_whose_values_are_refused_ends_once_nothing_of_it_is_in_flight() {
    let mut scene = Scene::new(2);
    let who = identity(0, "a0");
    take_in(&mut scene.ledger, None, None, Some(running(&who)));
    scene.memory.trial = Some(refused_trial(refusal(Reason::ValueNotAllowed)));
    let status = scene.status(60);
    assert_eq!(
        (status.phase.as_deref(), &status.completion_time),
        (Some("Running"), &None)
    );
    let sent = found(Some(0), Outcome::Succeeded, Reason::FirmwareSent);
    scene.memory.verdicts.insert("a0".into(), sent);
    let status = scene.status(61);
    assert_eq!(
        (status.phase.as_deref(), status.completion_time),
        (Some("Failed"), Some(Time(at(61))))
    );
}

#[test]
fn a_job_whose_values_are_refused_does_not_end_while_a_device_is_read_back() {
    let mut spec = spec(2);
    spec["verification"] = json!({"mode": "Version"});
    let mut scene = Scene::of(&spec);
    let sent = found(Some(0), Outcome::Succeeded, Reason::FirmwareSent);
    scene.memory.verdicts.insert("a0".into(), sent);
    scene.memory.trial = Some(refused_trial(refusal(Reason::ValueNotAllowed)));
    let status = scene.status(60);
    assert_eq!(status.counts.unwrap().verifying, 1);
    assert_eq!(
        (status.phase.as_deref(), status.completion_time),
        (Some("Running"), None)
    );
}

#[test]
fn a_job_without_devices_has_not_finished_and_says_what_keeps_it() {
    let mut scene = Scene::new(0);
    scene.world.chart = Some(refusal(Reason::ChartInvalid));
    let status = scene.status(1);
    assert_eq!(status.reason.as_deref(), Some("ChartInvalid"));
    assert_eq!(status.message.as_deref(), Some("why"));
}

#[rstest]
#[case::by_name(json!({"uuid": []}), "spec.uuid names no device")]
#[case::by_its_selector(
    json!({"deviceSelector": {"configurations": ["lamps"]}}),
    "spec.deviceSelector matched no device when the round began; edit it, or select anew with spec.rerun {id: NEW, devices: All}"
)]
fn a_job_for_which_no_device_was_selected_says_how_it_was_looked_for(
    #[case] names: Value,
    #[case] says: &str,
) {
    let mut spec = json!({"firmware": "registry/esp32:1", "version": "0.2.0"});
    let names = names.as_object().cloned().unwrap();
    spec.as_object_mut().unwrap().extend(names);
    let status = Scene::of(&spec).status(1);
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("NoDevicesSelected"));
    assert_eq!(status.message.as_deref(), Some(says));
}

#[test]
fn a_job_that_names_nothing_fails_before_its_first_round() {
    let mut scene = Scene::new(0);
    scene.stored(|status| *status = crate::api::FlashJobStatus::default());
    let status = scene.status(1);
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(
        status.message.as_deref(),
        Some("neither spec.uuid nor spec.deviceSelector names a device")
    );
}

#[test]
fn a_job_of_which_all_that_is_left_is_missing_waits_for_discovery() {
    let mut scene = Scene::new(2);
    scene.stored(|status| status.completed_indexes = Some("0".into()));
    scene.inventory.delete(&uuid(1));
    let status = scene.status(60);
    assert_eq!(status.reason.as_deref(), Some("DeviceNotFound"));
    let counts = status.counts.unwrap();
    assert_eq!((counts.succeeded, counts.pending), (1, 1));
}

#[test]
fn a_missing_device_fails_at_its_own_time_and_not_when_another_is_tried_again() {
    let mut spec = spec(2);
    spec["backoffLimitPerDevice"] = json!(3);
    let mut scene = Scene::of(&spec);
    scene.inventory.delete(&uuid(1));
    scene.memory.missing_since.insert(1, at(60));
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            phase: DevicePhase::Waiting.into(),
            reason: Some(Reason::DeviceNotFound.into()),
            earlier_failures: vec![Reason::ContactFailed.into()],
            next_time: Some(Time(at(70))),
            ..DeviceStatus::default()
        }];
    });
    let fails_at = scene.plan(60).missing[&1];
    assert!(fails_at > at(70));
    let message = scene.status(60).message.unwrap();
    let words = format!(
        "1 device is not discovered by Akri yet; it fails at {}; 0 of 2 succeeded",
        crate::display::time(fails_at)
    );
    assert!(message.starts_with(&words), "{message}");
}

#[test]
fn devices_that_wait_are_counted_apart_from_those_that_have_not_begun() {
    let mut scene = Scene::new(4);
    for index in 0..3 {
        let waiting = waiting(Reason::AddressPending);
        scene.memory.waiting.insert(index, waiting);
    }
    scene.inventory.delete(&uuid(3));
    let counts = scene.status(60).counts.unwrap();
    assert_eq!((counts.waiting, counts.pending, counts.selected), (3, 1, 4));
}
