//! How a registry is reached. Pure, but for the certificates that its client is made with.

use super::{Credentials, Registry, RegistryError};

/// How a registry is reached beyond what holds for all: nothing of it by default.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Logins.
    pub credentials: Credentials,
    /// Without TLS, whatever its address.
    pub plain_http: bool,
    /// A client of its own, which trusts an authority of its own.
    pub client: Option<Registry>,
}

impl Access {
    /// Trusts these authorities, too: certificates in PEM.
    ///
    /// # Errors
    /// When they are not certificates.
    pub fn trusting(mut self, authorities: &[u8]) -> Result<Self, RegistryError> {
        self.client = Some(Registry::trusting(authorities)?);
        Ok(self)
    }
}
