//! The whole: an operator, a FlashJob, and devices that receive real bytes.

use rstest::rstest;
use serde_json::json;

use testbed::{Operator, job::Seen, real::site::Site, seconds};

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
    site.space
        .eventually("nothing of the flash", seconds(60), async || {
            site.space.is_at_rest().then_some(())
        })
        .await;
}

/// A fault, how the job judges its device, and whether the device has the firmware in its memory then.
type Fault = (&'static str, &'static str, &'static str, bool);

const FAULTS: [Fault; 11] = [
    ("none", "Succeeded", "Verified", true),
    ("slow:400000", "Succeeded", "Verified", true),
    ("cut:0", "Failed", "TransferFailed", false),
    ("cut:600000", "Failed", "TransferFailed", false),
    ("mute", "Failed", "TransferFailed", false),
    ("garbage", "Failed", "AgentFailed", false),
    ("stranger", "Failed", "AttestationRefused", false),
    ("dumb", "Failed", "DeadlineExceeded", false),
    ("other-pin", "Failed", "DeadlineExceeded", false),
    ("old-version", "Failed", "VersionMismatch", true),
    // Nothing but the device's own word says which version it runs.
    ("lying", "Succeeded", "Verified", false),
];

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_device_gets_its_verdict_and_no_device_is_touched_twice(
    #[case] engine: &str,
) {
    let (site, _operator) = operated("faults", engine, &FAULTS.map(|fault| fault.0)).await;
    let more = json!({
        "parallelism": FAULTS.len(), "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let (done, uuids) = site.flash(more).await;
    assert_judged(&site, &FAULTS, &done, &uuids);
}

/// Asserts that the job says of each device what its fault leads to, and that the device's own memory agrees.
fn assert_judged(site: &Site, faults: &[Fault], done: &Seen, uuids: &[String]) {
    let all = std::iter::zip(faults, std::iter::zip(uuids, &site.boards));
    let (wanted, found): (Vec<_>, Vec<_>) = all
        .map(|((fault, phase, reason, kept), (uuid, board))| {
            let device = done.device(uuid);
            let proof = board.proof().unwrap();
            let memory = kept.then(|| site.world.hash.clone());
            let said = [&device["phase"], &device["reason"]];
            let seen = [&proof["memory"], &proof["updates"], &proof["overlaps"]];
            (
                json!([fault, [phase, reason], [json!(memory), json!(1), json!(0)]]),
                json!([fault, said, seen]),
            )
        })
        .unzip();
    assert_eq!(wanted, found, "{}", site.space.dump());
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and prints figures: hack/test-real.sh fifty --ignored --nocapture"]
async fn fifty_devices_of_which_every_fifth_has_a_fault_get_their_verdicts(#[case] engine: &str) {
    // The first two are not to blame for anything.
    let of = |index: usize| match index % 5 {
        4 => FAULTS[2 + index / 5 % (FAULTS.len() - 2)],
        _ => FAULTS[0],
    };
    let faults: Vec<_> = (0..50).map(of).collect();
    let names: Vec<_> = faults.iter().map(|fault| fault.0).collect();
    let (site, _operator) = operated("fifty", engine, &names).await;
    let more = json!({
        "parallelism": 10, "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let (done, uuids) = site.flash(more).await;
    let used = std::process::Command::new("ps")
        .args(["-eo", "comm,cputimes,rss,etimes", "--sort=-cputimes"])
        .output()
        .unwrap();
    let used = String::from_utf8(used.stdout).unwrap();
    println!(
        "{engine}: {} to {}",
        done.0["status"]["startTime"], done.0["status"]["completionTime"]
    );
    println!("{}", used.lines().take(12).collect::<Vec<_>>().join("\n"));
    assert_judged(&site, &faults, &done, &uuids);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_survives_the_end_of_every_program_around_it(
    #[values("operator", "kubelet", "containerd", "kube-proxy", "kube-apiserver")] program: &str,
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
