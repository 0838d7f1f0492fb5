//! The operator's settings: the one place that reads the command line and the environment.
//!
//! Every flag has an environment variable `FLASHJOB_…` of the same name.

mod policy;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::{
    cluster::{LeaseTimes, Scope},
    telemetry::LogFormat,
};

pub use policy::{PolicyError, open_named, policy};

/// File in which a Pod finds its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// How releases are rendered and applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Native, unless the flash chart needs what native does not implement.
    Auto,
    /// In this process.
    Native,
    /// By the helm command.
    Helm,
}

/// Settings of the flash chart and of what it may render: those of `render` too.
#[derive(Args, Debug, Clone, PartialEq)]
pub struct FlashPodSettings {
    /// Flash chart: a directory or a .tgz archive. Unset: the one built in.
    #[arg(
        long,
        env = "FLASHJOB_FLASH_POD_CHART",
        value_name = "PATH",
        help_heading = "Flash chart"
    )]
    pub flash_pod_chart: Option<PathBuf>,

    /// Chart values that a FlashJob may set: JSON Pointers such as /resources or /nodeSelector, comma-separated.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_VALUE_PATHS",
        value_delimiter = ',',
        value_name = "POINTER",
        help_heading = "Flash chart"
    )]
    pub allowed_value_paths: Vec<String>,

    /// Images and firmware that may be used: patterns with *, comma-separated.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_FLASH_IMAGES",
        value_delimiter = ',',
        default_value = "*",
        value_name = "PATTERN",
        help_heading = "Guard"
    )]
    pub allowed_flash_images: Vec<String>,

    /// Service accounts that flash Pods may run as, comma-separated. Unset: only the namespace's default.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_SERVICE_ACCOUNTS",
        value_delimiter = ',',
        value_name = "NAME",
        help_heading = "Guard"
    )]
    pub allowed_service_accounts: Vec<String>,

    /// Secrets that flash Pods may mount or pull images with, comma-separated. Unset: those that the administrator's
    /// chart values name.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_SECRET_NAMES",
        value_delimiter = ',',
        value_name = "NAME",
        help_heading = "Guard"
    )]
    pub allowed_secret_names: Vec<String>,

    /// Kinds that the flash chart may render besides Pod and Service, as group/version/Kind or v1/Kind, comma-separated.
    #[arg(
        long = "extra-kinds",
        alias = "allowed-extra-kinds",
        env = "FLASHJOB_EXTRA_KINDS",
        value_delimiter = ',',
        value_name = "KIND",
        help_heading = "Guard"
    )]
    pub allowed_extra_kinds: Vec<String>,
}

