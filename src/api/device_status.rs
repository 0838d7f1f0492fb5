//! Status of one device of a `FlashJob`. Types and schema only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DevicePhase, Reason, Word};

/// One device of the job.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceStatus {
    /// Place in the frozen selection, from 0.
    pub index: i64,
    /// UUID as the job named it.
    pub uuid: String,
    /// `HOST_ENDPOINT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_endpoint: Option<String>,
    /// Helm release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Pod of the newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Pending, Reserved, AwaitingAddress, Flashing, Verifying, Waiting, Succeeded, Failed or Skipped.
    pub phase: Word<DevicePhase>,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word<Reason>>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Attempts that began, the current one included.
    pub attempts: i64,
    /// Why attempts that another one follows failed, oldest first. Read back: as many attempts have failed in this round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<Word<Reason>>,
    /// Version before the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// Version read back after the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// When the newest attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it goes on without anybody acting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_time: Option<Time>,
    /// When the verdict was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// End of the flash pod's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_tail: Option<String>,
}

impl DeviceStatus {
    /// Whether the device is in this phase.
    #[must_use]
    pub fn is(&self, phase: DevicePhase) -> bool {
        self.phase == phase
    }

    /// Whether this is why.
    #[must_use]
    pub fn is_for(&self, reason: Reason) -> bool {
        self.reason.as_ref().is_some_and(|word| *word == reason)
    }
}
