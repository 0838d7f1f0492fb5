//! A FlashJob that is deleted while its devices are being flashed: they end, then nothing is left.

use std::process::Command;

use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy};
use rstest::rstest;
use serde_json::{Value, json};

use super::{PATIENCE, Stage, condition, healthy, says};
use testbed::{Outcome, Params};

/// Three devices one after the other, the first of which is being flashed.
async fn in_flight(name: &str) -> (Stage, Vec<String>) {
    in_flight_by("native", name).await
}

/// The same by this engine.
async fn in_flight_by(engine: &str, name: &str) -> (Stage, Vec<String>) {
    // Of a cascade in the foreground the stage's log does not outlive its Pod's mark: such a flash is taken for cut off.
    let arguments = ["--engine", engine, "--cool-down-seconds=0"];
    let stage = Stage::healthy(name, 3, 5.0, &arguments).await;
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids, json!({"parallelism": 1})).await;
    stage.flashing(&uuids[0]).await;
    (stage, uuids)
}

async fn gone(stage: &Stage, uid: &str) {
    let jobs = stage.jobs();
    stage
        .space
        .eventually("end of the FlashJob", PATIENCE, async || {
            let found = jobs.get_opt("job").await.ok()?;
            found
                .is_none_or(|job| job.metadata.uid.as_deref() != Some(uid))
                .then_some(())
        })
        .await;
}

async fn uid(stage: &Stage) -> String {
    stage.jobs().get("job").await.unwrap().metadata.uid.unwrap()
}

/// The flash in progress ended by itself, and no other began.
fn assert_drained(stage: &Stage) {
    let journal = stage.fleet.journal();
    assert_eq!(journal.len(), 1, "{journal:#?}");
    assert_eq!(journal[0].outcome, Some(Outcome::Sent), "{journal:#?}");
    assert_eq!(stage.births("pods"), 1);
}

#[rstest]
#[case::background("background", PropagationPolicy::Background)]
#[case::foreground("foreground", PropagationPolicy::Foreground)]
#[case::orphan("orphan", PropagationPolicy::Orphan)]
#[tokio::test]
async fn a_deleted_job_drains_and_leaves_nothing_behind(
    #[case] name: &str,
    #[case] policy: PropagationPolicy,
    #[values("native", "helm")] engine: &str,
) {
    let (stage, _) = in_flight_by(engine, &format!("{name}-{engine}")).await;
    let uid = uid(&stage).await;
    let parameters = DeleteParams {
        propagation_policy: Some(policy),
        ..DeleteParams::default()
    };
    stage.jobs().delete("job", &parameters).await.unwrap();
    let draining = stage
        .space
        .eventually("draining", PATIENCE, async || {
            let status = stage.status("job").await;
            Some(condition(&status, "Draining")).filter(|draining| draining["status"] == "True")
        })
        .await;
    assert_eq!(draining["reason"], "Deleting");
    gone(&stage, &uid).await;
    stage.nothing_left().await;
    assert_drained(&stage);
}

#[tokio::test]
async fn a_job_whose_finalizer_was_stripped_leaves_nothing_behind() {
    let (stage, _) = in_flight("stripped").await;
    let uid = uid(&stage).await;
    stage.delete("job").await;
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage
        .jobs()
        .patch("job", &PatchParams::default(), &bare)
        .await
        .unwrap();
    gone(&stage, &uid).await;
    stage.nothing_left().await;
    assert_drained(&stage);
}

#[tokio::test]
async fn a_finalizer_stripped_from_a_living_job_is_put_back() {
    let (stage, _) = in_flight("put-back").await;
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage
        .jobs()
        .patch("job", &PatchParams::default(), &bare)
        .await
        .unwrap();
    stage
        .space
        .eventually("finalizer", PATIENCE, async || {
            let job = stage.jobs().get("job").await.ok()?;
            job.metadata.finalizers.filter(|all| !all.is_empty())
        })
        .await;
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 3);
}

#[tokio::test]
async fn a_job_recreated_with_the_same_name_has_no_verdict_of_the_old_one() {
    let (stage, uuids) = in_flight("recreated").await;
    let old = uid(&stage).await;
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage.delete("job").await;
    stage
        .jobs()
        .patch("job", &PatchParams::default(), &bare)
        .await
        .unwrap();
    gone(&stage, &old).await;
    stage.flash("job", &uuids[..1], Value::Null).await;
    // The device is still the old job's, under the very same name.
    let busy = stage
        .stands("job", &uuids[0], "Pending", "DeviceBusy")
        .await;
    assert_eq!(busy["attempts"], 0, "{busy:#}");
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 1, "{status:#}");
    let journal = stage.fleet.journal();
    assert_eq!(
        journal.len(),
        2,
        "flashed again, for the new job: {journal:#?}"
    );
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
    stage.delete("job").await;
    stage.nothing_left().await;
}

#[tokio::test]
async fn a_deleted_job_says_until_when_a_cut_off_device_cools_down_and_its_command_frees_it() {
    let params = Params {
        transfer_failed_share: 1.0,
        ..healthy(1, 0.5)
    };
    let stage = Stage::new("cools", params, &["--cool-down-seconds=600"]).await;
    stage.flash("job", &stage.fleet.uuids(), Value::Null).await;
    assert_eq!(stage.finished("job").await["counts"]["failed"], 1);
    let uid = uid(&stage).await;
    stage.delete("job").await;
    let draining = stage
        .space
        .eventually("cool-down", PATIENCE, async || {
            let status = stage.status("job").await;
            Some(condition(&status, "Draining")).filter(|known| known["reason"] == "CoolingDown")
        })
        .await;
    says(&draining, &["1 device cooling down until 20"]);
    assert_eq!(draining["status"], "True");
    let message = draining["message"].as_str().unwrap();
    let (_, command) = message.rsplit_once(": kubectl flashjob ").unwrap();
    let freed = Command::new(testbed::plugin())
        .env("KUBECONFIG", stage.space.control_plane.kubeconfig("admin"))
        .args(command.split(' '))
        .output()
        .unwrap();
    assert!(freed.status.success(), "{command}: {freed:?}");
    gone(&stage, &uid).await;
    stage.nothing_left().await;
}

#[tokio::test]
async fn what_a_person_labelled_as_the_jobs_is_named_while_it_keeps_the_job() {
    let (stage, uuids) = in_flight("copied").await;
    let uid = uid(&stage).await;
    // A copy of the release record, kept aside with all its labels.
    let secrets = stage.api("v1", "Secret");
    let record = format!("sh.helm.release.v1.flash-{}.v1", uuids[0]);
    let mut copy = secrets.get(&record).await.unwrap();
    copy.metadata = ObjectMeta {
        name: Some("kept-aside".into()),
        labels: copy.metadata.labels,
        ..ObjectMeta::default()
    };
    secrets.create(&PostParams::default(), &copy).await.unwrap();
    stage.delete("job").await;
    let draining = stage
        .space
        .eventually("name of the copy", PATIENCE, async || {
            let status = stage.status("job").await;
            Some(condition(&status, "Draining")).filter(|known| {
                known["message"]
                    .as_str()
                    .is_some_and(|message| message.contains("Secret kept-aside"))
            })
        })
        .await;
    assert_eq!(
        (&draining["status"], &draining["reason"]),
        (&json!("True"), &json!("Deleting"))
    );
    says(&draining, &["flashjob.nbfc.io/job-uid"]);
    secrets
        .delete("kept-aside", &DeleteParams::default())
        .await
        .unwrap();
    gone(&stage, &uid).await;
    stage.nothing_left().await;
    assert_drained(&stage);
}