/// Settings of `flashjob-operator run`.
#[derive(Args, Debug, Clone, PartialEq)]
pub struct Settings {
    /// Namespaces whose FlashJobs are carried out, comma-separated. Unset: all.
    #[arg(
        long,
        env = "FLASHJOB_WATCH_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACE",
        help_heading = "Scope"
    )]
    pub watch_namespaces: Vec<String>,

    /// Namespaces whose Akri Instances are devices, comma-separated. Unset: all.
    #[arg(
        long,
        env = "FLASHJOB_AKRI_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACE",
        help_heading = "Scope"
    )]
    pub akri_namespaces: Vec<String>,

    /// How releases are rendered and applied.
    #[arg(
        long,
        env = "FLASHJOB_ENGINE",
        value_enum,
        default_value = "auto",
        help_heading = "Flash chart"
    )]
    pub engine: EngineChoice,

    /// The flash chart and what it may render.
    #[command(flatten)]
    pub flash_pod: FlashPodSettings,

    /// ConfigMap in the operator's namespace whose key values.yaml holds chart values for all devices; reloaded when it
    /// changes.
    #[arg(
        long,
        env = "FLASHJOB_FLASH_POD_VALUES_CONFIGMAP",
        value_name = "NAME",
        help_heading = "Flash chart"
    )]
    pub flash_pod_values_configmap: Option<String>,

    /// Devices in flight at the same time, over all jobs.
    #[arg(long, env = "FLASHJOB_MAX_IN_FLIGHT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "COUNT", help_heading = "Pace")]
    pub max_in_flight: u32,

    /// Seconds that a Service may wait for its address before it is created anew.
    #[arg(long, env = "FLASHJOB_ADDRESS_TIMEOUT_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS", help_heading = "Pace")]
    pub address_timeout_seconds: u64,

    /// Seconds that a Pod may take to start before it is created anew.
    #[arg(long, env = "FLASHJOB_START_DEADLINE_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS", help_heading = "Pace")]
    pub start_deadline_seconds: u64,

    /// First pause before another try, in seconds; it doubles up to ten minutes.
    #[arg(long, env = "FLASHJOB_RETRY_BASE_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS", help_heading = "Pace")]
    pub retry_base_seconds: u64,

    /// Seconds that an address is kept after an interrupted transfer, because the device goes on dialling it.
    #[arg(
        long,
        env = "FLASHJOB_COOL_DOWN_SECONDS",
        default_value_t = 90,
        value_name = "SECONDS",
        help_heading = "Pace"
    )]
    pub cool_down_seconds: u64,

    /// YAML file that says which words in a flash Pod's log mean what. Unset: those of the known flash image.
    #[arg(
        long,
        env = "FLASHJOB_LOG_MARKERS",
        value_name = "PATH",
        help_heading = "Flash chart"
    )]
    pub log_markers: Option<PathBuf>,

    /// The helm command. Unset: the helm on the PATH.
    #[arg(
        long,
        env = "FLASHJOB_HELM_PATH",
        value_name = "PATH",
        help_heading = "Helm engine"
    )]
    pub helm_path: Option<PathBuf>,

    /// Helm processes at the same time.
    #[arg(long, env = "FLASHJOB_HELM_PROCESSES", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64), value_name = "COUNT", help_heading = "Helm engine")]
    pub helm_processes: u32,

    /// Seconds that one helm command may take.
    #[arg(
        long = "helm-timeout-seconds",
        alias = "helm-timeout",
        env = "FLASHJOB_HELM_TIMEOUT_SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u64).range(5..),
        value_name = "SECONDS",
        help_heading = "Helm engine"
    )]
    pub helm_timeout: u64,

    /// Address of /healthz, /readyz, /metrics and /loglevel.
    #[arg(
        long,
        env = "FLASHJOB_HTTP_ADDRESS",
        default_value = "0.0.0.0:8080",
        value_name = "IP:PORT",
        help_heading = "Process"
    )]
    pub http_address: SocketAddr,

    /// How a log line looks.
    #[arg(
        long,
        env = "FLASHJOB_LOG_FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Process"
    )]
    pub log_format: LogFormat,

    /// What is logged: a level, or target=level pairs, comma-separated. PUT /loglevel changes it at run time.
    #[arg(
        long,
        env = "FLASHJOB_LOG_LEVEL",
        default_value = "info",
        value_name = "FILTER",
        help_heading = "Process"
    )]
    pub log_level: String,

    /// Namespace of the leader election Lease and of the operator's ConfigMap. Unset: the Pod's, else the kubeconfig
    /// context's.
    #[arg(
        long,
        env = "FLASHJOB_LEASE_NAMESPACE",
        value_name = "NAMESPACE",
        help_heading = "Process"
    )]
    pub lease_namespace: Option<String>,

    /// Name of the Pod that this process runs in.
    #[arg(long, env = "POD_NAME", hide = true)]
    pub pod_name: Option<String>,

    /// Namespace of the Pod that this process runs in.
    #[arg(long, env = "POD_NAMESPACE", hide = true)]
    pub pod_namespace: Option<String>,

    /// Kubeconfig that the helm command uses.
    #[arg(long = "kubeconfig", env = "KUBECONFIG", hide = true)]
    kubeconfig_path: Option<PathBuf>,

    /// Milliseconds that others respect a lease which is not renewed.
    #[arg(long, env = "FLASHJOB_LEASE_DURATION_MS", default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(1_000..), hide = true)]
    pub lease_duration_ms: u64,

    /// Milliseconds that this process believes in its lease after a renewal.
    #[arg(
        long,
        env = "FLASHJOB_RENEW_DEADLINE_MS",
        default_value_t = 7_000,
        hide = true
    )]
    pub renew_deadline_ms: u64,

    /// Milliseconds between renewals.
    #[arg(
        long,
        env = "FLASHJOB_RENEW_PERIOD_MS",
        default_value_t = 2_000,
        hide = true
    )]
    pub renew_period_ms: u64,

    /// Milliseconds that one write may take.
    #[arg(
        long,
        env = "FLASHJOB_WRITE_TIMEOUT_MS",
        default_value_t = 4_000,
        hide = true
    )]
    pub write_timeout_ms: u64,
}

