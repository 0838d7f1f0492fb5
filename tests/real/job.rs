//! The whole: an operator, a FlashJob, and devices that receive real bytes.

use rstest::rstest;
use serde_json::json;

use testbed::{
    Operator,
    job::Seen,
    real::{
        fault::{FAULTS, fifty, ten_at_a_time},
        meter::Meter,
        site::{JOB, Site},
    },
    seconds,
};

/// Arguments of an operator.
const ARGUMENTS: [&str; 2] = ["--flash-pod-values-configmap", "flash-values"];

/// A site with an operator beside the control plane.
async fn operated(name: &str, engine: &str, faults: &[&str]) -> (Site, Operator) {
    let site = Site::new(name, faults).await;
    let values = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flash-values"},
        "data": {"values.yaml": Site::values().to_string()},
    });
    site.space.apply(&values.to_string());
    let operator = site
        .space
        .operator(&[&ARGUMENTS[..], &["--engine", engine]].concat());
    (site, operator)
}

/// Ends a program without asking, and starts it again.
async fn restart(site: &Site, operator: &mut Operator, program: &str) {
    if program == "operator" {
        site.space.replace(operator, &ARGUMENTS);
        return;
    }
    let killed = site.world.plane.kill(program);
    site.world.plane.revive(&killed);
    site.space
        .eventually("answer of the API server", seconds(60), async || {
            site.space.try_kubectl(&["get", "--raw", "/readyz"]).ok()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flashjob_flashes_a_device_for_real_and_reads_the_new_version_back() {
    let (site, _operator) = operated("whole", "native", &["none"]).await;
    let more = json!({"verification": {"mode": "Version", "timeoutSeconds": 60}});
    let (done, uuids) = site.flash(more).await;
    site.assert_flashed_once(&done, &uuids);
    assert_ne!(site.uuids().await, uuids, "it has rebooted");
    site.space
        .eventually("nothing of the flash", seconds(60), async || {
            site.space.is_at_rest().then_some(())
        })
        .await;
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_device_gets_its_verdict_and_no_device_is_touched_twice(
    #[case] engine: &str,
) {
    let (site, _operator) = operated("faults", engine, &FAULTS.map(|fault| fault.name)).await;
    let more = json!({
        "parallelism": FAULTS.len(), "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 30},
    });
    let (done, uuids) = site.flash(more).await;
    site.assert_judged(&FAULTS, &done, &uuids);
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and prints figures: make bench-real"]
async fn fifty_devices_of_which_every_fifth_has_a_fault_get_their_verdicts(#[case] engine: &str) {
    let faults = fifty();
    let names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
    let (site, operator) = operated("fifty", engine, &names).await;
    let pid = |program| site.world.plane.pid(program);
    let meter = Meter::start(&[
        ("the operator and its helm programs", operator.pid()),
        ("kubelet", pid("kubelet")),
        ("containerd", pid("containerd")),
        ("kube-apiserver", pid("kube-apiserver")),
    ]);
    let (done, uuids) = site.flash(ten_at_a_time()).await;
    println!("\n| engine {engine} | |\n|---|---|");
    for (what, much) in meter.rows() {
        println!("| {what} | {much} |");
    }
    site.assert_judged(&faults, &done, &uuids);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_survives_the_end_of_every_program_around_it(
    // Kubelet and containerd end in tests/shipped, where the operator is a Pod on that node.
    #[values("operator", "kube-proxy", "kube-apiserver")] program: &str,
) {
    let (site, mut operator) = operated("restart", "native", &["slow:150000"]).await;
    let more = json!({"verification": {"mode": "Version", "timeoutSeconds": 60}});
    let uuids = site.apply(&more).await;
    site.receiving(1).await;
    assert_eq!(site.boards[0].proof().unwrap()["boots"], 0);
    restart(&site, &mut operator, program).await;
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_image_never_comes_is_given_up_without_an_attempt_and_its_device_is_not_touched()
 {
    let (site, mut operator) = operated("never", "native", &["none"]).await;
    let deadline = ["--start-deadline-seconds=15", "--retry-base-seconds=600"];
    let arguments = [&ARGUMENTS[..], &deadline].concat();
    site.space.replace(&mut operator, &arguments);
    let image = "192.0.2.1:5000/never:1";
    let uuids = site.apply(&json!({"flashjobPodImage": image})).await;
    let words = |job: &Seen| job.device(&uuids[0])["message"].to_string();
    let is_given_up = |job: &Seen| {
        let device = job.device(&uuids[0]);
        (&device["phase"], &device["reason"]) == (&json!("Waiting"), &json!("BackOff"))
            && words(job).contains("did not start within 15 s")
    };
    let job = site.space.becomes(JOB, "given up", 120, is_given_up).await;
    assert!(words(&job).contains(image), "{}", words(&job));
    site.space
        .eventually("nothing of the Pod", seconds(60), async || {
            site.space.is_at_rest().then_some(())
        })
        .await;
    site.assert_untouched();
    // It costs the device nothing: once there is an image, it is flashed at its first attempt.
    let right = json!({"spec": {"flashjobPodImage": site.world.image}});
    let patch = ["patch", "flashjob", JOB, "--type=merge", "--patch"];
    site.space
        .kubectl(&[&patch[..], &[&right.to_string()]].concat());
    let done = site.finished(120).await;
    let device = done.device(&uuids[0]);
    assert_eq!(device["attempts"], 1, "{device:#}");
    assert_eq!(
        site.boards[0].proof().unwrap()["memory"],
        json!(site.world.hash)
    );
}
