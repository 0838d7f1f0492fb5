//! Whom a class trusts, ready to verify with: public keys, or identities under a trusted root. Pure over bytes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sigstore_verify::{
    Verifier, crypto::KeyAlgorithm, trust_root::TrustedRoot, types::DerPublicKey,
};

use super::Identity;

/// Most keys of one authority.
const MAX_KEYS: usize = 20;

/// One who may sign; see the fields of a `FlashClass`.
pub struct Authority {
    /// Its name in the class.
    pub name: String,
    /// How its signatures are known.
    pub means: Means,
    /// What has to be written into a signature.
    pub annotations: BTreeMap<String, String>,
}

/// How the signatures of an authority are known.
pub enum Means {
    /// They are made with one of these keys; each has a name.
    Keys(Vec<(String, DerPublicKey)>),
    /// Their certificate names one of these, and is vouched for by the trusted root.
    Keyless {
        /// Who may sign.
        identities: Vec<Identity>,
        /// What is trusted.
        root: Box<Root>,
    },
}

/// A trusted root: authorities of certificates, logs of transparency, authorities of time.
pub struct Root {
    pub(super) verifier: Verifier,
    /// It has logs of certificates: a certificate has to be in one.
    pub(super) logs_certificates: bool,
    /// It has logs of signatures: a signature has to be in one.
    pub(super) logs_signatures: bool,
}

/// Why an authority cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// There is no key.
    #[error("it has no key *.pub")]
    NoKey,
    /// There are too many.
    #[error("it has {0} keys *.pub, of which at most {MAX_KEYS} are read")]
    TooManyKeys(usize),
    /// What is there is not a public key.
    #[error("data[{0:?}] has to be a public key in PEM: ECDSA P-256, P-384, Ed25519 or RSA")]
    NotAKey(String),
    /// What is there is not a trusted root.
    #[error("it has to be a trusted root of Sigstore in JSON: {0}")]
    NotARoot(String),
}

impl Means {
    /// The keys of a Secret: what is under names that end in `.pub`.
    ///
    /// # Errors
    /// When there are none, too many, or something else.
    pub fn keys<'a>(
        data: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, AuthorityError> {
        let named = data.into_iter();
        let named: Vec<_> = named
            .filter(|(name, _)| name.strip_suffix(".pub").is_some())
            .collect();
        match named.len() {
            0 => return Err(AuthorityError::NoKey),
            count if count > MAX_KEYS => return Err(AuthorityError::TooManyKeys(count)),
            _ => {}
        }
        let keys = named.into_iter().map(|(name, pem)| {
            let text = std::str::from_utf8(pem).ok();
            let key = text.and_then(public_key);
            let key = key.ok_or_else(|| AuthorityError::NotAKey(name.to_owned()))?;
            Ok((name.to_owned(), key))
        });
        keys.collect::<Result<_, _>>().map(Self::Keys)
    }

    /// Identities under a trusted root, as Sigstore writes one in JSON.
    ///
    /// # Errors
    /// When it is not one.
    pub fn keyless(identities: Vec<Identity>, root: &[u8]) -> Result<Self, AuthorityError> {
        let fault = |fault: String| AuthorityError::NotARoot(fault);
        let text = std::str::from_utf8(root).map_err(|error| fault(error.to_string()))?;
        let root = TrustedRoot::from_json(text).map_err(|error| fault(error.to_string()))?;
        let verifier = Verifier::new(&root).map_err(|error| fault(error.to_string()))?;
        let root = Root {
            verifier,
            logs_certificates: !root.ctlogs.is_empty(),
            logs_signatures: !root.tlogs.is_empty(),
        };
        Ok(Self::Keyless {
            identities,
            root: Box::new(root),
        })
    }
}

/// The public key in this PEM, if it is one that signatures can be verified with.
pub(crate) fn public_key(pem: &str) -> Option<DerPublicKey> {
    let key = DerPublicKey::from_pem(pem.trim()).ok();
    key.filter(|key| KeyAlgorithm::from_spki(key).is_ok())
}

/// A key as people compare it: its name, and the beginning of the digest of its DER form.
pub(super) fn key_in_words(name: &str, key: &DerPublicKey) -> String {
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    format!("{name} (sha256 {})", &digest[..16])
}
