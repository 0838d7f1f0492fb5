//! One scenario, one run of it, and the median of several. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who flashes the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contestant {
    /// A bare client that does nothing but the nine writes of a device.
    Raw,
    /// The operator with the native engine.
    Native,
    /// The operator with four helm processes.
    Helm,
    /// helm's command line alone, four processes at a time.
    HelmCli,
    /// The original operator.
    Original,
}

/// What is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    /// Group by which it is chosen.
    pub group: String,
    /// Who flashes.
    pub contestant: Contestant,
    /// How many devices, of all jobs together.
    pub devices: usize,
    /// Devices in flight at the same time, of all jobs together.
    pub parallelism: usize,
    /// `FlashJobs`, at once or one by one.
    pub jobs: usize,
    /// Whether a `FlashJob` is created once the one before has finished.
    #[serde(default)]
    pub one_by_one: bool,
    /// Seconds until a Service gets its address.
    pub address_delay_seconds: f64,
    /// Share of devices whose flash fails.
    pub faults: f64,
    /// Whether the API server asks the policies of the operator's chart.
    pub policies: bool,
    /// Whether devices lease the Services of a pool, one for each slot.
    #[serde(default)]
    pub pooled: bool,
    /// After how many devices the job is suspended; none where it goes on to its end.
    #[serde(default)]
    pub first: Option<usize>,
    /// How often it is run.
    pub repeat: usize,
}

impl Scenario {
    /// For people.
    pub fn title(&self) -> String {
        let who = match self.contestant {
            Contestant::Raw => format!("raw, {} at a time", self.parallelism),
            Contestant::Native => "native".to_owned(),
            Contestant::Helm => "helm, 4 processes".to_owned(),
            Contestant::HelmCli => "helm's command line alone, 4 processes".to_owned(),
            Contestant::Original => "original operator".to_owned(),
        };
        let what = match self.group.as_str() {
            "growth" => format!(", {} devices", self.devices),
            "large" => self.first.map_or_else(
                || format!(", a pool, {} devices", self.devices),
                |first| format!(", a pool, the first {first} of {} devices", self.devices),
            ),
            "jobs" => format!(", {} FlashJobs", self.jobs),
            "one-device" => ", jobs of one device, one by one".to_owned(),
            "delay" => format!(", address after {} s", self.address_delay_seconds),
            "faults" => format!(", {} % faults", self.faults * 100.0),
            "policies" if self.policies => ", with the chart's policies".to_owned(),
            "pool" => format!(", a pool of {} Services", self.parallelism),
            "policies" => ", without the chart's policies".to_owned(),
            _ => String::new(),
        };
        who + &what
    }
}

/// Requests per device of one verb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Of who flashes.
    pub ours: f64,
    /// Of everybody else: control plane, node, devices.
    pub rest: f64,
}

/// What one run came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Devices a second, from the first write for a device to the moment when Pod and Service of the last one are gone.
    pub devices_per_second: f64,
    /// Seconds from the job to its end.
    pub job_seconds: f64,
    /// Requests per device by verb, as the API server counts them.
    pub requests: BTreeMap<String, Share>,
    /// Writes per device of who flashes, everything included.
    pub writes_per_device: f64,
    /// CPU milliseconds per device of the process, and of those that it started.
    pub cpu_ms_per_device: Option<f64>,
    /// CPU milliseconds per device of all programs of the control plane: etcd, API server, controllers, scheduler, and the simulated node.
    #[serde(default)]
    pub control_plane_cpu_ms_per_device: f64,
    /// CPU milliseconds per device of the API server.
    pub api_server_cpu_ms_per_device: f64,
    /// Peak of the memory in use by the process, in MiB.
    pub peak_memory_mib: Option<f64>,
    /// Milliseconds from a slot's end to the next POST of a release Secret: median.
    pub slot_to_post_p50_ms: Option<f64>,
    /// The same, 99th percentile.
    pub slot_to_post_p99_ms: Option<f64>,
    /// Milliseconds from the creation of a `FlashJob` to its first Pod, where they run one by one: median.
    #[serde(default)]
    pub job_to_pod_p50_ms: Option<f64>,
    /// Status writes of all jobs.
    pub status_writes: usize,
    /// Status bytes a second of all jobs.
    pub status_bytes_per_second: Option<f64>,
    /// Largest `FlashJob` object, in KiB.
    pub largest_job_kib: f64,
    /// Least of (gap between two status writes) / (gap that the budget asks for): 1 keeps the budget.
    pub status_gap_ratio: Option<f64>,
    /// Load average before and after.
    pub load: [f64; 2],
}

/// A scenario and the median of its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// What was measured.
    pub scenario: Scenario,
    /// The run with the median rate.
    pub median: Run,
    /// Rates of all runs, ascending.
    pub rates: Vec<f64>,
}

impl Measurement {
    /// The run with the median rate stands for all: its figures belong together.
    pub fn median(scenario: &Scenario, mut runs: Vec<Run>) -> Self {
        runs.sort_by(|one, other| one.devices_per_second.total_cmp(&other.devices_per_second));
        let rates = runs.iter().map(|run| run.devices_per_second).collect();
        let median = runs.swap_remove((runs.len() - 1) / 2);
        Self {
            scenario: scenario.clone(),
            median,
            rates,
        }
    }
}

/// A number of things as one to calculate with.
#[allow(
    clippy::cast_precision_loss,
    reason = "far below 2^52: devices, requests, bytes"
)]
pub fn float(number: usize) -> f64 {
    number as f64
}

/// The value below which a share of the sorted values lies.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (float(last) * share).round() as usize;
    sorted.get(place.min(last)).copied()
}
