//! Schemas of the steps of a rollout.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::{list, rules, words};
use crate::api::{rollout::RolloutStep, rule};

/// Name of a step.
pub fn step_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 63 })
}

/// Id of a rerun.
pub fn rerun_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 63 })
}

/// Number of round and step.
pub fn approved_step(_: &mut SchemaGenerator) -> Schema {
    rule::APPROVED_STEP.schema()
}

/// The same, where it has to be there.
pub fn approval_step(_: &mut SchemaGenerator) -> Schema {
    let mut schema = rule::APPROVED_STEP.schema();
    schema.insert("minLength".into(), json!(3));
    schema
}

/// For or against.
pub fn decision(_: &mut SchemaGenerator) -> Schema {
    words(&["Approve", "Deny"])
}

/// Whether a step repeats.
fn repeats(step: &str) -> String {
    format!("(has({step}.repeat) && dyn({step}.repeat) != null && {step}.repeat)")
}

/// Steps of a rollout.
pub fn steps(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = list(20, &RolloutStep::json_schema(generator));
    let repeating = repeats("s");
    let counts =
        format!("self.map(s, !{repeating} && type(s.devices) == int, int(s.devices)).isSorted()");
    let percentages = format!(
        "self.map(s, !{repeating} && type(s.devices) == string && s.devices.matches('^[0-9]{{1,3}}%$'), \
         int(s.devices.replace('%', ''))).isSorted()"
    );
    let same = format!("self.exists_one(s, !{repeating} && s.devices == a.devices)");
    let apart = format!("self.all(a, {} || {same})", repeats("a"));
    let growth = (
        format!("{counts} && {percentages} && {apart}"),
        format!(
            "{}: counts beyond counts, percentages beyond percentages",
            rule::STEPS_GROW
        ),
    );
    let last = (
        format!("self.map(s, {repeating}).isSorted() && self.filter(s, {repeating}).size() <= 1"),
        rule::REPEAT_LAST.to_owned(),
    );
    schema.insert("x-kubernetes-validations".into(), rules([growth, last]));
    schema
}

/// A number of devices from 1, or a percentage from 1 %.
pub fn step_devices(_: &mut SchemaGenerator) -> Schema {
    amount(
        "type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')",
        "must be a number of devices from 1, or a percentage from \"1%\" to \"100%\"",
    )
}

/// A number of devices from 0, or a percentage from 0 %.
pub fn failed_devices(_: &mut SchemaGenerator) -> Schema {
    amount(
        "type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",
        "must be a number of devices from 0, or a percentage from \"0%\" to \"100%\"",
    )
}

fn amount(rule: &str, message: &str) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "maxLength": 4,
        "x-kubernetes-validations": [{ "rule": rule, "message": message }],
    })
}
