//! The FlashJob kind as files and as Rust types. What the API server makes of it is tested in `e2e/api.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;

use flashjob_operator::api::{
    FlashClassSpec, FlashJob, FlashJobSpec, MismatchPolicy, crd,
    rule::{FIRMWARE, UUID, VERSION},
    values_schema,
};
use flashjob_operator::names::GROUP;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rstest::rstest;
use serde_json::{Value, json};
use testbed::schema::{optional_fields, walk, with_null_and_without};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The schema's properties under `spec` or `status`.
fn schema(part: &str) -> Value {
    let definition = serde_json::to_value(crd::flashjob()).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part].clone()
}

/// Those of both kinds, below `spec` or `status`.
fn all_schemas(part: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    walk(part, &schema(part), &mut found);
    let class = serde_json::to_value(crd::flashclass()).unwrap();
    let class = &class["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part];
    walk(&format!("class.{part}"), class, &mut found);
    found
}

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    for (file, content) in crd::manifests() {
        for directory in crd::MANIFEST_DIRECTORIES {
            let path = repository().join(directory).join(&file);
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == content,
                "{} is out of date; run: make generate",
                path.display()
            );
        }
    }
}

#[test]
fn the_committed_schema_of_the_charts_values_is_that_of_the_types() {
    let path = repository().join("charts/flashjob-operator/values.schema.json");
    let flash = repository().join("charts/flash-pod/values.schema.json");
    let flash = serde_json::from_str(&std::fs::read_to_string(flash).unwrap()).unwrap();
    let committed = std::fs::read_to_string(&path).unwrap();
    let renewed = values_schema::renew(&committed, &flash).unwrap();
    assert!(
        committed == renewed,
        "{} is out of date; run: make generate",
        path.display()
    );
}

#[test]
fn a_definition_survives_its_file() {
    for definition in [crd::flashclass(), crd::flashjob()] {
        let file = format!("{}.{}.yaml", definition.spec.names.plural, GROUP);
        let manifests = crd::manifests();
        let (_, yaml) = manifests.iter().find(|(name, _)| *name == file).unwrap();
        let read: CustomResourceDefinition = serde_saphyr::from_str(yaml).unwrap();
        assert_eq!(read, definition);
    }
}

#[test]
fn what_may_be_left_out_of_a_spec_may_be_null_and_nothing_else_may() {
    let mut fields = 0;
    for (path, schema) in all_schemas("spec").into_iter().chain(all_schemas("status")) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let optional = path.contains("spec") && !required.contains(&json!(name));
            assert_eq!(field["nullable"] == true, optional, "{path}.{name}");
            assert!(
                !optional || field["enum"].is_null(),
                "null is in no enum: {path}.{name}"
            );
            fields += usize::from(optional);
        }
        assert!(
            !path.ends_with("[]") || schema["nullable"].is_null(),
            "{path}"
        );
    }
    assert!(fields > 80, "{fields}");
}

