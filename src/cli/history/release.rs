//! Helm releases joined with devices and jobs. Pure.

use std::collections::BTreeMap;

use helm_release::Key;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    display,
    flash_pod::intent::{Stored, is_foreign},
};

/// One revision of a release: an attempt at a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRow {
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision, from 1.
    pub revision: u32,
    /// State, in Helm's words.
    pub status: String,
    /// UUID of the device as the job knew it.
    pub uuid: String,
    /// Endpoint of the device.
    pub endpoint: String,
    /// Type of the device.
    pub device: String,
    /// The job.
    pub job: String,
    /// Its round.
    pub round: u32,
    /// Attempt at the device in that round.
    pub attempt: u32,
    /// Version before the flash.
    pub from_version: String,
    /// Version of the firmware.
    pub version: String,
    /// When anybody last wrote the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// One line for people.
    pub description: String,
    /// Somebody else than the operator wrote this revision.
    pub foreign: bool,
    /// The same, to compare it.
    #[serde(skip)]
    pub updated_at: Option<Timestamp>,
}

impl ReleaseRow {
    /// Of a record; none where it is not one of the operator's.
    #[must_use]
    pub fn of(stored: &Stored) -> Option<Self> {
        let record = &stored.record;
        let intent = record.attachment.as_ref()?;
        let updated = record.info.last_deployed.or(stored.modified_at);
        Some(Self {
            release: record.name.clone(),
            namespace: record.namespace.clone(),
            revision: record.version,
            status: record.info.status.as_str().to_owned(),
            uuid: intent.device.uuid.to_string(),
            endpoint: intent.device.endpoint.clone(),
            device: intent.device.device_type.clone(),
            job: intent.job.name.clone(),
            round: intent.round,
            attempt: intent.attempt,
            from_version: intent.device.version.clone(),
            version: intent.version.clone(),
            updated: updated.map(display::time),
            description: record.info.description.clone(),
            foreign: is_foreign(stored),
            updated_at: updated,
        })
    }

    /// The Secret that holds this revision, as kubectl takes it.
    #[must_use]
    pub fn secret(&self) -> String {
        let key = Key {
            release: self.release.clone(),
            revision: self.revision,
        };
        format!("secret/{key}")
    }
}

/// The newest revision of each release, by name.
#[must_use]
pub fn newest(all: Vec<ReleaseRow>) -> Vec<ReleaseRow> {
    let mut newest: BTreeMap<String, ReleaseRow> = BTreeMap::new();
    for row in all {
        match newest.get(&row.release) {
            Some(known) if known.revision >= row.revision => {}
            _ => drop(newest.insert(row.release.clone(), row)),
        }
    }
    newest.into_values().collect()
}
