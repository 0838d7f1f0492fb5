use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::MismatchPolicy,
    flashjob::{
        fixtures::{Scene, at, endpoint, identity, instance, instance_with, record, spec, uuid},
        observe::{
            ledger::{ObjectKind, UnsealedObject},
            memory::Waiting,
        },
    },
    identifiers::Uuid,
};
use helm_release::Status;

/// What is decided about the device at an index; a slot is free.
fn considering(scene: &Scene, index: usize, second: i64) -> Result<Device, Verdictless> {
    considering_with(scene, index, second, true, &BTreeMap::new())
}

fn considering_with(
    scene: &Scene,
    index: usize,
    second: i64,
    slot: bool,
    taken: &BTreeMap<String, Uuid>,
) -> Result<Device, Verdictless> {
    let roster = scene.roster.as_ref().unwrap();
    let candidate = Candidate {
        index,
        selected: &roster.devices()[index],
        slot,
        taken,
    };
    consider(
        &scene.observed(),
        roster,
        &candidate,
        scene.observed().effective(),
        at(second),
    )
}

fn view_of(verdictless: Verdictless) -> DeviceView {
    match verdictless {
        Verdictless::Missing { view, .. } | Verdictless::Waits { view, .. } => *view,
        other => panic!("{other:?}"),
    }
}

