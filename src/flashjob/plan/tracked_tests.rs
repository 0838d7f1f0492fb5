use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::Instance,
    flashjob::{
        fixtures::{
            Scene, address, at, ended, endpoint, identity, instance, record, service, spec,
            take_in, uuid,
        },
        observe::cache::Cache,
        plan::attempt::{Action, RecordRemoval},
    },
};
use helm_release::Status;

/// A job of one device whose flash ended at second 100 and whose version is read back until second 400.
fn scene(mode: &str, reason: &str) -> Scene {
    let mut spec = spec(1);
    spec["backoffLimitPerDevice"] = json!(1);
    spec["verification"] = json!({"mode": mode});
    let mut scene = Scene::of(&spec);
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            host_endpoint: Some(endpoint(0)),
            pod: Some("flash-uuid-0-a0".into()),
            phase: "Verifying".into(),
            reason: Some(reason.into()),
            attempts: 1,
            from_version: Some("0.1.0".into()),
            completion_time: Some(Time(at(100))),
            next_time: Some(Time(at(400))),
            ..DeviceStatus::default()
        }];
    });
    let who = identity(0, "a0");
    take_in(
        &mut scene.ledger,
        Some(record(&who, Status::Deployed, true)),
        None,
        None,
    );
    scene.inventory.delete(&uuid(0));
    scene
}

/// The device is found anew at second 150.
fn back(version: &str) -> Instance {
    let mut found = instance("new-uid", 0);
    found.metadata.creation_timestamp = Some(Time(at(150)));
    found
        .spec
        .broker_properties
        .insert("VERSION".into(), version.into());
    found
}

fn ends(scene: &Scene, second: i64) -> Option<(String, String, Option<String>)> {
    let status = scene.status(second);
    let device = status.devices.first()?.clone();
    (device.phase != "Verifying").then_some((
        device.phase.to_string(),
        device.reason?.to_string(),
        device.to_version,
    ))
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "compared with what may not have ended"
)]
fn ended_as(
    phase: &str,
    reason: &str,
    version: Option<&str>,
) -> Option<(String, String, Option<String>)> {
    Some((phase.into(), reason.into(), version.map(str::to_owned)))
}

