//! Akri's `Instance`: a discovered device. Parsed leniently: older releases of Akri leave out any of these fields.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lenient::null_is_default;

/// What Akri says of a device.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "akri.sh",
    version = "v0",
    kind = "Instance",
    plural = "instances",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceSpec {
    /// Akri Configuration that discovered the device.
    pub configuration_name: Option<String>,
    /// What the discovery handler and the administrator know of the device: `HOST_ENDPOINT`, `DEVICE`, `VERSION`, …
    #[serde(deserialize_with = "null_is_default")]
    pub broker_properties: BTreeMap<String, String>,
    /// Nodes that see the device.
    #[serde(deserialize_with = "null_is_default")]
    pub nodes: Vec<String>,
}
