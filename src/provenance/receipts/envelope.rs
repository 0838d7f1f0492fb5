//! Signs statements, in DSSE envelopes, with a key of the operator. Pure over bytes.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sigstore_verify::types::{
    DsseEnvelope, DsseSignature, KeyId, PayloadBytes, SignatureBytes, pae,
};
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

/// What the envelopes hold.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Why a key cannot sign receipts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "has to be a private key in PEM (PKCS #8, without a password): ECDSA P-256 or Ed25519, such as `openssl genpkey -algorithm ed25519` makes"
)]
pub struct KeyError;

enum Private {
    Ecdsa(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A private key that signs receipts.
pub struct Signer {
    key: Private,
    id: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The key in this text.
    ///
    /// # Errors
    /// When it is not one that can sign receipts.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError)?;
        let der = der.secret_pkcs8_der();
        let (key, public) = if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            let public = public(key.public_key())?;
            (Private::Ed25519(Box::new(key)), public)
        } else {
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
            let key = key.map_err(|_| KeyError)?;
            let public = public(key.public_key())?;
            (Private::Ecdsa(Box::new(key)), public)
        };
        Ok(Self {
            key,
            id: key_id(&public),
        })
    }

    /// SHA-256 of the public key in DER, in hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A statement in a signed envelope, as one line of JSON; and the signature alone, in Base64.
    ///
    /// # Errors
    /// When the library cannot sign: it has no random numbers.
    pub fn sign<P: Serialize>(&self, statement: &P) -> Result<(String, String), KeyError> {
        let payload = serde_json::to_vec(statement).map_err(|_| KeyError)?;
        let signed = pae(IN_TOTO, &payload);
        let signature = match &self.key {
            Private::Ecdsa(key) => {
                let signature = key.sign(&SystemRandom::new(), &signed);
                signature.map_err(|_| KeyError)?.as_ref().to_vec()
            }
            Private::Ed25519(key) => key.sign(&signed).as_ref().to_vec(),
        };
        let signature = SignatureBytes::new(signature);
        let shown = signature.to_base64();
        let envelope = DsseEnvelope::new(
            IN_TOTO,
            PayloadBytes::new(payload),
            DsseSignature::new(signature, KeyId::new(self.id.clone())),
        );
        let line = serde_json::to_string(&envelope).map_err(|_| KeyError)?;
        Ok((line, shown))
    }
}

fn public(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, KeyError> {
    let der = key.as_der().map_err(|_| KeyError)?;
    Ok(der.as_ref().to_vec())
}

/// How a public key is named: SHA-256 of its DER form, in hexadecimal digits.
pub(super) fn key_id(der: &[u8]) -> String {
    hex::encode(Sha256::digest(der))
}
