//! What becomes of the entry of a device when one of its attempts ends, and when nothing of it is under way.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::flashjob::{
    fixtures::{Scene, at, found, spec, uuid},
    plan::{Concluded, DeviceView},
};

/// Two devices with this limit of retries, whose versions are read back in this mode.
fn scene(retries: i32, mode: &str) -> Scene {
    let mut spec = spec(2);
    spec["backoffLimitPerDevice"] = json!(retries);
    spec["verification"] = json!({"mode": mode, "timeoutSeconds": 200});
    Scene::of(&spec)
}

fn entry(index: usize, phase: DevicePhase, failures: usize) -> DeviceStatus {
    DeviceStatus {
        index: count(index),
        uuid: uuid(index).to_string(),
        phase: phase.into(),
        earlier_failures: vec![Reason::ContactFailed.into(); failures],
        ..DeviceStatus::default()
    }
}

/// What follows where nothing is planned.
fn tracked(scene: &Scene) -> Vec<DeviceStatus> {
    aftermath(&scene.observed(), &Plan::default(), at(60)).tracked
}

#[test]
fn an_attempt_that_is_known_by_its_verdict_alone_leaves_a_whole_entry_when_it_is_followed_by_another()
 {
    let mut scene = scene(2, "None");
    let mut failed = found(Some(1), Outcome::Failed, Reason::ContactFailed);
    failed.verdict.log_tail = "one\ntwo".into();
    scene.memory.verdicts.insert("b0".into(), failed);
    let message = "attempt 1 of 3 failed: said so; it is tried again from 1970-01-01T00:01:00Z on";
    let expected = DeviceStatus {
        index: 1,
        uuid: "uuid-1".into(),
        pod: Some("flash-uuid-1-b0".into()),
        phase: DevicePhase::Waiting.into(),
        reason: Some(Reason::ContactFailed.into()),
        message: Some(message.into()),
        attempts: 1,
        earlier_failures: vec![Reason::ContactFailed.into()],
        next_time: Some(Time(at(60))),
        completion_time: Some(Time(at(50))),
        log_tail: Some("one\ntwo".into()),
        ..DeviceStatus::default()
    };
    assert_eq!(tracked(&scene), [expected]);
}

#[rstest]
#[case::sent(
    Outcome::Succeeded,
    "the firmware was sent; version 0.2.0 is awaited until 1970-01-01T00:04:10Z"
)]
#[case::cut_off(
    Outcome::Unknown,
    "said so; whether it came back with version 0.2.0 is read until 1970-01-01T00:04:10Z"
)]
fn a_device_that_is_read_back_says_for_which_version_and_until_when(
    #[case] outcome: Outcome,
    #[case] message: &str,
) {
    let mut scene = scene(0, "Version");
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            message: Some("the flash is under way".into()),
            log_tail: Some("of an earlier attempt".into()),
            ..entry(1, DevicePhase::Flashing, 0)
        }];
    });
    let sent = found(Some(1), outcome, Reason::VerdictUnknown);
    scene.memory.verdicts.insert("b0".into(), sent);
    let tracked = tracked(&scene);
    assert_eq!(tracked.len(), 1);
    let DeviceStatus {
        phase,
        message: says,
        log_tail,
        ..
    } = &tracked[0];
    assert_eq!(
        (phase.as_str(), says.as_deref(), log_tail),
        ("Verifying", Some(message), &None)
    );
}

#[test]
fn a_device_that_is_refused_is_final_though_another_one_came_back_untouched() {
    let mut scene = scene(1, "Version");
    let refused = found(Some(0), Outcome::Failed, Reason::DeviceInvalid);
    scene.memory.refused.insert(0, refused);
    let plan = Plan {
        concluded: vec![Concluded {
            found: found(Some(1), Outcome::Failed, Reason::VersionMismatch),
            version: Some("0.1.0".into()),
            untouched: true,
        }],
        ..Plan::default()
    };
    let observed = scene.observed();
    let Aftermath { found, tracked } = aftermath(&observed, &plan, at(60));
    let ended: Vec<_> = found.iter().map(|found| found.index).collect();
    assert_eq!(ended, [Some(0)]);
    let [again] = tracked.as_slice() else {
        panic!("{tracked:?}")
    };
    assert_eq!((again.index, again.phase.as_str()), (1, "Waiting"));
}

#[rstest]
#[case::that_is_read_back(DevicePhase::Verifying, 0)]
#[case::that_is_tried_again(DevicePhase::Waiting, 1)]
fn the_entry_of_a_device_stays_while_nothing_of_it_is_under_way(
    #[case] phase: DevicePhase,
    #[case] failures: usize,
) {
    let mut scene = scene(1, "Version");
    let stored = DeviceStatus {
        pod: Some("flash-uuid-1-b0".into()),
        next_time: Some(Time(at(10))),
        ..entry(1, phase, failures)
    };
    scene.stored(|status| status.devices = vec![stored.clone()]);
    assert_eq!(tracked(&scene), std::slice::from_ref(&stored));

    scene.stored(|status| status.failed_indexes = Some("1".into()));
    assert_eq!(tracked(&scene), [], "it is final");

    scene.stored(|status| status.failed_indexes = None);
    let mut plan = Plan::default();
    plan.views.push(DeviceView {
        index: Some(1),
        uuid: uuid(1),
        endpoint: None,
        pod: None,
        phase: DevicePhase::Reserved,
        reason: Reason::Reserved,
        message: String::new(),
        since: Some(at(60)),
    });
    let observed = scene.observed();
    let entries = aftermath(&observed, &plan, at(60)).tracked;
    assert_eq!(entries, [], "its next attempt is under way");
}

#[rstest]
#[case::that_has_not_begun(DevicePhase::Pending)]
#[case::whose_attempt_is_gone(DevicePhase::Flashing)]
fn an_entry_without_a_failed_attempt_is_not_kept_for_itself(#[case] phase: DevicePhase) {
    let mut scene = scene(1, "None");
    scene.stored(|status| status.devices = vec![entry(1, phase, 0)]);
    assert_eq!(tracked(&scene), []);
}

#[rstest]
#[case::before_its_time(100, Some(100))]
#[case::in_its_time(60, None)]
#[case::after_its_time(59, None)]
fn a_device_whose_next_attempt_was_given_up_waits_for_it_again(
    #[case] due: i64,
    #[case] next: Option<i64>,
) {
    let mut scene = scene(3, "None");
    let stored = DeviceStatus {
        host_endpoint: Some("192.0.2.2:80".into()),
        pod: Some("flash-uuid-1-c0".into()),
        reason: Some(Reason::AddressPending.into()),
        attempts: 3,
        start_time: Some(Time(at(55))),
        next_time: Some(Time(at(due))),
        ..entry(1, DevicePhase::AwaitingAddress, 2)
    };
    scene.stored(|status| status.devices = vec![stored]);
    let expected = DeviceStatus {
        host_endpoint: Some("192.0.2.2:80".into()),
        reason: Some(Reason::BackOff.into()),
        attempts: 2,
        next_time: next.map(|second| Time(at(second))),
        ..entry(1, DevicePhase::Waiting, 2)
    };
    assert_eq!(tracked(&scene), [expected]);
}
