//! What people do by hand while a device is being flashed: never started twice, never done without evidence.

use flashjob_operator::names::LABEL_JOB_UID;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{PATIENCE, Stage, device_of, says};

/// A device whose flash takes that long, while it is being flashed: its UUID and its Pod.
pub(super) async fn in_flight(name: &str, flash_seconds: f64) -> (Stage, String, String) {
    in_flight_by("native", name, flash_seconds).await
}

/// The same by this engine.
pub(super) async fn in_flight_by(
    engine: &str,
    name: &str,
    flash_seconds: f64,
) -> (Stage, String, String) {
    let arguments = ["--cool-down-seconds=0", "--engine", engine];
    let stage = Stage::healthy(name, 1, flash_seconds, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let pod = stage.flashing(&uuid).await;
    // The record says so too from now on.
    stage.stands("job", &uuid, "Flashing", "Flashing").await;
    (stage, uuid, pod)
}

async fn interrupted_once(stage: &Stage, uuid: &str) {
    let status = stage.finished("job").await;
    let device = device_of(&status, uuid).unwrap();
    assert_eq!(
        (&device["phase"], &device["reason"]),
        (&json!("Failed"), &json!("Interrupted")),
        "{device:#}"
    );
    says(&device, &["check"]);
    assert_eq!(stage.flashes(uuid), 1, "never silently restarted");
}

pub(super) async fn sent_once(stage: &Stage, uuid: &str) {
    let status = stage.finished("job").await;
    let device = device_of(&status, uuid).unwrap();
    assert_eq!(
        (&device["phase"], &device["reason"]),
        (&json!("Succeeded"), &json!("FirmwareSent")),
        "{device:#}"
    );
    assert_eq!(stage.flashes(uuid), 1);
    stage.delete("job").await;
    stage.nothing_left().await;
}

#[tokio::test]
async fn a_pod_deleted_before_its_flash_ends_is_interrupted_and_never_restarted() {
    let (stage, uuid, pod) = in_flight("pod-killed", 60.0).await;
    let pods = stage.api("v1", "Pod");
    pods.delete(&pod, &DeleteParams::default().grace_period(1))
        .await
        .unwrap();
    interrupted_once(&stage, &uuid).await;
    // The verdict is stored first.
    stage
        .space
        .eventually("a release that stays as failed", PATIENCE, async || {
            let listed = stage.space.helm(&["list", "--failed", "--short"]);
            (listed.trim() == format!("flash-{uuid}")).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_deleted_pod_whose_flash_still_ends_gives_its_verdict() {
    let (stage, uuid, pod) = in_flight("pod-ends", 5.0).await;
    let pods = stage.api("v1", "Pod");
    pods.delete(&pod, &DeleteParams::default()).await.unwrap();
    sent_once(&stage, &uuid).await;
}

#[tokio::test]
async fn a_pod_that_vanishes_with_its_finalizer_is_interrupted_not_done() {
    let (stage, uuid, pod) = in_flight("pod-vanishes", 60.0).await;
    let pods = stage.api("v1", "Pod");
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch(&pod, &PatchParams::default(), &bare)
        .await
        .unwrap();
    pods.delete(&pod, &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    interrupted_once(&stage, &uuid).await;
}

#[tokio::test]
async fn without_its_record_a_flash_still_gives_its_verdict() {
    let (stage, uuid, _) = in_flight("no-record", 5.0).await;
    let api = stage.api("v1", "Secret");
    let of_jobs = ListParams::default().labels(LABEL_JOB_UID);
    let all = api.list(&of_jobs).await.unwrap();
    assert!(!all.items.is_empty());
    let before = stage.births("secrets");
    for object in all.items {
        api.delete(&object.metadata.name.unwrap(), &DeleteParams::default())
            .await
            .unwrap();
    }
    sent_once(&stage, &uuid).await;
    assert_eq!(
        stage.births("secrets"),
        before,
        "what a person deleted is not made again"
    );
}

#[tokio::test]
async fn helm_uninstall_by_hand_of_a_flash_that_does_not_end_in_time_is_interrupted() {
    let (stage, uuid, pod) = in_flight("uninstall-kill", 60.0).await;
    stage.space.helm(&["uninstall", &format!("flash-{uuid}")]);
    let pods = stage.api("v1", "Pod");
    pods.delete(&pod, &DeleteParams::default().grace_period(1))
        .await
        .unwrap();
    interrupted_once(&stage, &uuid).await;
}

#[tokio::test]
async fn helm_upgrade_by_hand_leaves_the_verdict_to_our_pod() {
    let (stage, uuid, pod) = in_flight("upgrade", 8.0).await;
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flash-pod");
    let release = format!("flash-{uuid}");
    stage.space.helm(&[
        "upgrade",
        &release,
        chart,
        "--force-conflicts",
        "--reuse-values",
        "--set",
        "podAnnotations.by=hand",
    ]);
    let upgraded = stage.api("v1", "Pod").get(&pod).await.unwrap();
    assert_eq!(
        upgraded.metadata.deletion_timestamp, None,
        "the values hold the address: the Pod stays"
    );
    assert_eq!(upgraded.metadata.annotations.unwrap()["by"], "hand");
    sent_once(&stage, &uuid).await;
}

#[tokio::test]
async fn a_pod_that_a_person_brought_in_by_helm_is_followed_and_our_own_gives_the_verdict() {
    let (stage, uuid, pod) = in_flight("foreign", 8.0).await;
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flash-pod");
    let release = format!("flash-{uuid}");
    // A new attempt id is a new Pod; helm deletes ours, whose flash goes on to its end.
    let attempt = "operator.attempt=byhand0000";
    stage.space.helm(&[
        "upgrade",
        &release,
        chart,
        "--force-conflicts",
        "--reuse-values",
        "--set",
        attempt,
    ]);
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(
        (&device["phase"], &device["reason"]),
        (&json!("Succeeded"), &json!("FirmwareSent")),
        "{device:#}"
    );
    assert_eq!(status["counts"]["succeeded"], 1);
    let own = stage
        .space
        .control_plane
        .audit()
        .pod_births(&stage.space.name);
    assert_eq!(
        (own[&pod], own.len()),
        (1, 2),
        "the operator's, and the person's: {own:?}"
    );
    stage.delete("job").await;
    stage.nothing_left().await;
}
