//! Failures that are counted before anybody else begins.

use super::*;
use crate::flashjob::fixtures::spec;

/// Three devices, of which one failure may stop the job, or none may.
fn counting(counts: bool) -> Scene {
    let mut spec = spec(3);
    if counts {
        spec["maxFailedDevices"] = serde_json::json!(2);
    }
    Scene::of(&spec)
}

fn fails(scene: &mut Scene) {
    scene.inventory.delete(&uuid(0));
    scene.memory.missing_since.insert(0, at(-1_000_000));
}

fn is_skipped(scene: &mut Scene) {
    scene.edit(|spec| spec.already_at_version = Some(crate::api::AlreadyAtVersion::Skip));
    let mut instance = instance(uuid(0).as_str(), 0);
    let properties = &mut instance.spec.broker_properties;
    properties.insert("VERSION".into(), "0.2.0".into());
    scene.inventory.apply(&instance);
}

#[rstest]
#[case::nobody(true, |_: &mut Scene| (), 0, 3)]
#[case::the_first_fails(true, fails, 1, 0)]
#[case::the_first_fails_and_none_is_counted(false, fails, 1, 2)]
#[case::the_first_is_skipped(true, is_skipped, 1, 2)]
fn nobody_begins_beside_a_failure_that_is_not_stored_yet(
    #[case] counts: bool,
    #[case] change: fn(&mut Scene),
    #[case] refused: usize,
    #[case] begun: usize,
) {
    let mut scene = counting(counts);
    change(&mut scene);
    let plan = scene.plan(1);
    assert_eq!((plan.refuse.len(), plan.begin.len()), (refused, begun));
}

#[rstest]
#[case::well(true, "Verifying", 2)]
#[case::not_to_be_known(true, "NodeLost", 0)]
#[case::not_to_be_known_and_is_not_counted(false, "NodeLost", 2)]
fn nobody_begins_beside_a_read_back_that_did_not_end(
    #[case] counts: bool,
    #[case] reason: &str,
    #[case] begun: usize,
) {
    let mut scene = counting(counts);
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            host_endpoint: Some(endpoint(0)),
            pod: Some(format!("flash-{}-a0", uuid(0))),
            phase: "Verifying".into(),
            reason: Some(reason.into()),
            ..DeviceStatus::default()
        }];
    });
    let plan = scene.plan(1);
    assert_eq!((plan.concluded.len(), plan.begin.len()), (1, begun));
}
