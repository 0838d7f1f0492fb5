//! The real cluster and the real helm programs, as child processes.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use flashjob_operator::flash_pod::intent::Stored;
use k8s_openapi::api::core::v1::Secret;

/// The two helm programs that must work on every release.
pub const HELMS: [&str; 2] = ["helm", "helm3"];

/// Tells the namespaces of one run apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A namespace of its own in the control plane that `KUBECONFIG` names, with the programs of `FLASHJOB_TOOLS`.
pub struct Cluster {
    pub tools: PathBuf,
    pub kubeconfig: PathBuf,
    pub namespace: String,
}

impl Cluster {
    /// Makes the namespace; `name` is that of the test.
    pub fn new(name: &str) -> Self {
        let path = |key: &str| {
            PathBuf::from(
                std::env::var_os(key)
                    .unwrap_or_else(|| panic!("{key} is not set: run the tests by `make test`")),
            )
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{name}-{}-{number}", std::process::id());
        let cluster = Self {
            tools: path("FLASHJOB_TOOLS"),
            kubeconfig: path("KUBECONFIG"),
            namespace,
        };
        cluster.kubectl(&["create", "namespace", &cluster.namespace], "");
        cluster
    }

    /// Runs a program in the namespace and returns what is left of it.
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(self.tools.join(program))
            .args(arguments)
            .args(["--namespace", &self.namespace])
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a program that must succeed and returns its output.
    pub fn ok(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let output = self.run(program, arguments, input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program that must fail and returns what it complains about.
    pub fn refused(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments, "");
        assert!(
            !output.status.success(),
            "{program} {arguments:?} did not fail"
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs kubectl.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        self.ok("kubectl", arguments, input)
    }

    /// Creates a Secret.
    pub fn create(&self, secret: &Secret) {
        self.kubectl(
            &["create", "-f", "-"],
            &serde_json::to_string(secret).unwrap(),
        );
    }

    /// Reads one revision of a release as the operator does.
    pub fn stored(&self, release: &str, revision: u32) -> Stored {
        let name = format!("sh.helm.release.v1.{release}.v{revision}");
        let secret: Secret =
            serde_json::from_str(&self.kubectl(&["get", "secret", &name, "-o", "json"], ""))
                .unwrap();
        Stored::from_secret(&secret).unwrap()
    }

    /// Everything in the namespace that a release could leave behind.
    pub fn leftovers(&self) -> String {
        self.kubectl(
            &[
                "get",
                "pods,services,secrets",
                "-o",
                "name",
                "--ignore-not-found",
            ],
            "",
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run(
            "kubectl",
            &["delete", "namespace", &self.namespace, "--wait=false"],
            "",
        );
    }
}
