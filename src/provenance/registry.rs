//! The one client that talks to registries, by the OCI distribution protocol: here it reads manifests and signatures, in `upload` it
//! stores receipts.
//!
//! Whatever a registry answers costs a bounded time and a bounded memory; `session` says where a question may go.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect};
use sha2::{Digest, Sha512};

use super::{
    Access,
    image::FirmwareImage,
    platforms::Platforms,
    reference::{ImageReference, sha256},
    session::{Answer, Session, words},
    signatures::{Signature, fetch},
};

/// Time for all requests that one image needs.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time for all requests that the signatures of one image need.
const SIGNATURES_PATIENCE: Duration = Duration::from_mins(1);
/// Time until a registry accepts a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of a manifest, as the distribution specification advises registries to accept.
pub(super) const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Stands for a registry where all are meant.
const ANY: &str = "(any)";
/// Kinds of manifests, of OCI and of Docker.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Why it is not known what a registry serves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, not now, or not to everybody.
    #[error("registry {host}: {cause}")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        cause: String,
    },
    /// It answers that there is no such image.
    #[error("registry {host} has no image {reference}")]
    Missing {
        /// The registry.
        host: String,
        /// What was asked for.
        reference: String,
    },
    /// Its answer cannot be used.
    #[error("registry {host}: the image {reference} cannot be used: {cause}")]
    Unusable {
        /// The registry.
        host: String,
        /// What was asked for.
        reference: String,
        /// Why.
        cause: String,
    },
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Registry {
    http: Client,
}

impl Registry {
    /// A client that asks anonymously, through the proxy of the environment (`HTTPS_PROXY`, `NO_PROXY`) if there is one.
    ///
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new() -> Result<Self, RegistryError> {
        Self::of(builder())
    }

    /// The same, which trusts these authorities, too: certificates in PEM.
    ///
    /// # Errors
    /// When they are not certificates.
    pub fn trusting(authorities: &[u8]) -> Result<Self, RegistryError> {
        let authorities =
            Certificate::from_pem_bundle(authorities).map_err(|error| no_client(&error))?;
        if authorities.is_empty() {
            return Err(RegistryError::Unreachable {
                host: ANY.into(),
                cause: "no certificate".into(),
            });
        }
        Self::of(builder().tls_certs_merge(authorities))
    }

    fn of(builder: ClientBuilder) -> Result<Self, RegistryError> {
        // Another part of the process may have chosen it already: it is the same one.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let http = builder.build().map_err(|error| no_client(&error))?;
        Ok(Self { http })
    }

    /// The client by which a class says that its registry is reached.
    pub(super) fn client<'a>(&'a self, access: &'a Access) -> &'a Client {
        &access.client.as_ref().unwrap_or(self).http
    }

    /// The same, of a reference in words.
    ///
    /// # Errors
    /// The same; what is not a reference is at no registry.
    pub async fn named(
        &self,
        reference: &str,
        access: &Access,
    ) -> Result<FirmwareImage, RegistryError> {
        let parsed = reference.parse::<ImageReference>();
        let parsed = parsed.map_err(|error| RegistryError::Unreachable {
            host: "-".into(),
            cause: error.to_string(),
        })?;
        self.image(&parsed, access).await
    }

    /// What the registry serves under a reference now.
    ///
    /// # Errors
    /// When the registry cannot be asked, has no such image, or its answer cannot be used.
    pub async fn image(
        &self,
        reference: &ImageReference,
        access: &Access,
    ) -> Result<FirmwareImage, RegistryError> {
        let asked = access.asked(reference);
        let image = in_time(&asked, PATIENCE, async {
            let mut session = Session::begin(self.client(access), &asked, access)?;
            read(&mut session).await
        });
        Ok(FirmwareImage {
            reference: reference.clone(),
            ..image.await?
        })
    }

    /// The signatures of an image, or of one of its platforms, by its digest.
    ///
    /// # Errors
    /// When the registry cannot be asked. What is there and is not a signature is left out.
    pub async fn signatures(
        &self,
        reference: &ImageReference,
        digests: &[&str],
        access: &Access,
    ) -> Result<Vec<Vec<Signature>>, RegistryError> {
        let asked = access.asked(reference);
        in_time(&asked, SIGNATURES_PATIENCE, async {
            let mut session = Session::begin(self.client(access), &asked, access)?;
            let mut found = Vec::new();
            for digest in digests {
                found.push(fetch::signatures(&mut session, digest).await?);
            }
            Ok(found)
        })
        .await
    }
}

/// What is asked within a bounded time.
pub(super) async fn in_time<T>(
    reference: &ImageReference,
    patience: Duration,
    asked: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    let Ok(answer) = tokio::time::timeout(patience, asked).await else {
        let cause = format!("no whole answer within {} s", patience.as_secs());
        return Err(unreachable(reference, cause));
    };
    answer
}

/// The manifest under the session's reference, with its digest; none where there is none.
pub(super) async fn manifest(
    session: &mut Session<'_>,
) -> Result<Option<(Answer, String)>, RegistryError> {
    let reference = session.reference;
    let path = Session::manifest(reference.asked());
    let Some(answer) = session.get(&path, MANIFESTS, MAX_MANIFEST).await? else {
        return Ok(None);
    };
    let digest = digest(&answer.bytes, reference.digest.as_deref());
    let digest = digest.map_err(|cause| unusable(reference, cause))?;
    Ok(Some((answer, digest)))
}

/// What the session's reference means.
async fn read(session: &mut Session<'_>) -> Result<FirmwareImage, RegistryError> {
    let reference = session.reference;
    let Some((Answer { bytes, media_type }, digest)) = manifest(session).await? else {
        return Err(RegistryError::Missing {
            host: reference.host.clone(),
            reference: reference.to_string(),
        });
    };
    let platforms = Platforms::parse(&bytes, media_type.as_deref());
    let platforms = platforms.map_err(|error| unusable(reference, error.to_string()))?;
    Ok(FirmwareImage {
        reference: reference.clone(),
        digest,
        platforms,
    })
}

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("flashjob-operator/", env!("CARGO_PKG_VERSION")))
}

fn no_client(error: &reqwest::Error) -> RegistryError {
    RegistryError::Unreachable {
        host: ANY.into(),
        cause: words(error),
    }
}

/// The digest of bytes, which must be the one that was asked for, if any.
pub(super) fn digest(bytes: &[u8], asked: Option<&str>) -> Result<String, String> {
    let found = match asked {
        Some(asked) if asked.starts_with("sha512:") => {
            format!("sha512:{}", hex::encode(Sha512::digest(bytes)))
        }
        _ => sha256(bytes),
    };
    match asked {
        Some(asked) if asked != found => Err(format!("what it sent is {found}")),
        _ => Ok(found),
    }
}

pub(super) fn unreachable(reference: &ImageReference, cause: String) -> RegistryError {
    RegistryError::Unreachable {
        host: reference.host.clone(),
        cause,
    }
}

pub(super) fn unusable(reference: &ImageReference, cause: String) -> RegistryError {
    RegistryError::Unusable {
        host: reference.host.clone(),
        reference: reference.to_string(),
        cause,
    }
}
