//! The frozen selection of a round: taken from the job's UUIDs, stored in `ControllerRevisions`, read back whole or not at all. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use k8s_openapi::{
    api::apps::v1::ControllerRevision,
    apimachinery::pkg::{
        apis::meta::v1::{ObjectMeta, OwnerReference},
        runtime::RawExtension,
    },
};
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{instance::Device, inventory::Inventory, texts::owned};
use crate::{
    api::{SelectedDevice, SelectionSlice},
    identifiers::{JobUid, Uuid},
    names::{GROUP, LABEL_FROZEN, LABEL_JOB_UID, LABEL_ROUND, VERSION},
};

/// Most devices of one `ControllerRevision`.
pub const SLICE: usize = 1000;
/// Most bytes of the devices of one `ControllerRevision`, as JSON: etcd takes 1.5 MiB, and what a device says of itself may need
/// six bytes for each of its own.
pub const SLICE_BYTES: usize = 512 * 1024;
/// Longest object name.
const MAX_NAME: usize = 253;

/// A `FlashJob`, named beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRef {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// uid.
    pub uid: JobUid,
}

/// Why a stored selection cannot be read back.
#[derive(Debug, Error)]
pub enum SelectionError {
    /// A slice is not what the operator wrote.
    #[error("ControllerRevision {name} cannot be read")]
    Unreadable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A slice is missing.
    #[error("the devices from index {expected} to {} are in no ControllerRevision", found - 1)]
    Gap {
        /// First index that is missing.
        expected: usize,
        /// First index that follows.
        found: usize,
    },
    /// Two slices hold the same index.
    #[error("ControllerRevision {name} begins at index {first}, which another one holds already")]
    Overlap {
        /// Name of the second of them.
        name: String,
        /// Its first index.
        first: usize,
    },
}

/// Freezes the devices that these UUIDs mean now. Order stays, duplicates collapse; a device that is not known yet has no endpoint.
#[must_use]
pub fn select(uuids: &[Uuid], inventory: &Inventory) -> Vec<SelectedDevice> {
    let mut seen = HashSet::new();
    let once = uuids.iter().filter(|uuid| seen.insert(*uuid));
    once.map(|uuid| {
        freeze(
            uuid,
            inventory
                .by_uuid(uuid)
                .and_then(|device| device.as_ref().ok()),
        )
    })
    .collect()
}

/// A device as it is frozen into a selection under this uid; one that is not known has nothing but its uid.
#[must_use]
pub fn freeze(uuid: &Uuid, device: Option<&Device>) -> SelectedDevice {
    SelectedDevice {
        uuid: uuid.clone(),
        endpoint: device.map(|device| device.endpoint.to_string()),
        device_type: device.map(|device| device.device_type.to_string()),
        application_type: owned(device.and_then(|device| device.application_type.as_ref())),
        version: owned(device.and_then(|device| device.version.as_ref())),
        instance: device.map(|device| format!("{}/{}", device.namespace, device.name)),
    }
}

/// SHA-256 of the selection, hexadecimal.
#[must_use]
pub fn hash(devices: &[SelectedDevice]) -> String {
    let mut digest = Sha256::new();
    let mut field = |text: &str| {
        // Lengths first, so that no two selections are written alike.
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    };
    for device in devices {
        let SelectedDevice {
            uuid,
            endpoint,
            device_type,
            application_type,
            version,
            instance,
        } = device;
        field(uuid.as_str());
        // None of these is ever empty: empty stands for absent.
        for part in [endpoint, device_type, application_type, version, instance] {
            field(part.as_deref().unwrap_or_default());
        }
    }
    hex::encode(digest.finalize())
}

/// The objects that store these devices of a round, as few as the size limits allow. Each is built only when the iterator reaches it,
/// because a large selection would not fit into memory comfortably. `first` is the index of the first device.
pub fn revisions<'a>(
    job: &'a JobRef,
    round: i64,
    first: usize,
    devices: &'a [SelectedDevice],
) -> impl Iterator<Item = ControllerRevision> + 'a {
    slices(devices).into_iter().map(move |slice| {
        let slice = SelectionSlice {
            round,
            first: first + slice.start,
            devices: devices[slice].to_vec(),
        };
        revision(job, &slice)
    })
}

/// Which devices are stored together.
fn slices(devices: &[SelectedDevice]) -> Vec<Range<usize>> {
    let mut slices: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (place, device) in devices.iter().enumerate() {
        // Text always serializes.
        let size = serde_json::to_vec(device).map_or(0, |json| json.len()) + 1;
        let open = slices
            .last_mut()
            .filter(|slice| slice.len() < SLICE && bytes + size <= SLICE_BYTES);
        if let Some(slice) = open {
            slice.end = place + 1;
            bytes += size;
        } else {
            slices.push(place..place + 1);
            bytes = size;
        }
    }
    slices
}

