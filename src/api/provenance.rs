//! Which image exactly a round flashes. Types only.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Reason, RoundReceipts, Word};

/// Digits of a digest that are shown where all of it does not fit.
const SHORT: usize = 12;

/// The firmware of a round, as the registry served it before the round's first device.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Provenance {
    /// What flash Pods pull: the repository of spec.firmware with the digest.
    pub reference: String,
    /// Digest of the image index, or of the image where it is one alone.
    pub digest: String,
    /// First 12 digits of it.
    pub short_digest: String,
    /// Digests of the images for the types of the selected devices, at most 50.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub platforms: BTreeMap<String, String>,
    /// When the registry was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Time>,
    /// Who of the class's authorities signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The key that signed, or subject and issuer of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// When the signature was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Time>,
    /// Why it is flashed without a signature that the class trusts: the class only warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<Unverified>,
    /// The image that flashes, where a class asks for its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_image: Option<FlashImage>,
    /// What proves how the round ended, where a class asks for receipts. Unset while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipts: Option<RoundReceipts>,
}

/// The image that flash Pods of a round run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct FlashImage {
    /// As the job or its class writes it.
    pub image: String,
    /// What flash Pods run: its repository with the digest.
    pub reference: String,
    /// Who of the class's authorities signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The key that signed, or subject and issuer of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Why it runs without a signature that the class trusts: the class only warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<Unverified>,
}

/// Why an image counts as signed by nobody.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Unverified {
    /// In one word.
    pub reason: Word<Reason>,
    /// What is wrong.
    pub message: String,
}

impl Unverified {
    /// The reason; of one that this version does not know, that no signature holds.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason.known().unwrap_or(Reason::SignatureInvalid)
    }
}

impl Provenance {
    /// An image by its digest, such as `sha256:…`, of which no more is known.
    #[must_use]
    pub fn of(reference: String, digest: &str) -> Self {
        let digits = digest.split_once(':').map_or(digest, |(_, digits)| digits);
        Self {
            reference,
            digest: digest.to_owned(),
            short_digest: digits.chars().take(SHORT).collect(),
            ..Self::default()
        }
    }
}
