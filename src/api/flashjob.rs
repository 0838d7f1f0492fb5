//! `FlashJob`: which devices get which firmware, and how carefully. Types and schema only.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{schema::free_form, status::FlashJobStatus};

/// What the user asks for. Absent and null mean the same in every optional field.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "application.flashjob.nbfc.io",
    version = "v1alpha1",
    kind = "FlashJob",
    plural = "flashjobs",
    shortname = "fj",
    category = "all",
    namespaced,
    status = "FlashJobStatus",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct FlashJobSpec {
    /// UIDs of the Akri Instances to flash. Duplicates collapse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uuid: Vec<String>,
    /// Firmware image: an OCI reference.
    pub firmware: String,
    /// Version of the firmware.
    pub version: String,
    /// Expected device type of every device; see `mismatchPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Expected application type of every device; see `mismatchPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
    /// Deprecated: accepted and ignored, as the original operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_endpoint: Option<String>,
    /// Deprecated: accepted and ignored, as the original operator did.
    #[serde(
        default,
        rename = "externalIP",
        skip_serializing_if = "Option::is_none"
    )]
    pub external_ip: Option<String>,
    /// Image of the flash pod, instead of the chart's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flashjob_pod_image: Option<String>,
    /// Chart values for the devices of this job, on the paths that the administrator opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub values: Option<BTreeMap<String, Value>>,
    /// How many devices are flashed at the same time. Unset: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i32>,
    /// Seconds from the Pod's start after which the kubelet ends a flash. Unset: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds_per_device: Option<i64>,
    /// Seconds that a named device may be missing before it fails. Unset: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_discovery_timeout_seconds: Option<i64>,
    /// Seconds after which a finished job is deleted. Unset: never. 0: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i64>,
    /// What happens when `device` or `applicationType` differ from the device's own. Unset: Warn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch_policy: Option<MismatchPolicy>,
}

/// What a difference between the job's expectation and the device's properties means.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MismatchPolicy {
    /// Nothing.
    Ignore,
    /// The device is flashed; its record and an event say so.
    #[default]
    Warn,
    /// The device fails before it is flashed.
    Fail,
}