fn revision(job: &JobRef, slice: &SelectionSlice) -> ControllerRevision {
    ControllerRevision {
        metadata: revision_metadata(job, slice.round, &slice.first.to_string()),
        // Text, numbers and lists of them always serialize.
        data: serde_json::to_value(slice).ok().map(RawExtension),
        revision: slice.round,
    }
}

/// Metadata of an object that freezes something of a round; `suffix` names what.
#[must_use]
pub fn revision_metadata(job: &JobRef, round: i64, suffix: &str) -> ObjectMeta {
    let labels = [
        (LABEL_JOB_UID, job.uid.to_string()),
        (LABEL_ROUND, round.to_string()),
    ];
    ObjectMeta {
        name: Some(name(job, round, suffix)),
        namespace: Some(job.namespace.clone()),
        labels: Some(BTreeMap::from(
            labels.map(|(key, value)| (key.to_owned(), value)),
        )),
        owner_references: Some(vec![owner(job)]),
        ..ObjectMeta::default()
    }
}

fn owner(job: &JobRef) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "FlashJob".to_owned(),
        name: job.name.clone(),
        uid: job.uid.to_string(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// `<job, shortened>-<hash of its uid>-r<round>-<first or what else>`: the hash keeps a job that was recreated apart from its predecessor.
fn name(job: &JobRef, round: i64, suffix: &str) -> String {
    let hash = &hex::encode(Sha256::digest(job.uid.as_str()))[..8];
    let suffix = format!("-{hash}-r{round}-{suffix}");
    let end = job.name.floor_char_boundary(MAX_NAME - suffix.len());
    // Cut anywhere, a name could end in what only stands between letters.
    let stem = job.name[..end].trim_end_matches(['-', '.']);
    format!("{stem}{suffix}")
}

/// A slice as it was read back: what is left of an object once its devices are.
#[derive(Debug)]
pub struct StoredSlice {
    /// Name of its object.
    name: String,
    /// Round that the object's label names, where it names one.
    label: Option<i64>,
    read: Result<SelectionSlice, serde_json::Error>,
}

impl StoredSlice {
    /// Takes the devices out of an object, which keeps everything else; none where it stores something else of a round.
    pub fn take(revision: &mut ControllerRevision) -> Option<Self> {
        if revision.labels().contains_key(LABEL_FROZEN) {
            return None;
        }
        let label = revision.labels().get(LABEL_ROUND);
        let label = label.and_then(|text| text.parse::<i64>().ok());
        let data = revision.data.as_mut().map(|data| &mut data.0);
        let read = SelectionSlice::deserialize(data.as_deref().unwrap_or(&Value::Null));
        if let Some(data) = data.and_then(Value::as_object_mut).filter(|_| read.is_ok()) {
            data.remove("devices");
        }
        Some(Self {
            name: revision.metadata.name.clone().unwrap_or_default(),
            label,
            read,
        })
    }

    /// Whether it may be of this round, where it cannot be read: unless its label names another one.
    fn may_be_of(&self, round: i64) -> bool {
        self.label.is_none_or(|label| label == round)
    }
}

/// Puts the selection of a round together, in order. Slices of other rounds are ignored; a round without any slice has no devices.
///
/// # Errors
/// Where a slice of the round cannot be read, is missing before another one, or overlaps another one.
pub fn gather(
    stored: impl IntoIterator<Item = StoredSlice>,
    round: i64,
) -> Result<Vec<SelectedDevice>, SelectionError> {
    let mut slices = Vec::new();
    for one in stored {
        let may_be_of = one.may_be_of(round);
        match one.read {
            Ok(slice) if slice.round == round => slices.push((slice, one.name)),
            Err(source) if may_be_of => {
                let name = one.name;
                return Err(SelectionError::Unreadable { name, source });
            }
            // Of another round.
            Ok(_) | Err(_) => {}
        }
    }
    slices.sort_by_key(|(slice, _)| slice.first);
    let mut devices: Vec<SelectedDevice> = Vec::new();
    for (slice, name) in slices {
        let (expected, found) = (devices.len(), slice.first);
        if found > expected {
            return Err(SelectionError::Gap { expected, found });
        }
        if found < expected {
            return Err(SelectionError::Overlap { name, first: found });
        }
        devices.extend(slice.devices);
    }
    Ok(devices)
}

#[cfg(test)]
mod tests;
