//! What classes mean for plans and statuses.

use rstest::rstest;
use serde_json::json;

use super::fixtures::{
    JOB, Scene, address, classes, identity, record, running, service, spec, take_in, uuid,
};
use crate::{api::Refusal, flashjob::observe::cache::Cache};
use crate::{
    api::{ConditionType, Reason, conditions::holds},
    flashclass::Terms,
};
use helm_release::Status;

/// Two devices: the first waits for its Pod, the second is being flashed.
fn under_way(terms: Terms) -> Scene {
    let mut scene = Scene::new(3);
    for (index, pod) in [(0, false), (1, true)] {
        let who = identity(index, ["a", "b"][index]);
        let pod = pod.then(|| running(&who));
        let status = if pod.is_some() {
            Status::Deployed
        } else {
            Status::PendingInstall
        };
        take_in(
            &mut scene.ledger,
            Some(record(&who, status, pod.is_some())),
            Some(service(&who, address())),
            pod,
        );
    }
    scene.terms = terms;
    scene
}

fn suspended() -> Terms {
    Terms {
        suspended: Some("FlashClass c is suspended".into()),
        ..Terms::default()
    }
}

#[test]
fn a_suspended_class_begins_nothing_gives_up_what_has_no_pod_and_leaves_flashes_alone() {
    let scene = under_way(suspended());
    let plan = scene.plan(10);
    assert!(plan.begin.is_empty() && plan.actions.is_empty(), "{plan:?}");
    let given_up: Vec<_> = plan
        .release
        .iter()
        .map(|(key, _, waiting)| (key.id.as_str(), waiting.reason))
        .collect();
    assert_eq!(given_up, [("a", Reason::ClassSuspended)]);
    let status = scene.status(10);
    assert_eq!(status.reason.as_deref(), Some("ClassSuspended"));
    assert!(holds(&status.conditions, ConditionType::Suspended));
    assert!(holds(&status.conditions, ConditionType::Accepted));
    for kind in [ConditionType::Stalled, ConditionType::Finished] {
        assert!(!holds(&status.conditions, kind), "{kind}");
    }
}

#[rstest]
#[case(Reason::FlashClassNotFound)]
#[case(Reason::FlashClassInvalid)]
#[case(Reason::NamespaceNotAllowed)]
#[case(Reason::ImageNotAllowed)]
#[case(Reason::FirmwareNotAllowed)]
fn what_a_class_refuses_stalls_the_job_and_ends_nothing(#[case] reason: Reason) {
    let refusal = Refusal {
        reason,
        message: "ask an administrator".into(),
    };
    let scene = under_way(Terms {
        refusal: Some(refusal),
        ..Terms::default()
    });
    let plan = scene.plan(10);
    assert!(plan.begin.is_empty() && plan.actions.is_empty(), "{plan:?}");
    assert_eq!(plan.release.len(), 1);
    let status = scene.status(10);
    assert_eq!(status.reason.as_deref(), Some(reason.as_str()));
    assert!(holds(&status.conditions, ConditionType::Stalled));
    for kind in [
        ConditionType::Accepted,
        ConditionType::Finished,
        ConditionType::Suspended,
    ] {
        assert!(!holds(&status.conditions, kind), "{kind}");
    }
}

/// What the classes make of the scene's job.
fn resolved(scene: &Scene, rules: &serde_json::Value) -> Terms {
    let name =
        json!({"name": "c", "annotations": {crate::names::ANNOTATION_DEFAULT_CLASS: "true"}});
    let mut cache = Cache::default();
    cache.classes = classes(&[json!({"metadata": name, "spec": rules})]);
    cache.terms(&scene.job)
}

#[test]
fn a_device_that_the_class_does_not_allow_fails_before_anything_is_created_and_at_the_last_gate() {
    let rules = json!({"deviceFilter": {"matchExpressions": [
        {"property": "HOST_ENDPOINT", "operator": "NotIn", "values": ["192.0.2.1:80", "192.0.2.3:80"]}]}});
    let mut scene = under_way(Terms::default());
    scene.terms = resolved(&scene, &rules);
    let plan = scene.plan(10);
    let refused: Vec<_> = plan
        .refuse
        .iter()
        .map(|(index, found)| (*index, found.verdict.reason))
        .collect();
    assert_eq!(refused, [(2, Reason::DeviceNotAllowed)]);
    let given_up = plan
        .release
        .iter()
        .map(|(_, index, waiting)| (*index, waiting.reason));
    assert_eq!(
        given_up.collect::<Vec<_>>(),
        [(Some(0), Reason::DeviceNotAllowed)]
    );
    assert!(plan.views.iter().any(|view| view.uuid == uuid(1)), "{JOB}");
}

#[test]
fn ceilings_bound_what_begins_and_the_status_shows_them() {
    let mut wanted = spec(6);
    wanted["parallelism"] = json!(5);
    let mut scene = Scene::of(&wanted);
    scene.terms = resolved(
        &scene,
        &json!({"maxParallelism": 2, "minMismatchPolicy": "Fail"}),
    );
    assert_eq!(scene.plan(10).begin.len(), 2);
    let effective = scene.status(10).effective.unwrap();
    assert_eq!(
        (effective.parallelism, effective.mismatch_policy.as_str()),
        (2, "Fail")
    );
}

#[test]
fn a_round_that_stopped_for_its_failures_ends_under_a_suspended_class_too() {
    let mut wanted = spec(3);
    wanted["maxFailedDevices"] = json!(0);
    let mut scene = Scene::of(&wanted);
    scene.terms = suspended();
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    let status = scene.status(10);
    assert_eq!(status.reason.as_deref(), Some("MaxFailedDevicesExceeded"));
    assert!(holds(&status.conditions, ConditionType::Failed));
}
