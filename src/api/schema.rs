//! Schema fragments that `schemars` cannot derive as the API server wants them. Pure; used by the types beside it. Here is what kinds
//! have in common; `class` has what a FlashClass alone says, `rollout` the steps of a FlashJob.
//!
//! None says `nullable`: `crd` says it of every field that may be left out.

mod class;
mod rollout;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::rule;

pub use self::{class::*, rollout::*};

/// A JSON object whose fields the API server keeps as they are.
pub fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": rule::MAX_VALUES_KEYS,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// UUIDs of Akri Instances.
pub fn uuids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": rule::MAX_UUIDS,
        "items": rule::UID.schema(),
    })
}

/// A firmware reference.
pub fn firmware(_: &mut SchemaGenerator) -> Schema {
    rule::FIRMWARE.schema()
}

/// A firmware version.
pub fn version(_: &mut SchemaGenerator) -> Schema {
    rule::VERSION.schema()
}

/// A container image, or nothing.
pub fn image(_: &mut SchemaGenerator) -> Schema {
    rule::IMAGE.schema()
}

/// Where a mirror of a registry is.
pub fn mirror(_: &mut SchemaGenerator) -> Schema {
    rule::MIRROR.schema()
}

/// A repository of a registry.
pub fn repository(_: &mut SchemaGenerator) -> Schema {
    rule::REPOSITORY.schema()
}

/// A text that is only compared or ignored: bounded, anything goes (old files hold anything).
pub fn any_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 253 })
}

/// The words of `MismatchPolicy`. (The derived schema of an optional enum loses the field's own description.)
pub fn mismatch_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Ignore", "Warn", "Fail"] })
}

fn words(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

fn list(max: usize, items: &Schema) -> Schema {
    json_schema!({ "type": "array", "maxItems": max, "items": items })
}

/// The words of `VerificationMode`.
pub fn verification_mode(_: &mut SchemaGenerator) -> Schema {
    words(&["None", "Observe", "Version"])
}

/// The words of `AlreadyAtVersion`.
pub fn already_at_version(_: &mut SchemaGenerator) -> Schema {
    words(&["Flash", "Skip"])
}

/// The words of `RerunDevices`.
pub fn rerun_devices(_: &mut SchemaGenerator) -> Schema {
    words(&["Failed", "All"])
}

/// The words of `PropertyOperator`.
pub fn property_operator(_: &mut SchemaGenerator) -> Schema {
    words(&["In", "NotIn", "Exists", "DoesNotExist", "VersionIn"])
}

/// The words of `NamespacesFrom`.
pub fn namespaces_from(_: &mut SchemaGenerator) -> Schema {
    words(&["Same", "All", "Selector"])
}

/// The words of `RequireFor`.
pub fn require_for(_: &mut SchemaGenerator) -> Schema {
    words(&["None", "FirstStep", "EveryStep"])
}

/// The words of `LimitBy`.
pub fn limit_by(_: &mut SchemaGenerator) -> Schema {
    words(&["Configuration", "Node", "Property"])
}

/// The words of `SignatureMode`.
pub fn signature_mode(_: &mut SchemaGenerator) -> Schema {
    words(&["Off", "Warn", "Enforce"])
}

/// Days of the week, once each.
pub fn days(_: &mut SchemaGenerator) -> Schema {
    list(
        7,
        &words(&["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
    )
}

/// A switch. (The derived schema of an optional boolean has two types.)
pub fn boolean(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "boolean" })
}

/// A point in time, RFC 3339, that the operator can calculate with: its calendar ends with the year 9999, in every time zone.
pub fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date-time",
        "maxLength": 64,
        // Of a text with this format, CEL makes a time.
        "x-kubernetes-validations": [{
            "rule": "self < timestamp('9999-01-01T00:00:00Z') && self >= timestamp('0001-01-01T00:00:00Z')",
            "message": "must be a time such as 2026-03-01T22:00:00Z, before the year 9999; leave the field out where there is no limit",
        }],
    })
}

/// Name of an object.
pub fn name(_: &mut SchemaGenerator) -> Schema {
    rule::NAME.schema()
}

/// Name of one who may sign.
pub fn authority_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 63 })
}

