//! What is stored when a round begins, when its failed devices begin again, and where a whole status does not fit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use super::*;
use crate::{
    flashclass::freeze,
    flashjob::{
        fixtures::{Scene, at, classes, effective_of, found, uuid},
        plan::DeviceView,
        verdict::Outcome,
    },
};

fn condition<'a>(status: &'a FlashJobStatus, kind: &str) -> Option<&'a Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == kind)
}

#[test]
fn a_round_begins_with_the_terms_that_were_frozen_for_it_and_the_conditions_of_the_one_before() {
    let mut scene = Scene::new(2);
    let of_another = Condition {
        type_: "Audited".into(),
        status: "True".into(),
        reason: "ByHand".into(),
        message: "why".into(),
        observed_generation: Some(1),
        last_transition_time: Time(at(3)),
    };
    scene.stored(|status| status.conditions.push(of_another.clone()));
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
    let class = classes(&[json!({"metadata": {"name": "fleet"}, "spec": {}})]);
    let stamp = freeze(class.get("fleet").unwrap(), 2).unwrap().stamp();
    let (mut effective, _) = effective_of(&scene.job);
    effective.parallelism = 17;
    let roster = Selection::new(2, scene.roster.as_ref().unwrap().devices().to_vec());
    let terms = (effective.clone(), Some(stamp.clone()));
    let status = open_round(&scene.job, &roster, "h2", terms, at(80));
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(status.effective, Some(effective));
    assert_eq!(status.flash_class, Some(stamp));
    let selection = status.selection.clone().unwrap();
    assert_eq!((selection.count, selection.time), (2, Some(Time(at(80)))));
    assert_eq!(condition(&status, "Audited"), Some(&of_another));
    let ready = condition(&status, "Ready").unwrap();
    assert_eq!(
        (ready.status.as_str(), &ready.last_transition_time),
        ("False", &Time(at(0))),
        "it was not ready before"
    );
}

#[test]
fn of_the_devices_that_are_sent_again_nothing_is_kept_and_of_all_others_everything() {
    let mut scene = Scene::new(4);
    for (index, outcome, reason) in [
        (0, Outcome::Succeeded, Reason::FirmwareSent),
        (1, Outcome::Failed, Reason::FlashFailed),
        (3, Outcome::Skipped, Reason::AlreadyAtVersion),
    ] {
        let ended = found(Some(index), outcome, reason);
        scene.memory.refused.insert(index, ended);
    }
    scene.store(scene.status(60));
    scene.stored(|status| {
        status.devices.push(DeviceStatus {
            index: 2,
            uuid: uuid(2).to_string(),
            phase: DevicePhase::Waiting.into(),
            earlier_failures: vec![Reason::ContactFailed.into()],
            ..DeviceStatus::default()
        });
    });
    let rerun = Rerun {
        id: "monday".into(),
        ..Rerun::default()
    };
    let again = send_again(&scene.job, &rerun, at(70));
    let others = scene.job.status.devices.iter();
    let others: Vec<_> = others.filter(|device| device.index != 1).cloned().collect();
    assert_eq!(again.devices, others);
    assert_eq!(others.len(), 3);
    assert_eq!(
        (again.completed_indexes, again.skipped_indexes),
        (Some("0".into()), Some("3".into()))
    );
}

#[test]
fn the_smallest_status_has_neither_messages_nor_ends_of_logs() {
    let device = DeviceStatus {
        index: 1,
        uuid: uuid(1).to_string(),
        phase: DevicePhase::Verifying.into(),
        pod: Some("flash-uuid-1-b0".into()),
        ..DeviceStatus::default()
    };
    let full = FlashJobStatus {
        devices: vec![DeviceStatus {
            message: Some("the firmware was sent".into()),
            log_tail: Some("one\ntwo".into()),
            ..device.clone()
        }],
        ..FlashJobStatus::default()
    };
    assert_eq!(minimal(&full).devices, [device]);
}

#[test]
fn the_endpoint_of_a_job_is_that_of_the_newest_attempt_whose_endpoint_is_known() {
    let scene = Scene::new(3);
    let view = |index: usize, endpoint: Option<&str>, since: Option<i64>| DeviceView {
        index: Some(index),
        uuid: uuid(index),
        endpoint: endpoint.map(str::to_owned),
        pod: None,
        phase: DevicePhase::Flashing,
        reason: Reason::Flashing,
        message: String::new(),
        since: since.map(at),
    };
    let plan = Plan {
        views: vec![
            view(0, Some("192.0.2.1:80"), Some(5)),
            view(1, None, Some(9)),
            view(2, Some("192.0.2.3:80"), None),
        ],
        ..Plan::default()
    };
    let status = compose(&scene.observed(), &plan, at(60));
    assert_eq!(status.host_endpoint.as_deref(), Some("192.0.2.1:80"));
    let none = Plan {
        views: vec![view(2, Some("192.0.2.3:80"), None)],
        ..Plan::default()
    };
    let status = compose(&scene.observed(), &none, at(60));
    assert_eq!(status.host_endpoint, None, "nothing began");
}
