//! How a registry is reached. Pure, but for the certificates that its client is made with.

use super::{Credentials, ImageReference, Registry, RegistryError};

/// How a registry is reached beyond what holds for all: nothing of it by default.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Logins.
    pub credentials: Credentials,
    /// Without TLS, whatever its address.
    pub plain_http: bool,
    /// Host of the registry that is asked instead, and what repositories begin with there.
    pub mirror: Option<String>,
    /// A client of its own, which trusts an authority of its own.
    pub client: Option<Registry>,
}

impl Access {
    /// Where an image is asked for.
    #[must_use]
    pub fn asked(&self, reference: &ImageReference) -> ImageReference {
        let Some(mirror) = &self.mirror else {
            return reference.clone();
        };
        let (host, path) = mirror.split_once('/').unwrap_or((mirror, ""));
        let name = &reference.repository;
        let repository = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}/{name}")
        };
        ImageReference {
            host: host.to_owned(),
            repository,
            ..reference.clone()
        }
    }

    /// Trusts these authorities, too: certificates in PEM.
    ///
    /// # Errors
    /// When they are not certificates.
    pub fn trusting(mut self, authorities: &[u8]) -> Result<Self, RegistryError> {
        self.client = Some(Registry::trusting(authorities)?);
        Ok(self)
    }
}
