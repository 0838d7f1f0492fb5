//! HTTP/1.1 for one request at a time: to the device, the attestation service and the registry.

mod message;
mod url;

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use thiserror::Error;

pub use self::{
    message::Response,
    url::{InvalidUrl, Url},
};
use crate::tls;

/// How long a server may take for a connection, and then for each part of its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: &'a str,
    /// Where.
    pub url: &'a Url,
    /// Headers besides those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
    /// Empty for GET.
    pub body: &'a [u8],
}

/// Why a request failed.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The name has no address, or nobody listens there.
    #[error("cannot connect to {0}")]
    Connect(String, #[source] io::Error),
    /// TLS could not be set up.
    #[error("cannot speak TLS to {0}")]
    Tls(String, #[source] tls::TlsError),
    /// The connection broke, or was silent for too long.
    #[error("the exchange with {0} broke off")]
    Broken(String, #[source] io::Error),
    /// The answer is longer than this.
    #[error("{0} answers with more than {1} bytes")]
    Large(String, u64),
    /// The answer is not HTTP.
    #[error("{0} does not answer in HTTP")]
    Malformed(String),
}

/// Sends a request; the answer, of at most that many bytes.
pub fn send(request: &Request<'_>, limit: u64) -> Result<Response, HttpError> {
    let authority = || request.url.authority.clone();
    let stream = connect(request.url).map_err(|error| HttpError::Connect(authority(), error))?;
    let answer = if request.url.is_secure {
        let tls =
            secure(stream, request.url).map_err(|error| HttpError::Tls(authority(), error))?;
        exchange(tls, request, limit)
    } else {
        exchange(stream, request, limit)
    };
    let answer = answer.map_err(|error| HttpError::Broken(authority(), error))?;
    if answer.len() as u64 > limit {
        return Err(HttpError::Large(authority(), limit));
    }
    message::parse(&answer).ok_or_else(|| HttpError::Malformed(authority()))
}

fn connect(url: &Url) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (url.host(), url.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn secure(
    stream: TcpStream,
    url: &Url,
) -> Result<StreamOwned<ClientConnection, TcpStream>, tls::TlsError> {
    let name = ServerName::try_from(url.host().to_owned())?;
    let connection = ClientConnection::new(tls::client()?, name)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Writes the request and reads until the server closes, or has sent what it announced.
fn exchange(
    mut stream: impl Read + Write,
    request: &Request<'_>,
    limit: u64,
) -> io::Result<Vec<u8>> {
    stream.write_all(&message::encode(request))?;
    stream.flush()?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 16 << 10]);
    while !message::is_whole(&answer) && answer.len() as u64 <= limit {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            // Some servers close without TLS's farewell; the answer's own length tells whether it is whole.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}
