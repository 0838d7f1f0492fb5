//! Schema fragments that `schemars` cannot derive as the API server wants them. Pure; used by the types beside it.
//!
//! None says `nullable`: `crd` says it of every field that may be left out.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{rollout::RolloutStep, rule};

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

/// Kinds of volumes that a class may allow.
pub fn volume_types(_: &mut SchemaGenerator) -> Schema {
    let rule = json!({"rule": "self != 'hostPath'", "message": rule::HOST_PATH});
    list(
        100,
        &json_schema!({ "type": "string", "maxLength": 253, "x-kubernetes-validations": [rule] }),
    )
}

/// Kinds with their versions.
pub fn kinds(_: &mut SchemaGenerator) -> Schema {
    let rule = json!({"rule": "self.matches('^.+/[^/]+$')", "message": rule::NOT_A_KIND});
    list(
        20,
        &json_schema!({
            "type": "string", "minLength": 1, "maxLength": 253, "x-kubernetes-validations": [rule],
        }),
    )
}

/// A selector goes with `from: Selector`, and that with a selector.
pub fn namespace_rule(schema: &mut Schema) {
    let (needed, needless) = (rule::SELECTOR_NEEDED, rule::SELECTOR_NEEDLESS);
    together(schema, ("from", "Selector"), "selector", (needed, needless));
    for rule in rules_of(schema) {
        rule["fieldPath"] = json!(".selector");
    }
}

/// Labels of namespaces, bounded, with the rules that `metav1.LabelSelector` states in words alone.
pub fn namespace_selector(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = LabelSelector::json_schema(generator);
    let Some(fields) = schema.get_mut("properties") else {
        return schema;
    };
    fields["matchLabels"]["maxProperties"] = json!(20);
    fields["matchLabels"]["additionalProperties"]["maxLength"] = json!(63);
    fields["matchExpressions"]["maxItems"] = json!(20);
    let item = &mut fields["matchExpressions"]["items"];
    item["properties"]["key"]["maxLength"] = json!(317);
    item["properties"]["operator"]["maxLength"] = json!(12);
    item["properties"]["values"]["maxItems"] = json!(100);
    item["properties"]["values"]["items"]["maxLength"] = json!(63);
    let word = "['In', 'NotIn', 'Exists', 'DoesNotExist']";
    let [needed, needless] = values_where("self.operator in ['In', 'NotIn']");
    let operator = (
        format!("self.operator in {word}"),
        rule::LABEL_OPERATOR.to_owned(),
    );
    item["x-kubernetes-validations"] = rules([operator, needed, needless]);
    schema
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

/// Who asks for signatures says whose.
pub fn firmware_verification(schema: &mut Schema) {
    let off = format!("!{} || self.mode == 'Off'", set("mode"));
    let some = format!("{} && size(self.authorities) > 0", set("authorities"));
    let all = [(format!("{off} || ({some})"), rule::AUTHORITY_NEEDED.into())];
    schema.insert("x-kubernetes-validations".into(), rules(all));
}

/// A registry is reached for a repository, and receipts are pushed to that one alone.
pub fn receipts(schema: &mut Schema) {
    let repository = format!("!{} || {}", set("registry"), set("repository"));
    let mirror = format!("!{} || !{}", set("registry"), set("registry.mirror"));
    let all = [
        (repository, rule::REPOSITORY_NEEDED.into()),
        (mirror, rule::NO_MIRROR.into()),
    ];
    schema.insert("x-kubernetes-validations".into(), rules(all));
}

/// An authority signs in one way.
pub fn signature_authority(schema: &mut Schema) {
    let all = [(one_of("key", "keyless"), rule::ONE_MEANS.into())];
    schema.insert("x-kubernetes-validations".into(), rules(all));
}

/// Issuer and subject are each named in one way.
pub fn signer_identity(schema: &mut Schema) {
    let all = [
        (one_of("issuer", "issuerRegExp"), rule::ONE_ISSUER.into()),
        (one_of("subject", "subjectRegExp"), rule::ONE_SUBJECT.into()),
    ];
    schema.insert("x-kubernetes-validations".into(), rules(all));
}

fn one_of(one: &str, other: &str) -> String {
    format!("{} != {}", set(one), set(other))
}

/// A property goes with `by: Property`, and that with a property.
pub fn in_flight_limit(schema: &mut Schema) {
    let texts = (rule::PROPERTY_NEEDED, rule::PROPERTY_NEEDLESS);
    together(schema, ("by", "Property"), "property", texts);
}

fn together(
    schema: &mut Schema,
    (field, word): (&str, &str),
    other: &str,
    (needed, needless): (&str, &str),
) {
    let (chosen, given) = (
        format!("({} && self.{field} == '{word}')", set(field)),
        set(other),
    );
    let rules = json!([
        {"rule": format!("!{chosen} || {given}"), "message": needed},
        {"rule": format!("!{given} || {chosen}"), "message": needless},
    ]);
    schema.insert("x-kubernetes-validations".into(), rules);
}

fn rules_of(schema: &mut Schema) -> impl Iterator<Item = &mut Value> {
    let rules = schema.get_mut("x-kubernetes-validations");
    rules.and_then(Value::as_array_mut).into_iter().flatten()
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
