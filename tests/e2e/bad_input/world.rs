//! A world that is short of something, or other than it was a moment ago: jobs go on slower, and nothing is lost.

use std::{collections::BTreeSet, sync::OnceLock};

use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{PATIENCE, Stage, condition, device_of, healthy};
use testbed::{ControlPlane, Faults, Fleet, Params, Proxy, Space, job::job, proxy::Fault, seconds};

/// Each device was flashed once, and to its end.
fn assert_each_once(fleet: &Fleet) {
    let journal = fleet.journal();
    let flashed: BTreeSet<_> = journal.iter().map(|flash| &flash.endpoint).collect();
    let all: BTreeSet<_> = fleet
        .devices()
        .into_iter()
        .map(|one| one.endpoint)
        .collect();
    assert_eq!(flashed, all.iter().collect(), "{journal:#?}");
    assert_eq!(journal.len(), all.len(), "{journal:#?}");
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
}

#[tokio::test]
async fn fewer_addresses_than_slots_slow_a_job_down_and_fail_no_device() {
    let params = Params {
        addresses: 9,
        ..healthy(24, 1.0)
    };
    let stage = Stage::new("pool", params, &["--cool-down-seconds=0"]).await;
    let spec = json!({"parallelism": 20});
    stage.flash("job", &stage.fleet.uuids(), spec).await;
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 24, "{status:#}");
    assert_each_once(&stage.fleet);
    let audit = stage.space.control_plane.audit();
    let [pods, services] = ["pods", "services"].map(|kind| audit.peak(kind, &stage.space.name));
    assert!(pods <= 9, "{pods} Pods at once with 9 addresses");
    assert!((10..=20).contains(&services), "{services} Services at once");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_for_a_while_keeps_the_pod_until_it_can() {
    let space = Space::new("bad-log").await;
    let fleet = space.fleet(healthy(2, 1.0)).await;
    let plane = space.control_plane;
    let faults = Faults::always(Fault::InternalError, "/log");
    let proxy = Proxy::start(plane, plane.operator_kubeconfig(), 1, faults).await;
    let _operator = space.operator_as(proxy.kubeconfig(), "operator", &[]);
    let spec = json!({"verification": {"mode": "None"}});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    space
        .eventually("logs asked for in vain", PATIENCE, async || {
            let asked: usize = proxy.happened().values().sum();
            (asked >= 12 && fleet.journal().len() == 2).then_some(())
        })
        .await;
    let seen = space.job("job");
    assert_eq!(seen.count("inFlight"), 2, "{:#}", seen.0["status"]);
    let pods = space.kubectl(&["get", "pods", "-o", "name"]);
    assert_eq!(pods.lines().count(), 2, "{pods}");
    proxy.set(Faults::default());
    let done = space.finished("job", 120).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
}

/// Replaces every Instance by another one of the same device.
async fn rotate(stage: &Stage) {
    let instances = stage.api("akri.sh/v0", "Instance");
    let listed = instances.list(&ListParams::default()).await.unwrap();
    for known in &listed.items {
        let name = known.metadata.name.as_deref().unwrap();
        let delete = DeleteParams::default();
        instances.delete(name, &delete).await.unwrap();
    }
    for known in listed.items {
        let name = format!("rotated-{}", known.metadata.name.unwrap());
        let properties = known.data["spec"]["brokerProperties"].clone();
        stage.instance(&name, properties).await;
    }
}

#[tokio::test]
async fn every_uid_that_rotates_at_once_in_mid_flight_changes_no_device_and_no_verdict() {
    let stage = Stage::healthy("rotation", 6, 4.0, &[]).await;
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids, json!({"parallelism": 2})).await;
    stage.flashing(&uuids[0]).await;
    rotate(&stage).await;
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 6, "{status:#}");
    assert_eq!(status["completedIndexes"], "0-5");
    assert_each_once(&stage.fleet);
}

/// What the Pod of a device says that it is, while it is being flashed.
async fn flashed_as(stage: &Stage, uuid: &str) -> Value {
    let pod = stage.flashing(uuid).await;
    let pod = stage.api("v1", "Pod").get(&pod).await.unwrap();
    let env = pod.data["spec"]["containers"][0]["env"].as_array().unwrap();
    let device = env.iter().find(|variable| variable["name"] == "DEVICE");
    device.unwrap()["value"].clone()
}

