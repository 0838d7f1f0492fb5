//! A device: what it answers, what it keeps, and what it does when it is told to update.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    fault::Fault,
    firmware,
    http::{Answer, Request, Server},
    session::{self, Ended},
};

/// Room for an address and the zero behind it.
const ADDRESS: usize = 17;

/// Room for the body of `/update`.
const BODY: usize = 21;

/// What a device is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Board, such as esp32s3.
    pub board: String,
    /// What it runs.
    pub application: String,
    /// The version that it starts with.
    pub version: String,
    /// The agent's certificate, in PEM.
    pub pin: String,
    /// Its own certificate, in DER.
    pub identity: Vec<u8>,
    /// What is wrong with it.
    pub fault: Fault,
    /// How long it waits before it dials again.
    pub redial: Duration,
    /// How long it is away when it reboots.
    pub reboot: Duration,
}

impl Settings {
    /// A board that is all right, dials again after 4 seconds and reboots in 2.
    pub fn new(listen: SocketAddr, pin: String, identity: Vec<u8>) -> Self {
        Self {
            listen,
            board: "esp32s3".to_owned(),
            application: "sensor".to_owned(),
            version: "1.0.0".to_owned(),
            pin,
            identity,
            fault: Fault::None,
            redial: Duration::from_secs(4),
            reboot: Duration::from_secs(2),
        }
    }

    /// Reads certificates from files.
    pub fn read(listen: SocketAddr, pin: &Path, identity: &Path) -> std::io::Result<Self> {
        Ok(Self::new(
            listen,
            std::fs::read_to_string(pin)?,
            std::fs::read(identity)?,
        ))
    }
}

/// What a device has seen and kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Requests to update.
    pub updates: u32,
    /// Those that came while another one was being carried out: both write the same memory.
    pub overlaps: u32,
    /// Requests whose address did not fit.
    pub overflows: u32,
    /// Times that it dialled.
    pub dials: u32,
    /// Bytes of firmware that it received last.
    pub received: usize,
    /// Images that it checked and booted.
    pub boots: u32,
    /// Hash of the image in its memory; none of the one that it was made with.
    pub memory: Option<String>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    proof: Proof,
    busy: bool,
}

/// A running device; it ends when it is dropped.
pub struct Device {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    _power: Sender<()>,
}

impl Device {
    /// Turns it on.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let listen = settings.listen;
        let state = Arc::new(Mutex::new(State {
            settings,
            proof: Proof::default(),
            busy: false,
        }));
        let (reboot, reboots) = channel();
        let server = serve(listen, &state, &reboot)?;
        let address = server.address;
        let (power, off) = channel();
        std::thread::spawn({
            let state = state.clone();
            move || live(server, &state, &reboot, &reboots, &off)
        });
        Ok(Self {
            state,
            address,
            _power: power,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen and kept.
    pub fn proof(&self) -> Proof {
        lock(&self.state).proof.clone()
    }

    /// The version that it claims to run.
    pub fn version(&self) -> String {
        lock(&self.state).settings.version.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

fn serve(
    address: SocketAddr,
    state: &Arc<Mutex<State>>,
    reboot: &Sender<()>,
) -> std::io::Result<Server> {
    let (state, reboot) = (state.clone(), reboot.clone());
    Server::start(address, move |request| answer(&state, &reboot, request))
}

/// Answers, and is away while it reboots, until it is turned off.
fn live(
    server: Server,
    state: &Arc<Mutex<State>>,
    reboot: &Sender<()>,
    reboots: &Receiver<()>,
    off: &Receiver<()>,
) {
    let address = server.address;
    let mut server = Some(server);
    while off.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
        if reboots.recv_timeout(Duration::from_millis(20)).is_err() {
            continue;
        }
        drop(server.take());
        let away = lock(state).settings.reboot;
        std::thread::sleep(away);
        server = serve(address, state, reboot).ok();
    }
    drop(server);
}

fn answer(state: &Arc<Mutex<State>>, reboot: &Sender<()>, request: &Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/info") => {
            let settings = &lock(state).settings;
            let info = json!({
                "device": settings.board, "application": settings.application, "version": settings.version,
            });
            Some((200, "application/json", info.to_string().into_bytes()))
        }
        ("GET", "/proof") => {
            let proof = lock(state).proof.clone();
            let proof = json!({
                "updates": proof.updates, "overlaps": proof.overlaps, "overflows": proof.overflows, "dials": proof.dials,
                "received": proof.received, "boots": proof.boots, "memory": proof.memory,
            });
            Some((200, "application/json", proof.to_string().into_bytes()))
        }
        ("POST", "/update") => update(state, reboot, &request.body),
        _ => Some((404, "text/plain", Vec::new())),
    }
}

/// Reads the body as a board does: as much as there is room for, up to the first blank.
fn address(body: &[u8]) -> Option<&str> {
    let body = std::str::from_utf8(&body[..body.len().min(BODY)]).ok()?;
    body.strip_prefix("ip: ")?.split_whitespace().next()
}

fn update(state: &Arc<Mutex<State>>, reboot: &Sender<()>, body: &[u8]) -> Answer {
    let mut now = lock(state);
    now.proof.updates += 1;
    let address = address(body)?;
    if address.len() >= ADDRESS {
        // A board writes behind its buffer, and comes up again later.
        now.proof.overflows += 1;
        let _ = reboot.send(());
        return None;
    }
    if now.busy {
        now.proof.overlaps += 1;
    } else if now.settings.fault != Fault::Dumb {
        now.busy = true;
        let (state, reboot, address) = (state.clone(), reboot.clone(), address.to_owned());
        std::thread::spawn(move || carry_out(&state, &reboot, &address));
    }
    let words = b"Received update request: About to update (Secure)\n";
    Some((200, "text/plain", words.to_vec()))
}

fn carry_out(state: &Arc<Mutex<State>>, reboot: &Sender<()>, address: &str) {
    let settings = lock(state).settings.clone();
    let told = |count| lock(state).proof.dials = count;
    let ended = session::run(&settings, address, told);
    let mut now = lock(state);
    now.busy = false;
    let Ended { image, is_whole } = ended;
    now.proof.received = image.len();
    let Ok(version) = firmware::version(&image) else {
        return;
    };
    if !is_whole {
        return;
    }
    if settings.fault != Fault::Lying {
        now.proof.memory = Some(firmware::hash(&image));
        now.proof.boots += 1;
    }
    match settings.fault {
        Fault::OldVersion => {}
        Fault::Swapped => "another-board".clone_into(&mut now.settings.board),
        _ => now.settings.version = version,
    }
    let _ = reboot.send(());
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::longest(b"ip: 255.255.255.255", Some("255.255.255.255"))]
    #[case::as_long_as_the_body(b"ip: 12345678901234567", Some("12345678901234567"))]
    #[case::cut_to_the_body(b"ip: 2001:db8:0:1:2:3:4:5", Some("2001:db8:0:1:2:3:"))]
    #[case::blank_behind(b"ip: 192.0.2.1 x", Some("192.0.2.1"))]
    #[case::nothing(b"", None)]
    #[case::another_word(b"host: a", None)]
    fn a_body_is_read_into_21_bytes(#[case] body: &[u8], #[case] want: Option<&str>) {
        assert_eq!(address(body), want);
    }
}
