//! Values, templates and texts that must not reach the cluster: named with their place, and nothing is created.

use std::process::Command;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, Stage, condition, device_of, says};

/// Name of the ConfigMap with the administrator's values.
const CONFIG_MAP: &str = "flash-pod-values";
/// What the operator logs when it takes them up.
const LOADED: &str = "chart values were loaded";

/// Whether anything that a device needs was created in the namespace.
fn created(stage: &Stage) -> [usize; 2] {
    [stage.births("pods"), stage.births("services")]
}

/// The flash chart, to be changed.
fn copied_chart() -> TempDir {
    let chart = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flash-pod/.");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(source)
        .arg(chart.path())
        .status()
        .unwrap();
    assert!(copied.success());
    chart
}

async fn refused(stage: &Stage, job: &str, reason: &str, words: &[&str]) {
    let status = stage.finished(job).await;
    let failed = condition(&status, "Failed");
    assert_eq!(
        (&failed["status"], &failed["reason"]),
        (&json!("True"), &json!(reason)),
        "{job}: {status:#}"
    );
    says(&failed, words);
    assert_eq!(status["phase"], "Failed");
}

#[tokio::test]
async fn values_that_may_not_be_are_refused_with_path_and_reason_before_anything_is_created() {
    let paths = "/resources,/extraVolumes,/firmware,/podSecurityContext,/activeDeadlineSeconds";
    let stage = Stage::healthy("values", 1, 0.2, &["--allowed-value-paths", paths]).await;
    let host_path = json!({"extraVolumes": [{"name": "host", "hostPath": {"path": "/"}}]});
    let cases: [(&str, Value, &str, &[&str]); 6] = [
        (
            "schema",
            json!({"resources": "plenty"}),
            "ValuesInvalid",
            &["values.schema.json", "resources"],
        ),
        (
            "closed",
            json!({"serviceAccountName": "admin"}),
            "ValueNotAllowed",
            &["/serviceAccountName"],
        ),
        (
            "unknown",
            json!({"hostNetwork": true}),
            "ValueNotAllowed",
            &["/hostNetwork"],
        ),
        (
            "device-values",
            json!({"firmware": "evil:1"}),
            "ValueConflict",
            &["/firmware", "device-values"],
        ),
        (
            "operator",
            json!({"activeDeadlineSeconds": 9}),
            "ValueConflict",
            &["/activeDeadlineSeconds"],
        ),
        ("guard", host_path, "GuardRefused", &["hostPath"]),
    ];
    for (job, values, _, _) in &cases {
        stage
            .flash(job, &stage.fleet.uuids(), json!({"values": values}))
            .await;
    }
    for (job, _, reason, words) in &cases {
        refused(&stage, job, reason, words).await;
    }
    assert_eq!(created(&stage), [0, 0]);
    // Mended, the job goes on by itself.
    let mended =
        Patch::Merge(json!({"spec": {"values": {"resources": null, "extraVolumes": null}}}));
    stage
        .jobs()
        .patch("guard", &PatchParams::default(), &mended)
        .await
        .unwrap();
    stage
        .space
        .eventually("success of the mended job", PATIENCE, async || {
            let status = stage.status("guard").await;
            (condition(&status, "Complete")["status"] == "True").then_some(())
        })
        .await;
}

pub(super) fn config_map(stage: &Stage, values: &str) {
    stage.space.apply(
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP},
            "data": {"values.yaml": values},
        })
        .to_string(),
    );
}

