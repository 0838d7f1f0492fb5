//! The device dials in, attests and receives the firmware.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};
use thiserror::Error;

use crate::{
    Log, attestation,
    protocol::{Arrival, MAX_CERTIFICATE, arrival},
    run::{Place, Transfer, words},
    tls,
};

/// Little is on its way at a time: what the kernel has taken from us has nearly reached the device, so that a device that
/// receives nothing is noticed.
const SEND_BUFFER: usize = 64 << 10;

/// A piece of the firmware, and of the progress that is logged.
const PIECE: usize = 16 << 10;

/// What ends the agent before a device was served.
#[derive(Debug, Error)]
pub enum AgentError {
    /// Certificate or key cannot be used.
    #[error("the certificate for devices cannot be used")]
    Certificate(#[from] tls::TlsError),
    /// The port is taken.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// What the device sent is not a certificate.
    #[error("the device sent something that is not a certificate")]
    NotACertificate,
}

type Device = StreamOwned<ServerConnection, TcpStream>;

/// What is ready for a device.
pub struct Agent {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    patience: Duration,
    transfer: Transfer,
}

impl Agent {
    /// Listens for a device.
    pub fn listen(place: &Place) -> Result<Self, AgentError> {
        let config = tls::server(&place.certificates)?;
        let listener =
            bind(place.listen).map_err(|error| AgentError::Listen(place.listen, error))?;
        Ok(Self {
            listener,
            config,
            patience: place.patience,
            transfer: place.transfer.clone(),
        })
    }

    /// Serves the first device that gets through a handshake; however that ends, it is in the log.
    pub fn serve(&self, firmware: &[u8], authority: &str, log: &mut Log) -> Result<(), AgentError> {
        loop {
            log.say("Waiting for a connection...");
            match self.accept(log) {
                Ok(mut device) => return self.flash(&mut device, firmware, authority, log),
                Err(error) => log.say(format!("No TLS connection with this client: {error}")),
            }
        }
    }

    fn accept(&self, log: &mut Log) -> io::Result<Device> {
        let (mut stream, from) = self.listener.accept()?;
        log.say(format!("Client connected from {from}"));
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        let mut connection =
            ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            let (read, written) = connection.complete_io(&mut stream)?;
            if (read, written) == (0, 0) {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        log.say("TLS connection established");
        Ok(StreamOwned::new(connection, stream))
    }

    fn flash(
        &self,
        device: &mut Device,
        firmware: &[u8],
        authority: &str,
        log: &mut Log,
    ) -> Result<(), AgentError> {
        let Some(certificate) = self.receive_certificate(device, log)? else {
            log.say("Failed to read from client");
            return Ok(());
        };
        log.say(format!("Received certificate, {} bytes", certificate.len()));
        match attestation::is_known(authority, &certificate) {
            Ok(true) => {
                self.transfer.begin();
                log.say("Verified device");
                if !send(device, firmware, log) {
                    log.say("Could not apply OTA");
                }
            }
            Ok(false) => refuse(device, log),
            Err(error) => {
                log.say(format!("Attestation service: {}", words(&error)));
                refuse(device, log);
            }
        }
        Ok(())
    }

    /// The device's certificate; none where it does not arrive.
    fn receive_certificate(
        &self,
        device: &mut Device,
        log: &mut Log,
    ) -> Result<Option<Vec<u8>>, AgentError> {
        let deadline = Instant::now() + self.patience;
        let (mut bytes, mut buffer) = (Vec::new(), [0; MAX_CERTIFICATE]);
        loop {
            match device.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => {}
                Err(_) => break,
            }
            match arrival(&bytes) {
                Arrival::Whole(_) => return Ok(Some(bytes)),
                Arrival::Malformed => return Err(AgentError::NotACertificate),
                Arrival::Partial if Instant::now() >= deadline => {
                    log.say("Error: Timeout reached before receiving enough data");
                    return Ok(None);
                }
                Arrival::Partial => {}
            }
        }
        log.say("Error: Connection closed before receiving enough data");
        Ok(None)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    Ok(socket.into())
}

/// Sends the firmware. It says that it was sent when the device has closed its side as TLS does, which a device does only once it
/// has read all of it: what the kernel took from us may still be lost, most of all when this Pod ends.
fn send(device: &mut Device, firmware: &[u8], log: &mut Log) -> bool {
    let (mut sent, mut told) = (0, 0);
    for piece in firmware.chunks(PIECE) {
        if let Err(error) = device.write_all(piece).and_then(|()| device.flush()) {
            log.say(explained(&error, sent));
            return false;
        }
        sent += piece.len();
        let percent = 100 * sent / firmware.len();
        if percent >= told + 10 || percent == 100 {
            log.say(format!("Sent: {percent}%"));
            told = percent;
        }
    }
    device.conn.send_close_notify();
    let closed = device.flush().and_then(|()| farewell(device));
    match closed {
        Ok(()) => {
            log.say("Firmware sent to IoT");
            true
        }
        Err(error) if is_timeout(&error) => {
            // Nothing decisive: nobody knows.
            log.say("The device took all of the firmware, and does not say that it has read it");
            true
        }
        Err(error) => {
            log.say(explained(&error, sent));
            false
        }
    }
}

/// Reads until the device says that it is done.
fn farewell(device: &mut Device) -> io::Result<()> {
    let mut buffer = [0; 64];
    while device.read(&mut buffer)? > 0 {}
    Ok(())
}

fn explained(error: &io::Error, sent: usize) -> String {
    if is_timeout(error) {
        "Max retry time exceeded, aborting.".to_owned()
    } else {
        format!("Connection closed before sending the new firmware, after {sent} bytes: {error}")
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn refuse(device: &mut Device, log: &mut Log) {
    log.say("Not verified device");
    device.conn.send_close_notify();
    let _ = device.flush();
}
