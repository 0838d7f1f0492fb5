//! Status of one device of a `FlashJob`. Types and schema only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    pub phase: String,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Attempts that began, the current one included.
    pub attempts: i64,
    /// Why attempts that another one follows failed, oldest first. Read back: as many attempts have failed in this round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<String>,
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

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DevicePhase {
    /// Not begun.
    Pending,
    /// Its release is recorded.
    Reserved,
    /// Its Service waits for an address.
    AwaitingAddress,
    /// Its Pod exists.
    Flashing,
    /// Flashed; its version is being read back.
    Verifying,
    /// Waiting before the next try.
    Waiting,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Not flashed because it was not needed.
    Skipped,
}

impl DevicePhase {
    /// The word as the API shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Reserved => "Reserved",
            Self::AwaitingAddress => "AwaitingAddress",
            Self::Flashing => "Flashing",
            Self::Verifying => "Verifying",
            Self::Waiting => "Waiting",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        }
    }
}