fn end_of(verdictless: Verdictless) -> (Outcome, Reason, String) {
    match verdictless {
        Verdictless::Final {
            outcome,
            reason,
            message,
        } => (outcome, reason, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_that_is_there_begins_when_a_slot_is_free() {
    let scene = Scene::new(2);
    assert_eq!(
        considering(&scene, 1, 1).unwrap().endpoint.to_string(),
        endpoint(1)
    );
    assert_eq!(
        considering_with(&scene, 1, 1, false, &BTreeMap::new()),
        Err(Verdictless::Queued)
    );
}

#[test]
fn a_missing_device_waits_for_its_time_out_and_then_fails() {
    let mut scene = Scene::new(1);
    scene.inventory.delete(&uuid(0));
    scene.memory.missing_since.insert(0, at(100));
    let waits = considering(&scene, 0, 399).unwrap_err();
    assert!(
        matches!(&waits, Verdictless::Missing { until, .. } if *until == at(400)),
        "{waits:?}"
    );
    assert_eq!(view_of(waits).reason, Reason::DeviceNotFound);
    let (outcome, reason, message) = end_of(considering(&scene, 0, 400).unwrap_err());
    assert_eq!((outcome, reason), (Outcome::Failed, Reason::DeviceNotFound));
    assert!(
        message.contains("kubectl get instances.akri.sh"),
        "{message}"
    );
}

#[test]
fn a_device_that_came_back_under_another_uid_begins() {
    let mut scene = Scene::new(1);
    scene.inventory.delete(&uuid(0));
    scene.inventory.apply(&instance("new-uid", 0));
    assert_eq!(considering(&scene, 0, 1).unwrap().uuid, "new-uid".into());
}

#[rstest]
#[case::no_endpoint(json!({"DEVICE": "esp32s3"}), "HOST_ENDPOINT")]
#[case::no_device(json!({"HOST_ENDPOINT": "192.0.2.1"}), "DEVICE")]
#[case::host_name(json!({"HOST_ENDPOINT": "lamp.example", "DEVICE": "esp32s3"}), "HOST_ENDPOINT")]
#[case::ipv6(json!({"HOST_ENDPOINT": "2001:db8::1", "DEVICE": "esp32s3"}), "HOST_ENDPOINT")]
fn an_instance_that_is_no_device_fails_with_the_property_s_name(
    #[case] properties: serde_json::Value,
    #[case] property: &str,
) {
    let mut scene = Scene::new(1);
    scene.inventory.delete(&uuid(0));
    scene
        .inventory
        .apply(&instance_with(uuid(0).as_str(), &properties));
    let (outcome, reason, message) = end_of(considering(&scene, 0, 1).unwrap_err());
    assert_eq!((outcome, reason), (Outcome::Failed, Reason::DeviceInvalid));
    assert!(message.contains(property), "{message}");
}

#[rstest]
#[case::unset(None, true)]
#[case::ignore(Some(MismatchPolicy::Ignore), true)]
#[case::warn(Some(MismatchPolicy::Warn), true)]
#[case::fail(Some(MismatchPolicy::Fail), false)]
fn a_mismatch_ends_a_device_only_when_that_is_asked_for(
    #[case] policy: Option<MismatchPolicy>,
    #[case] begins: bool,
) {
    let mut scene = Scene::new(1);
    scene.edit(|spec| {
        spec.device = Some("esp32".into());
        spec.mismatch_policy = policy;
    });
    let answer = considering(&scene, 0, 1);
    if begins {
        assert!(answer.is_ok(), "{answer:?}");
    } else {
        assert_eq!(end_of(answer.unwrap_err()).1, Reason::DeviceMismatch);
    }
}

/// Two UUIDs of one device, and a third device.
fn duplicates() -> Scene {
    let mut scene = Scene::of(&json!({"uuid": ["one", "two"], "firmware": "f", "version": "1"}));
    scene.inventory = crate::device::Inventory::default();
    let uuids = ["one", "two"].map(Uuid::from);
    for uid in &uuids {
        scene.inventory.apply(&instance(uid.as_str(), 0));
    }
    scene.roster = Some(Selection::new(
        1,
        crate::device::select(&uuids, &scene.inventory),
    ));
    scene
}

#[test]
fn two_uuids_of_one_device_begin_one_at_a_time() {
    let scene = duplicates();
    let taken = [(endpoint(0), "one".into())].into();
    let waits = view_of(considering_with(&scene, 1, 1, true, &taken).unwrap_err());
    assert_eq!(waits.reason, Reason::DeviceBusy);
    assert!(waits.message.contains("as one of this job"), "{waits:?}");
}

#[test]
fn the_second_uuid_of_a_flashed_device_is_skipped_and_names_the_first() {
    let mut scene = duplicates();
    scene.stored(|status| status.completed_indexes = Some("0".into()));
    let (outcome, reason, message) = end_of(considering(&scene, 1, 1).unwrap_err());
    assert_eq!(
        (outcome, reason),
        (Outcome::Skipped, Reason::DuplicateEndpoint)
    );
    assert!(message.ends_with("as one"), "{message}");
}

#[test]
fn the_second_uuid_is_flashed_where_the_first_failed() {
    let mut scene = duplicates();
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    assert!(considering(&scene, 1, 1).is_ok());
}

#[rstest]
#[case::which_was_missing_when_it_was_selected(None)]
#[case::which_was_elsewhere_when_it_was_selected(Some(endpoint(7)))]
fn a_device_counts_by_the_endpoint_in_its_record_too(#[case] selected: Option<String>) {
    let mut scene = duplicates();
    scene.roster = Some(Selection::new(
        1,
        ["one", "two"]
            .map(|uuid| SelectedDevice {
                uuid: uuid.into(),
                endpoint: selected.clone(),
                ..SelectedDevice::default()
            })
            .into(),
    ));
    scene.stored(|status| {
        status.completed_indexes = Some("0".into());
        status.devices = vec![crate::api::DeviceStatus {
            uuid: "one".into(),
            host_endpoint: Some(endpoint(0)),
            phase: "Succeeded".into(),
            ..crate::api::DeviceStatus::default()
        }];
    });
    assert_eq!(
        end_of(considering(&scene, 1, 1).unwrap_err()).1,
        Reason::DuplicateEndpoint
    );
}

#[test]
fn a_device_that_another_job_holds_waits_and_its_message_names_the_holder() {
    let mut scene = Scene::new(1);
    let mut other = identity(0, "x");
    other.key.job_uid = "job-2".into();
    other.job_name = Some("others".into());
    scene
        .ledger
        .see_record(record(&other, Status::Deployed, true));
    let waits = view_of(considering(&scene, 0, 1).unwrap_err());
    assert_eq!(waits.reason, Reason::DeviceBusy);
    assert!(waits.message.contains("FlashJob lab/others"), "{waits:?}");
}

#[test]
fn a_failed_record_of_another_job_holds_nobody_up() {
    let mut scene = Scene::new(1);
    let mut other = identity(0, "x");
    other.key.job_uid = "job-2".into();
    scene
        .ledger
        .see_record(record(&other, Status::Failed, true));
    assert!(considering(&scene, 0, 1).is_ok());
}

#[test]
fn after_a_try_was_given_up_the_device_waits_and_says_why() {
    let mut scene = Scene::new(1);
    let waiting = Waiting {
        reason: Reason::AddressPending,
        message: "no address".into(),
        until: at(10),
        tries: 2,
    };
    scene.memory.waiting.insert(0, waiting);
    let waits = view_of(considering(&scene, 0, 9).unwrap_err());
    assert_eq!(
        (waits.phase, waits.reason),
        (DevicePhase::Waiting, Reason::BackOff)
    );
    assert!(
        waits.message.contains("AddressPending") && waits.message.contains("no address"),
        "{waits:?}"
    );
    assert!(considering(&scene, 0, 10).is_ok());
}

#[rstest]
#[case::of_the_job(Some(3), 100, 3)]
#[case::default_of_the_job(None, 100, 10)]
#[case::of_all_jobs(Some(50), 4, 4)]
fn no_more_devices_begin_than_slots_are_free(
    #[case] parallelism: Option<i32>,
    #[case] all: usize,
    #[case] begin: usize,
) {
    let mut scene = Scene::of(&spec(20));
    scene.edit(|spec| spec.parallelism = parallelism);
    scene.world.max_in_flight = all;
    let plan = scene.plan(1);
    let begun: Vec<usize> = plan.begin.iter().map(|begin| begin.index).collect();
    assert_eq!(begun, (0..begin).collect::<Vec<_>>(), "in order");
    assert_eq!(plan.queued, 20 - begin);
}

#[rstest]
#[case::flash_is_the_default(json!({}), "0.2.0", true)]
#[case::skipped_where_asked(json!({"alreadyAtVersion": "Skip"}), "0.2.0", false)]
#[case::another_version(json!({"alreadyAtVersion": "Skip"}), "0.1.0", true)]
#[case::skipped_where_the_version_decides(json!({"verification": {"mode": "Version"}}), "0.2.0", false)]
#[case::unless_it_is_to_be_flashed(json!({"verification": {"mode": "Version"}, "alreadyAtVersion": "Flash"}), "0.2.0", true)]
#[case::what_the_device_is_to_report_counts(
    json!({"verification": {"expectedVersion": "7"}, "alreadyAtVersion": "Skip"}), "7", false
)]
#[case::and_not_the_firmware_s_own(
    json!({"verification": {"expectedVersion": "7"}, "alreadyAtVersion": "Skip"}), "0.2.0", true
)]
fn a_device_that_has_the_version_already_is_skipped_where_that_is_asked(
    #[case] more: serde_json::Value,
    #[case] reports: &str,
    #[case] begins: bool,
) {
    let mut spec = spec(1);
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let mut scene = Scene::of(&spec);
    let device = json!({"HOST_ENDPOINT": endpoint(0), "DEVICE": "esp32s3", "VERSION": reports});
    scene.inventory.apply(&instance_with("uuid-0", &device));
    let plan = scene.plan(1);
    assert_eq!(
        (plan.begin.len(), plan.refuse.len()),
        (usize::from(begins), usize::from(!begins))
    );
    for (_, found) in &plan.refuse {
        assert_eq!(
            (found.verdict.outcome, found.verdict.reason),
            (Outcome::Skipped, Reason::AlreadyAtVersion)
        );
    }
}

