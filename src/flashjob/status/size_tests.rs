//! How large the object of a job of many devices becomes, at any time of its round.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    api::{DevicePhase, DeviceStatus, FlashJobStatus, Reason, SelectedDevice, rule::MAX_DEVICES},
    flashjob::{
        fixtures::{Scene, at, effective_of, found, job_of},
        observe::selection::Selection,
        plan::{
            DeviceView, Plan,
            select_devices::{Choice, selection_status},
        },
        spec::intervals::Intervals,
        status,
        verdict::Outcome,
    },
    identifiers::Uuid,
};

/// Devices in flight.
const IN_FLIGHT: usize = 64;

fn uuid(index: usize) -> Uuid {
    format!("{index:08x}-5d37-4c3a-9a55-3f0a6a1c7b21").into()
}

/// A job of these devices; every fifth fails once it is its turn.
fn scene(spec: &Value, devices: usize, selected: bool) -> Scene {
    let device = |index: usize| SelectedDevice {
        uuid: uuid(index),
        endpoint: Some(format!(
            "198.51.100.{}:{}",
            index % 254 + 1,
            8000 + index / 254
        )),
        ..SelectedDevice::default()
    };
    let roster = Selection::new(1, (0..devices).map(device).collect());
    let fresh = job_of(spec, None);
    let mut stored = status::open_round(&fresh, &roster, "", effective_of(&fresh), at(0));
    let chosen = if selected { devices } else { 0 };
    let choice = Choice {
        chosen: Intervals::below(chosen),
        ..Choice::default()
    };
    stored.selection = Some(selection_status(&fresh, roster.devices(), &choice));
    let mut scene = Scene::new(0);
    scene.job = job_of(spec, Some(&stored));
    scene.roster = Some(roster);
    scene
}

/// The status when that many devices are done and others are in flight.
fn status_after(scene: &Scene, done: usize, devices: usize) -> FlashJobStatus {
    let mut scene = Scene {
        job: scene.job.clone(),
        roster: scene.roster.clone(),
        ..Scene::new(0)
    };
    for index in 0..done {
        let (outcome, reason) = if index % 5 == 0 {
            (Outcome::Failed, Reason::AttestationRefused)
        } else {
            (Outcome::Succeeded, Reason::FirmwareSent)
        };
        let mut found = found(Some(index), outcome, reason);
        found.uuid = uuid(index);
        scene
            .memory
            .verdicts
            .insert(format!("{index:08x}").into(), found);
    }
    let mut plan = Plan::default();
    let in_flight = done..(done + IN_FLIGHT).min(devices);
    plan.views.extend(in_flight.map(|index| DeviceView {
        index: Some(index),
        uuid: uuid(index),
        endpoint: Some("198.51.100.254:8039".into()),
        pod: Some(format!("flash-{}-0123456789", uuid(index))),
        phase: crate::api::DevicePhase::Flashing,
        reason: Reason::Flashing,
        message: String::new(),
        since: Some(at(0)),
    }));
    status::compose(&scene.observed(), &plan, at(60))
}

#[rstest]
#[case::selected(10_000, true, 256)]
#[case::as_many_as_may_be(MAX_DEVICES, true, 512)]
#[case::named(5_000, false, 400)]
fn an_object_of_many_devices_fits_at_any_time_of_its_round(
    #[case] devices: usize,
    #[case] selected: bool,
    #[case] kib: usize,
) {
    let mut spec = json!({"firmware": "registry.example.com/esp32:1", "version": "0.2.0", "parallelism": IN_FLIGHT, "verification": {"mode": "None"}});
    if selected {
        spec["deviceSelector"] = json!({"configurations": ["lamps"]});
    } else {
        spec["uuid"] = json!((0..devices).map(uuid).collect::<Vec<_>>());
    }
    let scene = scene(&spec, devices, selected);
    for tenth in 0..=10 {
        let status = status_after(&scene, devices * tenth / 10, devices);
        let mut object = scene.job.to_object();
        object.status = Some(status);
        let bytes = serde_json::to_vec(&object).unwrap().len();
        assert!(bytes <= kib * 1024, "{bytes} bytes after {tenth} tenths");
        let flashing = object.status.unwrap().devices;
        let flashing = flashing.iter().filter(|device| device.phase == "Flashing");
        assert_eq!(
            flashing.count(),
            IN_FLIGHT.min(devices - devices * tenth / 10)
        );
    }
}

