//! A loopback network for a test, with all that a flash needs.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use flash_agent::{
    Log,
    run::{Place, Transfer, run},
};
use sim_device::{
    attestation::Attestation,
    device::{Device, Settings},
    fault::Fault,
    firmware,
    identity::{self, AgentIdentity},
    registry::Registry,
};

/// A loopback network for one test: agents listen on port 4433, as in a Pod, each on an address of its own.
pub struct World {
    pub address: Ipv4Addr,
    certificates: PathBuf,
    _attestation: Attestation,
    pub registry: Registry,
    pub firmware: Vec<u8>,
    pub device: Device,
    pub endpoint: SocketAddr,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.certificates);
    }
}

/// An address of 127.0.0.0/8 that no other test of this machine uses.
pub fn address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x40, low, COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn at(address: Ipv4Addr, port: u16) -> SocketAddr {
    (IpAddr::V4(address), port).into()
}

impl World {
    pub fn new(fault: Fault, size: usize) -> Self {
        Self::with(size, |settings| settings.fault = fault)
    }

    pub fn with(size: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let address = address();
        let identity = AgentIdentity::generate();
        let certificates = std::env::temp_dir().join(format!("flash-agent-{address}"));
        identity.write(&certificates);
        let attestation = Attestation::start(at(address, 8000)).unwrap();
        let own = identity::attestation("device");
        attestation.know(own.clone());
        let firmware = firmware::build("2.0.0", size, 7);
        let other = firmware::build("2.0.0", 100, 8);
        let boards: [(&str, &[u8]); 2] = [("esp32", &other), ("esp32s3", &firmware)];
        let registry =
            Registry::start(at(address, 0), None, "fw/sensor", "2.0.0", &boards).unwrap();
        let mut settings = Settings::new(at(address, 0), identity.certificate.clone(), own);
        settings.redial = Duration::from_millis(20);
        settings.reboot = Duration::from_millis(50);
        change(&mut settings);
        let device = Device::start(settings).unwrap();
        Self {
            address,
            certificates,
            _attestation: attestation,
            registry,
            firmware,
            endpoint: device.address(),
            device,
        }
    }

    pub fn variables(&self) -> Vec<(String, String)> {
        let firmware = format!("{}/fw/sensor:2.0.0", self.registry.address());
        let address = self.address.to_string();
        [
            ("PATH", "/usr/bin"),
            ("FIRMWARE", &firmware),
            ("UUID", "7e4a6e7b"),
            ("HOST_ENDPOINT", &self.endpoint.to_string()),
            ("DEVICE", "esp32s3"),
            ("APPLICATION_TYPE", "sensor"),
            ("VERSION", "2.0.0"),
            ("EXTERNAL_IP", &address),
            ("DICE_AUTH_SERVICE_SERVICE_HOST", &address),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    pub fn changed(&self, name: &str, value: &str) -> Vec<(String, String)> {
        let mut variables = self.variables();
        for (other, old) in &mut variables {
            if other == name {
                value.clone_into(old);
            }
        }
        variables
    }

    pub fn place(&self, patience: Duration) -> Place {
        Place {
            listen: at(self.address, 4433),
            certificates: self.certificates.clone(),
            patience,
            transfer: Transfer::default(),
        }
    }

    /// Runs the agent to its end.
    pub fn flash(&self, variables: &[(String, String)], patience: Duration) -> (u8, Said) {
        let said = Said::default();
        let mut log = Log::new(Box::new(said.clone()));
        (run(variables, &self.place(patience), &mut log), said)
    }

    /// Waits until the device is up again, or has ended in another way.
    pub fn until(&self, done: impl Fn(&Device) -> bool) {
        for _ in 0..1000 {
            if done(&self.device) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{:?} after ten seconds", self.device.proof());
    }
}

/// What the agent logs.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What proves something to the operator: two whole lines, and the beginnings of others.
pub const WHOLE: [&str; 2] = ["Verified device", "Firmware sent to IoT"];
const PARTS: [&str; 7] = [
    "Not verified device",
    "Could not apply OTA",
    "Failed to read from client",
    "Timeout reached before receiving enough data",
    "firmware not found in",
    "Error performing POST request",
    "Error waiting for ota-agent",
];

impl Said {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The markers, in order. Each line has to begin with a date, or it would not be read.
    pub fn markers(&self) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().map(|line| {
            let (date, words) = line.split_at_checked(20).unwrap_or((line, ""));
            let digits = date.replace(|letter: char| letter.is_ascii_digit(), "0");
            assert_eq!(digits, "0000/00/00 00:00:00 ", "{line}");
            words
        });
        let found = lines.filter_map(|words| {
            let whole = WHOLE.iter().find(|marker| words == **marker);
            whole.or_else(|| PARTS.iter().find(|marker| words.contains(**marker)))
        });
        found.map(ToString::to_string).collect()
    }
}

/// Texts of which a log's markers are made.
pub fn owned(markers: &[&str]) -> Vec<String> {
    markers.iter().map(ToString::to_string).collect()
}

/// Runs an agent that may never end; its lines as they come.
pub fn lines(world: &World, place: &Place) -> Receiver<String> {
    struct Lines(std::sync::mpsc::Sender<String>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (sender, receiver) = channel();
    let (variables, place) = (world.variables(), place.clone());
    std::thread::spawn(move || run(&variables, &place, &mut Log::new(Box::new(Lines(sender)))));
    receiver
}

/// Asks a device to update, as anybody may.
pub fn post(to: SocketAddr, body: &str) {
    let mut stream = std::net::TcpStream::connect(to).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /update HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
}
