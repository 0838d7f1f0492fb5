//! The certificate of a listener: of a directory, and read again when it changes; or made at start and signed by itself. Reads files.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
            pem::{self, PemObject},
        },
    },
};

/// Files of a Secret of type kubernetes.io/tls.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// How often files are looked at again: a certificate is renewed days before it ends.
const RELOAD_PERIOD: Duration = Duration::from_mins(1);
/// Name in the certificate that is made where none is given: of the chart's Service.
const OWN_NAME: &str = "flashjob-operator-metrics";

/// There is no certificate to serve with.
#[derive(thiserror::Error, Debug)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("--metrics-cert-path: cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not PEM, or without a certificate or key.
    #[error(
        "--metrics-cert-path: {file} is not what it should be: one PEM certificate chain in {CERTIFICATE}, one key in {KEY}"
    )]
    Pem {
        /// Which.
        file: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("--metrics-cert-path: the certificate and its key cannot be used")]
    Unusable(#[source] rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate; give one by --metrics-cert-path")]
    Own(#[source] rcgen::Error),
}

/// What a listener shows of itself; a clone shows the same.
#[derive(Clone)]
pub struct Tls {
    acceptor: watch::Receiver<TlsAcceptor>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tls")
    }
}

impl Tls {
    /// With the certificate of that directory, which is read again for as long as the process runs; else with one of its own.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub fn new(directory: Option<&Path>) -> Result<Self, TlsError> {
        let Some(directory) = directory else {
            let (_, acceptor) = watch::channel(own()?);
            return Ok(Self { acceptor });
        };
        let files = Files::read(directory)?;
        let (acceptor_tx, acceptor) = watch::channel(files.acceptor()?);
        tokio::spawn(keep_up(directory.to_owned(), files, acceptor_tx));
        Ok(Self { acceptor })
    }

    /// What accepts the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.borrow().clone()
    }
}

#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(directory: &Path) -> Result<Self, TlsError> {
        let read = |file: &str| {
            let path = directory.join(file);
            std::fs::read(&path).map_err(|source| TlsError::Read { path, source })
        };
        Ok(Self {
            certificate: read(CERTIFICATE)?,
            key: read(KEY)?,
        })
    }

    fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| {
                if chain.is_empty() {
                    Err(pem::Error::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(|source| TlsError::Pem {
                file: CERTIFICATE,
                source,
            })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| TlsError::Pem { file: KEY, source })?;
        acceptor(chain, key)
    }
}

/// Takes up what is in the directory when it is something else, and keeps the last that could be used.
async fn keep_up(directory: PathBuf, mut files: Files, acceptor_tx: watch::Sender<TlsAcceptor>) {
    loop {
        sleep(RELOAD_PERIOD).await;
        let taken = Files::read(&directory).and_then(|now| {
            if now != files {
                acceptor_tx.send_replace(now.acceptor()?);
                files = now;
                tracing::info!("the certificate of the metrics was renewed");
            }
            Ok(())
        });
        if let Err(error) = taken {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the certificate of the metrics stays the old one"
            );
        }
    }
}

fn own() -> Result<TlsAcceptor, TlsError> {
    let names = vec![OWN_NAME.to_owned()];
    let own = rcgen::generate_simple_self_signed(names).map_err(TlsError::Own)?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    acceptor(vec![own.cert.der().clone()], key.into())
}

fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, TlsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Unusable)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, certificate: &str, key: &str) {
        std::fs::write(directory.join(CERTIFICATE), certificate).expect("written");
        std::fs::write(directory.join(KEY), key).expect("written");
    }

    fn pem(kind: &str, der: &[u8]) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        format!(
            "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
            STANDARD.encode(der)
        )
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["a".into()]).expect("a certificate");
        (
            pem("CERTIFICATE", made.cert.der()),
            pem("PRIVATE KEY", &made.signing_key.serialize_der()),
        )
    }

    fn refusal(directory: &Path) -> String {
        let error = Tls::new(Some(directory)).expect_err("no certificate");
        error.to_string()
    }

    #[tokio::test]
    async fn a_certificate_is_used_with_its_key_and_refused_with_another() {
        let directory = tempfile::tempdir().expect("a directory");
        let ((certificate, key), (_, other)) = (made(), made());
        write(directory.path(), &certificate, &key);
        Tls::new(Some(directory.path())).expect("a certificate with its key");
        write(directory.path(), &certificate, &other);
        assert_eq!(
            refusal(directory.path()),
            "--metrics-cert-path: the certificate and its key cannot be used"
        );
    }

    #[tokio::test]
    async fn what_is_missing_or_is_not_pem_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let said = refusal(directory.path());
        assert!(
            said.starts_with("--metrics-cert-path: cannot read "),
            "{said}"
        );
        assert!(said.ends_with("/tls.crt"), "{said}");
        let (certificate, key) = made();
        write(directory.path(), "no certificate", &key);
        assert!(refusal(directory.path()).contains("tls.crt is not what it should be"));
        write(directory.path(), &certificate, "no key");
        assert!(refusal(directory.path()).contains("tls.key is not what it should be"));
    }

    #[tokio::test]
    async fn without_a_directory_it_makes_one_itself() {
        Tls::new(None).expect("a certificate of its own");
    }
}