/// Settings contradict each other.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A write could outlive the lease under which it was sent.
    #[error(
        "the write time-out ({timeout:?}) must be shorter than the lease duration less the renew deadline ({margin:?}): \
         a write could take effect under the next leader"
    )]
    WriteOutlivesLease {
        /// Time-out of a write.
        timeout: Duration,
        /// Time between the end of this process's belief and the next leader.
        margin: Duration,
    },
    /// The lease would be lost between two renewals.
    #[error("the renew period ({period:?}) must be shorter than the renew deadline ({deadline:?})")]
    RenewedTooRarely {
        /// Time between renewals.
        period: Duration,
        /// Time without a renewal after which the lease is lost.
        deadline: Duration,
    },
    /// A path is no JSON Pointer.
    #[error(
        "--allowed-value-paths: {0:?} is no JSON Pointer: write /resources/limits, not resources.limits"
    )]
    NoPointer(String),
}

impl Settings {
    /// Checks what the command line cannot check alone.
    ///
    /// # Errors
    /// When settings contradict each other.
    pub fn check(&self) -> Result<(), SettingsError> {
        let times = self.lease_times();
        let margin = times.duration.saturating_sub(times.renew_deadline);
        let timeout = self.write_timeout();
        if timeout >= margin {
            return Err(SettingsError::WriteOutlivesLease { timeout, margin });
        }
        if times.renew_period >= times.renew_deadline {
            return Err(SettingsError::RenewedTooRarely {
                period: times.renew_period,
                deadline: times.renew_deadline,
            });
        }
        match self
            .flash_pod
            .allowed_value_paths
            .iter()
            .find(|path| !path.starts_with('/'))
        {
            Some(path) => Err(SettingsError::NoPointer(path.clone())),
            None => Ok(()),
        }
    }

    /// Which namespaces hold devices.
    #[must_use]
    pub fn instance_scope(&self) -> Scope {
        Scope::of(&self.akri_namespaces)
    }

    /// Which namespaces are looked at.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of(&self.watch_namespaces)
    }

    /// The times of the leader election.
    #[must_use]
    pub fn lease_times(&self) -> LeaseTimes {
        LeaseTimes {
            duration: Duration::from_millis(self.lease_duration_ms),
            renew_deadline: Duration::from_millis(self.renew_deadline_ms),
            renew_period: Duration::from_millis(self.renew_period_ms),
            poll_period: Duration::from_secs(1).min(Duration::from_millis(self.renew_period_ms)),
        }
    }

    /// Time-out of one write.
    #[must_use]
    pub fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// Kubeconfig of the helm command, found as the clients find theirs; none in a Pod.
    #[must_use]
    pub fn kubeconfig(&self) -> Option<PathBuf> {
        let given = self.kubeconfig_path.clone();
        let usual = || {
            let path = std::env::home_dir()?.join(".kube/config");
            Some(path).filter(|path| path.exists())
        };
        given
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(usual)
    }

    /// Namespace of the Lease and of the operator's ConfigMap; `of_client` is that of the kubeconfig's context.
    #[must_use]
    pub fn own_namespace(&self, of_client: &str) -> String {
        let of_pod = || {
            let name = std::fs::read_to_string(NAMESPACE_FILE).ok()?;
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        };
        self.lease_namespace
            .clone()
            .or_else(|| self.pod_namespace.clone())
            .or_else(of_pod)
            .unwrap_or_else(|| of_client.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn parse(arguments: &[&str]) -> Settings {
        Line::parse_from([&["test"], arguments].concat()).settings
    }

    #[test]
    fn the_defaults_agree_with_each_other() {
        assert_eq!(parse(&[]).check(), Ok(()));
    }

    #[test]
    fn a_new_leader_writes_within_twenty_seconds_of_a_kill_and_holds_the_lease_within_fifteen() {
        let settings = parse(&[]);
        let times = settings.lease_times();
        let holds = times.poll_period + times.duration + times.poll_period;
        assert!(holds <= Duration::from_secs(15), "{holds:?}");
        assert!(holds + settings.write_timeout() <= Duration::from_secs(20));
    }

    #[test]
    fn a_write_never_outlives_the_lease() {
        let settings = parse(&["--write-timeout-ms", "5000"]);
        assert!(matches!(
            settings.check(),
            Err(SettingsError::WriteOutlivesLease { .. })
        ));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let settings = parse(&[
            "--watch-namespaces",
            "a,b",
            "--allowed-value-paths",
            "resources",
        ]);
        assert_eq!(settings.scope(), Scope::of(&["a".into(), "b".into()]));
        assert_eq!(
            settings.check(),
            Err(SettingsError::NoPointer("resources".into()))
        );
    }

    #[test]
    fn the_lease_namespace_that_is_set_wins() {
        let settings = parse(&["--lease-namespace", "a", "--pod-namespace", "b"]);
        assert_eq!(settings.own_namespace("c"), "a");
        let settings = parse(&["--pod-namespace", "b"]);
        assert_eq!(settings.own_namespace("c"), "b");
    }
}
