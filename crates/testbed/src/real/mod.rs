//! A real node: kubelet, containerd and kube-proxy instead of kwok, devices in network namespaces of their own, and a load balancer.
//! Tests that use it run in what `tests/control-plane/enclosed.sh` makes: `make test-real`.

pub mod board;
pub mod container;
pub mod discovery;
pub mod dns;
pub mod fault;
pub mod full_disk;
pub mod image;
pub mod image_registry;
pub mod installation;
pub mod load_balancer;
pub mod meter;
pub mod pressure;
pub mod site;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    sync::OnceLock,
};

use sim_device::{attestation::Attestation, firmware, identity::AgentIdentity, registry::Registry};

use super::{ControlPlane, control_plane::run};

/// The node's address in the network of devices. Registry and attestation service have it too.
pub const NODE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// The bridge of that network.
const LAN: &str = "lan0";

/// Everything that flashes need besides devices and a control plane: one firmware, and those who hand it out and check devices.
pub struct World {
    /// The control plane with a real node.
    pub plane: &'static ControlPlane,
    /// What devices pin.
    pub identity: AgentIdentity,
    /// Knows the devices that are told to it.
    pub attestation: Attestation,
    /// Name of the flash image, which the node has.
    pub image: String,
    /// Hash of the firmware.
    pub hash: String,
    /// Its length in bytes.
    pub size: usize,
    /// Certificate and key of registries.
    pub tls: AgentIdentity,
    _registry: Registry,
}

/// Version of the firmware.
pub const VERSION: &str = "2.0.0";

impl World {
    /// The one of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<World> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let plane = ControlPlane::real();
        let identity = AgentIdentity::generate();
        let firmware = firmware::build(VERSION, 1_200_000, 11);
        let at = |port| SocketAddr::from((IpAddr::V4(NODE), port));
        let boards: [(&str, &[u8]); 1] = [("esp32s3", &firmware)];
        let tls = AgentIdentity::of(&NODE.to_string());
        let registry = Registry::start(at(443), Some(&tls), "fw/sensor", VERSION, &boards);
        dns::start(plane);
        Self {
            plane,
            attestation: Attestation::start(at(8000)).unwrap(),
            image: image::flash_agent(plane, &identity, &tls),
            identity,
            hash: firmware::hash(&firmware),
            size: firmware.len(),
            tls,
            _registry: registry.unwrap(),
        }
    }

    /// Another registry, on that port of the node, with firmware of that size; what serves it, and its reference.
    pub fn serve(&self, port: u16, size: usize) -> (Registry, String) {
        let firmware = firmware::build(VERSION, size, 5);
        let boards: [(&str, &[u8]); 1] = [("esp32s3", &firmware)];
        let at = SocketAddr::from((IpAddr::V4(NODE), port));
        let registry = Registry::start(at, Some(&self.tls), "fw/other", VERSION, &boards);
        let reference = format!("{at}/fw/other:{VERSION}");
        (registry.unwrap(), reference)
    }

    /// Reference of the firmware.
    pub fn firmware() -> String {
        format!("{NODE}:443/fw/sensor:{VERSION}")
    }
}

/// `ip ARGUMENTS`, or a panic with its complaint.
fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

/// `ip ARGUMENTS`, or its complaint.
fn try_ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("ip {arguments}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let failed = || format!("ip {arguments}: {complaint}");
    output.status.success().then_some(()).ok_or_else(failed)
}
