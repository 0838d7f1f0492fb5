//! `FlashJob`: which devices get which firmware, and how carefully. Types and schema only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{
    chart_values::JobValues,
    lenient::{empty_is_absent, null_is_default},
    rollout::{
        AlreadyAtVersion, Amount, Approval, DeviceSelector, Rerun, RolloutStep, Verification,
        Window,
    },
    schema,
    status::FlashJobStatus,
};

// The rule on the root stands for `required: [spec]` (`crd.rs` removes it), because a `required` at the root is not
// ratcheted: a stored object without a spec could then neither get a status nor lose its finalizer.
/// Which devices get which firmware. Absent and null mean the same in every optional field.
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
    derive = "Default",
    doc = "Flashes firmware to the devices that Akri discovered, one Helm release per device.",
    validation = Rule::new("oldSelf.hasValue() || has(self.spec)")
        .message("spec is required")
        .optional_old_self(true),
    selectable = ".spec.version",
    selectable = ".status.phase",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "InProgress, Running, Completed or Failed"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress", description = "Final devices of selected devices"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.counts.failed", description = "Devices that failed"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason", description = "Why the job is as it is"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version", description = "Version of the firmware"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since the job was created"),
    printcolumn(name = "Firmware", type_ = "string", json_path = ".spec.firmware", priority = "1", description = "Firmware image"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.provenance.shortDigest", priority = "1", description = "First digits of the firmware's digest"),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.flashClass.name", priority = "1", description = "Class the round began with"),
    printcolumn(name = "Round", type_ = "integer", json_path = ".status.round.number", priority = "1", description = "Number of the round"),
    // No date: kubectl prints a time to come as <invalid>.
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextTime", priority = "1", description = "When something happens next without anybody acting"),
)]
#[serde(rename_all = "camelCase")]
pub struct FlashJobSpec {
    /// Devices to flash: the metadata.uid of their Akri Instances, as the environment variable UUID of the flash pod.
    /// Duplicates collapse. Devices may be appended while the job runs; the order is the order of flashing.
    // An empty list is accepted, as the original did; the operator then reports NoDevicesSelected. A rule here would
    // stand across fields once devices can be selected otherwise, and rules stand on leaves.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::uuids")]
    pub uuid: Vec<String>,
    /// Firmware image that the devices receive: an OCI reference such as registry.example.com/esp32:1.2.0.
    /// Changing it opens a new round over all selected devices.
    // The schema requires it; read as empty where a stored object lacks it, so that the object can still be finished.
    #[serde(default)]
    #[schemars(schema_with = "schema::firmware")]
    pub firmware: String,
    /// Version of the firmware, such as 1.2.0. Changing it opens a new round over all selected devices.
    #[serde(default)]
    #[schemars(schema_with = "schema::version")]
    pub version: String,
    /// Device type that every device is expected to have, such as esp32s3; see mismatchPolicy.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::any_text")]
    pub device: Option<String>,
    /// Application type that every device is expected to have; see mismatchPolicy.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::any_text")]
    pub application_type: Option<String>,
    /// Deprecated: accepted and ignored. The endpoint is the device's own, from its Akri Instance.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::any_text")]
    pub host_endpoint: Option<String>,
    /// Deprecated: accepted and ignored. The address is that of the Service that the flash chart creates.
    #[serde(
        default,
        rename = "externalIP",
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::any_text")]
    pub external_ip: Option<String>,
    /// Image of the flash pod. Unset: the class's, else the chart's. Changing it opens a new round over all selected devices.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::image")]
    pub flashjob_pod_image: Option<String>,
    /// Values of the flash chart for the devices of this job, taken literally, at most 32 KiB as JSON. Only paths that
    /// the administrator opened may be set (flashPod.allowedValuePaths of the operator's chart).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::free_form")]
    pub values: Option<JobValues>,
    /// How many devices are flashed at the same time; each needs a load balancer address. Unset: the class's, else 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: Option<i32>,
    /// Seconds from the start of a flash pod after which it is ended and the device fails. Unset: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deadline")]
    pub active_deadline_seconds_per_device: Option<i64>,
    /// Seconds that a named device may be missing before it fails. Unset: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 604_800))]
    pub device_discovery_timeout_seconds: Option<i64>,
    /// Seconds after which a finished job, complete or failed, is deleted. 0: at once. Unset: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<i64>,
    /// What happens when device or applicationType differ from the device's own: Ignore flashes it; Warn flashes it and
    /// says so in an event and in the device's record; Fail fails the device before it is flashed. Unset: Warn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::mismatch_policy")]
    pub mismatch_policy: Option<MismatchPolicy>,
    /// Class with the administrator's defaults and guard rails. Unset: the class that is marked as the default one.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::name")]
    pub flash_class_name: Option<String>,
    /// Devices chosen by what Akri says of them, beside those named in uuid. Taken when a round begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_selector: Option<DeviceSelector>,
    /// Nothing new starts; what is in flight ends. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub suspend: Option<bool>,
    /// No device starts before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub not_before: Option<Time>,
    /// No device starts that could still run after this time; the job then fails with the reason Expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub not_after: Option<Time>,
    /// When devices may be started. Unset: always.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 50))]
    pub windows: Vec<Window>,
    /// Steps in which the devices are flashed; after the last one the rest follows.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::steps")]
    pub steps: Vec<RolloutStep>,
    /// ROUND.STEP that is approved, with the steps before it, as status.step.id shows it; set by: kubectl flashjob approve.
    #[serde(
        default,
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::approved_step")]
    pub approved_step: Option<String>,
    /// What was decided about a step, for or against it; set by: kubectl flashjob approve, kubectl flashjob deny. A denial outranks
    /// approvedStep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Devices that may fail: a number, or a percentage of all that are selected, rounded down. More stop the job; what is
    /// in flight ends. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::failed_devices")]
    pub max_failed_devices: Option<Amount>,
    /// Retries of one device, 10 s after the first failure, doubling to 10 min. Unset: the class's, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit_per_device: Option<i32>,
    /// What is read back from a device after its flash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// What happens to a device that has spec.version already. Unset: the class's, else Skip where the version is verified,
    /// else Flash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::already_at_version")]
    pub already_at_version: Option<AlreadyAtVersion>,
    /// Asks once for devices to be flashed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
}

/// What a difference between the job's expectation and the device's properties means.
// In the order of strictness.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    EnumString,
    IntoStaticStr,
)]
pub enum MismatchPolicy {
    /// Nothing.
    Ignore,
    /// The device is flashed; its record and an event say so.
    #[default]
    Warn,
    /// The device fails before it is flashed.
    Fail,
}
