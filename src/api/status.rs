//! `FlashJob` status: what was observed and decided. Output, except where a field's doc says that it is read back.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{
    AlreadyAtVersion, LimitBy, MismatchPolicy, Phase, Provenance, Reason, StepState,
    VerificationMode, Word, condition,
    device_status::DeviceStatus,
    lenient::at_most,
    rule::{MAX_CONDITIONS, MAX_DEVICE_ENTRIES},
};

/// `observedGeneration` of a job that the operator has not looked at: the API server's default.
pub const NEVER_OBSERVED: i64 = -1;

/// What the operator observed and decided.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FlashJobStatus {
    /// Generation of the spec that this status speaks of; -1 before the operator has looked at the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Summary for display: InProgress, Running, Completed or Failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Word<Phase>>,
    /// What is going on, in words. Where somebody has to act, it ends with the command to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word<condition::Reason>>,
    /// When something happens next without anybody acting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_time: Option<Time>,
    /// Final devices of selected devices, `37/500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// When the first round began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the job finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Endpoint of the device that was last begun (the original operator's field).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_endpoint: Option<String>,
    /// Class that the round began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_class: Option<FlashClassRef>,
    /// What holds after defaults and ceilings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Effective>,
    /// The frozen selection. Read back: a selection that does not match it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionStatus>,
    /// The image that the round flashes, where its digest is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// The current round. Read back: a change of these fields in the spec opens the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The step that the round has reached, where the job has steps. Read back: steps that were reached and approvals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepStatus>,
    /// Why nothing of the round starts any more, if so. Read back: a stopped round does not go on by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopStatus>,
    /// Id of the newest rerun that was acted upon or recorded. Read back.
    #[serde(
        default,
        rename = "lastRerunID",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_rerun_id: Option<String>,
    /// Result of the round before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_round: Option<PreviousRound>,
    /// Devices by state; `selected` is the sum of the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Indexes of devices that succeeded in this round. Read back: the truth about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_indexes: Option<String>,
    /// Indexes of devices that failed in this round. Read back: the truth about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_indexes: Option<String>,
    /// Indexes of devices that were skipped in this round. Read back: the truth about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_indexes: Option<String>,
    /// UUIDs that succeeded, of those named in `spec.uuid`.
    #[serde(
        default,
        rename = "completedUUIDs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub completed_uuids: Vec<String>,
    /// Devices in flight, then the newest failures and successes; bounded by bytes. Read back: attempts and `Flashing`.
    #[serde(
        default,
        deserialize_with = "at_most::<MAX_DEVICE_ENTRIES, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub devices: Vec<DeviceStatus>,
    /// What holds of the job.
    #[serde(
        default,
        deserialize_with = "at_most::<MAX_CONDITIONS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl FlashJobStatus {
    /// Whether this is why the job is as it is.
    #[must_use]
    pub fn is_for(&self, reason: condition::Reason) -> bool {
        self.reason.as_ref().is_some_and(|word| *word == reason)
    }
}

/// The class a round began with.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct FlashClassRef {
    /// Name of the class.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// SHA-256 of its defaults as they were then, hexadecimal. Read back: frozen defaults that do not match it are lost.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// What renders a release and applies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum EngineName {
    /// The operator itself.
    Native,
    /// The helm command.
    Helm,
}

/// What holds after defaults and ceilings.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Effective {
    /// Devices in flight at the same time.
    pub parallelism: i64,
    /// Seconds from the Pod's start after which a flash is ended.
    pub active_deadline_seconds_per_device: i64,
    /// Seconds that a named device may be missing.
    pub device_discovery_timeout_seconds: i64,
    /// What a mismatch means.
    pub mismatch_policy: Word<MismatchPolicy>,
    /// Engine that renders and applies: native or helm.
    pub engine: Word<EngineName>,
    /// What the flash chart does that charts may not do by themselves, and the administrator allowed (flashPod.chartAllow).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chart_allow: Vec<String>,
    /// Image of the flash pod, where job or class set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_image: Option<String>,
    /// Retries of one device.
    pub backoff_limit_per_device: i64,
    /// What is read back: None, Observe or Version.
    pub verification: Word<VerificationMode>,
    /// Version that devices have to report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<String>,
    /// Seconds in which a device has to come back.
    pub verification_timeout_seconds: i64,
    /// What happens to a device that has the version already: Flash or Skip.
    pub already_at_version: Word<AlreadyAtVersion>,
    /// Seconds that a Service may wait for its address.
    pub address_timeout_seconds: i64,
    /// Most devices in flight that share something, by the classes whose rules hold, counted over all jobs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_flight_limits: Vec<EffectiveLimit>,
}