#[tokio::test]
async fn a_bad_edit_of_the_operators_values_keeps_the_last_good_ones_and_says_so() {
    let stage = Stage::healthy(
        "bad-edit",
        2,
        0.5,
        &["--flash-pod-values-configmap", CONFIG_MAP],
    )
    .await;
    let uuids = stage.fleet.uuids();
    config_map(&stage, "podAnnotations: {type: '{{ device.type }}'}\n");
    stage
        .space
        .eventually("good values in use", PATIENCE, async || {
            stage.operator.log().contains(LOADED).then_some(())
        })
        .await;
    config_map(&stage, "podAnnotations: {type: '{{ device.type }\n");
    let words = |log: String| {
        let mut complaints = log
            .lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"));
        let told = complaints.find(|line| line.contains("values.yaml"));
        told.map(str::to_owned)
    };
    let said = stage
        .space
        .eventually("word of the bad edit", PATIENCE, async || {
            words(stage.operator.log())
        })
        .await;
    assert!(said.contains(CONFIG_MAP), "{said}");
    stage.flash("job", &uuids, Value::Null).await;
    let pod = stage.flashing(&uuids[0]).await;
    let pod = stage.api("v1", "Pod").get(&pod).await.unwrap();
    assert_eq!(
        pod.metadata.annotations.unwrap()["type"],
        "esp32s3",
        "the last good values"
    );
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 2);
}

#[tokio::test]
async fn without_the_config_map_of_its_values_nothing_begins_and_values_that_are_deleted_stay_in_force()
 {
    let arguments = ["--flash-pod-values-configmap", CONFIG_MAP];
    let stage = Stage::healthy("no-values", 2, 0.5, &arguments).await;
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids[..1], Value::Null).await;
    let words = [
        CONFIG_MAP,
        &stage.space.name,
        "does not exist",
        "helm upgrade",
    ];
    let stalled = async || {
        let stalled = condition(&stage.status("job").await, "Stalled");
        (stalled["reason"] == "ChartInvalid").then_some(stalled)
    };
    let space = &stage.space;
    let stalled = space.eventually("refused chart", PATIENCE, stalled).await;
    says(&stalled, &words);
    assert_eq!(created(&stage), [0, 0]);
    config_map(&stage, "podAnnotations: {type: '{{ device.type }}'}\n");
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 1);
    stage.space.kubectl(&["delete", "configmap", CONFIG_MAP]);
    let kept = async || stage.operator.log().contains("was deleted").then_some(());
    stage
        .space
        .eventually("word of the deletion", PATIENCE, kept)
        .await;
    stage.flash("later", &uuids[1..], Value::Null).await;
    let pod = stage.flashing(&uuids[1]).await;
    let pod = stage.api("v1", "Pod").get(&pod).await.unwrap();
    let annotations = pod.metadata.annotations.unwrap();
    assert_eq!(annotations["type"], "esp32s3", "the last good values");
    assert_eq!(stage.finished("later").await["counts"]["succeeded"], 1);
}

#[tokio::test]
async fn an_unknown_variable_is_named_with_file_and_key_and_nothing_is_created() {
    let stage = Stage::healthy(
        "variable",
        1,
        0.2,
        &["--flash-pod-values-configmap", CONFIG_MAP],
    )
    .await;
    config_map(
        &stage,
        "podAnnotations: {site: '{{ device.properties.SITE }}'}\n",
    );
    stage
        .space
        .eventually("the values in use", PATIENCE, async || {
            stage.operator.log().contains(LOADED).then_some(())
        })
        .await;
    stage.flash("job", &stage.fleet.uuids(), Value::Null).await;
    let words = [
        "values.yaml",
        "/podAnnotations/site",
        "device.properties.SITE",
    ];
    refused(&stage, "job", "RenderFailed", &words).await;
    assert_eq!(created(&stage), [0, 0]);
}

#[tokio::test]
async fn a_template_that_fails_is_named_with_its_file_and_line_and_nothing_is_created() {
    let chart = copied_chart();
    let template = "a: b\nc: {{ required \"site: say where the device is\" .Values.site }}\n";
    std::fs::write(chart.path().join("templates/site.yaml"), template).unwrap();
    let path = chart.path().to_str().unwrap();
    let stage = Stage::healthy(
        "template",
        1,
        0.2,
        &["--flash-pod-chart", path, "--engine", "native"],
    )
    .await;
    stage.flash("job", &stage.fleet.uuids(), Value::Null).await;
    refused(
        &stage,
        "job",
        "RenderFailed",
        &["templates/site.yaml:2", "site: say where the device is"],
    )
    .await;
    assert_eq!(created(&stage), [0, 0]);
}

