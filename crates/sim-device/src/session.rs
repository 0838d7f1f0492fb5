//! A device's side of a transfer: it dials until it gets through, attests, and reads.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::{
    device::Settings,
    fault::Fault,
    identity::{AGENT, AgentIdentity},
};

/// Where agents listen.
const PORT: u16 = 4433;

/// How often a device dials before it gives up.
const ATTEMPTS: u32 = 20;

/// What a device reads at a time.
const CHUNK: usize = 64;

/// What came of a transfer.
#[derive(Debug, Default)]
pub struct Ended {
    /// What was received.
    pub image: Vec<u8>,
    /// The agent closed behind it, as TLS does.
    pub is_whole: bool,
}

type Agent = StreamOwned<ClientConnection, TcpStream>;

/// Carries out one update; `told` hears how often the device has dialled.
pub fn run(settings: &Settings, address: &str, told: impl Fn(u32)) -> Ended {
    for attempt in 1..=ATTEMPTS {
        told(attempt);
        match establish(settings, address) {
            Some(agent) => return transfer(settings, agent).unwrap_or_default(),
            None => std::thread::sleep(settings.redial),
        }
    }
    Ended::default()
}

fn establish(settings: &Settings, address: &str) -> Option<Agent> {
    let mut stream = TcpStream::connect_timeout(
        &format!("{address}:{PORT}").parse().ok()?,
        Duration::from_secs(5),
    )
    .ok()?;
    let name = ServerName::try_from(AGENT).ok()?;
    let mut connection = ClientConnection::new(config(settings)?, name).ok()?;
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).ok()? == (0, 0) {
            return None;
        }
    }
    Some(StreamOwned::new(connection, stream))
}

/// TLS 1.2, and one certificate that is trusted.
fn config(settings: &Settings) -> Option<Arc<ClientConfig>> {
    let pin = if settings.fault == Fault::OtherPin {
        AgentIdentity::generate().certificate
    } else {
        settings.pin.clone()
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pin.as_bytes()).ok()?)
        .ok()?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(Arc::new(config))
}

fn transfer(settings: &Settings, mut agent: Agent) -> std::io::Result<Ended> {
    match settings.fault {
        Fault::Mute => {}
        Fault::Garbage => agent.write_all(&[b'x'; 800])?,
        _ => agent.write_all(&settings.identity)?,
    }
    agent.flush()?;
    let mut ended = Ended::default();
    let mut chunk = [0; CHUNK];
    loop {
        if let Fault::Cut(bytes) = settings.fault
            && ended.image.len() >= bytes
        {
            // As a device whose power is gone: nothing more comes from it.
            return Ok(ended);
        }
        match agent.read(&mut chunk)? {
            0 => break,
            count => ended.image.extend_from_slice(&chunk[..count]),
        }
        if let Fault::Slow(rate) = settings.fault {
            let pause = CHUNK as u64 * 1_000_000 / u64::from(rate.max(1));
            std::thread::sleep(Duration::from_micros(pause));
        }
    }
    agent.conn.send_close_notify();
    agent.flush()?;
    ended.is_whole = true;
    Ok(ended)
}
