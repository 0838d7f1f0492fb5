//! Parts of the specs of `FlashJob` and `FlashClass`: which devices, when, and how carefully. Types and schema only.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};
use strum::{EnumString, IntoStaticStr};

use super::{
    lenient::{empty_is_absent, null_is_default},
    schema,
};

/// Devices chosen by what Akri says of them. All parts have to match; a part that is left out matches every device.
// Exact emptiness is all that a schema can refuse here; the operator refuses a selector whose parts are all empty.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("minProperties" = 1))]
pub struct DeviceSelector {
    /// Akri Configurations, one of which found the device.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::names")]
    pub configurations: Vec<String>,
    /// Namespaces, one of which holds the device's Instance.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::names")]
    pub namespaces: Vec<String>,
    /// Properties of the device that must have exactly these values.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "schema::properties")]
    pub match_properties: BTreeMap<String, String>,
    /// Requirements on properties of the device; all have to hold.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 20))]
    pub match_expressions: Vec<PropertyRequirement>,
}

/// A requirement on one property of a device, as a label selector's on a label.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::requirement, extend("required" = ["property", "operator"]))]
pub struct PropertyRequirement {
    /// Name of the property, such as DEVICE or VERSION.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::property_name")]
    pub property: String,
    /// In and NotIn compare with the values; Exists and DoesNotExist take none; VersionIn takes ranges of semantic
    /// versions such as ">=1.2.0, <2.0.0", one of which has to hold.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::property_operator")]
    pub operator: PropertyOperator,
    /// Values, or ranges of versions.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::property_values")]
    pub values: Vec<String>,
}

/// How a property is compared.
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
    EnumString,
    IntoStaticStr,
)]
pub enum PropertyOperator {
    /// The property has one of the values.
    #[default]
    In,
    /// The property has none of the values, or is absent.
    NotIn,
    /// The property is present and not empty.
    Exists,
    /// The property is absent or empty.
    DoesNotExist,
    /// The property is a semantic version in one of the ranges.
    VersionIn,
}

/// A number of devices, or a share of those selected, such as `"10%"`.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum Amount {
    /// That many.
    Count(i64),
    /// A whole percentage with its sign, from `"0%"` to `"100%"`.
    Percent(String),
}

impl<'de> Deserialize<'de> for Amount {
    // Not derived: what is derived says of nothing what it expects.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of devices, or a percentage such as \"10%\"")
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Amount, E> {
        Ok(Amount::Count(count))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Amount, E> {
        let count = i64::try_from(count);
        count
            .map(Amount::Count)
            .map_err(|_| E::custom("more devices than there can be"))
    }

    fn visit_str<E: Error>(self, percent: &str) -> Result<Amount, E> {
        Ok(Amount::Percent(percent.to_owned()))
    }
}

/// A time of the week in which devices may be started.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["start", "durationSeconds"]))]
pub struct Window {
    /// Days on which it opens. Unset: every day.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::days")]
    pub days: Vec<Day>,
    /// Time of day at which it opens, as HH:MM in its time zone.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::time_of_day")]
    pub start: String,
    /// Seconds that it stays open, at most a week.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(range(min = 60, max = 604_800))]
    pub duration_seconds: i64,
    /// Name of its time zone in the IANA database, such as Europe/Athens. Unset: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_zone")]
    pub time_zone: Option<String>,
}

/// A day of the week.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A step of a rollout. Sizes are cumulative, but for that of a step that repeats; after the last step the rest follows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStep {
    /// Name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::step_name")]
    pub name: Option<String>,
    /// Devices, counted from the first of the selection, that are flashed when the step ends: a number, or a percentage
    /// of all that are selected, rounded up. Of a step that repeats: the devices of each repetition.
    #[schemars(schema_with = "schema::step_devices")]
    pub devices: Amount,
    /// Whether the step goes on with as many devices again, until none is left; each repetition is a step of its own, with
    /// number, soak, approval and limit of failures. Of the last step alone. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub repeat: Option<bool>,
    /// Seconds to wait after the last device of the step is final. Unset: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub soak_seconds: Option<i64>,
    /// Whether the next step waits until somebody approves this one: kubectl flashjob approve. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub require_approval: Option<bool>,
    /// Devices that may fail until the step ends; more stop the job. A percentage is of the step's own devices, rounded
    /// down. Unset: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::failed_devices")]
    pub max_failed_devices: Option<Amount>,
}

impl RolloutStep {
    /// Whether it goes on to the end in parts of its size.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.repeat == Some(true)
    }
}

/// What is read back from a device after its flash.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Verification {
    /// None reads nothing back; Observe reports what is read and lets no device fail for it; Version fails a device that
    /// does not come back with the expected version. Unset: Observe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::verification_mode")]
    pub mode: Option<VerificationMode>,
    /// Version that the device has to report. Unset: spec.version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::version")]
    pub expected_version: Option<String>,
    /// Seconds after the flash in which the device has to come back. Unset: 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: Option<i64>,
}

/// What becomes of what is read back.
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
    EnumString,
    IntoStaticStr,
)]
pub enum VerificationMode {
    /// Nothing is read back.
    None,
    /// It is reported.
    #[default]
    Observe,
    /// It decides.
    Version,
}

/// What happens to a device that has the version already.
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
    EnumString,
    IntoStaticStr,
)]
pub enum AlreadyAtVersion {
    /// It is flashed.
    #[default]
    Flash,
    /// It is skipped.
    Skip,
}

/// What somebody decided about a step.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["step", "decision"]))]
pub struct Approval {
    /// `ROUND.STEP` that it is about, as status.step.id shows it. In another round it means nothing.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::approval_step")]
    pub step: String,
    /// Approve: the step and those before it are approved. Deny: the round stops; it goes on when the step is approved after all.
    #[schemars(schema_with = "schema::decision")]
    pub decision: Decision,
    /// Any text; each new one is another decision, such as a second person's about the same step.
    #[serde(
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 253))]
    pub id: Option<String>,
    /// Why the step was approved or denied, in free text.
    #[serde(
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
}

/// Whether a step is approved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Approve,
    /// It is not, and nothing new of the round starts.
    // What cannot be told lets nothing start.
    #[default]
    Deny,
}

/// Asks once for devices to be flashed again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["id"]))]
pub struct Rerun {
    /// Any text; each new one acts once.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::rerun_id")]
    pub id: String,
    /// Failed: those that failed or never started, in this round. All: everything, in a new round. Unset: Failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::rerun_devices")]
    pub devices: Option<RerunDevices>,
}

/// Which devices are flashed again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RerunDevices {
    /// Those that failed or never started.
    #[default]
    Failed,
    /// All of them, in a new round.
    All,
}
