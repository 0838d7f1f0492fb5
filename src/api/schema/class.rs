//! Schemas of what an administrator writes into a FlashClass.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{list, rules, set, values_where};
use crate::api::rule;

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

/// Kinds of volumes that a class may allow.
pub fn volume_types(_: &mut SchemaGenerator) -> Schema {
    let rule = json!({"rule": "self != 'hostPath'", "message": rule::HOST_PATH});
    list(
        100,
        &json_schema!({ "type": "string", "maxLength": 253, "x-kubernetes-validations": [rule] }),
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
