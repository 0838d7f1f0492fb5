//! The CustomResourceDefinitions as they are installed, and the files that hold them. Pure.
//!
//! Called by the `crds` subcommand, which prints or writes the files, and by the tests that compare them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
    ValidationRule,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::{FlashClass, FlashJob, NEVER_OBSERVED, rule::TIMES_ORDER};

/// Directories, relative to the repository, that hold a copy of every file of [`manifests`].
pub const MANIFEST_DIRECTORIES: [&str; 2] = ["crds", "charts/flashjob-operator/files/crds"];

/// The kinds that the operator serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `FlashJob`.
    FlashJob,
    /// `FlashClass`.
    FlashClass,
}

/// The definition of `FlashJob`, in the form in which null and absent mean the same.
#[must_use]
pub fn flashjob() -> CustomResourceDefinition {
    let mut crd = with_words(Kind::FlashJob);
    specs(&mut crd).for_each(words_are_rules);
    crd
}

/// The definition of `FlashClass`, in the form in which null and absent mean the same.
#[must_use]
pub fn flashclass() -> CustomResourceDefinition {
    let mut crd = with_words(Kind::FlashClass);
    specs(&mut crd).for_each(words_are_rules);
    crd
}

/// The schema of a kind's spec, as JSON. Which words a field may hold is said by `enum`: not by a rule, as in the definition.
#[must_use]
pub fn spec_schema(kind: Kind) -> Value {
    let mut crd = with_words(kind);
    let spec = specs(&mut crd).next().map(|spec| spec.clone());
    let mut json = serde_json::to_value(spec).unwrap_or_default();
    whole_numbers(&mut json);
    json
}

/// The definition of a kind before its words became rules.
fn with_words(kind: Kind) -> CustomResourceDefinition {
    let mut crd = match kind {
        Kind::FlashJob => FlashJob::crd(),
        Kind::FlashClass => FlashClass::crd(),
    };
    for schema in schemas(&mut crd) {
        plain(schema);
        if kind == Kind::FlashJob {
            of_job(schema);
        }
    }
    specs(&mut crd).for_each(optional_is_nullable);
    crd
}

/// What is true of the schema of a FlashJob alone.
fn of_job(schema: &mut JSONSchemaProps) {
    // A rule on the root says so instead, to new objects only: see `FlashJobSpec`.
    schema.required = None;
    for (name, field) in schema.properties.iter_mut().flatten() {
        match name.as_str() {
            // The Rust type reads them leniently, see `FlashJobSpec`.
            "spec" => {
                field.required = Some(vec!["firmware".into(), "version".into()]);
                field.x_kubernetes_validations = Some(vec![times_in_order()]);
            }
            // Nobody has looked at a job without a status: kstatus takes one that says nothing for one that is done.
            "status" => field.default = Some(JSON(json!({"observedGeneration": NEVER_OBSERVED}))),
            _ => {}
        }
    }
}

/// The times between which devices may start. A rule about two fields is not ratcheted when a third one changes, so it looks at the
/// stored times itself: who has such a job can still suspend it.
fn times_in_order() -> ValidationRule {
    let set = |field: &str| format!("has(self.{field}) && dyn(self.{field}) != null");
    // The stored object comes without the formats of its texts: its times are texts.
    let same = |field: &str| {
        format!(
            "has(old.{field}) && dyn(old.{field}) != null && timestamp(dyn(old.{field})) == self.{field}"
        )
    };
    ValidationRule {
        rule: format!(
            "!({} && {}) || self.notBefore < self.notAfter || oldSelf.optMap(old, {} && {}).orValue(false)",
            set("notBefore"),
            set("notAfter"),
            same("notBefore"),
            same("notAfter")
        ),
        optional_old_self: Some(true),
        field_path: Some(".notAfter".to_owned()),
        message: Some(TIMES_ORDER.to_owned()),
        ..ValidationRule::default()
    }
}

