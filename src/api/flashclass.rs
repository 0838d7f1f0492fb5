//! `FlashClass`: an administrator's defaults and guard rails for a kind of device. Types and schema only.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{
    chart_values::ClassValues,
    class_approvals::ClassApprovals,
    class_workload::{VerdictMarkers, Workload},
    firmware_verification::{FirmwareVerification, FlashImageVerification},
    flashjob::MismatchPolicy,
    lenient::null_is_default,
    receipts::Receipts,
    rollout::{AlreadyAtVersion, PropertyRequirement, Verification, Window},
    schema,
};

/// Defaults and guard rails for the jobs that name this class. Allow rules, limits and suspend apply at once; defaults are
/// frozen when a round begins.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "application.flashjob.nbfc.io",
    version = "v1alpha1",
    kind = "FlashClass",
    plural = "flashclasses",
    shortname = "fc",
    status = "FlashClassStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Defaults and guard rails for the FlashJobs of one kind of device; set by administrators.",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status",
        description = "Whether the class can be used"
    ),
    printcolumn(
        name = "Suspended",
        type_ = "boolean",
        json_path = ".spec.suspend",
        description = "Nothing new starts"
    ),
    printcolumn(
        name = "Jobs",
        type_ = "integer",
        json_path = ".status.activeJobs",
        description = "Jobs of the class that are not finished"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the class was created"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct FlashClassSpec {
    /// Nothing of any job of this class starts; what is in flight ends. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub suspend: Option<bool>,
    /// What holds where a job says nothing; frozen when a round begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<ClassDefaults>,
    /// Chart values that a job may set: JSON Pointers such as /resources; each opens everything inside it.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::pointers")]
    pub allowed_value_paths: Vec<String>,
    /// Images that the flash pod may run: exact references, or beginnings followed by *. Unset: every image.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::patterns")]
    pub allowed_flash_images: Vec<String>,
    /// Firmware that may be flashed: exact references, or beginnings followed by *. Unset: all firmware.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::patterns")]
    pub allowed_firmware: Vec<String>,
    /// Firmware has to be named by its digest. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub require_firmware_digest: Option<bool>,
    /// What is asked of the image that the firmware's registry serves. With it, requireFirmwareDigest is content with a tag whose digest
    /// the registry told before the round began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_verification: Option<FirmwareVerification>,
    /// The image that flashes is resolved to its digest before a round begins, all flash Pods of the round run that one, and it is signed
    /// as this says. It needs defaults.flashImage. Unset: what a tag means is decided by each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_image_verification: Option<FlashImageVerification>,
    /// The operator signs a receipt for every final device and writes it to its log. The status of a finished round has the signed Merkle
    /// root of all its receipts. A round begins only when the digest of its firmware is known. Unset: the operator writes no receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts: Option<Receipts>,
    /// Most devices of one job in flight at the same time. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_parallelism: Option<i32>,
    /// Most devices of a job's first step; a job without steps begins with as many. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_first_step_devices: Option<i32>,
    /// Which steps have to be approved, and by whom. Unset: those that ask for it, by one person who has the verb approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ClassApprovals>,
    /// The least strict mismatchPolicy that holds for a job. Unset: Ignore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::mismatch_policy")]
    pub min_mismatch_policy: Option<MismatchPolicy>,
    /// Devices that have the version already are skipped, whatever the job says. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub require_skip: Option<bool>,
    /// Namespaces whose jobs may use the class. Unset: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_job_namespaces: Option<NamespaceRule>,
    /// Namespaces whose devices may be flashed. Unset: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_namespaces: Option<NamespaceRule>,
    /// Devices that may be flashed. Unset: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_filter: Option<DeviceFilter>,
    /// Most devices in flight that share something, such as a gateway, counted over all jobs in the cluster, of whatever class.
    /// They bound what jobs of this class start.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 20))]
    pub in_flight_limits: Vec<InFlightLimit>,
    /// When devices may be started. Unset: always.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 50))]
    pub windows: Vec<Window>,
    /// Which words in the flash pod's log mean what. Unset: those that the operator is set up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_markers: Option<VerdictMarkers>,
    /// What the flash chart may render beyond a plain Pod and its Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}

/// What holds where a job says nothing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ClassDefaults {
    /// Image of the flash pod. Unset: the chart's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::image")]
    pub flash_image: Option<String>,
    /// Values of the flash chart, at most 64 KiB as JSON; texts are Tera templates, as in device-values.yaml.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::free_form")]
    pub values: Option<ClassValues>,
    /// Devices of one job in flight at the same time. Unset: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: Option<i32>,
    /// Retries of one device. Unset: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit_per_device: Option<i32>,
    /// What is read back after a flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// What happens when a device is not what the job expects. Unset: Warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::mismatch_policy")]
    pub mismatch_policy: Option<MismatchPolicy>,
    /// What happens to a device that has the version already. Unset: Skip where the version is verified, else Flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::already_at_version")]
    pub already_at_version: Option<AlreadyAtVersion>,
    /// Seconds that a Service may wait for its address. Unset: the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub address_timeout_seconds: Option<i64>,
}

/// Namespaces that are meant.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::namespace_rule)]
pub struct NamespaceRule {
    /// Same: the job's own (of jobs: the operator's). All: every one. Selector: those whose labels match.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::namespaces_from")]
    pub from: NamespacesFrom,
    /// Labels of the namespaces, with Selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace_selector")]
    pub selector: Option<LabelSelector>,
}

/// How namespaces are chosen.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespacesFrom {
    /// The namespace of the job.
    Same,
    /// Every namespace.
    #[default]
    All,
    /// Namespaces whose labels match.
    Selector,
}

/// Devices by their properties.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceFilter {
    /// Properties that must have exactly these values.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "schema::properties")]
    pub match_properties: BTreeMap<String, String>,
    /// Requirements on properties; all have to hold.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 20))]
    pub match_expressions: Vec<PropertyRequirement>,
}

/// Most devices in flight that share something.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::in_flight_limit, extend("required" = ["max"]))]
pub struct InFlightLimit {
    /// What they share: the Configuration that found them, a node that sees them, or the value of a property.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::limit_by")]
    pub by: LimitBy,
    /// Name of the property, with Property.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::property_name")]
    pub property: Option<String>,
    /// Most devices in flight for each value.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max: i32,
}

/// What devices share.
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
    Hash,
    EnumString,
    IntoStaticStr,
)]
pub enum LimitBy {
    /// The Akri Configuration.
    #[default]
    Configuration,
    /// A node; a device that several nodes see counts on each.
    Node,
    /// The value of a property.
    Property,
}

/// What the operator observed of a class.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FlashClassStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Jobs of the class that are not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_jobs: Option<i64>,
    /// Accepted: whether the class can be used. Suspended: whether nothing of its jobs starts, since when, and by whom.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
