//! Bundles of Sigstore's, as cosign 3 keeps them beside an image: a statement that names the digest, in a signed envelope. Pure over
//! bytes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sigstore_verify::types::{Bundle, DsseEnvelope, Sha256Hash, SignatureContent, Statement};

/// What a statement is that says of an image that somebody signs it, and nothing else: an SBOM is another.
const SIGNS: &str = "https://sigstore.dev/cosign/sign/v1";
/// What the envelope holds.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A statement once more, with what the signer added of its subjects.
#[derive(Deserialize)]
struct Annotated {
    subject: Vec<AnnotatedSubject>,
}

#[derive(Deserialize)]
struct AnnotatedSubject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, Value>,
}

/// A bundle over a statement that signs images.
pub(super) struct ImageBundle {
    /// All of it.
    pub(super) bundle: Bundle,
    statement: Statement,
}

impl ImageBundle {
    /// Reads a bundle. None where it says something else of an image than that somebody signs it.
    ///
    /// # Errors
    /// When it cannot be read, in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        let bundle: Bundle = serde_json::from_slice(bytes)
            .map_err(|error| format!("the bundle cannot be read: {error}"))?;
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err("the bundle signs a text and not an image".to_owned());
        };
        if envelope.payload_type != IN_TOTO {
            return Ok(None);
        }
        let statement: Statement = serde_json::from_slice(envelope.payload.as_bytes())
            .map_err(|error| format!("the statement in the bundle cannot be read: {error}"))?;
        if statement.predicate_type != SIGNS {
            return Ok(None);
        }
        Ok(Some(Self { bundle, statement }))
    }

    /// Whether the statement is about the image of this digest.
    pub(super) fn is_about(&self, digest: &Sha256Hash) -> bool {
        self.statement.matches_sha256(digest)
    }

    /// What is signed.
    pub(super) fn envelope(&self) -> Option<&DsseEnvelope> {
        match &self.bundle.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope),
            _ => None,
        }
    }

    /// What the signer added of the image of this digest.
    pub(super) fn annotations(&self, digest: &Sha256Hash) -> BTreeMap<String, Value> {
        let payload = self.envelope().map(|envelope| envelope.payload.as_bytes());
        let statement: Option<Annotated> =
            payload.and_then(|payload| serde_json::from_slice(payload).ok());
        let subjects = statement.map(|statement| statement.subject);
        let mut subjects = subjects.into_iter().flatten();
        let digest = digest.to_hex();
        let about = subjects.find(|subject| subject.digest.get("sha256") == Some(&digest));
        about.map(|subject| subject.annotations).unwrap_or_default()
    }
}
