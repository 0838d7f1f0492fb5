//! Devices that share the Services of a pool, one after the other: `service.mode: Pool`.

use std::{collections::BTreeSet, sync::OnceLock};

use rstest::rstest;
use serde_json::{Value, json};

use crate::host_port::{assert_cools_down, items};
use testbed::{ControlPlane, Space, healthy, job::job, seconds};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: u64 = 150;

pub fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let plane = ControlPlane::start("pool");
        plane.install_operator(&[]);
        plane
    })
}

/// A class whose devices share that many Services; classes belong to no namespace.
pub fn class(space: &Space, size: usize) -> String {
    let name = format!("{}-class", space.name);
    let values = json!({"service": {"mode": "Pool", "pool": {"size": size}}});
    space.put_class(&name, &json!({"defaults": {"values": values}}));
    name
}

fn services(space: &Space) -> Vec<Value> {
    items(space, "services")
}

/// Waits until the status of a job says all of this.
async fn says(space: &Space, name: &str, words: [&str; 2]) {
    space
        .eventually(words[1], seconds(PATIENCE), async || {
            let status = space.job(name).0["status"].to_string();
            words
                .iter()
                .all(|words| status.contains(words))
                .then_some(())
        })
        .await;
}

fn names(services: &[Value]) -> Vec<&str> {
    services
        .iter()
        .map(|service| service["metadata"]["name"].as_str().unwrap())
        .collect()
}

fn uids(services: &[Value]) -> BTreeSet<String> {
    let uid = |service: &Value| service["metadata"]["uid"].as_str().unwrap().to_owned();
    services.iter().map(uid).collect()
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_lease_the_services_of_a_pool_in_turn_and_leave_them(#[case] engine: &str) {
    let space = Space::on(plane(), engine).await;
    let fleet = space.fleet(healthy(6, 1.0)).await;
    let _operator = space.operator(&["--engine", engine]);
    let spec = json!({"flashClassName": class(&space, 2), "parallelism": 6});
    let (first, second) = (fleet.uuids()[..4].to_vec(), fleet.uuids()[4..].to_vec());
    space.apply(&job("first", &first, &spec).to_string());
    completed(&space, "first").await;
    assert_eq!(space.control_plane.audit().peak("pods", &space.name), 2);
    let stay = services(&space);
    assert_eq!(names(&stay), ["flash-pool-0", "flash-pool-1"]);
    for service in &stay {
        let spec = &service["spec"];
        assert_eq!(
            service["metadata"]["finalizers"],
            Value::Null,
            "{service:#}"
        );
        assert_eq!(
            service["metadata"]["ownerReferences"],
            Value::Null,
            "{service:#}"
        );
        assert_eq!(
            spec["loadBalancerSourceRanges"].as_array().unwrap().len(),
            1
        );
        assert!(
            spec["selector"]["flashjob.nbfc.io/attempt"].is_string(),
            "{service:#}"
        );
    }
    // They keep no job that is deleted, and the next job finds them as they are.
    space.kubectl(&["delete", "flashjobs", "first", "--timeout=60s"]);
    space.apply(&job("second", &second, &spec).to_string());
    completed(&space, "second").await;
    space.assert_flashed(&fleet, 1);
    assert_eq!(uids(&services(&space)), uids(&stay));
}

async fn completed(space: &Space, name: &str) {
    let done = space.finished(name, PATIENCE).await;
    assert_eq!(done.0["status"]["phase"], "Completed", "{:#}", done.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_jobs_of_a_namespace_share_one_pool() {
    let space = Space::on(plane(), "shared").await;
    let fleet = space.fleet(healthy(6, 1.0)).await;
    let _operator = space.operator(&[]);
    let spec = json!({"flashClassName": class(&space, 1), "parallelism": 3});
    let (one, other) = (fleet.uuids()[..3].to_vec(), fleet.uuids()[3..].to_vec());
    space.apply(&job("one", &one, &spec).to_string());
    space.apply(&job("other", &other, &spec).to_string());
    for name in ["one", "other"] {
        completed(&space, name).await;
    }
    space.assert_flashed(&fleet, 1);
    assert_eq!(space.control_plane.audit().peak("pods", &space.name), 1);
    assert_eq!(names(&services(&space)), ["flash-pool-0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_stays_with_a_device_that_may_still_dial_it() {
    let space = Space::on(plane(), "cool").await;
    let class = class(&space, 1);
    assert_cools_down(&space, &class, "Service").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_somebody_deletes_in_mid_flash_stays_until_the_flash_has_ended() {
    let space = Space::on(plane(), "hands").await;
    let fleet = space.fleet(healthy(2, 8.0)).await;
    let mut operator = space.operator(&[]);
    let spec = json!({"flashClassName": class(&space, 1), "parallelism": 1});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    space
        .eventually("a running Pod", seconds(PATIENCE), async || {
            let pods = space.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"]);
            pods.contains("Running").then_some(())
        })
        .await;
    let before = uids(&services(&space));
    space.kubectl(&["delete", "services", "--all", "--wait=false"]);
    operator.kill();
    let _operator = space.operator(&[]);
    let done = space.finished("job", PATIENCE).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    let after = uids(&services(&space));
    assert_eq!(after.len(), 1);
    assert!(before.is_disjoint(&after), "{before:?} {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_somebody_else_is_never_leased_and_is_named() {
    let space = Space::on(plane(), "foreign").await;
    let fleet = space.fleet(healthy(3, 1.0)).await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "flash-pool-0", "namespace": space.name},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    space.apply(&foreign.to_string());
    let _operator = space.operator(&["--address-timeout-seconds", "20"]);
    let spec = json!({"flashClassName": class(&space, 2), "parallelism": 2});
    space.apply(&job("job", &fleet.uuids()[..2], &spec).to_string());
    completed(&space, "job").await;
    let all = services(&space);
    assert_eq!(names(&all), ["flash-pool-0", "flash-pool-1"]);
    assert_eq!(all[0]["spec"]["selector"], json!({"app": "web"}));
    assert_eq!(all[0]["spec"]["type"], "ClusterIP");

    let alone = json!({"flashClassName": class(&space, 1)});
    let third = &fleet.uuids()[2..];
    space.apply(&job("alone", third, &alone).to_string());
    let words = ["AddressInUse", "is not the operator's: delete it"];
    says(&space, "alone", words).await;
    space.kubectl(&["delete", "service", "flash-pool-0"]);
    completed(&space, "alone").await;
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_would_admit_everybody_is_refused_before_anything_starts() {
    let space = Space::on(plane(), "open").await;
    let fleet = space.fleet(healthy(1, 1.0)).await;
    let _operator = space.operator(&["--allowed-value-paths", "/service"]);
    let values = json!({"values": {"service": {"mode": "Pool", "restrictToDevice": false}}});
    space.apply(&job("job", &fleet.uuids(), &values).to_string());
    let words = ["ValuesInvalid", "service.restrictToDevice has to be true"];
    says(&space, "job", words).await;
    assert_eq!(fleet.journal().len(), 0);
    assert_eq!(services(&space).len(), 0);
}