/// etcd takes 1.5 MiB.
#[test]
fn the_largest_job_fits_where_no_two_neighbours_end_alike() {
    let spec = json!({"deviceSelector": {"configurations": ["lamps"]}, "firmware": "registry.example.com/esp32:1", "version": "0.2.0"});
    let mut scene = scene(&spec, MAX_DEVICES, true);
    let every_other = |first: usize| {
        let indexes = (first..MAX_DEVICES).step_by(2);
        indexes.collect::<Intervals>().to_string()
    };
    scene.stored(|status| {
        status.completed_indexes = Some(every_other(0));
        status.failed_indexes = Some(every_other(1));
    });
    assert_eq!(scene.job.tampered, None);
    let finals = &scene.job.finals;
    assert_eq!(
        [finals.succeeded.len(), finals.failed.len()],
        [MAX_DEVICES / 2; 2]
    );
    let mut object = scene.job.to_object();
    object.status = Some(scene.status(60));
    let bytes = serde_json::to_vec(&object).unwrap().len();
    assert!(bytes < 700 * 1024, "{bytes} bytes");
    let counts = object.status.and_then(|status| status.counts).unwrap();
    let all = i64::try_from(MAX_DEVICES).unwrap();
    assert_eq!(
        (counts.succeeded, counts.failed, counts.selected),
        (all / 2, all / 2, all)
    );
}

/// Where a device stands, whose entry must never be left out.
const KEPT: [DevicePhase; 5] = [
    DevicePhase::Reserved,
    DevicePhase::AwaitingAddress,
    DevicePhase::Flashing,
    DevicePhase::Verifying,
    DevicePhase::Waiting,
];

fn phases() -> impl Strategy<Value = DevicePhase> {
    let others = [DevicePhase::Pending, DevicePhase::Failed];
    proptest::sample::select([&KEPT[..], &others[..]].concat())
}

/// How much is said of a device, in bytes.
fn said() -> impl Strategy<Value = usize> {
    proptest::sample::select(vec![0, 900, 5_000, 60_000])
}

/// A scene, and a plan of it, in which each device stands as it is told, and is spoken of at length.
fn spoken_of(fleet: &[(DevicePhase, usize)]) -> (Scene, Plan) {
    let mut scene = Scene::new(fleet.len());
    let mut plan = Plan::default();
    let mut stored = Vec::new();
    for (index, (phase, bytes)) in fleet.iter().enumerate() {
        let text = "x".repeat(*bytes);
        let uuid = crate::flashjob::fixtures::uuid(index);
        match phase {
            // Of these nothing but the stored entry tells.
            DevicePhase::Verifying | DevicePhase::Waiting => stored.push(DeviceStatus {
                index: i64::try_from(index).unwrap(),
                uuid: uuid.to_string(),
                phase: phase.as_str().into(),
                reason: Some(Reason::Verifying.as_str().into()),
                message: Some(text.clone()),
                from_version: Some(text.clone()),
                log_tail: Some(text.clone()),
                pod: Some(format!("flash-{uuid}-a{index}")),
                earlier_failures: vec![Reason::FlashFailed.as_str().into()],
                next_time: Some(Time(at(5_000))),
                ..DeviceStatus::default()
            }),
            DevicePhase::Failed => {
                let mut found = found(Some(index), Outcome::Failed, Reason::FlashFailed);
                found.verdict.message.clone_from(&text);
                found.verdict.log_tail = text;
                scene
                    .memory
                    .verdicts
                    .insert(format!("a{index}").into(), found);
            }
            _ => {
                plan.from_versions.insert(index, text.clone());
                plan.views.push(DeviceView {
                    index: Some(index),
                    uuid,
                    endpoint: Some(format!("192.0.2.{index}:80")),
                    pod: None,
                    phase: *phase,
                    reason: Reason::Flashing,
                    message: text,
                    since: Some(at(0)),
                });
            }
        }
    }
    scene.stored(|status| status.devices = stored);
    (scene, plan)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_said_of_devices_no_entry_displaces_one_in_flight(
        fleet in proptest::collection::vec((phases(), said()), 1..40),
    ) {
        let (scene, plan) = spoken_of(&fleet);
        let status = status::compose(&scene.observed(), &plan, at(60));
        for (index, (phase, _)) in fleet.iter().enumerate().filter(|(_, (phase, _))| KEPT.contains(phase)) {
            let mut entries = status.devices.iter();
            let entry = entries.find(|device| usize::try_from(device.index) == Ok(index));
            prop_assert_eq!(entry.map(|device| device.phase.as_str()), Some(phase.as_str()), "device {}", index);
        }
        for device in &status.devices {
            let longest = [&device.message, &device.log_tail].into_iter().flatten().map(String::len).max();
            prop_assert!(longest.unwrap_or(0) <= 1024);
            prop_assert!(device.from_version.as_ref().is_none_or(|version| version.len() <= 256));
        }
        prop_assert!(status::json_size(&status) < 256 * 1024);
        prop_assert!(status::minimal(&status).devices.len() <= status.devices.len());
    }
}

#[test]
fn a_version_of_two_hundred_kilobytes_hides_no_flash() {
    let fleet = [
        (DevicePhase::Flashing, 200_000),
        (DevicePhase::Flashing, 0),
        (DevicePhase::Verifying, 0),
    ];
    let (scene, plan) = spoken_of(&fleet);
    let status = status::compose(&scene.observed(), &plan, at(60));
    let shown: Vec<_> = status
        .devices
        .iter()
        .map(|device| (device.index, device.phase.as_str()))
        .collect();
    assert_eq!(shown, [(0, "Flashing"), (1, "Flashing"), (2, "Verifying")]);
}
