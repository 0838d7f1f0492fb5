//! The command line and environment of a helm process: nothing of this process' environment but what is listed here.
//!
//! Reads the environment once, at start. Never `--set`: its syntax lets a value become another one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;
use tokio::process::Command;

use super::directory::Directory;
use super::process::{self, Ended, Limits, Spawner};
use super::workspace::Workspace;
use super::{HelmError, Operation, Settings, Template, Uninstall};
use crate::{NameError, RESERVED_LABELS, validate};

/// What helm may read of this process' environment: programs, proxies, certificates, the cluster around the Pod.
const PASSED: [&str; 13] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "TZ",
];
/// How long `helm version` may take.
const VERSION_LIMITS: Limits = Limits {
    timeout: Duration::from_secs(20),
    grace: Duration::from_secs(1),
};

/// Why an operation was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// [`super::Helm::stop_all`] was called.
    #[error("no helm is started any more")]
    Stopping,
    /// The release name is not valid.
    #[error("helm cannot be run")]
    Name(#[source] NameError),
    /// A label that helm would refuse or misread.
    #[error("label {key} of release {release} cannot be given to helm")]
    Label {
        /// The release.
        release: String,
        /// The key.
        key: String,
    },
}

/// Refuses what helm would misread.
pub(super) fn check(operation: &Operation) -> Result<(), StartError> {
    let none = BTreeMap::new();
    let (release, labels) = match operation {
        Operation::Upgrade(upgrade) => (&upgrade.release, &upgrade.labels),
        Operation::Template(template) => (&template.upgrade.release, &none),
        Operation::Uninstall(Uninstall {
            release,
            namespace: _,
        }) => (release, &none),
    };
    validate(release).map_err(StartError::Name)?;
    // Helm reads the list as CSV, and `null` as the wish to remove a label.
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    let unfit = |(key, value): &(&String, &String)| {
        RESERVED_LABELS.contains(&key.as_str())
            || !plain(key)
            || !plain(value)
            || *value == "null"
            || key.is_empty()
    };
    match labels.iter().find(unfit) {
        Some((key, _)) => Err(StartError::Label {
            release: release.clone(),
            key: key.clone(),
        }),
        None => Ok(()),
    }
}

/// The helm program, how it is started, and where it keeps its files.
pub(super) struct Program {
    path: PathBuf,
    /// `setpriv`, where it can ask the kernel to kill a child whose parent died.
    guard: Option<PathBuf>,
    directory: Directory,
    environment: Vec<(OsString, OsString)>,
    timeout: Duration,
    history_max: u32,
    hooks: bool,
}

impl Program {
    /// Finds helm and asks it for its version.
    pub(super) async fn find(
        settings: &Settings,
        spawner: &Spawner,
    ) -> Result<(Self, Version), HelmError> {
        let name = settings
            .binary
            .clone()
            .unwrap_or_else(|| PathBuf::from("helm"));
        let path = which::which(&name).map_err(|source| HelmError::NotFound {
            name: name.display().to_string(),
            source,
        })?;
        let directory = Directory::create(&std::env::temp_dir(), settings.directory_prefix)
            .map_err(HelmError::SetUp)?;
        let mut program = Self {
            path,
            guard: which::which("setpriv").ok(),
            environment: environment(settings, directory.path()),
            directory,
            timeout: settings.timeout,
            history_max: settings.history_max,
            hooks: settings.hooks,
        };
        let mut version = program.ask_version(spawner).await;
        if version.is_err() && program.guard.take().is_some() {
            // A setpriv without --pdeathsig, as small distributions have it.
            version = program.ask_version(spawner).await;
        }
        Ok((program, version?))
    }

