//! The CustomResourceDefinitions as they are installed, and the files that hold them. Pure.
//!
//! Called by the `crds` subcommand, which prints or writes the files, and by the tests that compare them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::{FlashClass, FlashJob, NEVER_OBSERVED};

/// Directories, relative to the repository, that hold a copy of every file of [`manifests`].
pub const MANIFEST_DIRECTORIES: [&str; 2] = ["crds", "charts/flashjob-operator/files/crds"];

/// Optional fields of the original operator: users' files carry explicit nulls for them.
///
/// The API server drops nulls of fields that are not nullable when it decodes an object, but not when it merges a
/// server-side apply, whose nulls reach validation. Only `nullable` lets Helm 4 and Flux, which apply that way, send
/// these files; the null is then stored, and means absent.
const ORIGINAL_OPTIONAL_FIELDS: [&str; 5] = [
    "applicationType",
    "device",
    "externalIP",
    "flashjobPodImage",
    "hostEndpoint",
];

/// The definition of `FlashJob`, in the form in which null and absent mean the same.
#[must_use]
pub fn flashjob() -> CustomResourceDefinition {
    let mut crd = FlashJob::crd();
    for schema in schemas(&mut crd) {
        null_means_absent(schema);
        // A rule on the root says so instead, to new objects only: see `FlashJobSpec`.
        schema.required = None;
        for (name, field) in schema.properties.iter_mut().flatten() {
            match name.as_str() {
                "spec" => spec_fields(field),
                // Nobody has looked at a job without a status: kstatus takes one that says nothing for one that is done.
                "status" => {
                    field.default = Some(JSON(json!({"observedGeneration": NEVER_OBSERVED})));
                }
                _ => {}
            }
        }
    }
    crd
}

/// The definition of `FlashClass`, in the form in which null and absent mean the same.
#[must_use]
pub fn flashclass() -> CustomResourceDefinition {
    let mut crd = FlashClass::crd();
    schemas(&mut crd).for_each(null_means_absent);
    crd
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

/// Says which fields of the spec are required, and which may be stored as null.
fn spec_fields(spec: &mut JSONSchemaProps) {
    // The Rust type reads them leniently, see `FlashJobSpec`.
    spec.required = Some(vec!["firmware".into(), "version".into()]);
    for (name, field) in spec.properties.iter_mut().flatten() {
        if ORIGINAL_OPTIONAL_FIELDS.contains(&name.as_str()) {
            field.nullable = Some(true);
        }
    }
}

/// Removes what makes the API server keep a null or write a default, and says of every list how it merges.
fn null_means_absent(schema: &mut JSONSchemaProps) {
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
        null_means_absent(property.1);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => null_means_absent(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => {
            items.iter_mut().for_each(null_means_absent);
        }
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        null_means_absent(values);
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