#[test]
fn a_device_is_skipped_at_its_turn_and_not_before() {
    let mut spec = spec(2);
    spec["alreadyAtVersion"] = json!("Skip");
    spec["parallelism"] = json!(1);
    spec["version"] = json!("0.1.0");
    let mut scene = Scene::of(&spec);
    // Both have the version; while nothing may start, neither is looked at.
    scene.world.max_in_flight = 0;
    let plan = scene.plan(1);
    assert_eq!((plan.refuse.len(), plan.queued), (0, 2));
    scene.world.max_in_flight = 1;
    assert_eq!(
        scene.plan(1).refuse.len(),
        2,
        "a device that is skipped takes no slot"
    );
}

/// A Pod that somebody made in the form of the operator's, or that an operator made whose key was lost.
#[rstest]
#[case::its_uuid("lab", "uuid-0", None, true)]
#[case::its_endpoint("lab", "other", Some(endpoint(0)), true)]
#[case::another_device("lab", "uuid-1", Some(endpoint(1)), false)]
#[case::it_in_another_namespace("attic", "uuid-0", Some(endpoint(0)), false)]
fn a_device_waits_as_long_as_a_pod_without_a_seal_names(
    #[case] namespace: &str,
    #[case] uuid: &str,
    #[case] at_endpoint: Option<String>,
    #[case] waits: bool,
) {
    let mut scene = Scene::new(2);
    scene.ledger.see_unsealed(UnsealedObject {
        kind: ObjectKind::Pod,
        namespace: namespace.into(),
        name: "flash-p".into(),
        uid: "p".into(),
        version: 1,
        job_uid: "somebody".into(),
        uuid: uuid.into(),
        endpoint: at_endpoint,
        release: None,
        locks: true,
        ended: false,
        deleting: false,
        finalizers: Vec::new(),
    });
    let considered = considering(&scene, 0, 1);
    assert_eq!(considered.is_err(), waits, "{considered:?}");
    if let Err(verdictless) = considered {
        let view = view_of(verdictless);
        assert_eq!(view.reason, Reason::SealUnknown);
        let says = "Pod flash-p names this device and bears no seal of this operator";
        assert!(view.message.starts_with(says), "{view:?}");
    }
}
