//! TLS on both sides: 1.2 towards devices, which know nothing newer, and whatever a registry speaks.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, InvalidDnsNameError, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use thiserror::Error;

/// Public authorities, where Debian and Alpine keep them.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Why TLS cannot be spoken.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is missing, or not in PEM.
    #[error("cannot read {0}")]
    Pem(String, #[source] pem::Error),
    /// The key does not match the certificate, or both sides have no TLS version in common.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
    /// The host's name is not one.
    #[error("the host has no name that TLS knows")]
    Name(#[from] InvalidDnsNameError),
}

/// The agent's side: `server.crt` and `server.key` in that folder, which devices have pinned.
pub fn server(folder: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    let chain = certificates(&certificate)?;
    let key = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| TlsError::Pem(key.display().to_string(), error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// Towards a registry: the authorities of `SSL_CERT_FILE`, or the public ones.
pub fn client() -> Result<Arc<ClientConfig>, TlsError> {
    let file = std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| AUTHORITIES.into());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(Path::new(&file))?);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| TlsError::Pem(file.display().to_string(), error))
}
