//! The control plane that all tests of a run share. It stops within seconds of this process's end, however it ends.

mod process;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, OnceLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use self::process::remove_leftovers;
use super::{
    audit::{Audit, Tail},
    paths::{scratch, script},
};

pub use self::process::Killed;

/// Namespace of the operator's chart.
pub const OPERATOR_NAMESPACE: &str = "flashjob-system";

/// A running control plane: see `tests/control-plane/up.sh`.
pub struct ControlPlane {
    directory: PathBuf,
    bin: PathBuf,
    chart: OnceLock<PathBuf>,
    audit: Mutex<Tail>,
    pub(super) asker: OnceLock<Client>,
}

/// A control plane that one test has to itself.
pub struct Disturbed {
    /// The control plane.
    pub plane: &'static ControlPlane,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl ControlPlane {
    /// The one that all tests of this process share; the first to ask starts it (and builds it, when it never was).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("shared"))
    }

    /// A second shared one, for tests that define kinds named like the operator's: to kubectl the name alone would mean both.
    pub fn with_namesakes() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("namesakes"))
    }

    /// One that a test may disturb all of, and has to itself until it drops this; there are a few, so that such tests need not
    /// all wait for each other.
    pub async fn disturb() -> Disturbed {
        static BUSY: [tokio::sync::Mutex<()>; 3] = [const { tokio::sync::Mutex::const_new(()) }; 3];
        static PLANES: [OnceLock<ControlPlane>; 3] = [const { OnceLock::new() }; 3];
        let free = BUSY.iter().map(|busy| Box::pin(busy.lock()));
        let (alone, number, _) = futures::future::select_all(free).await;
        Disturbed {
            plane: PLANES[number].get_or_init(|| Self::start(&format!("disturbed-{number}"))),
            _alone: alone,
        }
    }

    /// One of its own, for a test that stops parts of it.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, "kwok")
    }

    /// One with a real node, in what `enclosed.sh` made.
    pub fn real() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with("real", "real"))
    }

    fn start_with(name: &str, node: &str) -> Self {
        let tools = match node {
            "real" => &["etcd", "kubernetes", "helm", "node", "registry"][..],
            _ => &["etcd", "kwok", "kubernetes", "helm", "helm3"],
        };
        let bin = run(Command::new(script("build.sh")).args(tools));
        let directory = scratch().join(format!("control-plane-{}-{name}", std::process::id()));
        remove_leftovers(directory.parent().unwrap(), node);
        let mut command = Command::new(script("up.sh"));
        command
            .arg(&directory)
            .env("BIN", bin.trim())
            .env("NODE", node)
            .env("AUDIT_BODIES", "1")
            .env("OWNER_PID", std::process::id().to_string());
        run(&mut command);
        let control_plane = Self {
            directory,
            bin: PathBuf::from(bin.trim()),
            chart: OnceLock::new(),
            audit: Mutex::default(),
            asker: OnceLock::new(),
        };
        if let Some(kept) = control_plane.kept("log") {
            // A second name of the file: it outlives the directory.
            std::fs::hard_link(control_plane.directory.join("audit.log"), kept).unwrap();
        }
        control_plane
    }

    /// Where something about this control plane is kept for `tests/rights.rs`, which looks at a whole run.
    fn kept(&self, what: &str) -> Option<PathBuf> {
        let directory = PathBuf::from(std::env::var_os("FLASHJOB_AUDIT_LOGS")?);
        std::fs::create_dir_all(&directory).unwrap();
        let name = self.directory.file_name().unwrap().to_str().unwrap();
        Some(directory.join(format!("{name}.{what}")))
    }

    /// Says that a test makes the API server refuse the operator's requests of that verb and resource in a namespace (empty: the
    /// cluster's), of `*` all.
    pub fn expect_refusals(&self, namespace: &str, verb: &str, resource: &str) {
        let Some(kept) = self.kept("refusals") else {
            return;
        };
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(kept)
            .unwrap();
        file.write_all(format!("{namespace} {verb} {resource}\n").as_bytes())
            .unwrap();
    }

    /// State directory: logs, kubeconfigs, the audit log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Path of a built program, such as `helm3`.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// A kubeconfig of `admin`, `fleet` or `kwok`.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.directory.join(format!("{user}.kubeconfig"))
    }

    /// A client for that user. One per test: a client belongs to the runtime that made it.
    pub async fn client(&self, user: &str) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig(user)).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    /// A command of a built program as administrator, with the programs on its PATH.
    pub fn command(&self, tool: &str) -> Command {
        let mut path = vec![self.bin.clone()];
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let mut command = Command::new(self.tool(tool));
        command
            .env("KUBECONFIG", self.kubeconfig("admin"))
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HELM_CACHE_HOME", self.directory.join("helm/cache"))
            .env("HELM_CONFIG_HOME", self.directory.join("helm/config"))
            .env("HELM_DATA_HOME", self.directory.join("helm/data"));
        command
    }

    /// `kubectl ARGUMENTS`; what it printed, or a panic with its complaint.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        run(self.command("kubectl").args(arguments))
    }

    /// `helm ARGUMENTS` (Helm 4); what it printed, or a panic with its complaint.
    pub fn helm(&self, arguments: &[&str]) -> String {
        run(self.command("helm").args(arguments))
    }

    /// `kubectl VERB -f -` with the manifest; its output, as `Err` when it was refused.
    pub fn feed(&self, arguments: &[&str], manifest: &str) -> Result<String, String> {
        let mut command = self.command("kubectl");
        command
            .args(arguments)
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(manifest.as_bytes())
            .unwrap();
        answer(&child.wait_with_output().unwrap())
    }

    /// What the API server was asked so far.
    pub fn audit(&self) -> Audit {
        self.audit.lock().unwrap().read_on(&self.audit_log())
    }

    /// The API server's audit log, with the objects that an auditor looks at.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Installs the operator's chart, once, without a Pod of its own; a kubeconfig with its ServiceAccount's token.
    pub fn operator_kubeconfig(&self) -> &Path {
        self.install_operator(&[])
    }

    /// The same, with these arguments of helm where it is not installed yet.
    pub fn install_operator(&self, arguments: &[&str]) -> &Path {
        self.chart.get_or_init(|| {
            let mut command = self.command("kubectl");
            let environment: Vec<_> = command
                .get_envs()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
                .collect();
            command = Command::new(script("install-operator.sh"));
            command
                .envs(environment)
                .args([&self.directory, Path::new(OPERATOR_NAMESPACE)])
                .args(arguments);
            run(&mut command);
            self.directory.join("operator.kubeconfig")
        })
    }

    /// A kubeconfig with another token of the operator's ServiceAccount, and the id by which the audit log names that token.
    pub fn another_token(&self, name: &str) -> (PathBuf, String) {
        self.token_of(OPERATOR_NAMESPACE, "flashjob-operator", name)
    }

    /// A kubeconfig with a token of a ServiceAccount, and the id by which the audit log names that token.
    pub fn token_of(&self, namespace: &str, account: &str, name: &str) -> (PathBuf, String) {
        let kubeconfig = std::fs::read_to_string(self.operator_kubeconfig()).unwrap();
        let token = self.kubectl(&["-n", namespace, "create", "token", account]);
        let (file, path) = (
            self.directory.join(format!("{name}.token")),
            self.directory.join(format!("{name}.kubeconfig")),
        );
        std::fs::write(&file, token.trim()).unwrap();
        let old = self.directory.join("operator.token");
        let (old, new) = (old.to_str().unwrap(), file.to_str().unwrap());
        std::fs::write(&path, kubeconfig.replace(old, new)).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        (path, format!("JTI={}", claims["jti"].as_str().unwrap()))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = Command::new(script("down.sh"))
            .arg(&self.directory)
            .status();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// What a program printed, or its complaint.
pub fn answer(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// Runs a command; its standard output, or a panic with all that it said.
pub fn run(command: &mut Command) -> String {
    let (out, err) = (
        tempfile::NamedTempFile::new().unwrap(),
        tempfile::NamedTempFile::new().unwrap(),
    );
    // Files, not pipes: programs that a script leaves running would hold a pipe open.
    let status = command
        .stdin(Stdio::null())
        .stdout(out.reopen().unwrap())
        .stderr(err.reopen().unwrap())
        .status()
        .unwrap_or_else(|error| panic!("could not run {command:?}: {error}"));
    let read = |file: &tempfile::NamedTempFile| {
        String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned()
    };
    assert!(
        status.success(),
        "{command:?}: {status}\n{}{}",
        read(&out),
        read(&err)
    );
    read(&out)
}
