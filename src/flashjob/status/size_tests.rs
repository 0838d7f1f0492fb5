//! How large the object of a job of many devices becomes, at any time of its round.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    api::{FlashJobStatus, Reason, SelectedDevice},
    flashjob::{
        choice::selection_status,
        fixtures::{Scene, at, effective_of, found, job_of},
        index_set::IndexSet,
        plan::{DeviceView, Plan},
        roster::Roster,
        status,
        verdict::Outcome,
    },
};

/// Devices in flight.
const IN_FLIGHT: usize = 64;

fn uuid(index: usize) -> String {
    format!("{index:08x}-5d37-4c3a-9a55-3f0a6a1c7b21")
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
    let roster = Roster::new(1, (0..devices).map(device).collect());
    let fresh = job_of(spec, None);
    let mut stored = status::open_round(&fresh, &roster, "", effective_of(&fresh), at(0));
    let chosen = if selected { devices } else { 0 };
    let chosen = IndexSet::parse(
        &(0..chosen)
            .map(|index| index.to_string())
            .collect::<Vec<_>>()
            .join(","),
    );
    stored.selection = Some(selection_status(&fresh, roster.devices(), &chosen.unwrap()));
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
        scene.memory.verdicts.insert(format!("{index:08x}"), found);
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
#[case::named(5_000, false, 400)]
fn an_object_of_many_devices_fits_at_any_time_of_its_round(
    #[case] devices: usize,
    #[case] selected: bool,
    #[case] kib: usize,
) {
    let mut spec = json!({"firmware": "registry.example.com/esp32:1", "version": "0.2.0", "parallelism": IN_FLIGHT});
    if selected {
        spec["deviceSelector"] = json!({"configurations": ["lamps"]});
    } else {
        spec["uuid"] = (0..devices).map(uuid).collect();
    }
    let scene = scene(&spec, devices, selected);
    for tenth in 0..=10 {
        let status = status_after(&scene, devices * tenth / 10, devices);
        let mut object = scene.job.object.clone();
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