#[tokio::test]
async fn a_kind_that_a_class_opens_and_the_operator_may_not_write_is_named_with_the_class_and_the_chart_value()
 {
    let chart = copied_chart();
    let template = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "flash-pod.name" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "flash-pod.labels" . | nindent 4 }}
  {{- with .Values.operator.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.operator.ownerReferences }}
  ownerReferences:
    {{- toYaml . | nindent 4 }}
  {{- end }}
"#;
    std::fs::write(chart.path().join("templates/site.yaml"), template).unwrap();
    let path = chart.path().to_str().unwrap();
    let arguments = ["--flash-pod-chart", path, "--engine", "native"];
    let stage = Stage::healthy("kind", 1, 0.2, &arguments).await;
    let space = &stage.space;
    let plane = space.control_plane;
    // To create it, and to see and delete what may have come of that.
    plane.expect_refusals(&space.name, "*", "configmaps");
    let class = &stage.space.name;
    stage
        .space
        .put_class(class, &json!({"workload": {"kinds": ["v1/ConfigMap"]}}));
    let uuids = stage.fleet.uuids();
    stage
        .flash("job", &uuids, json!({"flashClassName": class}))
        .await;
    let words = [
        class,
        "v1/ConfigMap",
        "spec.workload.kinds",
        "flashPod.extraKinds",
    ];
    let device = stage
        .device("job", &uuids[0], "Forbidden", |device| {
            device["reason"] == "Forbidden"
        })
        .await;
    says(&device, &words);
    assert_eq!(created(&stage), [0, 0]);
    let accepted = stage
        .space
        .eventually("what the class is told", PATIENCE, async || {
            let text = stage
                .space
                .kubectl(&["get", "flashclass", class, "-o", "json"]);
            let class: Value = serde_json::from_str(&text).ok()?;
            Some(condition(&class["status"], "Accepted")).filter(|known| known["status"] == "True")
        })
        .await;
    says(&accepted, &words[1..]);
    stage.space.kubectl(&["delete", "flashclass", class]);
}

#[tokio::test]
async fn a_firmware_that_would_inject_is_refused_by_the_api_server() {
    let stage = Stage::healthy("injection", 1, 0.2, &[]).await;
    for text in [
        "x\n  hostNetwork: true",
        "x\"\n  hostNetwork: true #",
        "{{ .Values.image }}",
        "x y",
        "x\t",
    ] {
        let job = json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "job"},
            "spec": {"uuid": stage.fleet.uuids(), "firmware": text, "version": "1"},
        });
        let complaint = stage.space.try_apply(&job.to_string()).unwrap_err();
        assert!(complaint.contains("spec.firmware"), "{text:?}: {complaint}");
    }
}

