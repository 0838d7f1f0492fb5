//! What the chart installs.

use serde_json::json;

use testbed::{
    control_plane::OPERATOR_NAMESPACE,
    real::{installation::Installation, site::Site},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_replicas_become_ready_where_only_restricted_pods_are_admitted_and_one_leads() {
    let site = Site::new("install", &[]).await;
    let installation = Installation::shared();
    installation.ready();
    let pods = installation.pods();
    assert_eq!(pods.len(), 2, "{}", installation.dump());
    for pod in &pods {
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(status["ready"], json!(true), "{}", installation.dump());
        // The probes of the kubelet are not the only ones who see it: the API server reaches its page as well.
        let name = pod["metadata"]["name"].as_str().unwrap();
        let page = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{name}:8080/proxy/readyz");
        installation.kubectl(&["get", "--raw", &page]).unwrap();
    }
    installation.leader(&site).await;
    let warnings = site.world.plane.command("kubectl");
    let said = relabel(warnings);
    assert!(!said.contains("existing pods"), "{said}");
}

/// What the API server says of the Pods that are there when their namespace is told its level once more.
fn relabel(mut kubectl: std::process::Command) -> String {
    let level = "pod-security.kubernetes.io/enforce=restricted";
    kubectl.args(["label", "namespace", OPERATOR_NAMESPACE, level]);
    let output = kubectl.args(["--overwrite", "--dry-run=server"]).output();
    let output = output.unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_test_of_the_chart_passes() {
    let installation = Installation::shared();
    let said = installation.test();
    let said = said.unwrap_or_else(|complaint| panic!("{complaint}\n{}", installation.dump()));
    assert!(said.contains("Phase:          Succeeded"), "{said}");
}
