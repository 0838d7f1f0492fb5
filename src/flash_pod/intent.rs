//! The write-ahead intent: what one attempt is about to do to one device, frozen before anything is created.
//!
//! Pure. It travels inside the release record, as a file of the chart (the README of `crates/helm-release` says why there), and its
//! labels on every object of the attempt. A person's `helm upgrade` brings a chart without it, and so makes no intent of ours;
//! `helm rollback` copies it, which [`is_foreign`] tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use helm_release::{Attachment, NameError, validate};

use crate::{
    device::Footprint,
    identifiers::{AttemptId, JobUid, Uuid},
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_REVISION, LABEL_ROUND, RELEASE_PREFIX},
};

/// A release record of the operator.
pub type Record = helm_release::Record<Intent>;
/// A release record of the operator as it is stored.
pub type Stored = helm_release::Stored<Intent>;

/// Length of an attempt id: `flash-<uuid>-<id>` then fits Helm's 53 characters too.
const ID_LENGTH: usize = 10;

/// One attempt at one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The job it belongs to.
    pub job: JobRef,
    /// Round of the job, from 1.
    pub round: u32,
    /// Attempt at the device in this round, from 1.
    pub attempt: u32,
    /// Random text that makes the attempt id unique, whatever else is repeated.
    pub nonce: String,
    /// [`attempt_id`] of the fields above.
    pub attempt_id: AttemptId,
    /// Place of the device in the round's selection.
    pub index: u32,
    /// OCI reference of the firmware.
    pub firmware: String,
    /// Version of the firmware.
    pub version: String,
    /// The device as it was when the attempt began.
    pub device: FrozenDevice,
    /// Name of the Service of a pool that the attempt leases; absent where its release has a Service of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_service: Option<String>,
    /// The seal over all of this and what it is recorded with; absent until the operator seals it, and in what others wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<ContentSeal>,
}

/// The seal of a record's content, see [`crate::seal`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContentSeal {
    /// SHA-256 of the merged overrides.
    pub values: String,
    /// SHA-256 of the chart.
    pub chart: String,
    /// uid of the Pod, once the operator's own write returned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// The seal over intent, digests and uid.
    pub seal: String,
}

/// A `FlashJob`, named beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// `metadata.uid`: a job of the same name made later is another one.
    pub uid: JobUid,
}

/// Everything known of a device when its attempt began: Akri may since have replaced its Instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FrozenDevice {
    /// uid of its Instance.
    pub uuid: Uuid,
    /// `HOST_ENDPOINT` as Akri gave it: the stable key.
    pub endpoint: String,
    /// IPv4 address in the endpoint.
    pub address: String,
    /// `DEVICE`.
    #[serde(rename = "type")]
    pub device_type: String,
    /// `APPLICATION_TYPE`.
    pub application_type: String,
    /// `VERSION` before the flash.
    pub version: String,
    /// Its Instance.
    pub instance: InstanceRef,
    /// Akri Configuration that found it.
    pub configuration: String,
    /// Nodes that see it.
    pub nodes: Vec<String>,
    /// All of its broker properties.
    pub properties: BTreeMap<String, String>,
    /// What other Instances of the same endpoint add to what it shares with other devices.
    #[serde(skip_serializing_if = "Footprint::is_empty")]
    pub shared: Footprint,
}

impl FrozenDevice {
    /// What it shares with other devices, over all of its Instances.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let mut footprint = self.shared.clone();
        let nodes = self.nodes.iter().map(String::as_str);
        let properties = self.properties.iter();
        let properties = properties.map(|(name, value)| (name.as_str(), value.as_str()));
        footprint.add(&self.configuration, nodes, properties);
        footprint
    }
}

/// Where an Akri Instance was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceRef {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

impl Attachment for Intent {
    const FILE: &'static str = "flashjob.nbfc.io/intent.json";

    fn to_bytes(&self) -> Vec<u8> {
        // Types of text, numbers and sorted maps: never a failure.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The labels that tie a record to its attempt, and the revision that the operator means it to be.
    fn labels(intent: Option<&Self>, revision: u32) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([(LABEL_REVISION.to_owned(), revision.to_string())]);
        if let Some(intent) = intent {
            labels.insert(LABEL_JOB_UID.to_owned(), intent.job.uid.to_string());
            labels.insert(LABEL_ATTEMPT.to_owned(), intent.attempt_id.to_string());
            labels.insert(LABEL_ROUND.to_owned(), intent.round.to_string());
        }
        labels
    }
}

/// Whether somebody else wrote this revision: its label `revision` is missing or that of the one it was made from.
///
/// Helm copies labels on upgrade and rollback, so all other labels of the operator prove nothing.
#[must_use]
pub fn is_foreign(stored: &Stored) -> bool {
    stored.labels.get(LABEL_REVISION) != Some(&stored.record.version.to_string())
}

/// The release name of a device: `flash-<uuid>`.
///
/// # Errors
/// If the result is not a release name, because the UUID is not one.
pub fn release_name(uuid: &Uuid) -> Result<String, NameError> {
    let name = format!("{RELEASE_PREFIX}{uuid}");
    validate(&name)?;
    Ok(name)
}

impl Intent {
    /// Whether the id follows from the fields: a record edited by hand fails this.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.attempt_id == attempt_id(&self.job.uid, self.round, self.attempt, &self.nonce)
    }
}

/// The id of an attempt: ten characters of `[a-z0-9]`, the same for the same input.
#[must_use]
pub fn attempt_id(job_uid: &JobUid, round: u32, attempt: u32, nonce: &str) -> AttemptId {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut hash = Sha256::new();
    for text in [job_uid.as_str(), nonce] {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(round.to_be_bytes());
    hash.update(attempt.to_be_bytes());
    let digest = hash.finalize();
    let mut number = digest
        .iter()
        .take(16)
        .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let mut id = String::with_capacity(ID_LENGTH);
    for _ in 0..ID_LENGTH {
        id.push(char::from(
            ALPHABET[usize::try_from(number % 36).unwrap_or(0)],
        ));
        number /= 36;
    }
    id.into()
}

#[cfg(test)]
#[path = "intent_tests.rs"]
mod tests;
