//! What a round began with, frozen: the defaults of its class, which steps the class requires approvals for, and the digest of its
//! firmware. Stored in the `ControllerRevision` of the selection's first devices, or in one of its own; read back whole or not at all. Pure.
//!
//! An edit of the class is for rounds to come. The status holds the hash: what somebody altered or deleted is lost, never
//! silently replaced by the class as it is now.

use k8s_openapi::{api::apps::v1::ControllerRevision, apimachinery::pkg::runtime::RawExtension};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{class::Class, rules::layer};
use crate::{
    api::{ClassDefaults, FlashClassRef, Provenance, RequireFor, VerdictMarkers},
    device::{JobRef, SLICE_BYTES, revision_metadata},
    flash_pod::device_values::DeviceValues,
    names::{FROZEN_CLASS, LABEL_FROZEN},
};

/// What of a class is frozen, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Round that began with it.
    pub round: i64,
    /// Name of the class.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its defaults.
    #[serde(default)]
    pub defaults: ClassDefaults,
    /// Its words of the log: they belong to the flash image, which is one of its defaults.
    #[serde(default)]
    pub verdict_markers: VerdictMarkers,
    /// Its steps that begin only once somebody has approved: the numbers of the steps follow from it. Absent, for the hash of what was
    /// stored before there was any: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_for: Option<RequireFor>,
    /// The image that the round flashes, where its digest is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Provenance>,
}

/// What of a class is frozen, ready for use.
#[derive(Debug)]
pub struct Frozen {
    /// As it is stored.
    pub stored: Stored,
    /// Its chart values, compiled and as they are written.
    pub values: Option<(DeviceValues, Value)>,
}

impl Frozen {
    fn of(stored: Stored) -> Result<Self, String> {
        let values = layer(&stored.name, &stored.defaults)?;
        Ok(Self { stored, values })
    }

    /// The same, with the image that the round flashes.
    #[must_use]
    pub fn with_firmware(mut self, firmware: Option<Provenance>) -> Self {
        self.stored.firmware = firmware;
        self
    }

    /// What the status says of it.
    #[must_use]
    pub fn stamp(&self) -> FlashClassRef {
        let Stored {
            name,
            uid,
            generation,
            ..
        } = self.stored.clone();
        FlashClassRef {
            name,
            uid,
            generation,
            hash: hash(&self.stored),
        }
    }
}

/// Freezes a class for a round.
///
/// # Errors
/// Where its values cannot be used: it would not have been accepted either.
pub fn freeze(class: &Class, round: i64) -> Result<Frozen, String> {
    let FlashClassRef {
        name,
        uid,
        generation,
        ..
    } = class.reference.clone();
    Frozen::of(Stored {
        round,
        name,
        uid,
        generation,
        defaults: class.spec.defaults.clone().unwrap_or_default(),
        verdict_markers: class.spec.verdict_markers.clone().unwrap_or_default(),
        require_for: class
            .spec
            .approvals
            .as_ref()
            .and_then(|asked| asked.require_for),
        firmware: None,
    })
}

/// Field of a selection's slice that holds what is frozen beside it.
const BESIDE: &str = "class";
/// Most bytes of it there, as JSON: with as many of devices an object stays below what etcd takes.
const MOST_BESIDE: usize = SLICE_BYTES;

/// Adds it to a slice of the selection of its round, where it fits: one object less to be stored before a round begins. Returns whether
/// it is in there now.
#[must_use]
pub fn store_beside(slice: &mut ControllerRevision, frozen: &Frozen) -> bool {
    let Ok(value) = serde_json::to_value(&frozen.stored) else {
        return false;
    };
    let data = slice.data.as_mut().and_then(|data| data.0.as_object_mut());
    let Some(data) = data.filter(|_| value.to_string().len() <= MOST_BESIDE) else {
        return false;
    };
    data.insert(BESIDE.to_owned(), value);
    true
}

/// The object that stores it by itself.
#[must_use]
pub fn revision(job: &JobRef, frozen: &Frozen) -> ControllerRevision {
    let stored = &frozen.stored;
    // The hash in the name: what is left of a crash, of another generation of the class, is in nobody's way.
    let suffix = format!("class-{}", &hash(stored)[..8]);
    let mut metadata = revision_metadata(job, stored.round, &suffix);
    metadata
        .labels
        .get_or_insert_default()
        .insert(LABEL_FROZEN.to_owned(), FROZEN_CLASS.to_owned());
    ControllerRevision {
        metadata,
        data: serde_json::to_value(stored).ok().map(RawExtension),
        revision: stored.round,
    }
}

/// Whether the object stores a frozen class, and not a slice of a selection.
#[must_use]
pub fn is_frozen_class(revision: &ControllerRevision) -> bool {
    let labels = revision.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(LABEL_FROZEN))
        .is_some_and(|value| value == FROZEN_CLASS)
}

/// Reads back what the status says was frozen for a round.
///
/// # Errors
/// Where no object holds exactly that.
pub fn thaw(
    revisions: &[ControllerRevision],
    stamp: &FlashClassRef,
    round: i64,
) -> Result<Frozen, String> {
    let read = revisions.iter().filter_map(|revision| {
        let data = &revision.data.as_ref()?.0;
        let frozen = if is_frozen_class(revision) {
            data
        } else {
            data.get(BESIDE)?
        };
        Stored::deserialize(frozen).ok()
    });
    let mut read = read.filter(|stored| stored.round == round);
    let found = read.find(|stored| hash(stored) == stamp.hash);
    let stored = found.ok_or_else(|| {
        format!(
            "the defaults of FlashClass {} that round {round} began with are in no ControllerRevision, or were altered",
            stamp.name
        )
    })?;
    Frozen::of(stored)
}

/// SHA-256 of what is stored, hexadecimal, whatever the order of its keys.
fn hash(stored: &Stored) -> String {
    let mut digest = Sha256::new();
    // Text, numbers, lists and maps of them always serialize.
    let value = serde_json::to_value(stored).unwrap_or_default();
    digest.update(canonical(&value));
    hex::encode(digest.finalize())
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
