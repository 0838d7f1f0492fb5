//! The write-ahead intent: what one attempt is about to do to one device, frozen before anything is created.
//!
//! Pure. It travels inside the record (see the folder's documentation on where), and its labels on every object of the attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    device::Footprint,
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND},
    seal::ContentSeal,
};

/// Path of the intent among the files of the record's chart.
pub const INTENT_FILE: &str = "flashjob.nbfc.io/intent.json";
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
    pub attempt_id: String,
    /// Place of the device in the round's selection.
    pub index: u32,
    /// OCI reference of the firmware.
    pub firmware: String,
    /// Version of the firmware.
    pub version: String,
    /// The device as it was when the attempt began.
    pub device: FrozenDevice,
    /// The seal over all of this and what it is recorded with; absent until the operator seals it, and in what others wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<ContentSeal>,
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
    pub uid: String,
}

/// Everything known of a device when its attempt began: Akri may since have replaced its Instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FrozenDevice {
    /// uid of its Instance.
    pub uuid: String,
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
        footprint.add(&self.configuration, &self.nodes, &self.properties);
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

impl Intent {
    /// The labels that tie an object to this attempt.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (LABEL_JOB_UID.to_owned(), self.job.uid.clone()),
            (LABEL_ATTEMPT.to_owned(), self.attempt_id.clone()),
            (LABEL_ROUND.to_owned(), self.round.to_string()),
        ])
    }

    /// Whether the id follows from the fields: a record edited by hand fails this.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.attempt_id == attempt_id(&self.job.uid, self.round, self.attempt, &self.nonce)
    }
}

/// The id of an attempt: ten characters of `[a-z0-9]`, the same for the same input.
#[must_use]
pub fn attempt_id(job_uid: &str, round: u32, attempt: u32, nonce: &str) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut hash = Sha256::new();
    for text in [job_uid, nonce] {
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
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_attempt_id_never_changes_between_versions_of_the_operator() {
        assert_eq!(
            attempt_id("5f0c7a52-8a51-4bb3-9d0e-2b8f1a2c3d4e", 1, 2, "n0nce"),
            "olb3di6fvb"
        );
    }

    #[test]
    fn every_part_of_an_attempt_changes_its_id() {
        let ids = HashSet::from([
            attempt_id("a", 1, 1, "n"),
            attempt_id("b", 1, 1, "n"),
            attempt_id("a", 2, 1, "n"),
            attempt_id("a", 1, 2, "n"),
            attempt_id("a", 1, 1, "m"),
            attempt_id("an", 1, 1, ""),
        ]);
        assert_eq!(ids.len(), 6);
    }

    proptest! {
        #[test]
        fn an_attempt_id_is_ten_lower_case_letters_and_digits(uid: String, round: u32, attempt: u32, nonce: String) {
            let id = attempt_id(&uid, round, attempt, &nonce);
            prop_assert_eq!(id.len(), ID_LENGTH);
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        }
    }
}
