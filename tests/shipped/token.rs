//! The token that a kubelet puts into the operator's Pods, and renews before it expires.

use serde_json::{Value, json};

use testbed::{
    control_plane::OPERATOR_NAMESPACE,
    job::Seen,
    real::{
        installation::{Installation, RELEASE},
        site::{JOB, Site},
    },
    seconds,
};

/// For how long the token is good: the shortest that Kubernetes grants, in seconds. The API server believes it a minute longer.
const LIFETIME: u64 = 600;

/// The Deployment's Pods with a token of that lifetime, where the one of an hour else is.
fn short_lived() -> Value {
    let sources = json!([
        {"serviceAccountToken": {"path": "token", "expirationSeconds": LIFETIME}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]);
    let mount = json!({
        "name": "short-lived", "readOnly": true,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    json!({"spec": {"template": {"spec": {
        "automountServiceAccountToken": false,
        "volumes": [{"name": "short-lived", "projected": {"sources": sources}}],
        "containers": [{"name": "operator", "volumeMounts": [mount]}],
    }}}})
}

/// Names of the operator's Pods, and how often their containers were started again.
fn pods(installation: &Installation) -> Vec<Value> {
    let pods = installation.pods();
    let seen = pods.iter().map(|pod| {
        json!([
            pod["metadata"]["name"],
            pod["status"]["containerStatuses"][0]["restartCount"]
        ])
    });
    seen.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits twelve minutes for a token to expire: make nightly"]
async fn a_rollout_that_outlives_the_operators_token_goes_on_with_the_one_that_the_kubelet_renewed()
{
    let installation = Installation::shared();
    let site = Site::new("renewed", &["none", "none"]).await;
    let patch = short_lived().to_string();
    installation
        .kubectl(&["patch", "deployment", RELEASE, "--patch", &patch])
        .unwrap();
    installation.ready();
    let before = pods(installation);
    assert_eq!(before.len(), 2, "{}", installation.dump());
    // The second device's turn comes when the token with which the first was flashed is not good any longer.
    let soak = LIFETIME + 120;
    let more = json!({
        "parallelism": 1,
        "steps": [{"name": "first", "devices": 1, "soakSeconds": soak}, {"name": "rest", "devices": "100%"}],
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let uuids = site.apply(&more).await;
    let is_flashed = |job: &Seen| job.device(&uuids[0])["phase"] == "Succeeded";
    site.space
        .becomes(JOB, "first device flashed", 120, is_flashed)
        .await;
    let done = site.finished(soak + 180).await;
    site.assert_flashed_once(&done, &uuids);
    assert_eq!(pods(installation), before, "{}", installation.dump());
    let log = installation.kubectl(&["logs", &format!("deployment/{RELEASE}"), "--all-pods"]);
    let log = log.unwrap();
    assert!(!log.contains("Unauthorized"), "{log}");
    site.space
        .eventually("nothing of the flashes", seconds(60), async || {
            site.space.is_at_rest().then_some(())
        })
        .await;
    let undo = ["rollout", "undo", "deployment", RELEASE];
    let undone = installation.kubectl(&undo);
    undone.unwrap_or_else(|complaint| panic!("{OPERATOR_NAMESPACE}: {complaint}"));
    installation.ready();
}
