//! A namespace for one test, with everything that a test does in it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PostParams};

use super::{
    ControlPlane, Fleet, ImageRegistry, Operator, Params, ask::background,
    control_plane::OPERATOR_NAMESPACE, control_plane::answer,
};

/// Name of the operator's lease.
pub(crate) const LEASE: &str = "338c7440.flashjob.nbfc.io";

/// Healthy devices whose flash takes that long, and nothing else any time worth mention.
pub fn healthy(devices: usize, flash_seconds: f64) -> Params {
    Params {
        devices,
        flash_seconds,
        address_delay_seconds: 0.1,
        reboot_seconds: 0.5,
        ..Params::default()
    }
}

/// A namespace for one test. Devices of different tests have different endpoints, so that the tests can run side by side.
pub struct Space {
    /// Name of the namespace.
    pub name: String,
    /// Where it is.
    pub control_plane: &'static ControlPlane,
    /// An administrator's client.
    pub client: Client,
    logs: Mutex<Vec<PathBuf>>,
}

impl Space {
    /// A new namespace of that name, with a number, on the shared control plane.
    pub async fn new(name: &str) -> Self {
        Self::on(ControlPlane::shared(), name).await
    }

    /// A namespace of that name and a number, on this control plane.
    pub async fn on(control_plane: &'static ControlPlane, name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let name = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = control_plane.client("admin").await;
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.clone());
        let namespaces = Api::all(client.clone());
        let parameters = PostParams::default();
        let created = namespaces.create(&parameters, &namespace);
        created.await.unwrap();
        let space = Self {
            name,
            control_plane,
            client,
            logs: Mutex::default(),
        };
        space
            .eventually(
                "the ServiceAccount of Pods",
                Duration::from_secs(20),
                async || {
                    let account =
                        format!("/api/v1/namespaces/{}/serviceaccounts/default", space.name);
                    control_plane.get(&account)
                },
            )
            .await;
        space
    }

    /// Stores a login of the tests' registries as a Secret for image pulls.
    pub fn store_login(&self, name: &str, registry: SocketAddr, password: &str) {
        let server = format!("--docker-server={registry}");
        let user = format!("--docker-username={}", ImageRegistry::USER);
        let password = format!("--docker-password={password}");
        let create = ["create", "secret", "docker-registry", name];
        self.kubectl(&[&create[..], &[&server, &user, &password]].concat());
    }

    /// `kubectl -n NAMESPACE ARGUMENTS`; what it printed, or a panic with its complaint.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.control_plane
            .kubectl(&[&["-n", &self.name], arguments].concat())
    }

    /// The same; its complaint as `Err`.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut kubectl = self.control_plane.command("kubectl");
        kubectl.args(["-n", &self.name]).args(arguments);
        answer(&kubectl.output().unwrap())
    }

    /// `helm -n NAMESPACE ARGUMENTS` (Helm 4).
    pub fn helm(&self, arguments: &[&str]) -> String {
        self.control_plane
            .helm(&[arguments, &["-n", &self.name]].concat())
    }

    /// `kubectl apply`, server-side, of a manifest; the refusal as `Err`.
    pub fn try_apply(&self, manifest: &str) -> Result<String, String> {
        self.control_plane
            .feed(&["-n", &self.name, "apply", "--server-side"], manifest)
    }

    /// `kubectl apply`, server-side, of a manifest that must be accepted.
    pub fn apply(&self, manifest: &str) -> String {
        self.try_apply(manifest)
            .unwrap_or_else(|complaint| panic!("{complaint}\nof:\n{manifest}"))
    }

    /// Simulated devices that all flash well, in this time.
    pub async fn healthy(&self, devices: usize, flash_seconds: f64) -> Fleet {
        let params = Params {
            devices,
            flash_seconds,
            ..Params::default()
        };
        self.fleet(params).await
    }

    /// Devices in this namespace; `namespace` and `endpoint_offset` are set here.
    pub async fn fleet(&self, params: Params) -> Fleet {
        static ENDPOINTS: AtomicUsize = AtomicUsize::new(0);
        let endpoint_offset = ENDPOINTS.fetch_add(params.devices, Ordering::Relaxed);
        let params = Params {
            namespace: self.name.clone(),
            endpoint_offset,
            ..params
        };
        let control_plane = self.control_plane;
        let started = background().spawn(async move {
            let client = control_plane.client("fleet").await;
            Fleet::start(client, params).await
        });
        started
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
    }

    /// An operator for this namespace alone, with the rights that its chart gives; more arguments of `run` may follow.
    pub fn operator(&self, arguments: &[&str]) -> Operator {
        self.operator_as(
            self.control_plane.operator_kubeconfig(),
            "operator",
            arguments,
        )
    }

    /// The same with a kubeconfig and a log of its own, for a test with several operators.
    pub fn operator_as(&self, kubeconfig: &Path, name: &str, arguments: &[&str]) -> Operator {
        // The chart allows the lease in its own namespace only; here every test has an operator, so every namespace a lease.
        self.copy_role();
        if self.logs.lock().unwrap().is_empty() {
            self.free_lease();
        }
        self.operator_again(kubeconfig, name, arguments)
    }

    /// Starts an operator again that has ended, whether the API server answers or not.
    pub fn operator_again(&self, kubeconfig: &Path, name: &str, arguments: &[&str]) -> Operator {
        let log = self
            .control_plane
            .directory()
            .join(format!("{name}-{}.log", self.name));
        let mut logs = self.logs.lock().unwrap();
        if !logs.contains(&log) {
            logs.push(log.clone());
        }
        drop(logs);
        // Every test has an operator of its own, unless it is about that.
        let beside = if arguments.contains(&"--ignored-operators") {
            &[][..]
        } else {
            &["--ignored-operators", "*"]
        };
        let own = [
            "--watch-namespaces",
            &self.name,
            "--akri-namespaces",
            &self.name,
            "--lease-namespace",
            &self.name,
        ];
        Operator::start_as(
            self.control_plane,
            kubeconfig,
            &log,
            &[&own[..], beside, arguments].concat(),
        )
    }

    /// Allows the lease in this namespace, as the chart does in the operator's own.
    pub fn copy_role(&self) {
        let name = "flashjob-operator-self";
        let role = self.control_plane.kubectl(&[
            "-n",
            OPERATOR_NAMESPACE,
            "get",
            "role",
            name,
            "-o",
            "json",
        ]);
        let mut role: serde_json::Value = serde_json::from_str(&role).unwrap();
        // The key of the seals is a Secret: in these tests the rights to Secrets everywhere are enough, and tests take those away.
        if let Some(rules) = role["rules"].as_array_mut() {
            rules.retain(|rule| rule["resources"] != serde_json::json!(["secrets"]));
        }
        let account = format!("--serviceaccount={OPERATOR_NAMESPACE}:flashjob-operator");
        let copy = serde_json::json!({
            "apiVersion": role["apiVersion"], "kind": "Role", "metadata": {"name": name}, "rules": role["rules"],
        });
        self.apply(&copy.to_string());
        // A second operator of the same test finds it there.
        let _ = self.try_kubectl(&[
            "create",
            "rolebinding",
            name,
            &format!("--role={name}"),
            &account,
        ]);
    }

    /// A lease that its holder gave up. Without one, the first operator waits as if somebody had just deleted the lease of another.
    fn free_lease(&self) {
        let lease = serde_json::json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE},
            "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
        });
        self.apply(&lease.to_string());
    }

    /// Asks until there is an answer; panics, with all that is to be seen, when there is none in time.
    pub async fn eventually<T>(
        &self,
        what: &str,
        within: Duration,
        mut ask: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "no {what} within {within:?}\n{}",
                self.dump()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What the operators of this namespace logged so far.
    pub fn operator_logs(&self) -> String {
        let logs = self.logs.lock().unwrap();
        let read = |log: &PathBuf| std::fs::read_to_string(log).unwrap_or_default();
        logs.iter().map(read).collect()
    }

    /// Everything that helps to see what went wrong.
    pub fn dump(&self) -> String {
        let mut dump = String::new();
        for arguments in [
            &["get", "flashjobs", "-o", "yaml"][..],
            &[
                "get",
                "pods,services,secrets,instances",
                "-o",
                "wide",
                "--show-labels",
            ],
            &["get", "events", "--sort-by=.lastTimestamp"],
        ] {
            let answer = self
                .try_kubectl(arguments)
                .unwrap_or_else(|complaint| complaint);
            dump = format!("{dump}--- kubectl {}\n{answer}", arguments.join(" "));
        }
        for log in self.logs.lock().unwrap().iter() {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(60)..].join("\n");
            dump = format!("{dump}--- the end of {}\n{tail}\n", log.display());
        }
        dump
    }
}