#[test]
fn the_record_stays_as_the_lock_and_the_slot_is_free_until_the_version_was_read_back() {
    let mut scene = scene("Observe", "Verifying");
    let plan = scene.plan(120);
    assert!(
        plan.actions.is_empty() && plan.begin.is_empty() && plan.concluded.is_empty(),
        "{plan:?}"
    );
    assert_eq!(plan.wake_at, Some(at(400)));
    assert!(scene.ledger.holder(&endpoint(0)).is_some());
    scene.inventory.apply(&back("0.2.0"));
    scene.store(scene.status(160));
    let plan = scene.plan(161);
    let [(_, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(removal.record, RecordRemoval::Delete);
}

#[test]
fn the_next_device_begins_in_the_slot_of_one_that_is_read_back_once_nothing_but_its_record_is_left()
{
    let mut spec = spec(2);
    spec["parallelism"] = json!(1);
    spec["verification"] = json!({"mode": "Observe"});
    let mut scene = Scene::of(&spec);
    let who = identity(0, "a0");
    let verifying = DeviceStatus {
        uuid: uuid(0).to_string(),
        host_endpoint: Some(endpoint(0)),
        pod: Some("flash-uuid-0-a0".into()),
        phase: "Verifying".into(),
        reason: Some("Verifying".into()),
        completion_time: Some(Time(at(100))),
        next_time: Some(Time(at(400))),
        ..DeviceStatus::default()
    };
    scene.stored(|status| status.devices = vec![verifying]);
    take_in(
        &mut scene.ledger,
        Some(record(&who, Status::Deployed, true)),
        Some(service(&who, address())),
        Some(ended(&who)),
    );
    let mut cache = Cache::default();
    let mut begin = |scene: &mut Scene| {
        std::mem::swap(&mut cache.ledger, &mut scene.ledger);
        cache.note_read_back(&scene.job);
        std::mem::swap(&mut cache.ledger, &mut scene.ledger);
        let plan = scene.plan(120);
        plan.begin
            .iter()
            .map(|begin| begin.index)
            .collect::<Vec<_>>()
    };
    assert_eq!(begin(&mut scene), [0; 0], "its Pod and Service are left");
    let attempt = scene.ledger.attempt(&who.key).unwrap().clone();
    scene.ledger.see_gone(&attempt.pod.unwrap().sight.uid);
    assert_eq!(begin(&mut scene), [0; 0], "its Service is left");
    scene.ledger.see_gone(&attempt.service.unwrap().sight.uid);
    assert_eq!(begin(&mut scene), [1]);
    assert!(
        scene.ledger.holder(&endpoint(0)).is_some(),
        "the lock stays"
    );
}

#[test]
fn pod_and_service_go_while_the_version_is_read_back() {
    let mut scene = scene("Observe", "Verifying");
    let who = identity(0, "a0");
    take_in(
        &mut scene.ledger,
        None,
        Some(service(&who, address())),
        Some(ended(&who)),
    );
    let plan = scene.plan(120);
    let [(_, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert!(removal.pod.is_some() && removal.untrack && removal.service);
    assert_eq!(removal.record, RecordRemoval::Keep);
}

#[rstest]
#[case::the_new_version("Observe", Some("0.2.0"), 160, "Succeeded", "Verified")]
#[case::the_new_version_strictly("Version", Some("0.2.0"), 160, "Succeeded", "Verified")]
#[case::rolled_back("Observe", Some("0.1.0"), 400, "Succeeded", "VersionMismatch")]
#[case::rolled_back_strictly("Version", Some("0.1.0"), 400, "Failed", "VersionMismatch")]
#[case::never_back("Observe", None, 400, "Succeeded", "NotSeen")]
#[case::never_back_strictly("Version", None, 400, "Failed", "NotSeen")]
fn a_sent_firmware_ends_as_it_is_read_back(
    #[case] mode: &str,
    #[case] version: Option<&str>,
    #[case] second: i64,
    #[case] phase: &str,
    #[case] reason: &str,
) {
    let mut scene = scene(mode, "Verifying");
    if let Some(version) = version {
        scene.inventory.apply(&back(version));
    }
    if second == 400 {
        assert_eq!(ends(&scene, 399), None, "it may still come, or lag");
    }
    assert_eq!(ends(&scene, second), ended_as(phase, reason, version));
}

#[rstest]
#[case::flashed_after_all(Some("0.2.0"), 160, "Succeeded", "Verified")]
#[case::as_before(Some("0.1.0"), 400, "Waiting", "Interrupted")]
#[case::something_else(Some("7.0.0"), 400, "Failed", "Interrupted")]
#[case::never_back(None, 400, "Failed", "Interrupted")]
fn an_interrupted_flash_ends_as_it_is_read_back(
    #[case] version: Option<&str>,
    #[case] second: i64,
    #[case] phase: &str,
    #[case] reason: &str,
) {
    for mode in ["Observe", "Version"] {
        let mut scene = scene(mode, "Interrupted");
        if let Some(version) = version {
            scene.inventory.apply(&back(version));
        }
        let (found, why, _) = ends(&scene, second).unwrap();
        assert_eq!((&*found, &*why), (phase, reason));
        scene.store(scene.status(second));
        let again = scene.job.status.devices[0].earlier_failures.len();
        assert_eq!(again == 1, phase == "Waiting");
    }
}

#[test]
fn an_interrupted_flash_whose_device_came_back_as_it_was_is_tried_again_after_the_cool_down() {
    let mut scene = scene("Observe", "Interrupted");
    scene.inventory.apply(&back("0.1.0"));
    scene.store(scene.status(400));
    let who = identity(0, "a0");
    let mut failed = record(&who, Status::Failed, true);
    failed.sight.version = 9;
    scene.ledger.see_record(failed);
    assert!(scene.plan(489).begin.is_empty());
    let plan = scene.plan(490);
    assert_eq!(plan.begin[0].number, 2, "{plan:?}");
}

/// Seconds by which the API server's clock is ahead of the operator's.
#[rstest]
#[case::behind(-130)]
#[case::far_behind(-7_200)]
#[case::ahead(130)]
fn a_device_that_is_found_after_its_flash_is_new_whatever_the_api_servers_clock_shows(
    #[case] ahead: i64,
) {
    let mut scene = scene("Observe", "Verifying");
    let mut found = back("0.1.0");
    scene.stored(|status| status.devices[0].from_version = Some("0.1.0".into()));
    found.metadata.creation_timestamp = Some(Time(at(150 + ahead)));
    let uid = found.metadata.uid.as_deref().unwrap().into();
    scene.inventory.note_appeared(&uid, at(150));
    scene.inventory.apply(&found);
    assert_eq!(ends(&scene, 399), None, "a version may lag");
    let mismatch = ended_as("Succeeded", "VersionMismatch", Some("0.1.0"));
    assert_eq!(ends(&scene, 400), mismatch);
}

/// The leader before had a clock behind that of the API server: by it the flash ended before the Instance was created that it began
/// with, and a new leader finds that one in its first list.
#[test]
fn the_instance_that_a_flash_began_with_is_not_new_whatever_the_clock_showed_at_its_end() {
    let mut scene = scene("Version", "Verifying");
    let mut before = instance(uuid(0).as_str(), 0);
    before.metadata.creation_timestamp = Some(Time(at(100 + 90)));
    let properties = &mut before.spec.broker_properties;
    properties.insert("VERSION".into(), "0.1.0".into());
    scene.inventory.apply(&before);
    assert_eq!(ends(&scene, 399), None);
    let not_seen = ended_as("Failed", "NotSeen", None);
    assert_eq!(ends(&scene, 400), not_seen);
}

#[test]
fn without_akri_nothing_is_concluded() {
    let mut scene = scene("Version", "Verifying");
    scene.world.akri_installed = false;
    assert_eq!(ends(&scene, 1_000), None);
    assert_eq!(scene.plan(200).wake_at, None, "no time changes that");
}

#[test]
fn where_verification_was_switched_off_the_transfer_decides() {
    let mut scene = scene("None", "Verifying");
    assert_eq!(
        ends(&scene, 120),
        ended_as("Succeeded", "FirmwareSent", None)
    );
    scene = self::scene("None", "Interrupted");
    assert_eq!(ends(&scene, 120), ended_as("Failed", "Interrupted", None));
}

#[test]
fn a_device_that_the_selection_knows_elsewhere_is_not_the_one_that_was_flashed() {
    let mut spec = spec(2);
    spec["verification"] = json!({"mode": "Version"});
    let mut scene = Scene::of(&spec);
    let entry = self::scene("Version", "Verifying").job.status.devices;
    scene.stored(|status| status.devices = entry);
    scene.inventory.delete(&uuid(0));
    // Device 1 answers at the address of device 0.
    let mut swapped = back("0.2.0");
    swapped.metadata.uid = Some(uuid(1).to_string());
    scene.inventory.apply(&swapped);
    let status = scene.status(160);
    assert_eq!(status.devices[0].phase, "Verifying");
    let status = scene.status(400);
    assert_eq!(status.failed_indexes.as_deref(), Some("0"));
}

#[test]
fn a_job_that_is_being_deleted_reads_nothing_back() {
    let mut scene = scene("Observe", "Verifying");
    scene.job.deleting = true;
    let plan = scene.plan(120);
    let [(_, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(removal.record, RecordRemoval::Delete);
    assert!(plan.concluded.is_empty() && plan.begin.is_empty());
}

fn waiting(scene: &mut Scene) {
    scene.ledger = crate::flashjob::observe::ledger::Ledger::default();
    scene.inventory.apply(&instance(uuid(0).as_str(), 0));
    scene.stored(|status| {
        let device = &mut status.devices[0];
        device.phase = "Waiting".into();
        device.reason = Some("ContactFailed".into());
        device.earlier_failures = vec!["ContactFailed".into()];
    });
}

#[test]
fn a_retry_that_the_job_has_no_more_is_a_failure() {
    let mut scene = scene("None", "Verifying");
    waiting(&mut scene);
    assert_eq!(scene.status(200).failed_indexes, None);
    scene.edit(|spec| spec.backoff_limit_per_device = Some(0));
    let status = scene.status(200);
    assert_eq!(status.failed_indexes.as_deref(), Some("0"));
    assert_eq!(status.devices[0].reason.as_deref(), Some("ContactFailed"));
    scene.edit(|spec| {
        spec.backoff_limit_per_device = Some(1);
        spec.uuid = vec!["another".into()];
    });
    assert_eq!(scene.status(200).failed_indexes.as_deref(), Some("0"));
}

#[test]
fn devices_that_are_read_back_or_tried_again_are_so_many_that_they_fit_into_the_status() {
    let mut spec = spec(252);
    spec["parallelism"] = json!(251);
    let mut scene = Scene::of(&spec);
    scene.world.max_in_flight = 1_000;
    assert_eq!(scene.plan(1).begin.len(), 251);
    scene.stored(|status| {
        status.devices = (0..245)
            .map(|index| DeviceStatus {
                index,
                uuid: uuid(usize::try_from(index).unwrap()).to_string(),
                phase: "Waiting".into(),
                earlier_failures: vec!["ContactFailed".into()],
                next_time: (index < 240).then_some(Time(at(1_000))),
                ..DeviceStatus::default()
            })
            .collect();
    });
    scene.edit(|spec| {
        spec.backoff_limit_per_device = Some(1);
        spec.parallelism = Some(200);
    });
    let plan = scene.plan(1);
    let retried = plan.begin.iter().filter(|begin| begin.number == 2).count();
    assert_eq!(
        (retried, plan.begin.len()),
        (5, 10),
        "those that are known, and five more make 250"
    );
}

/// Of 260 devices 239 are tracked, of which one flashes again; one is final, three more flash, and one was only ever looked at.
#[test]
fn every_device_that_needs_an_entry_counts_once() {
    let mut spec = spec(260);
    spec["parallelism"] = json!(100);
    let mut scene = Scene::of(&spec);
    scene.world.max_in_flight = 1_000;
    scene.edit(|spec| spec.backoff_limit_per_device = Some(1));
    let tracked = |index: i64| DeviceStatus {
        index,
        uuid: uuid(usize::try_from(index).unwrap()).to_string(),
        phase: "Waiting".into(),
        earlier_failures: vec!["ContactFailed".into()],
        next_time: Some(Time(at(1_000))),
        ..DeviceStatus::default()
    };
    scene.stored(|status| {
        status.completed_indexes = Some("0".into());
        status.devices = (0..240).map(tracked).collect();
        status.devices[1].phase = "Flashing".into();
        status.devices.push(DeviceStatus {
            phase: "Pending".into(),
            earlier_failures: Vec::new(),
            ..tracked(250)
        });
    });
    for index in [1, 240, 241, 242] {
        let who = identity(index, &format!("a{index}"));
        let pod = crate::flashjob::fixtures::running(&who);
        take_in(&mut scene.ledger, None, None, Some(pod));
    }
    assert_eq!(scene.plan(1).begin.len(), 250 - 239 - 3);
}

#[test]
fn what_is_final_is_not_read_back() {
    let mut scene = scene("None", "Verifying");
    assert_eq!(scene.plan(200).concluded.len(), 1);
    scene.stored(|status| status.completed_indexes = Some("0".into()));
    assert!(scene.plan(200).concluded.is_empty());
}

#[test]
fn an_entry_that_is_not_tracked_keeps_nothing_from_beginning() {
    let mut scene = scene("None", "Verifying");
    waiting(&mut scene);
    assert!(scene.plan(399).begin.is_empty(), "it waits for its time");
    scene.stored(|status| {
        status.devices[0].phase = "Pending".into();
        status.devices[0].earlier_failures.clear();
    });
    assert_eq!(scene.plan(399).begin.len(), 1);
}

/// The attempt that is under way, or what was found of the device, speaks for it.
#[rstest]
#[case::under_way(true, false)]
#[case::refused(false, true)]
fn a_retry_is_not_given_up_where(#[case] under_way: bool, #[case] refused: bool) {
    let mut scene = scene("None", "Verifying");
    waiting(&mut scene);
    scene.edit(|spec| spec.backoff_limit_per_device = Some(0));
    let given_up = scene.plan(200).concluded;
    assert!(matches!(given_up.as_slice(), [one] if !one.untouched));
    if under_way {
        let pod = crate::flashjob::fixtures::running(&identity(0, "a1"));
        take_in(&mut scene.ledger, None, None, Some(pod));
    }
    if refused {
        let found =
            crate::flashjob::fixtures::found(Some(0), Outcome::Failed, Reason::DeviceInvalid);
        scene.memory.refused.insert(0, found);
    }
    assert!(scene.plan(200).concluded.is_empty());
}

#[test]
fn a_device_that_comes_back_as_the_selection_knows_it_is_the_one_that_was_flashed() {
    let mut scene = scene("Version", "Verifying");
    let mut found = back("0.2.0");
    found.metadata.uid = Some(uuid(0).to_string());
    scene.inventory.apply(&found);
    let want = ended_as("Succeeded", "Verified", Some("0.2.0"));
    assert_eq!(ends(&scene, 160), want);
}

#[rstest]
#[case::when_its_time_comes(399, 400)]
#[case::then_when_it_is_said_anew_who_holds_the_slots(500, 530)]
fn a_retry_that_waits_for_a_slot_is_looked_at_again(#[case] second: i64, #[case] wake_at: i64) {
    let mut scene = scene("None", "Verifying");
    waiting(&mut scene);
    scene.world.max_in_flight = 0;
    let plan = scene.plan(second);
    assert!(plan.begin.is_empty());
    assert_eq!(plan.wake_at, Some(at(wake_at)));
}

#[rstest]
#[case::before_its_time(200)]
#[case::when_its_time_has_come(401)]
fn a_device_that_is_not_tried_again_neither_begins_nor_is_looked_at_again(#[case] second: i64) {
    let mut scene = scene("None", "Verifying");
    waiting(&mut scene);
    scene.edit(|spec| spec.backoff_limit_per_device = Some(0));
    let plan = scene.plan(second);
    assert_eq!((plan.concluded.len(), plan.begin.len()), (1, 0));
    assert_eq!(plan.wake_at, None);
}
