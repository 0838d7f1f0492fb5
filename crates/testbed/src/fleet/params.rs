//! What a simulated fleet is like: the command line of the example, and the tests' way to say the same. Pure.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::load_balancer::MAX_ADDRESSES;

/// What a simulated fleet is like. Shares are parts of all devices, from 0 to 1; the rest is flashed as it should be.
#[derive(Args, Debug, Clone)]
pub struct Params {
    /// Number of devices.
    #[arg(long, default_value_t = 12)]
    pub devices: usize,
    /// Namespace of the Instances.
    #[arg(long, default_value = "default")]
    pub namespace: String,
    /// Namespaces whose flash pods and Services belong to this fleet, `*` for all. Unset: the one of the Instances.
    #[arg(long, value_delimiter = ',')]
    pub pod_namespaces: Vec<String>,
    /// Akri Configuration that the Instances name.
    #[arg(long, default_value = "http-range-onboard")]
    pub configuration: String,
    /// `DEVICE` of every device.
    #[arg(long, default_value = "esp32s3")]
    pub device_type: String,
    /// `APPLICATION_TYPE` of every device.
    #[arg(long, default_value = "fmnist")]
    pub application_type: String,
    /// `VERSION` of every device before its first flash.
    #[arg(long, default_value = "0.1.0")]
    pub version: String,
    /// Endpoints to leave out, so that two fleets do not share devices.
    #[arg(long, default_value_t = 0)]
    pub endpoint_offset: usize,
    /// Chooses which devices get which outcome.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Seconds from the pod's start to its end.
    #[arg(long, default_value_t = 2.0)]
    pub flash_seconds: f64,
    /// Seconds until a device that was flashed is discovered again.
    #[arg(long, default_value_t = 2.0)]
    pub reboot_seconds: f64,
    /// Seconds until a Service of type `LoadBalancer` gets its address.
    #[arg(long, default_value_t = 0.5)]
    pub address_delay_seconds: f64,
    /// Size of the pool of addresses; a Service waits while it is empty.
    #[arg(long, default_value_t = 254, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_ADDRESSES)))]
    pub addresses: u16,
    /// What a Service gets for an address.
    #[arg(long, value_enum, default_value_t = AddressKind::Ipv4)]
    pub address_kind: AddressKind,

    /// Share whose attestation is refused, with exit code 0.
    #[arg(long, default_value_t = 0.0)]
    pub refused_share: f64,
    /// Share whose transfer fails, with exit code 0.
    #[arg(long, default_value_t = 0.0)]
    pub transfer_failed_share: f64,
    /// Share that cannot be contacted, with exit code 1.
    #[arg(long, default_value_t = 0.0)]
    pub exit1_share: f64,
    /// Share that cannot be contacted the first time, with exit code 1, and is flashed as it should be from then on.
    #[arg(long, default_value_t = 0.0)]
    pub exit1_once_share: f64,
    /// Share that never dials in, so that the pod runs until its deadline.
    #[arg(long, default_value_t = 0.0)]
    pub never_ends_share: f64,
    /// Share that receives the firmware and comes back with the version it had.
    #[arg(long, default_value_t = 0.0)]
    pub old_version_share: f64,
    /// Share that receives the firmware, comes back with the version it had, and reports the new one only later.
    #[arg(long, default_value_t = 0.0)]
    pub lagging_version_share: f64,
    /// Seconds until a device whose version lags reports the new one.
    #[arg(long, default_value_t = 5.0)]
    pub version_lag_seconds: f64,
    /// Share that receives the firmware and is never discovered again.
    #[arg(long, default_value_t = 0.0)]
    pub never_back_share: f64,
    /// Share that receives the firmware and from then on has another address: a device of another type answers at its own.
    #[arg(long, default_value_t = 0.0)]
    pub swapped_share: f64,
    /// `DEVICE` of the devices that answer at such an address.
    #[arg(long, default_value = "esp32")]
    pub other_device_type: String,
    /// A flash image whose device receives firmware goes on past its Pod's deadline, as long as the kubelet lets it. Unset: it ends at
    /// the deadline, as a Go program does.
    #[arg(long)]
    pub finishes_transfers: bool,
    /// A mesh put a container beside the flash that runs on when the flash has ended.
    #[arg(long)]
    pub sidecar: bool,
    /// Share whose Service never gets an address.
    #[arg(long, default_value_t = 0.0)]
    pub no_address_share: f64,
    /// Flashes after which a device with one of these faults is healthy. Unset: never.
    #[arg(long)]
    pub healed_after: Option<u32>,

    /// Directory of the pods' logs, readable by kwok. Unset: a temporary one.
    #[arg(long)]
    pub log_directory: Option<PathBuf>,
}

/// What a Service of type `LoadBalancer` gets.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// An IPv4 address of the pool, the lowest free one, as `MetalLB` does it.
    Ipv4,
    /// An IPv6 address, which no device can use.
    Ipv6,
    /// A host name, which no device can use.
    Hostname,
    /// Nothing.
    Never,
}

impl Default for Params {
    /// The command line's defaults.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Defaults {
            #[command(flatten)]
            params: Params,
        }
        <Defaults as clap::Parser>::parse_from(["fleet"]).params
    }
}

impl Params {
    /// Namespaces whose pods and Services are this fleet's; `None` stands for all.
    pub fn watched(&self) -> Vec<Option<&str>> {
        match self.pod_namespaces.as_slice() {
            [] => vec![Some(&self.namespace)],
            [all] if all == "*" => vec![None],
            named => named
                .iter()
                .map(|namespace| Some(namespace.as_str()))
                .collect(),
        }
    }

    /// Seconds from the pod's start to its end.
    pub fn flash_time(&self) -> Duration {
        Duration::from_secs_f64(self.flash_seconds)
    }

    /// Seconds until a device that was flashed is discovered again.
    pub fn reboot_time(&self) -> Duration {
        Duration::from_secs_f64(self.reboot_seconds)
    }

    /// Seconds until a device whose version lags reports the new one.
    pub fn version_lag(&self) -> Duration {
        Duration::from_secs_f64(self.version_lag_seconds)
    }

    /// Seconds until a Service gets its address.
    pub fn address_delay(&self) -> Duration {
        Duration::from_secs_f64(self.address_delay_seconds)
    }
}
