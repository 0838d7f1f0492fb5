//! The frozen selection of a round, as it is stored in `ControllerRevisions`. Types only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identifiers::Uuid;

/// One selected device as it was when the round selected it. Its place in the selection is its *index*.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SelectedDevice {
    /// UUID that the job named: the Instance's uid at that time.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// `HOST_ENDPOINT` at that time; absent where no Instance had that uid yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `DEVICE` at that time.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// `APPLICATION_TYPE` at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    /// `VERSION` at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `namespace/name` of the Instance at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// Content of one `ControllerRevision`: up to 1 000 devices, in order. Beside those of the first one stands, as `class`, what the round
/// froze of its class.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SelectionSlice {
    /// Round that selected these devices.
    pub round: i64,
    /// Index of the first device.
    pub first: usize,
    /// The devices.
    pub devices: Vec<SelectedDevice>,
}
