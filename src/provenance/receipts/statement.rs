//! What a receipt says, as in-toto statements (v1). Pure.
//!
//! A statement about a device has two parts. What decides its leaf follows from what is stored of the round alone, so that a new leader
//! finds the same root after a crash. `details` tells what was observed, such as times; the signature of the receipt covers it, the
//! root does not.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};
use strum::Display;

use crate::{api::StepApproval, provenance::reference::ImageReference};

/// Type of every statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What is said of a device.
pub const FLASH: &str = "https://flashjob.nbfc.io/attestation/flash/v1";
/// What is said of a round.
pub const ROUND: &str = "https://flashjob.nbfc.io/attestation/round/v1";

/// A statement about an image.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement<P> {
    /// Always that of in-toto.
    #[serde(rename = "_type")]
    pub kind: String,
    /// The image: one.
    pub subject: Vec<Subject>,
    /// What kind of predicate follows.
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// That a device was flashed.
pub type FlashStatement = Statement<FlashPredicate>;
/// How a round ended.
pub type RoundStatement = Statement<RoundPredicate>;

/// An image.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Repository, without tag and digest.
    pub name: String,
    /// By algorithm, in hexadecimal digits.
    pub digest: BTreeMap<String, String>,
}

/// What is said of a device.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlashPredicate {
    /// The job.
    pub job: JobReference,
    /// Number of the round.
    pub round: i64,
    /// Place of the device in the frozen selection, from 0.
    pub index: usize,
    /// The device as it was selected.
    pub device: FlashedDevice,
    /// What it was to get.
    pub firmware: FlashedFirmware,
    /// How that ended.
    pub result: FlashResult,
    /// What was observed; not part of the leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// A `FlashJob`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct JobReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A device as the round selected it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FlashedDevice {
    /// UUID that the job named.
    pub uuid: String,
    /// `HOST_ENDPOINT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `DEVICE`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// `APPLICATION_TYPE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// Firmware that a device was to get.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlashedFirmware {
    /// What its Pod was given: repository and digest of the index.
    pub reference: String,
    /// Version that the job names.
    pub version: String,
    /// Version that the device had when it was selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
}

/// How a flash ended.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Display)]
pub enum FlashResult {
    /// Well.
    Succeeded,
    /// Badly, or nobody knows how.
    Failed,
    /// It was not needed.
    Skipped,
}

/// What was observed of a flash.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Details {
    /// Why it ended so, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts that began.
    pub attempts: i64,
    /// Pod of the last attempt: its name ends in the attempt's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Image of the flash Pod, where job or class set one: with its digest where a class asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_image: Option<String>,
    /// Who had approved steps of the round by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<StepApproval>,
    /// Version read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// When the last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the verdict was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// SHA-256 of the end of the Pod's log as the status shows it, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_tail_sha256: Option<String>,
}

/// What is said of a round: which devices are final, and the root over their leaves in the order of their indexes.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoundPredicate {
    /// The job.
    pub job: JobReference,
    /// Number of the round.
    pub round: i64,
    /// Devices that are final: that many leaves.
    pub count: usize,
    /// RFC 6962 tree head over their leaves, in hexadecimal digits.
    pub merkle_root: String,
    /// A letter for each selected device, by index: S it succeeded, F it failed, K it was skipped, - it is not final.
    pub results: String,
}

impl FlashResult {
    /// Its letter in the results of a round.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Succeeded => 'S',
            Self::Failed => 'F',
            Self::Skipped => 'K',
        }
    }
}

impl<P> Statement<P> {
    fn about(reference: &str, digest: &str, predicate_type: &str, predicate: P) -> Self {
        let name = reference.parse::<ImageReference>().map_or_else(
            |_| reference.to_owned(),
            |parsed| format!("{}/{}", parsed.host, parsed.repository),
        );
        let (algorithm, digits) = digest.split_once(':').unwrap_or(("sha256", digest));
        Self {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject {
                name,
                digest: [(algorithm.to_owned(), digits.to_owned())].into(),
            }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// Whether it is a statement of this kind, about one image.
    #[must_use]
    pub fn is(&self, predicate_type: &str) -> bool {
        self.kind == STATEMENT && self.predicate_type == predicate_type && self.subject.len() == 1
    }
}

impl FlashStatement {
    /// That of a device; `digest` is that of the image for its type, such as `sha256:…`.
    #[must_use]
    pub fn of(digest: &str, predicate: FlashPredicate) -> Self {
        let reference = predicate.firmware.reference.clone();
        Self::about(&reference, digest, FLASH, predicate)
    }

    /// The bytes of its leaf in the tree of the round: the statement without what was observed, as compact JSON in the order of the
    /// fields of its types.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let mut bare = self.clone();
        bare.predicate.details = None;
        serde_json::to_vec(&bare).unwrap_or_default()
    }
}

impl RoundStatement {
    /// That of a round with this firmware.
    #[must_use]
    pub fn of_round(reference: &str, digest: &str, predicate: RoundPredicate) -> Self {
        Self::about(reference, digest, ROUND, predicate)
    }
}
