//! The operator as it is shipped: its image, as Pods of the Deployment that its chart makes.

use std::{path::PathBuf, process::Output, sync::OnceLock};

use serde_json::{Value, json};

use super::{World, image, site::Site};
use crate::{
    control_plane::{OPERATOR_NAMESPACE, answer},
    paths::root,
    seconds,
    space::LEASE,
};

/// Name of the release, and of what it installs.
pub const RELEASE: &str = "flashjob-operator";

/// Name of the Secret that a job may name for pulling its flash image.
pub const PULL_SECRET: &str = "images";

/// See the module's documentation. It lasts as long as the control plane.
pub struct Installation {
    world: &'static World,
    values: PathBuf,
}

impl Installation {
    /// The one of this process: two replicas, in a namespace that admits restricted Pods alone.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Installation> = OnceLock::new();
        SHARED.get_or_init(Self::install)
    }

    fn install() -> Self {
        let world = World::shared();
        let plane = world.plane;
        image::operator(plane, "flash.test/flashjob-operator:1");
        image::wget(plane, "flash.test/wget:1");
        let level = "pod-security.kubernetes.io/enforce";
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE, "labels": {level: "restricted"}}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", "namespace": OPERATOR_NAMESPACE},
             "stringData": {"ca.crt": world.tls.certificate}},
        ]});
        plane
            .feed(&["apply", "--server-side"], &objects.to_string())
            .unwrap();
        let values = plane.directory().join("shipped-values.json");
        std::fs::write(&values, Self::values().to_string()).unwrap();
        let installation = Self { world, values };
        let installed = installation.helm(&["install"], &["--wait", "--timeout=120s"]);
        installed.unwrap_or_else(|complaint| panic!("{complaint}\n{}", installation.dump()));
        installation
    }

    /// What an administrator has to say here; all else is as the chart has it.
    fn values() -> Value {
        let image = json!({"repository": "flash.test/flashjob-operator", "tag": "1"});
        let class = json!({
            "firmwareVerification": {"registry": {"caSecretName": "registry"}},
            "workload": {"secretNames": [PULL_SECRET]},
        });
        json!({
            // The kubelet evicts no Pod of this class when memory is short.
            "controllerManager": {"replicas": 2, "container": {"image": image}, "priorityClassName": "system-cluster-critical"},
            "console": {"enable": true},
            "flashClass": {"spec": class},
            "flashPod": {"allowedValuePaths": ["/resources", "/imagePullSecrets"], "values": Site::values()},
            "tests": {"image": {"repository": "flash.test/wget", "tag": "1"}},
        })
    }

    /// `helm VERB RELEASE CHART`; the complaint as `Err`.
    fn helm(&self, verb: &[&str], more: &[&str]) -> Result<String, String> {
        let mut helm = self.world.plane.command("helm");
        helm.args(verb).arg(RELEASE);
        helm.arg(root().join("charts/flashjob-operator"))
            .args(["--namespace", OPERATOR_NAMESPACE, "--values"])
            .arg(&self.values)
            .args(more);
        answer(&helm.output().unwrap())
    }

    /// `helm upgrade --wait`, with these values besides.
    pub fn upgrade(&self, set: &[&str]) {
        let set = set.iter().map(|value| format!("--set={value}"));
        let set: Vec<_> = set.collect();
        let mut more: Vec<_> = set.iter().map(String::as_str).collect();
        more.extend(["--wait", "--timeout=180s"]);
        let upgraded = self.helm(&["upgrade"], &more);
        upgraded.unwrap_or_else(|complaint| panic!("{complaint}\n{}", self.dump()));
    }

    /// The same without waiting for its Pods.
    pub fn change(&self, set: &str) {
        let set = format!("--set={set}");
        self.helm(&["upgrade"], &[&set, "--wait=hookOnly"]).unwrap();
    }

    /// `helm test`; its output, as `Err` when it failed.
    pub fn test(&self) -> Result<String, String> {
        let mut helm = self.world.plane.command("helm");
        helm.args(["test", RELEASE, "--logs", "--timeout=60s"]);
        let said: Output = helm
            .args(["--namespace", OPERATOR_NAMESPACE])
            .output()
            .unwrap();
        answer(&said)
    }

    /// `kubectl ARGUMENTS` in its namespace; the complaint as `Err`.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut kubectl = self.world.plane.command("kubectl");
        kubectl
            .args(["--namespace", OPERATOR_NAMESPACE])
            .args(arguments);
        answer(&kubectl.output().unwrap())
    }

    /// Evicts one of its Pods, as whoever drains a node does; the refusal as `Err`.
    pub fn evict(&self, pod: &str) -> Result<String, String> {
        let path = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{pod}/eviction");
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": OPERATOR_NAMESPACE},
        });
        let plane = self.world.plane;
        plane.feed(&["create", "--raw", &path], &eviction.to_string())
    }

    /// Its Pods that are not on their way out.
    pub fn pods(&self) -> Vec<Value> {
        let path = format!(
            "/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3D{RELEASE}"
        );
        let list = self.world.plane.get(&path).unwrap();
        let pods = list["items"].as_array().unwrap().iter();
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] != "test")
            .cloned()
            .collect()
    }

    /// The Pod that leads, once one of its Pods does.
    pub async fn leader(&self, site: &Site) -> Value {
        let path =
            format!("/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/{LEASE}");
        site.space
            .eventually("Pod that leads", seconds(60), async || {
                let lease = self.world.plane.get(&path)?;
                let holder = lease["spec"]["holderIdentity"].as_str()?;
                let mut pods = self.pods().into_iter();
                pods.find(|pod| holder.contains(pod["metadata"]["name"].as_str().unwrap()))
            })
            .await
    }

    /// Waits until both Pods are ready.
    pub fn ready(&self) {
        let status = ["rollout", "status", "deployment", RELEASE, "--timeout=120s"];
        self.kubectl(&status)
            .unwrap_or_else(|complaint| panic!("{complaint}\n{}", self.dump()));
    }

    /// Everything that helps to see what went wrong.
    pub fn dump(&self) -> String {
        let name = "--selector=app.kubernetes.io/name=flashjob-operator";
        let questions = [
            &[
                "get",
                "pods,deployments,replicasets,poddisruptionbudgets",
                "-o",
                "wide",
            ][..],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &["logs", name, "--tail=40", "--prefix"],
        ];
        let answers = questions.map(|arguments| {
            self.kubectl(arguments)
                .unwrap_or_else(|complaint| complaint)
        });
        answers.concat()
    }
}