/// The schemas of the spec in all versions.
fn specs(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    schemas(crd).filter_map(|schema| schema.properties.as_mut()?.get_mut("spec"))
}

/// The schemas of all versions.
fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    let versions = crd.spec.versions.iter_mut();
    versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

/// File name and content of every CustomResourceDefinition.
///
/// # Panics
/// Never: definitions hold nothing but texts, numbers, lists and maps with text keys.
#[must_use]
pub fn manifests() -> Vec<(String, String)> {
    [flashclass(), flashjob()].iter().map(manifest).collect()
}

fn manifest(crd: &CustomResourceDefinition) -> (String, String) {
    let file = format!("{}.{}.yaml", crd.spec.names.plural, crd.spec.group);
    let mut json = serde_json::to_value(crd).expect("definitions have JSON forms");
    whole_numbers(&mut json);
    let yaml = serde_saphyr::to_string(&json).expect("JSON has a YAML form");
    (
        file,
        format!("# Generated from src/api by `make generate`. Do not edit.\n{yaml}"),
    )
}

/// Lets every field that may be left out be null as well, at whatever depth.
///
/// The API server drops nulls of fields that are not nullable when it decodes an object, but not when it merges a
/// server-side apply, whose nulls reach validation. Only `nullable` lets Helm 4 and Flux, which apply that way, send a
/// file with a null in it; the null is then stored, and means absent. No item of a list and no value of a map may be null.
fn optional_is_nullable(schema: &mut JSONSchemaProps) {
    let required = schema.required.clone().unwrap_or_default();
    for (name, field) in schema.properties.iter_mut().flatten() {
        optional_is_nullable(field);
        if !required.contains(name) {
            field.nullable = Some(true);
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        optional_is_nullable(items);
    }
}

/// Says by rules which words the nullable fields may hold: an `enum` refuses null, even one among its words, and a rule is not
/// asked about null.
fn words_are_rules(schema: &mut JSONSchemaProps) {
    for (_, field) in schema.properties.iter_mut().flatten() {
        words_are_rules(field);
        if field.nullable == Some(true) {
            words_as_rule(field);
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        words_are_rules(items);
    }
}

fn words_as_rule(field: &mut JSONSchemaProps) {
    let words = field.enum_.take().unwrap_or_default();
    let words: Vec<&str> = words.iter().filter_map(|word| word.0.as_str()).collect();
    let Some(longest) = words.iter().map(|word| word.len()).max() else {
        return;
    };
    field.max_length = i64::try_from(longest).ok();
    let listed = |quote: &str| {
        let quoted = words.iter().map(|word| format!("{quote}{word}{quote}"));
        quoted.collect::<Vec<_>>().join(", ")
    };
    field.x_kubernetes_validations = Some(vec![ValidationRule {
        rule: format!("self in [{}]", listed("'")),
        message: Some(format!("must be one of {}", listed("\""))),
        ..ValidationRule::default()
    }]);
}

/// Removes what schemars makes of `Option` and of defaults, and says of every list how it merges.
fn plain(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    // Line breaks of the doc comment mean nothing; programs that show descriptions break lines themselves.
    schema.description = schema
        .description
        .take()
        .map(|text| text.replace('\n', " "));
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    if schema.type_.as_deref() == Some("array") && schema.x_kubernetes_list_type.is_none() {
        schema.x_kubernetes_list_type = Some("atomic".into());
    }
    for property in schema.properties.iter_mut().flatten() {
        plain(property.1);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => plain(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => {
            items.iter_mut().for_each(plain);
        }
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        plain(values);
    }
}

/// Writes `1.0` as `1`, as the API server does, so that GitOps tools see no difference.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // Bounds are far below 2^53, where every whole f64 has its own i64.
            #[allow(clippy::cast_possible_truncation)]
            if let Some(whole) = number
                .as_f64()
                .filter(|f| number.is_f64() && f.fract() == 0.0)
            {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