/// Most devices in flight that share something.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct EffectiveLimit {
    /// Class that says so.
    pub flash_class: String,
    /// What devices share: Configuration, Node or Property.
    pub by: Word<LimitBy>,
    /// Name of the property, with Property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Most devices in flight for each value.
    pub max: i64,
}

/// Identity of the frozen selection.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectionStatus {
    /// Number of selected devices.
    pub count: i64,
    /// SHA-256 of the selection, hexadecimal.
    pub hash: String,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Beginning of the SHA-256 of the deviceSelector that was last carried out. Read back: another one is carried out anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Indexes of the devices that deviceSelector chose. Read back: a device that neither it nor uuid names is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector_indexes: Option<String>,
    /// Instances that deviceSelector means and that cannot be flashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_selectable: Option<NotSelectable>,
}

/// Instances that a selector means and that cannot be flashed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct NotSelectable {
    /// How many.
    pub count: i64,
    /// The first of them by namespace and name, each with what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl NotSelectable {
    /// In words, with the first of them.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { count, examples } = self;
        let first = examples.first().map(String::as_str).unwrap_or_default();
        match count {
            1 => format!("1 Instance that spec.deviceSelector means cannot be flashed: {first}"),
            _ => format!(
                "{count} Instances that spec.deviceSelector means cannot be flashed, the first of them: {first}"
            ),
        }
    }
}

/// One pass over the selection with one firmware.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Round {
    /// Number, from 1.
    pub number: i64,
    /// Firmware of the round.
    pub firmware: String,
    /// Version of the round.
    pub version: String,
    /// Flash image that the job asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flashjob_pod_image: Option<String>,
}

/// A step of a rollout.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct StepStatus {
    /// `ROUND.STEP`, from 1: what approvedStep names.
    pub id: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of steps, each repetition and the rest after the last one included where there are any.
    pub of: i64,
    /// Number of the repetition, from 1, where the step repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<i64>,
    /// How many repetitions there are, with the devices that are selected now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<i64>,
    /// Devices of this step and those before it.
    pub devices: i64,
    /// How many of them are final.
    pub done: i64,
    /// How many of them failed.
    pub failed: i64,
    /// Running, Soaking or `AwaitingApproval`.
    pub state: Word<StepState>,
    /// Since when it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When the soak ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Time>,
    /// Number of the newest step of this round that was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_through: Option<i64>,
    /// Who approved steps of the round, each person once, with the newest: where the API server says who it was. Read back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<StepApproval>,
    /// What decided in the steps that were reached, in order: an edit of one of them is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<String>,
}

/// A person's approval.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct StepApproval {
    /// The user, as the API server names that person.
    pub by: String,
    /// `ROUND.STEP` that was approved, with the steps before it.
    pub step: String,
    /// When the operator saw it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Why, in that person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why nothing of the round starts any more.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct StopStatus {
    /// `MaxFailedDevicesExceeded`, StepFailed, StepDenied or Expired.
    pub reason: Word<Reason>,
    /// Why, in words.
    pub message: String,
    /// The limit that was exceeded, as it stood in the spec: another one lets the round go on.
    pub limit: String,
    /// Id of the newest rerun at that time: another one lets the round go on.
    #[serde(rename = "rerunID", skip_serializing_if = "Option::is_none")]
    pub rerun_id: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// Result of the round before.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviousRound {
    /// Number, from 1.
    pub number: i64,
    /// Firmware of the round.
    pub firmware: String,
    /// Version of the round.
    pub version: String,
    /// Devices that succeeded.
    pub succeeded: i64,
    /// Devices that failed.
    pub failed: i64,
    /// When it ended or was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
}

/// Devices by state; `selected` is the sum of the rest.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// All devices of the selection.
    pub selected: i64,
    /// Not begun.
    pub pending: i64,
    /// Between the release's record and the end of the Pod.
    pub in_flight: i64,
    /// Flashed, read-back pending.
    pub verifying: i64,
    /// Waiting before the next try.
    pub waiting: i64,
    /// Ended well.
    pub succeeded: i64,
    /// Ended badly.
    pub failed: i64,
    /// Not flashed because it was not needed.
    pub skipped: i64,
}
