//! Random secrets, of which only digests are kept and compared.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// 256 random bits that prove who somebody is.
#[derive(Clone)]
pub struct Secret(String);

/// What is kept of a secret. Secrets are compared by it, so that the time that this takes says nothing of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Secret {
    /// A new one, of the operating system's chance.
    #[must_use]
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// As it stands in an address, a header or a cookie.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

impl Fingerprint {
    /// Of what somebody sent.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_256_bits_and_are_never_the_same() {
        let (one, other) = (Secret::random(), Secret::random());
        assert_eq!(URL_SAFE_NO_PAD.decode(one.text()).unwrap().len(), 32);
        assert_ne!(one.text(), other.text());
        assert!(one.fingerprint() == Fingerprint::of(one.text()));
        assert!(one.fingerprint() != other.fingerprint());
        assert!(!format!("{one:?}").contains(one.text()));
    }
}
