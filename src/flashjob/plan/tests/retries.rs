//! Devices that failed once and are tried again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

/// Of so many devices the first ones failed once; the very first may be tried again from second 1 on, the others much later.
fn tried(devices: usize, failed: usize) -> Scene {
    let mut spec = spec(devices);
    spec["backoffLimitPerDevice"] = json!(1);
    let mut scene = Scene::of(&spec);
    scene.stored(|status| {
        let entry = |index: usize| DeviceStatus {
            index: i64::try_from(index).unwrap(),
            uuid: uuid(index).to_string(),
            phase: "Waiting".into(),
            earlier_failures: vec!["ContactFailed".into()],
            next_time: Some(Time(at(if index == 0 { 1 } else { 9_999 }))),
            ..DeviceStatus::default()
        };
        status.devices = (0..failed).map(entry).collect();
    });
    scene
}

fn begun(plan: &Plan) -> Vec<(usize, u32)> {
    let begun = plan.begin.iter();
    begun.map(|begin| (begin.index, begin.number)).collect()
}

#[test]
fn a_device_that_is_tried_again_is_not_counted_among_those_that_wait_for_their_first_attempt() {
    let mut scene = tried(3, 1);
    scene.edit(|spec| spec.parallelism = Some(1));
    let plan = scene.plan(2);
    assert_eq!((begun(&plan), plan.queued), (vec![(0, 2)], 2));
}

/// Each device that begins needs an entry in the status; one that is tried again has one already.
#[test]
fn a_device_is_tried_again_though_the_status_has_no_room_for_another_one() {
    let plan = tried(252, 250).plan(2);
    assert_eq!((begun(&plan), plan.queued), (vec![(0, 2)], 2));
    assert!(plan.contended, "the others wait for room");
}