    async fn ask_version(&self, spawner: &Spawner) -> Result<Version, HelmError> {
        let mut command = self.bare();
        command.args(["version", "--template", "{{.Version}}"]);
        let unusable = |message: String| HelmError::Unusable {
            program: self.path.clone(),
            message,
        };
        let finished = process::run(
            spawner,
            command,
            VERSION_LIMITS,
            process::KEPT,
            std::future::pending(),
        )
        .await
        .map_err(|error| unusable(error.to_string()))?;
        if finished.ended != Ended::Exited(Some(0)) {
            return Err(unusable(super::Failure::of(&finished).message));
        }
        let text = finished.stdout.trim();
        Version::parse(text.trim_start_matches('v')).map_err(|error| {
            unusable(format!(
                "{:?} is not a version: {error}",
                text.chars().take(80).collect::<String>()
            ))
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where charts and values are written for the processes.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process of an operation; `files` are those of an upgrade.
    pub(super) fn command(&self, operation: &Operation, files: Option<&Workspace>) -> Command {
        let mut command = self.bare();
        match operation {
            Operation::Template(template) => {
                template_arguments(&mut command, template, files);
                return command;
            }
            Operation::Upgrade(upgrade) => {
                command.args(["upgrade", "--install", &upgrade.release]);
                command.args(files.map(Workspace::chart));
                command.args(files.map(|files| option("--values=", files.values())));
                command.arg(format!("--namespace={}", upgrade.namespace));
                let labels: Vec<_> = upgrade
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                command.arg(format!("--labels={}", labels.join(",")));
                command.arg(format!("--description={}", upgrade.description));
                command.arg(format!("--history-max={}", self.history_max));
                // Without it an upgrade with empty values would take over those of the revision before.
                command.arg("--reset-values");
                // They stay when the release goes, and no record names them.
                command.arg("--skip-crds");
                if !self.hooks {
                    command.arg("--no-hooks");
                }
            }
            Operation::Uninstall(Uninstall { release, namespace }) => {
                command.args(["uninstall", release, "--ignore-not-found", "--no-hooks"]);
                command.arg(format!("--namespace={namespace}"));
            }
        }
        command.arg(format!("--timeout={}s", self.timeout.as_secs().max(1)));
        command
    }

    fn bare(&self) -> Command {
        let mut command = match &self.guard {
            Some(guard) => {
                let mut command = Command::new(guard);
                command.args(["--pdeathsig", "KILL", "--"]).arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        };
        command
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(self.directory.path());
        command
    }
}

/// Helm contacts no cluster for it: versions of the cluster are told.
fn template_arguments(command: &mut Command, template: &Template, files: Option<&Workspace>) {
    let Template {
        upgrade,
        is_upgrade,
        kube_version,
        api_versions,
    } = template;
    command.args(["template", &upgrade.release]);
    command.args(files.map(Workspace::chart));
    command.args(files.map(|files| option("--values=", files.values())));
    command.arg(format!("--namespace={}", upgrade.namespace));
    command.arg(format!("--kube-version={kube_version}"));
    if !api_versions.is_empty() {
        command.arg(format!("--api-versions={}", api_versions.join(",")));
    }
    if *is_upgrade {
        command.arg("--is-upgrade");
    }
    command.arg("--skip-tests");
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn environment(settings: &Settings, directory: &Path) -> Vec<(OsString, OsString)> {
    let passed = PASSED
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let mut environment: Vec<_> = passed.collect();
    let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
    for (name, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("HELM_PLUGINS", "plugins"),
        ("KUBECACHEDIR", "kube-cache"),
        ("TMPDIR", ""),
    ] {
        set(name, directory.join(folder).into_os_string());
    }
    match &settings.kubeconfig {
        Some(path) => {
            set(
                "KUBECONFIG",
                std::path::absolute(path)
                    .unwrap_or_else(|_| path.clone())
                    .into_os_string(),
            );
            // Credential programs named in a kubeconfig look for their own files there.
            set(
                "HOME",
                std::env::var_os("HOME").unwrap_or_else(|| directory.as_os_str().to_owned()),
            );
        }
        // An empty home: a stray ~/.kube/config must not win over the service account.
        None => set("HOME", directory.as_os_str().to_owned()),
    }
    environment
}