#[test]
fn null_and_absent_are_read_the_same_in_every_field_that_may_be_left_out() {
    let class = serde_json::to_value(crd::flashclass()).unwrap();
    let class = &class["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let job = schema("spec");
    for path in optional_fields(&job) {
        same::<FlashJobSpec>(&job, &path);
    }
    for path in optional_fields(class) {
        same::<FlashClassSpec>(class, &path);
    }
}

fn same<T>(schema: &Value, path: &str)
where
    T: serde::de::DeserializeOwned + std::fmt::Debug + PartialEq,
{
    let (null, absent) = with_null_and_without(schema, path);
    assert_ne!(null, absent);
    let read = |document: &Value| {
        serde_json::from_value::<T>(document.clone())
            .unwrap_or_else(|error| panic!("{path}: {document}: {error}"))
    };
    assert_eq!(read(&null), read(&absent), "{path}");
}

#[test]
fn nothing_has_a_default_but_a_job_that_nobody_has_looked_at_and_everything_a_description() {
    for (path, schema) in all_schemas("spec").into_iter().chain(all_schemas("status")) {
        let default = (path == "status").then(|| json!({"observedGeneration": -1}));
        assert_eq!(schema.get("default"), default.as_ref(), "{path}");
        assert!(
            path.ends_with("[]") || schema["description"].is_string(),
            "{path}"
        );
    }
}

#[test]
fn every_text_and_list_of_a_spec_is_bounded_and_rules_stand_on_leaves_or_on_what_is_edited_as_a_whole()
 {
    // An item of a list, or a list, that nobody changes is not looked at again; and the rule about times looks at the stored ones.
    let whole = |path: &str| {
        let pairs = [
            "JobNamespaces",
            "deviceNamespaces",
            "inFlightLimits[]",
            "firmwareVerification",
            "flashImageVerification",
            "receipts",
            "authorities[]",
            "identities[]",
        ];
        path == "spec"
            || path.ends_with("steps")
            || path.ends_with("matchExpressions[]")
            || pairs.iter().any(|pair| path.ends_with(pair))
    };
    for (path, schema) in all_schemas("spec") {
        let bounded = match schema["type"].as_str().unwrap_or("int-or-string") {
            "int-or-string" => {
                schema["x-kubernetes-int-or-string"] == true && schema["maxLength"].is_number()
            }
            "string" => schema["maxLength"].is_number() || schema["enum"].is_array(),
            "array" => schema["maxItems"].is_number(),
            "integer" => schema["minimum"].is_number() && schema["maximum"].is_number(),
            _ => true,
        };
        assert!(bounded, "{path}");
        let leaf = schema["properties"].is_null() && schema["items"].is_null();
        assert!(
            leaf || whole(&path) || schema["x-kubernetes-validations"].is_null(),
            "{path}"
        );
    }
}

#[test]
fn a_status_takes_any_word_and_merges_only_conditions() {
    for (path, schema) in all_schemas("status") {
        assert!(schema.get("enum").is_none(), "{path}");
        if schema["type"] == "array" {
            let kind = if path.ends_with("status.conditions") {
                "map"
            } else {
                "atomic"
            };
            assert_eq!(schema["x-kubernetes-list-type"], kind, "{path}");
        }
    }
}

#[test]
fn the_words_of_the_schema_are_those_of_the_type() {
    let policy = &schema("spec")["properties"]["mismatchPolicy"];
    let rule = &policy["x-kubernetes-validations"][0];
    assert_eq!(rule["rule"], "self in ['Ignore', 'Warn', 'Fail']");
    assert_eq!(
        rule["message"],
        r#"must be one of "Ignore", "Warn", "Fail""#
    );
    assert_eq!(policy["maxLength"], 6);
    for word in ["Ignore", "Warn", "Fail"] {
        let read: MismatchPolicy = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(<&str>::from(read), word);
    }
}

#[rstest]
#[case::null(Value::Null)]
#[case::empty(json!(""))]
fn null_and_the_empty_text_are_read_as_absent(#[case] nothing: Value) {
    let spec: FlashJobSpec = serde_json::from_value(json!({
        "uuid": null, "firmware": "f", "version": "1", "values": null, "parallelism": null, "mismatchPolicy": null,
        "device": nothing, "applicationType": nothing, "hostEndpoint": nothing, "externalIP": nothing,
        "flashjobPodImage": nothing,
    }))
    .unwrap();
    let bare = FlashJobSpec {
        firmware: "f".into(),
        version: "1".into(),
        ..Default::default()
    };
    assert_eq!(spec, bare);
    assert_eq!(
        serde_json::to_value(bare).unwrap(),
        json!({"firmware": "f", "version": "1"})
    );
}

#[test]
fn a_stored_spec_without_required_fields_can_be_read() {
    let spec: FlashJobSpec = serde_json::from_value(json!({})).unwrap();
    assert_eq!(spec, FlashJobSpec::default());
}

#[rstest]
#[case("flashjob.yaml")]
#[case("flashjob-original.yaml")]
fn a_sample_keeps_every_rule(#[case] file: &str) {
    let yaml = std::fs::read_to_string(repository().join("deploy/samples").join(file)).unwrap();
    let raw: Value = serde_saphyr::from_str(&yaml).unwrap();
    let known = schema("spec");
    for field in raw["spec"].as_object().unwrap().keys() {
        assert!(known["properties"].get(field).is_some(), "{field}");
    }
    let job: FlashJob = serde_saphyr::from_str(&yaml).unwrap();
    assert!(FIRMWARE.accepts(&job.spec.firmware) && VERSION.accepts(&job.spec.version));
    assert!(!job.spec.uuid.is_empty() && job.spec.uuid.iter().all(|uuid| UUID.accepts(uuid)));
}