#[tokio::test]
async fn devices_that_swap_addresses_before_their_turn_are_flashed_as_what_answers_there_then() {
    let stage = Stage::healthy("swap", 3, 5.0, &[]).await;
    let uuids = stage.fleet.uuids();
    let instances = stage.api("akri.sh/v0", "Instance");
    let becomes = async |uuid: &String, kind: &str| {
        let listed = instances.list(&ListParams::default()).await.unwrap();
        let mut of = listed.items.iter();
        let known = of.find(|one| one.metadata.uid.as_ref() == Some(uuid));
        let name = known.unwrap().metadata.name.as_deref().unwrap();
        let other = Patch::Merge(json!({"spec": {"brokerProperties": {"DEVICE": kind}}}));
        let parameters = PatchParams::default();
        instances.patch(name, &parameters, &other).await.unwrap();
    };
    becomes(&uuids[1], "esp32").await;
    stage.flash("job", &uuids, json!({"parallelism": 1})).await;
    stage.flashing(&uuids[0]).await;
    // An Instance is of an address: the other device shows under the same uid.
    becomes(&uuids[1], "esp32s3").await;
    becomes(&uuids[2], "esp32").await;
    assert_eq!(flashed_as(&stage, &uuids[1]).await, "esp32s3");
    assert_eq!(flashed_as(&stage, &uuids[2]).await, "esp32");
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 3, "{status:#}");
    assert_each_once(&stage.fleet);
}

/// The kinds that the chart brings.
const KINDS: [&str; 2] = [
    "flashjobs.application.flashjob.nbfc.io",
    "flashclasses.application.flashjob.nbfc.io",
];

#[tokio::test]
#[ignore = "takes minutes: make chaos-api"]
async fn kinds_that_are_deleted_and_installed_again_let_a_flash_end_and_the_operator_go_on() {
    // Of its own: a kind stays as long as any FlashJob of another test keeps its finalizer.
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    let plane = PLANE.get_or_init(|| ControlPlane::start("kinds"));
    let stage = Stage::on(plane, "kinds", healthy(3, 8.0), &[]).await;
    let uuids = stage.fleet.uuids();
    let kept = |kind: &str, name: &str| -> Value {
        let text = plane.kubectl(&["get", kind, name, "-o", "json"]);
        let mut object: Value = serde_json::from_str(&text).unwrap();
        let meta = object["metadata"].as_object_mut().unwrap();
        meta.retain(|key, _| matches!(key.as_str(), "name" | "annotations" | "labels"));
        object.as_object_mut().unwrap().remove("status");
        object
    };
    let definitions = KINDS.map(|name| kept("crd", name));
    let class = kept("flashclass", "default");
    let first = std::slice::from_ref(&uuids[0]);
    stage.flash("job", first, Value::Null).await;
    stage.flashing(&uuids[0]).await;
    for name in KINDS {
        plane.kubectl(&["delete", "crd", name, "--wait=false"]);
    }
    stage
        .space
        .eventually("end of the kinds", PATIENCE, async || {
            let found = plane.kubectl(&["get", "crd", KINDS[0], KINDS[1], "--ignore-not-found"]);
            found.is_empty().then_some(())
        })
        .await;
    assert_eq!(stage.flashes(&uuids[0]), 1);
    let journal = stage.fleet.journal();
    assert!(journal[0].outcome.is_some(), "it ended: {journal:#?}");
    stage.nothing_left().await;
    for definition in &definitions {
        plane.feed(&["create"], &definition.to_string()).unwrap();
    }
    for name in KINDS {
        let name = format!("crd/{name}");
        plane.kubectl(&[
            "wait",
            "--for=condition=Established",
            &name,
            "--timeout=60s",
        ]);
    }
    plane.feed(&["create"], &class.to_string()).unwrap();
    stage.flash("again", &uuids[1..], Value::Null).await;
    let status = stage.finished("again").await;
    assert_eq!(
        condition(&status, "Complete")["status"],
        "True",
        "{status:#}"
    );
    assert_each_once(&stage.fleet);
}

#[tokio::test]
#[ignore = "takes minutes: make chaos-api"]
async fn a_node_that_is_gone_with_its_pod_is_no_success_and_nothing_is_flashed_again() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let arguments = ["--cool-down-seconds=0"];
    let stage = Stage::on(plane, "node-gone", healthy(2, 600.0), &arguments).await;
    let uuids = stage.fleet.uuids();
    let spec = json!({"parallelism": 2, "activeDeadlineSecondsPerDevice": 30});
    stage.flash("job", &uuids, spec).await;
    for uuid in &uuids {
        stage.flashing(uuid).await;
    }
    let node = plane.kubectl(&["get", "node", "flash-node", "-o", "json"]);
    let mut node: Value = serde_json::from_str(&node).unwrap();
    plane.kubectl(&["delete", "node", "flash-node"]);
    let status = stage
        .space
        .eventually("end of the job", seconds(400), async || {
            let status = stage.status("job").await;
            (condition(&status, "Finished")["status"] == "True").then_some(status)
        })
        .await;
    let meta = node["metadata"].as_object_mut().unwrap();
    meta.retain(|key, _| matches!(key.as_str(), "name" | "annotations" | "labels"));
    plane.feed(&["create"], &node.to_string()).unwrap();
    assert_eq!(status["counts"]["failed"], 2, "{status:#}");
    for uuid in &uuids {
        println!("{}", device_of(&status, uuid).unwrap()["reason"]);
        assert_eq!(stage.flashes(uuid), 1);
    }
    stage.delete("job").await;
    stage.nothing_left().await;
}
