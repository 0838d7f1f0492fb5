//! Devices: each a process in a network namespace of its own, on the bridge.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use serde_json::Value;
use sim_device::identity;

use super::{LAN, World, ip};
use crate::paths::program;

/// A running device; it and its network are gone when it is dropped.
pub struct Board {
    /// Where it listens, which is its `HOST_ENDPOINT`.
    pub address: Ipv4Addr,
    namespace: String,
    process: Child,
}

impl Board {
    /// A device with a fault of `sim-device`. The attestation service knows all of them but a `stranger`.
    pub fn start(world: &World, fault: &str) -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(10);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::new(198, 51, 100, number);
        let namespace = format!("board{number}");
        connect(&namespace, address);
        let folder = world.plane.directory().join(&namespace);
        std::fs::create_dir_all(&folder).unwrap();
        world.identity.write(&folder);
        let own = identity::attestation(&namespace);
        std::fs::write(folder.join("device.der"), &own).unwrap();
        let fault = if fault == "stranger" {
            "none"
        } else {
            world.attestation.know(own);
            fault
        };
        let mut command = inside(&namespace, &program("sim-device").to_string_lossy());
        command
            .args(["--listen", &format!("{address}:80"), "--fault", fault])
            .args(["--pin", &folder.join("server.crt").to_string_lossy()])
            .args(["--identity", &folder.join("device.der").to_string_lossy()])
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), format!("{address}:80"), "{namespace}");
        Self {
            address,
            namespace,
            process,
        }
    }

    /// What it claims; none while it reboots.
    pub fn info(&self) -> Option<Value> {
        get(self.address, "/info")
    }

    /// What it has seen and kept; none while it reboots.
    pub fn proof(&self) -> Option<Value> {
        get(self.address, "/proof")
    }

    /// Whether a connection from this device to there comes about within that time.
    pub fn reaches(&self, address: &str, port: u16, within: Duration) -> bool {
        let seconds = within.as_secs().to_string();
        let dial = format!("exec 3<>/dev/tcp/{address}/{port}");
        let mut command = inside(&self.namespace, "timeout");
        command.args([&seconds, "bash", "-c", &dial]);
        command.stderr(Stdio::null());
        command.status().unwrap().success()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        ip(&format!("netns delete {}", self.namespace));
    }
}

/// A namespace with an address in the devices' network; all else is behind the node.
fn connect(namespace: &str, address: Ipv4Addr) {
    ip(&format!("netns add {namespace}"));
    ip(&format!(
        "link add {namespace} type veth peer name eth0 netns {namespace}"
    ));
    ip(&format!("link set {namespace} master {LAN} up"));
    ip(&format!("-n {namespace} address add {address}/24 dev eth0"));
    ip(&format!("-n {namespace} link set lo up"));
    ip(&format!("-n {namespace} link set eth0 up"));
    ip(&format!(
        "-n {namespace} route add default via {}",
        super::NODE
    ));
}

fn inside(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace, program])
        .stdin(Stdio::null());
    command
}

/// GET of JSON; none where nobody answers.
pub fn get(address: Ipv4Addr, path: &str) -> Option<Value> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, 80)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
