//! The attestation service: it knows devices by their certificates.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::http::{Request, Server};

/// Runs until it is dropped.
pub struct Attestation {
    server: Server,
    known: Arc<Mutex<HashSet<Vec<u8>>>>,
}

impl Attestation {
    /// One that knows nobody yet.
    pub fn start(address: SocketAddr) -> std::io::Result<Self> {
        let known = Arc::new(Mutex::new(HashSet::new()));
        let server = Server::start(address, {
            let known = known.clone();
            move |request| {
                let is_known = certificate(request)
                    .is_some_and(|certificate| known.lock().unwrap().contains(&certificate));
                let status = if is_known { 200 } else { 401 };
                Some((status, "text/plain", Vec::new()))
            }
        })?;
        Ok(Self { server, known })
    }

    /// Lets a device in.
    pub fn know(&self, certificate: Vec<u8>) {
        self.known.lock().unwrap().insert(certificate);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

/// What was posted, as the device sent it.
fn certificate(request: &Request) -> Option<Vec<u8>> {
    if request.method != "POST" {
        return None;
    }
    let text = std::str::from_utf8(&request.body).ok()?;
    let text = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let text = text.strip_suffix("-----END CERTIFICATE-----")?;
    STANDARD.decode(text.replace(['\r', '\n'], "")).ok()
}
