//! Jobs whose devices wait for a place under a limit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::api::DeviceStatus;

#[test]
fn a_job_whose_devices_wait_for_a_limit_hears_of_a_place_that_is_given_up() {
    let mut lab = Lab::new();
    let first = lab.job(&by_gateway(1), 10, &[A]);
    let second = lab.job(&by_gateway(1), 10, &[A]);
    assert!(!lab.plan(first).contended);
    lab.pass(first);
    let plan = lab.plan(second);
    assert!(plan.begin.is_empty() && plan.contended, "{plan:?}");
    assert!(!lab.cache.memory(&"job-1".into()).content);
}

/// As many devices of it wait for their next attempt as its status has room for.
#[test]
fn a_job_that_may_begin_no_device_does_not_wait_for_a_limit() {
    for (tracked, waits) in [(249, true), (250, false)] {
        let mut lab = Lab::new();
        let other = lab.job(&by_gateway(1), 10, &[A]);
        lab.pass(other);
        let job = lab.job(&by_gateway(1), 10, &[A; 252]);
        let scene = &mut lab.scenes[job];
        scene.edit(|spec| spec.backoff_limit_per_device = Some(1));
        scene.stored(|status| {
            status.devices = (0..tracked)
                .map(|index| DeviceStatus {
                    index,
                    uuid: uuid(usize::try_from(index).unwrap() + 1).to_string(),
                    phase: "Waiting".into(),
                    earlier_failures: vec!["ContactFailed".into()],
                    next_time: Some(Time(at(if index == 0 { 1 } else { 1_000 }))),
                    ..DeviceStatus::default()
                })
                .collect();
        });
        let plan = lab.plan(job);
        assert!(plan.begin.is_empty() && plan.contended, "{tracked}");
        assert_eq!(plan.pace.crowd.is_some(), waits, "{tracked}");
    }
}
