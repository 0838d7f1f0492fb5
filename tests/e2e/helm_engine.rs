//! The helm engine where helm fails: killed halfway, refused by the API server, or alone able to render the chart.

use std::{fs, path::Path, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

use testbed::{Params, Space, job::job, seconds};

/// Process ids of the `helm upgrade` commands that this operator runs.
pub fn upgrades(operator: u32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let of_operator = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent == Some(operator) && command.contains("upgrade\0--install")
    };
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(of_operator).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_helm_costs_time_but_no_flash_and_no_verdict() {
    let space = Space::new("helm-children").await;
    let fleet = space
        .fleet(Params {
            devices: 12,
            flash_seconds: 1.0,
            refused_share: 0.1,
            ..Params::default()
        })
        .await;
    let operator = space.operator(&[
        "--engine",
        "helm",
        "--cool-down-seconds",
        "2",
        "--retry-base-seconds",
        "1",
    ]);
    space.apply(&job("killed", &fleet.uuids(), &json!({"parallelism": 6})).to_string());
    let mut killed = 0;
    while killed < 8 {
        // A fast machine may be through before.
        let helm = space
            .eventually("helm at work, or the end", seconds(60), async || {
                let helm = upgrades(operator.pid()).first().copied();
                let over = helm.is_none() && space.job("killed").is("Finished");
                (helm.is_some() || over).then_some(helm)
            })
            .await;
        let Some(helm) = helm else { break };
        // Somewhere in its course: each one lives for some tenths of a second.
        tokio::time::sleep(Duration::from_millis(60 * killed)).await;
        if kill(Pid::from_raw(helm), Signal::SIGKILL).is_ok() {
            killed += 1;
        }
    }
    assert!(killed > 0, "some helm was killed");
    let done = space.finished("killed", 180).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    let failed = fleet
        .devices()
        .iter()
        .filter(|device| device.verdict == Some("Failed"))
        .count();
    space
        .eventually("only failed records", seconds(60), async || {
            let kinds = ["get", "pods,services", "--ignore-not-found", "-o", "name"];
            let releases = space.releases();
            let all = releases.len() == failed
                && releases.iter().all(|release| release["status"] == "failed");
            (all && space.kubectl(&kinds).is_empty()).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_pod_sends_its_device_back_to_wait_with_the_reason_and_it_is_flashed_once_when_allowed()
 {
    let space = Space::new("helm-quota").await;
    let fleet = space.healthy(2, 0.5).await;
    space.kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    space
        .eventually("the quota to be counted", seconds(30), async || {
            let counted =
                space.kubectl(&["get", "quota", "none", "-o=jsonpath={.status.hard.pods}"]);
            (counted == "0").then_some(())
        })
        .await;
    let _operator = space.operator(&["--engine", "helm", "--retry-base-seconds", "2"]);
    space.apply(&job("refused", &fleet.uuids(), &json!({})).to_string());
    let waits = |uuid: &str| {
        let seen = space.job("refused");
        let devices = seen.0["status"]["devices"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        devices
            .into_iter()
            .filter(|device| device["uuid"] == uuid && device["phase"] == "Waiting")
            // On a busy machine a try may be given up for another reason before.
            .find(|device| {
                let message = device["message"].as_str().unwrap_or_default();
                message.contains("QuotaExceeded") && message.contains("exceeded quota")
            })
    };
    for uuid in fleet.uuids() {
        let what = "a device that waits for room in the quota";
        space
            .eventually(what, seconds(60), async || waits(&uuid))
            .await;
    }
    // Waiting holds neither lock nor slot, and it is not tried again and again.
    tokio::time::sleep(seconds(10)).await;
    let tries = |code| {
        let audit = space.control_plane.audit();
        let of = |request: &&testbed::audit::Request| {
            request.resource == "pods"
                && request.namespace == space.name
                && request.is_write()
                && request.code == code
        };
        audit.0.iter().filter(of).count()
    };
    let refused = tries(403);
    assert!(
        (2..=10).contains(&refused),
        "{refused} refusals of two devices"
    );
    assert_eq!(space.control_plane.audit().flashes(&space.name).len(), 0);

    space.kubectl(&["delete", "quota", "none"]);
    let done = space.finished("refused", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
    space
        .eventually("nothing left", seconds(60), async || {
            space.releases().is_empty().then_some(())
        })
        .await;
}

/// What this engine does not have and helm has.
const ONLY_HELM: &str = "duration \"61\"";

/// A copy of the flash chart, with this expression in an annotation of its Pod, and one more file.
fn chart_with(directory: &Path, expression: &str, file: Option<(&str, &str)>) {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/flash-pod");
    testbed::control_plane::run(
        std::process::Command::new("cp")
            .arg("-rT")
            .args([&chart, directory]),
    );
    let pod = directory.join("templates/pod.yaml");
    let text = fs::read_to_string(&pod).unwrap();
    let line = "    kubectl.kubernetes.io/default-container: flash-container\n";
    let more = format!("{line}    lab.example.com/rendered: {{{{ {expression} | quote }}}}\n");
    assert!(text.contains(line));
    fs::write(&pod, text.replace(line, &more)).unwrap();
    if let Some((name, text)) = file {
        fs::write(directory.join("templates").join(name), text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_only_helm_can_render_is_flashed_by_helm() {
    let space = Space::new("helm-only").await;
    let fleet = space.healthy(3, 2.0).await;
    let chart = tempfile::tempdir().unwrap();
    chart_with(chart.path(), ONLY_HELM, None);
    let path = chart.path().to_str().unwrap();
    let operator = space.operator(&["--engine", "auto", "--flash-pod-chart", path]);
    space.apply(&job("only", &fleet.uuids(), &json!({})).to_string());
    space
        .eventually("the annotation", seconds(90), async || {
            let text = r"-o=jsonpath={.items[*].metadata.annotations.lab\.example\.com/rendered}";
            space
                .kubectl(&["get", "pods", text])
                .starts_with("1m1s")
                .then_some(())
        })
        .await;
    let done = space.finished("only", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert_eq!(done.0["status"]["effective"]["engine"], "helm");
    space.assert_flashed(&fleet, 1);
    assert_eq!(operator.log().matches("using the helm engine").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_helm_renders_is_shown_to_the_guard_before_anything_is_created() {
    let space = Space::new("helm-guard").await;
    let fleet = space
        .fleet(Params {
            devices: 1,
            ..Params::default()
        })
        .await;
    let chart = tempfile::tempdir().unwrap();
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: sneaky}\nrules: []\n";
    // Only with the Pod: still it is refused before the Service is made.
    let role = format!("{{{{ if .Values.externalIP }}}}\n{role}{{{{ end }}}}\n");
    chart_with(chart.path(), ONLY_HELM, Some(("role.yaml", &role)));
    let path = chart.path().to_str().unwrap();
    let _operator = space.operator(&["--engine", "auto", "--flash-pod-chart", path]);
    space.apply(&job("guarded", &fleet.uuids(), &json!({})).to_string());
    let status = space
        .eventually("the refusal", seconds(60), async || {
            let status = space.job("guarded").0["status"].clone();
            status
                .to_string()
                .contains("GuardRefused")
                .then_some(status)
        })
        .await;
    assert!(
        status["message"]
            .as_str()
            .is_some_and(|message| message.contains("Role")),
        "{status:#}"
    );
    assert!(space.releases().is_empty());
    assert_eq!(space.control_plane.audit().flashes(&space.name).len(), 0);
    assert!(space.kubectl(&["get", "services", "-o", "name"]).is_empty());
}

/// A chart that copies a Secret of the namespace into its Pod, on an operator with that engine: nothing begins.
async fn refused_by(engine: &str) {
    let space = Space::new(&format!("lookup-{engine}")).await;
    let fleet = space.healthy(1, 0.5).await;
    space.kubectl(&[
        "create",
        "secret",
        "generic",
        "other",
        "--from-literal=word=plugh",
    ]);
    let chart = tempfile::tempdir().unwrap();
    let expression = "lookup \"v1\" \"Secret\" .Release.Namespace \"other\" | toJson";
    chart_with(chart.path(), expression, None);
    let path = chart.path().to_str().unwrap();
    let _operator = space.operator(&["--engine", engine, "--flash-pod-chart", path]);
    space.apply(&job("copies", &fleet.uuids(), &json!({})).to_string());
    let status = space
        .eventually("the refusal", seconds(60), async || {
            let status = space.job("copies").0["status"].clone();
            (status["reason"] == "ChartInvalid").then_some(status)
        })
        .await;
    let message = status["message"].as_str().unwrap_or_default();
    for part in [
        "templates/pod.yaml:",
        "function \"lookup\"",
        "--chart-allow=lookup",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(space.releases().is_empty());
    assert!(
        space
            .kubectl(&["get", "pods,services", "-o", "name"])
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_reads_the_cluster_is_refused_by_the_native_engine() {
    refused_by("native").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_reads_the_cluster_is_refused_by_the_helm_engine() {
    refused_by("helm").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_reads_the_cluster_is_not_handed_to_helm_by_auto() {
    refused_by("auto").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_administrator_allows_a_chart_is_said_in_the_status() {
    let space = Space::new("chart-allow").await;
    let fleet = space.healthy(1, 0.5).await;
    let chart = tempfile::tempdir().unwrap();
    chart_with(chart.path(), "now | date \"2006\"", None);
    let path = chart.path().to_str().unwrap();
    let arguments = ["--flash-pod-chart", path, "--chart-allow", "random"];
    let _operator = space.operator(&arguments);
    space.apply(&job("dated", &fleet.uuids(), &json!({})).to_string());
    let done = space.finished("dated", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    let effective = &done.0["status"]["effective"];
    assert_eq!(effective["engine"], "helm");
    assert_eq!(effective["chartAllow"], json!(["random"]));
    space.assert_flashed(&fleet, 1);
}

/// A chart without a Service, on an operator with that engine: neither waits for an address that cannot come, nor starts the Pod.
async fn without_a_service(engine: &str) {
    let space = Space::new(&format!("no-service-{engine}")).await;
    let fleet = space.healthy(1, 0.5).await;
    let chart = tempfile::tempdir().unwrap();
    chart_with(chart.path(), "\"plain\"", None);
    fs::remove_file(chart.path().join("templates/service.yaml")).unwrap();
    let path = chart.path().to_str().unwrap();
    let _operator = space.operator(&["--engine", engine, "--flash-pod-chart", path]);
    space.apply(&job("served", &fleet.uuids(), &json!({})).to_string());
    let status = space
        .eventually("the refusal", seconds(60), async || {
            let status = space.job("served").0["status"].clone();
            (status["reason"] == "ChartInvalid").then_some(status)
        })
        .await;
    let message = status["message"].as_str().unwrap_or_default();
    assert!(message.contains("it renders no Service"), "{message}");
    assert!(space.releases().is_empty());
    let kinds = ["get", "pods,services", "-o", "name"];
    assert!(space.kubectl(&kinds).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_without_a_service_is_refused_by_the_native_engine() {
    without_a_service("native").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_without_a_service_is_refused_by_the_helm_engine() {
    without_a_service("helm").await;
}
