//! What was done to a device, and what releases tell of it: for the plugin and the console. Pure.

mod place;
mod release;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{api::DeviceStatus, display, flashjob::spec::job::Job};

pub use self::{
    place::{Place, is_busy, normal},
    release::{ReleaseRow, newest},
};

/// What is known of what was done to a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The device as the person named it.
    pub device: String,
    /// Its endpoint, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What FlashJobs say of it: what is under way, then what ended, newest first.
    pub verdicts: Vec<Verdict>,
    /// Attempts that a Helm release still tells of, newest first. The release of a device that succeeded is gone.
    pub attempts: Vec<ReleaseRow>,
    /// What the person may not read.
    pub not_seen: Vec<String>,
}

/// What a FlashJob says of a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// Its round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<i64>,
    /// Version that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the device stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Attempts that began.
    pub attempts: i64,
    /// Why earlier attempts failed, oldest first.
    pub earlier_failures: Vec<String>,
    /// When the newest attempt ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// The same, to compare it.
    #[serde(skip)]
    pub finished_at: Option<Timestamp>,
}

impl Verdict {
    /// Of an entry of a job's status.
    #[must_use]
    pub fn of(job: &Job, entry: &DeviceStatus) -> Self {
        let round = job.status.round.as_ref();
        let finished = entry.completion_time.as_ref().map(|time| time.0);
        Self {
            job: job.name.clone(),
            namespace: job.namespace.clone(),
            round: round.map(|round| round.number),
            version: round.map(|round| round.version.clone()),
            phase: entry.phase.to_string(),
            reason: entry.reason.clone().unwrap_or_default().to_string(),
            message: entry.message.clone().unwrap_or_default(),
            attempts: entry.attempts,
            earlier_failures: entry
                .earlier_failures
                .iter()
                .map(ToString::to_string)
                .collect(),
            finished: finished.map(display::time),
            finished_at: finished,
        }
    }
}