/// Text of a certificate, or an expression of one.
pub fn identity_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 253 })
}

/// Names of objects.
pub fn names(_: &mut SchemaGenerator) -> Schema {
    list(100, &json_schema!({ "type": "string", "maxLength": 253 }))
}

/// Seconds that a flash may take.
pub fn deadline(_: &mut SchemaGenerator) -> Schema {
    let least = rule::MIN_DEADLINE_SECONDS;
    json_schema!({
        "type": "integer",
        "format": "int64",
        "minimum": least,
        "maximum": 86_400,
        // Beside the minimum, to say why.
        "x-kubernetes-validations": [{"rule": format!("self >= {least}"), "message": rule::DEADLINE_TOO_SHORT}],
    })
}

/// Whether a requirement has a field `values`.
const VALUES_SET: &str = "has(self.values) && dyn(self.values) != null";

/// Rules with their messages: a requirement has values where its operator compares with them, and nowhere else.
fn values_where(compares: &str) -> [(String, String); 2] {
    let some = format!("{VALUES_SET} && size(self.values) > 0");
    [
        (
            format!("!({compares}) || {some}"),
            format!("the requirement {}", rule::NO_VALUES),
        ),
        (
            format!("{compares} || !({some})"),
            format!("the requirement {}", rule::NEEDLESS_VALUES),
        ),
    ]
}

/// Rules with their messages, as a schema has them.
fn rules(rules: impl IntoIterator<Item = (String, String)>) -> Value {
    let all = rules.into_iter();
    all.map(|(rule, message)| json!({"rule": rule, "message": message}))
        .collect()
}

/// Whether a field is there.
fn set(field: &str) -> String {
    format!("(has(self.{field}) && dyn(self.{field}) != null)")
}

/// Texts of a bounded length.
pub fn texts(_: &mut SchemaGenerator) -> Schema {
    list(
        20,
        &json_schema!({ "type": "string", "minLength": 1, "maxLength": 253 }),
    )
}

/// JSON Pointers.
pub fn pointers(_: &mut SchemaGenerator) -> Schema {
    list(200, &rule::POINTER.schema())
}

/// Patterns of OCI references.
pub fn patterns(_: &mut SchemaGenerator) -> Schema {
    list(200, &rule::PATTERN.schema())
}

/// Properties of devices with their values.
pub fn properties(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": rule::PROPERTY_VALUE.schema(),
    })
}

/// Name of a property.
pub fn property_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 253 })
}

/// Values that a property is compared with.
pub fn property_values(_: &mut SchemaGenerator) -> Schema {
    list(100, &json_schema!({ "type": "string", "maxLength": 253 }))
}

/// HH:MM.
pub fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    rule::TIME_OF_DAY.schema()
}

/// Name of a time zone.
pub fn time_zone(_: &mut SchemaGenerator) -> Schema {
    rule::TIME_ZONE.schema()
}

/// Rules over the fields of a requirement on a property.
pub fn requirement(schema: &mut Schema) {
    let [needed, needless] = values_where("self.operator in ['In', 'NotIn', 'VersionIn']");
    let values = |test: &str| format!("!({VALUES_SET}) || self.values.all(v, {test})");
    let ranges = |test: &str| format!("self.operator != 'VersionIn' || {}", values(test));
    let part = r"[ ]*(=|>=?|<=?|~|\\^)?[ ]*([*xX]|[0-9]+(\\.([0-9]+|[*xX])){0,2})([-+][0-9A-Za-z.+-]*)?[ ]*";
    let all = [
        needed,
        needless,
        (
            values("v.trim() != ''"),
            format!("the requirement {}", rule::EMPTY_VALUE),
        ),
        (
            ranges(&format!("v.matches('^{part}(,{part})*$')")),
            format!("a value {}", rule::NOT_A_RANGE),
        ),
        (
            ranges("!v.matches('(^|,)[ ]*[0-9][^,*xX]*(,|$)')"),
            format!(
                "a version alone {} \"=1.2.0\" or \"^1.2.0\"",
                rule::BARE_VERSION
            ),
        ),
    ];
    schema.insert("x-kubernetes-validations".into(), rules(all));
}
