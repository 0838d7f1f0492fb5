//! What the API server, the scheduler and the kubelet refuse: said in their own words, and tried again where it can heal.

use rstest::rstest;
use serde_json::{Value, json};

use super::{PATIENCE, Stage, condition, says};
use testbed::ControlPlane;

async fn succeeded(stage: &Stage, job: &str) {
    let status = stage.finished(job).await;
    assert_eq!(
        condition(&status, "Complete")["status"],
        "True",
        "{status:#}"
    );
}

#[tokio::test]
async fn a_quota_is_named_and_the_device_is_flashed_when_it_is_lifted() {
    let stage = Stage::healthy("quota", 1, 0.2, &["--address-timeout-seconds=300"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .space
        .kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    stage
        .space
        .eventually("quota in force", PATIENCE, async || {
            let used = ["get", "quota", "none", "-o=jsonpath={.status.used.pods}"];
            (stage.space.kubectl(&used) == "0").then_some(())
        })
        .await;
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let refused = stage
        .device("job", &uuid, "quota", |device| {
            device["reason"] == "QuotaExceeded"
        })
        .await;
    says(&refused, &["exceeded quota: none", "pods=0"]);
    stage.space.kubectl(&["delete", "quota", "none"]);
    succeeded(&stage, "job").await;
    assert_eq!(stage.flashes(&uuid), 1);
}

#[tokio::test]
async fn a_refusal_of_admission_is_quoted_and_the_device_is_flashed_when_it_is_lifted() {
    let stage = Stage::healthy("admission", 1, 0.2, &["--address-timeout-seconds=300"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    let name = format!("{}.flashjob.test", stage.space.name);
    let namespace = json!({"matchLabels": {"kubernetes.io/metadata.name": stage.space.name}});
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"namespaceSelector": namespace, "resourceRules": rules},
            "validations": [{"expression": "false", "message": "no flashes on a Friday"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    stage.space.apply(&format!("{policy}\n---\n{binding}"));
    stage
        .space
        .eventually("policy in force", PATIENCE, async || {
            let probe = ["run", "probe", "--image=i", "--dry-run=server"];
            stage.space.try_kubectl(&probe).is_err().then_some(())
        })
        .await;
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let refused = stage
        .device("job", &uuid, "refusal", |device| {
            device["reason"] == "AdmissionDenied"
        })
        .await;
    says(&refused, &["no flashes on a Friday"]);
    stage
        .space
        .kubectl(&["delete", "validatingadmissionpolicybinding", &name]);
    stage
        .space
        .kubectl(&["delete", "validatingadmissionpolicy", &name]);
    succeeded(&stage, "job").await;
    assert_eq!(stage.flashes(&uuid), 1);
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_named_and_given_up_without_an_attempt() {
    let arguments = ["--start-deadline-seconds=5", "--retry-base-seconds=60"];
    let stage = Stage::healthy("image", 1, 0.2, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    let image = "unpullable.invalid/esp32-flashjob:1";
    stage
        .flash(
            "job",
            std::slice::from_ref(&uuid),
            json!({"flashjobPodImage": image}),
        )
        .await;
    let failing = stage
        .device("job", &uuid, "image", |device| {
            device["reason"] == "ImagePullFailed"
        })
        .await;
    says(&failing, &["ImagePullBackOff", image]);
    let waits = stage.stands("job", &uuid, "Waiting", "BackOff").await;
    says(&waits, &["did not start within 5 s", image]);
    let status = stage.status("job").await;
    assert_eq!(status["counts"]["failed"], 0, "{status:#}");
    assert_eq!(condition(&status, "Finished")["status"], "False");
}

#[rstest]
#[case::a_container_before_it_fails("init", "its container mesh-init ended with exit code 1")]
#[case::its_node_refuses_it("refused", "Pod was rejected: Allocate failed")]
#[tokio::test]
async fn a_pod_that_ends_before_its_flash_began_is_given_up_without_an_attempt(
    #[case] how: &str,
    #[case] words: &str,
) {
    let arguments = ["--retry-base-seconds=60"];
    let stage = Stage::healthy(&format!("never-{how}"), 1, 0.2, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    let image = format!("never.invalid/{how}:1");
    let spec = json!({"flashjobPodImage": image});
    stage.flash("job", std::slice::from_ref(&uuid), spec).await;
    let waits = stage.stands("job", &uuid, "Waiting", "BackOff").await;
    says(
        &waits,
        &["PodNotStarted", "the Pod ended before it started", words],
    );
    let status = stage.status("job").await;
    assert_eq!(status["counts"]["failed"], 0, "{status:#}");
    stage.delete("job").await;
    stage.nothing_left().await;
}

#[tokio::test]
async fn an_image_that_appears_is_pulled_and_the_device_is_flashed_once() {
    let stage = Stage::healthy("image-heals", 1, 0.2, &["--start-deadline-seconds=300"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    let image = "unpullable.invalid/esp32-flashjob:1";
    stage
        .flash(
            "job",
            std::slice::from_ref(&uuid),
            json!({"flashjobPodImage": image}),
        )
        .await;
    let failing = stage
        .stands("job", &uuid, "Flashing", "ImagePullFailed")
        .await;
    says(&failing, &["ImagePullBackOff", "Back-off pulling", image]);
    let pod = failing["pod"].as_str().unwrap();
    let appeared = ["annotate", "pod", pod, "flashjob.test/image-appeared=yes"];
    stage.space.kubectl(&appeared);
    succeeded(&stage, "job").await;
    assert_eq!(stage.flashes(&uuid), 1);
    assert_eq!(stage.births("pods"), 1, "the same Pod");
}

#[tokio::test]
async fn a_pod_without_a_node_waits_in_the_schedulers_words_and_runs_when_there_is_one() {
    let stage = Stage::healthy("node", 1, 0.2, &["--allowed-value-paths=/nodeSelector"]).await;
    let uuid = stage.fleet.uuids().remove(0);
    let label = format!("flashjob.test/{}", stage.space.name);
    let values = json!({"nodeSelector": {label.clone(): "here"}});
    stage
        .flash(
            "job",
            std::slice::from_ref(&uuid),
            json!({"values": values}),
        )
        .await;
    let waits = stage
        .device("job", &uuid, "scheduling", |device| {
            device["reason"] == "Unschedulable"
        })
        .await;
    says(
        &waits,
        &[
            "0/1 nodes are available",
            "didn't match Pod's node affinity/selector",
        ],
    );
    stage
        .space
        .kubectl(&["label", "node", "flash-node", &format!("{label}=here")]);
    succeeded(&stage, "job").await;
    assert_eq!(stage.flashes(&uuid), 1);
    stage
        .space
        .kubectl(&["label", "node", "flash-node", &format!("{label}-")]);
}

#[tokio::test]
async fn a_second_installation_of_the_operator_is_refused_by_helm() {
    let control_plane = ControlPlane::shared();
    control_plane.operator_kubeconfig();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
    let second = [
        "install",
        "second",
        chart,
        "--namespace",
        "second-operator",
        "--create-namespace",
    ];
    let output = control_plane.command("helm").args(second).output().unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.contains("flashjob-operator") && complaint.contains("exists"),
        "{complaint}"
    );
}
