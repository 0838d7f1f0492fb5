//! The operator's settings: the one place that reads the command line and the environment.
//!
//! Every flag has an environment variable `FLASHJOB_…` of the same name.

mod check;
mod flash_pod;
mod policy;
mod words;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::telemetry::{LogFormat, log_filter};

pub use check::SettingsError;
pub use flash_pod::FlashPodSettings;
pub use policy::{PolicyError, open_named, policy};

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

/// What becomes of the tag of a firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirmwareDigest {
    /// All devices of a round get the image that the tag meant when the round began. Where the registry does not answer, or not to
    /// everybody, the tag stays.
    Pin,
    /// No registry is asked; flash Pods get the reference as the job names it.
    Never,
}

/// Settings of `flashjob-operator run`.
#[derive(Args, Debug, Clone, PartialEq)]
pub struct Settings {
    /// Namespaces whose FlashJobs are carried out, comma-separated. Unset: all.
    #[arg(
        long,
        env = "FLASHJOB_WATCH_NAMESPACES",
        value_parser = words::namespace,
        value_delimiter = ',',
        value_name = "NAMESPACE",
        help_heading = "Scope"
    )]
    pub watch_namespaces: Vec<String>,

    /// Namespaces whose Akri Instances are devices, comma-separated. Unset: all.
    #[arg(
        long,
        env = "FLASHJOB_AKRI_NAMESPACES",
        value_parser = words::namespace,
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
    /// changes. Nothing begins before it was read.
    #[arg(
        long,
        env = "FLASHJOB_FLASH_POD_VALUES_CONFIGMAP",
        value_parser = words::name,
        value_name = "NAME",
        help_heading = "Flash chart"
    )]
    pub flash_pod_values_configmap: Option<String>,

    /// Whether the registry of a job's firmware is asked, once a round, which image its tag means.
    #[arg(
        long,
        env = "FLASHJOB_FIRMWARE_DIGEST",
        value_enum,
        default_value = "pin",
        help_heading = "Firmware"
    )]
    pub firmware_digest: FirmwareDigest,

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

    /// Address of /healthz, /readyz and, without --metrics-secure, /metrics.
    #[arg(
        long,
        env = "FLASHJOB_HTTP_ADDRESS",
        default_value = "0.0.0.0:8080",
        value_name = "IP:PORT",
        help_heading = "Process"
    )]
    pub http_address: SocketAddr,

    /// Serve /metrics over TLS, at an address of its own, and only to whom the API server lets get /metrics: a token is shown,
    /// and the API server is asked whose it is and what he may do.
    #[arg(long, env = "FLASHJOB_METRICS_SECURE", help_heading = "Process")]
    pub metrics_secure: bool,

    /// Address of /metrics with --metrics-secure.
    #[arg(
        long,
        env = "FLASHJOB_METRICS_ADDRESS",
        default_value = "0.0.0.0:8443",
        value_name = "IP:PORT",
        help_heading = "Process"
    )]
    pub metrics_address: SocketAddr,

    /// Directory with tls.crt and tls.key for --metrics-secure; read again when they change. Unset: a certificate of its own,
    /// made at start.
    #[arg(
        long,
        env = "FLASHJOB_METRICS_CERT_PATH",
        value_name = "PATH",
        help_heading = "Process"
    )]
    pub metrics_cert_path: Option<PathBuf>,

    /// Loopback address of /loglevel, such as 127.0.0.1:8082. Unset: it is not served.
    #[arg(
        long,
        env = "FLASHJOB_LOG_LEVEL_ADDRESS",
        value_name = "IP:PORT",
        help_heading = "Process"
    )]
    pub log_level_address: Option<SocketAddr>,

    /// How a log line looks.
    #[arg(
        long,
        env = "FLASHJOB_LOG_FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Process"
    )]
    pub log_format: LogFormat,

    /// What is logged: a level, or target=level pairs, comma-separated. --log-level-address lets it
    /// be changed at run time.
    #[arg(
        long,
        env = "FLASHJOB_LOG_LEVEL",
        default_value = "info",
        value_parser = log_filter,
        value_name = "FILTER",
        help_heading = "Process"
    )]
    pub log_level: String,

    /// Namespace of the leader election Lease and of the operator's ConfigMap. Unset: the Pod's, else the kubeconfig
    /// context's.
    #[arg(
        long,
        env = "FLASHJOB_LEASE_NAMESPACE",
        value_parser = words::namespace,
        value_name = "NAMESPACE",
        help_heading = "Process"
    )]
    pub lease_namespace: Option<String>,

    /// Secret in the namespace of the Lease that holds the key by which the operator knows its own objects; made where it does
    /// not exist.
    #[arg(
        long,
        env = "FLASHJOB_SEAL_SECRET",
        value_parser = words::name,
        default_value = "flashjob-operator-seal",
        value_name = "NAME",
        help_heading = "Process"
    )]
    pub seal_secret: String,

    /// Namespaces whose operators are not waited for, comma-separated; * for all. This one does not lead while an operator of another
    /// namespace does, or the original is there: they would flash a device at the same time.
    #[arg(
        long,
        env = "FLASHJOB_IGNORED_OPERATORS",
        value_parser = words::namespace_or_all,
        value_delimiter = ',',
        value_name = "NAMESPACE",
        help_heading = "Process"
    )]
    pub ignored_operators: Vec<String>,

    /// Start no flash before it is proved that the API server refuses Pods of an operator that no longer leads, by the policy
    /// that the operator's chart installs with admission.fence.enable.
    #[arg(long, env = "FLASHJOB_FENCE", help_heading = "Process")]
    pub fence: bool,

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
    #[arg(long, env = "FLASHJOB_LEASE_DURATION_MS", default_value_t = 7_000, value_parser = clap::value_parser!(u64).range(1_000..), hide = true)]
    pub lease_duration_ms: u64,

    /// Milliseconds that this process believes in its lease after a renewal.
    #[arg(
        long,
        env = "FLASHJOB_RENEW_DEADLINE_MS",
        default_value_t = 5_000,
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

    /// Milliseconds after which a process that does not lead looks at the lease again, the renew period at most.
    #[arg(
        long,
        env = "FLASHJOB_POLL_PERIOD_MS",
        default_value_t = 500,
        hide = true
    )]
    pub poll_period_ms: u64,

    /// Milliseconds that this process waits before its first write when it takes over a lease that was not renewed.
    #[arg(
        long,
        env = "FLASHJOB_SETTLE_PERIOD_MS",
        default_value_t = 2_500,
        hide = true
    )]
    pub settle_period_ms: u64,

    /// Where to abort, for tests.
    #[cfg(debug_assertions)]
    #[arg(long, env = "FLASHJOB_CRASH_AT", hide = true)]
    crash_at: Option<crate::crash::CrashAt>,

    /// Seconds after its deadline at which a Pod that nobody ended is asked about at its node: the kubelet's own grace, and a minute
    /// for a node that only seems lost.
    #[arg(
        long,
        env = "FLASHJOB_LOST_GRACE_SECONDS",
        default_value_t = 360,
        hide = true
    )]
    pub lost_grace_seconds: u64,

    /// Milliseconds that one write may take.
    #[arg(
        long,
        env = "FLASHJOB_WRITE_TIMEOUT_MS",
        default_value_t = 4_000,
        hide = true
    )]
    pub write_timeout_ms: u64,
}

#[cfg(test)]
mod tests;
