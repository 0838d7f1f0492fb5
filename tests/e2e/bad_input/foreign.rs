//! Releases of ours that a person changes with helm: reported, and never taken for the operator's own work.

use rstest::rstest;
use serde_json::{Value, json};

use super::{PATIENCE, Stage, device_of, hands::in_flight, healthy, says};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flash-pod");

/// `helm upgrade` of the device's release, with one value changed.
fn upgrade(stage: &Stage, uuid: &str, value: &str) {
    let release = format!("flash-{uuid}");
    let flags = ["--force-conflicts", "--reuse-values", "--set", value];
    stage
        .space
        .helm(&[&["upgrade", release.as_str(), CHART][..], &flags].concat());
}

async fn reported(stage: &Stage, uuid: &str) {
    let device = stage
        .stands("job", uuid, "Flashing", "ForeignRevision")
        .await;
    says(
        &device,
        &[
            "helm upgrade or rollback by hand",
            &format!("flash-{uuid}.v2"),
        ],
    );
    let query = ["get", "events", "-o=jsonpath={.items[*].reason}"];
    stage
        .space
        .eventually("event", PATIENCE, async || {
            let reasons = stage.space.kubectl(&query);
            reasons.contains("ForeignRevision").then_some(())
        })
        .await;
}

#[rstest]
#[case::upgrade(false)]
#[case::rollback(true)]
#[tokio::test]
async fn a_release_changed_by_hand_in_mid_flight_is_reported_and_our_pod_gives_the_verdict(
    #[case] back: bool,
) {
    let name = if back { "rollback" } else { "upgrade-said" };
    let (stage, uuid, pod) = in_flight(name, 15.0).await;
    if back {
        let release = format!("flash-{uuid}");
        stage
            .space
            .helm(&["rollback", &release, "1", "--force-conflicts"]);
    } else {
        upgrade(&stage, &uuid, "podAnnotations.by=hand");
    }
    reported(&stage, &uuid).await;
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(
        (&device["phase"], &device["reason"], &device["pod"]),
        (&json!("Succeeded"), &json!("FirmwareSent"), &json!(pod)),
        "{device:#}"
    );
    assert_eq!(stage.flashes(&uuid), 1);
    stage.space.delete_job("job", 120).await;
}

#[tokio::test]
async fn a_pod_of_another_attempt_never_gives_the_verdict_though_it_ends_first() {
    let (stage, uuid, own) = in_flight("ends-first", 90.0).await;
    upgrade(&stage, &uuid, "operator.attempt=byhand0000");
    let foreign = stage
        .space
        .eventually("the person's Pod", PATIENCE, async || {
            let pods = stage.space.kubectl(&["get", "pods", "-o", "name"]);
            let found = pods.lines().find(|pod| pod.contains("byhand0000"))?;
            Some(found.trim_start_matches("pod/").to_owned())
        })
        .await;
    // It ends at once, well, and says so.
    stage
        .space
        .eventually("start of the person's Pod", PATIENCE, async || {
            let journal = stage.fleet.journal();
            journal
                .iter()
                .any(|flash| flash.pod == foreign)
                .then_some(())
        })
        .await;
    let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "flash-container", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    }]}});
    let patch = ended.to_string();
    stage.space.kubectl(&[
        "patch",
        "pod",
        &foreign,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ]);
    // The operator leaves it alone. Once it is deleted, its finalizer does not keep it.
    stage
        .space
        .kubectl(&["delete", "pod", &foreign, "--timeout=60s"]);
    let goes_on = |device: &Value| device["phase"] == "Flashing" && device["pod"] == own.as_str();
    stage.device("job", &uuid, "our own flash", goes_on).await;
    let status = stage.finished("job").await;
    let device = device_of(&status, &uuid).unwrap();
    assert_eq!(
        (&device["reason"], &device["pod"]),
        (&json!("FirmwareSent"), &json!(own)),
        "{device:#}"
    );
    stage.space.delete_job("job", 120).await;
}

#[tokio::test]
async fn a_pod_that_a_rollback_brings_back_after_the_verdict_keeps_its_device_until_it_is_gone() {
    let params = testbed::Params {
        refused_share: 1.0,
        healed_after: Some(1),
        ..healthy(1, 8.0)
    };
    let stage = Stage::new("brought-back", params, &["--cool-down-seconds=0"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let before = stage.finished("job").await;
    assert_eq!(before["counts"]["failed"], 1, "{before:#}");
    let release = format!("flash-{uuid}");
    stage
        .space
        .eventually("the failed release", PATIENCE, async || {
            let failed = stage.space.helm(&["list", "--failed", "--short"]);
            let pods = stage.space.kubectl(&["get", "pods", "-o", "name"]);
            (failed.trim() == release && pods.is_empty()).then_some(())
        })
        .await;
    stage
        .space
        .helm(&["rollback", &release, "1", "--force-conflicts"]);
    stage.flashing(&uuid).await;
    // As long as that Pod lives, the device is nobody else's.
    stage
        .flash("other", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let kept = stage.stands("other", &uuid, "Pending", "SealUnknown").await;
    says(&kept, &["Pod flash-", "bears no seal of this operator"]);
    stage.space.helm(&["uninstall", &release]);
    let other = stage.finished("other").await;
    assert_eq!(other["counts"]["succeeded"], 1, "{other:#}");
    let after = stage.status("job").await;
    assert_eq!(after["counts"], before["counts"], "the verdict stands");
    assert_eq!(after["failedIndexes"], "0");
    let journal = stage.fleet.journal();
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
    for job in ["other", "job"] {
        stage
            .space
            .kubectl(&["delete", "flashjob", job, "--wait=false"]);
    }
    stage.nothing_left().await;
}
