//! What a FlashClass says of flash Pods: what they may be, and what the words in their logs mean. Types and schema only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{lenient::null_is_default, schema};

/// What the flash chart may render beyond a plain Pod and its Service.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Further kinds, as group/version/Kind or v1/Kind.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::kinds")]
    pub kinds: Vec<String>,
    /// Service accounts that the flash pod may run as, beside the namespace's default.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::names")]
    pub service_accounts: Vec<String>,
    /// Secrets that the flash pod may mount, pull images with or read variables from.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::names")]
    pub secret_names: Vec<String>,
    /// Further kinds of volumes, such as persistentVolumeClaim.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::volume_types")]
    pub volume_types: Vec<String>,
}

/// Words of the flash pod's log. A list that is left out keeps the operator's words.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct VerdictMarkers {
    /// The device's attestation was accepted.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub verified: Vec<String>,
    /// The firmware was sent; counts only after verified.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub sent: Vec<String>,
    /// The device's attestation was refused.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub refused: Vec<String>,
    /// The transfer broke off.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub transfer_failed: Vec<String>,
    /// The firmware could not be pulled.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub firmware_not_found: Vec<String>,
    /// The device could not be told to update.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub contact_failed: Vec<String>,
    /// The OTA agent crashed.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::texts")]
    pub agent_failed: Vec<String>,
}