#[tokio::test]
async fn a_text_of_a_device_that_would_inject_fails_that_device_alone_before_anything_is_created() {
    let stage = Stage::healthy("device-text", 2, 0.2, &[]).await;
    let text = "fmnist\"\n  hostNetwork: true\n  x: '{{ .Values.image }}' {{ job.name }}";
    let properties =
        json!({"HOST_ENDPOINT": "192.0.2.222", "DEVICE": "esp32s3", "APPLICATION_TYPE": text});
    let uuid = stage.instance("evil", properties).await;
    let invalid = |status: &Value| {
        let device = device_of(status, &uuid).unwrap();
        let stands = (&device["phase"], &device["reason"]);
        assert_eq!(stands, (&json!("Failed"), &json!("DeviceInvalid")));
        let instance = format!("{}/evil", stage.space.name);
        says(
            &device,
            &[&instance, "APPLICATION_TYPE", "values.schema.json"],
        );
    };
    stage
        .flash("alone", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let status = stage.finished("alone").await;
    invalid(&status);
    assert_eq!(condition(&status, "Failed")["reason"], "DevicesFailed");
    assert_eq!(created(&stage), [0, 0]);
    // Whether it comes first or last, the others go on.
    let mut uuids = stage.fleet.uuids();
    uuids.insert(0, uuid.clone());
    stage.flash("first", &uuids, Value::Null).await;
    let status = stage.finished("first").await;
    invalid(&status);
    assert_eq!(status["counts"]["succeeded"], 2, "{status:#}");
    assert_eq!(created(&stage), [2, 2]);
}

#[tokio::test]
async fn a_device_that_lacks_what_the_others_have_fails_alone_with_the_name_of_it() {
    let arguments = ["--flash-pod-values-configmap", CONFIG_MAP];
    let stage = Stage::healthy("lacks", 0, 0.2, &arguments).await;
    config_map(
        &stage,
        "podAnnotations: {site: '{{ device.properties.SITE }}'}\n",
    );
    stage
        .space
        .eventually("the values in use", PATIENCE, async || {
            stage.operator.log().contains(LOADED).then_some(())
        })
        .await;
    let at = |address: &str| json!({"HOST_ENDPOINT": address, "DEVICE": "esp32s3"});
    let bare = stage.instance("bare", at("192.0.2.224")).await;
    let mut complete = at("192.0.2.225");
    complete["SITE"] = json!("roof");
    let complete = stage.instance("complete", complete).await;
    let uuids = [bare.clone(), complete.clone()];
    stage.flash("job", &uuids, Value::Null).await;
    let failed = stage.stands("job", &bare, "Failed", "DeviceInvalid").await;
    says(&failed, &["device.properties.SITE", "/bare"]);
    stage.flashing(&complete).await;
}

#[tokio::test]
async fn a_text_of_a_device_that_looks_like_a_template_stays_a_text() {
    let stage = Stage::healthy("template-text", 0, 0.2, &[]).await;
    let text = "{{ .Values.image }} {{ job.name }} \" # '";
    let properties =
        json!({"HOST_ENDPOINT": "192.0.2.223", "DEVICE": "esp32s3", "APPLICATION_TYPE": text});
    let uuid = stage.instance("odd", properties).await;
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let pod = stage.flashing(&uuid).await;
    let pod = stage.api("v1", "Pod").get(&pod).await.unwrap();
    let env = pod.data["spec"]["containers"][0]["env"].as_array().unwrap();
    let found = env
        .iter()
        .find(|env| env["name"] == "APPLICATION_TYPE")
        .unwrap();
    assert_eq!(found["value"], text);
}

#[test]
fn a_firmware_that_got_past_the_api_server_is_refused_or_harmless_when_it_is_rendered() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, object: Value| {
        let path = directory.path().join(name);
        std::fs::write(&path, object.to_string()).unwrap();
        path
    };
    let uid = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15";
    let instance = write(
        "instance.yaml",
        json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": "i", "namespace": "n", "uid": uid},
            "spec": {"brokerProperties": {"HOST_ENDPOINT": "192.0.2.9", "DEVICE": "esp32s3"}},
        }),
    );
    let job = write(
        "job.yaml",
        json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
            "metadata": {"name": "j", "namespace": "n", "uid": uid},
            "spec": {"uuid": [uid], "firmware": "x\n  hostNetwork: true", "version": "1"},
        }),
    );
    let mut command = Command::new(testbed::plugin());
    command
        .args(["render", "--flashjob"])
        .arg(job)
        .arg("--instance")
        .arg(instance);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        let network = text
            .lines()
            .any(|line| line.trim_start().starts_with("hostNetwork"));
        assert!(!network, "{text}");
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.contains("firmware"), "{complaint}");
    }
}
