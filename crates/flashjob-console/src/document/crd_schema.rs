//! The schema of a definition as OpenAPI 3.1 has it, which speaks JSON Schema 2020-12: null is a type there. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

/// The schema of a kind.
#[must_use]
pub fn component(definition: &CustomResourceDefinition) -> Value {
    let spec = &definition.spec;
    let version = spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref());
    let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_ref());
    let mut schema = serde_json::to_value(schema).unwrap_or_default();
    modern(&mut schema);
    let name = version.map(|version| version.name.as_str());
    let api_version = format!("{}/{}", spec.group, name.unwrap_or_default());
    schema["properties"]["apiVersion"] = json!({"type": "string", "const": api_version});
    schema["properties"]["kind"] = json!({"type": "string", "const": spec.names.kind});
    schema["properties"]["metadata"] = json!({
        "type": "object", "description": "Metadata as every object of Kubernetes has it.",
        "properties": {
            "name": {"type": "string"}, "namespace": {"type": "string"}, "uid": {"type": "string"},
            "resourceVersion": {"type": "string"},
        },
    });
    schema
}

/// The schema of a page of that kind.
#[must_use]
pub fn list(kind: &str) -> Value {
    json!({
        "type": "object", "description": format!("A page of objects of the kind {kind}."),
        "required": ["kind", "metadata", "items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string", "const": format!("{kind}List")},
            "metadata": {"type": "object", "properties": {
                "resourceVersion": {"type": "string"},
                "continue": {"type": "string", "description": "Leads to the next page; empty or absent on the last one."},
                "remainingItemCount": {"type": ["integer", "null"], "description": "How many items follow."},
            }},
            "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{kind}")}},
        },
    })
}

/// Says in today's words what the schema of a definition says in those of OpenAPI 3.0.
fn modern(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if fields.remove("x-kubernetes-int-or-string") == Some(Value::Bool(true)) {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if fields.remove("nullable") == Some(Value::Bool(true)) {
        let nothing = json!("null");
        match fields.get_mut("type") {
            Some(Value::Array(types)) => types.push(nothing),
            Some(one) => *one = json!([one.clone(), nothing]),
            None => {}
        }
        if let Some(Value::Array(words)) = fields.get_mut("enum") {
            words.push(Value::Null);
        }
    }
    for name in ["items", "additionalProperties"] {
        if let Some(below) = fields.get_mut(name) {
            modern(below);
        }
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(modern);
    }
}

#[cfg(test)]
mod tests {
    use flashjob_operator::api::crd;

    use super::*;

    #[test]
    fn null_becomes_a_type_and_a_word() {
        let mut schema = json!({"type": "object", "properties": {
            "a": {"type": "string", "nullable": true, "enum": ["x"]},
            "b": {"x-kubernetes-int-or-string": true, "nullable": true},
            "c": {"type": "array", "items": {"type": "integer", "nullable": true}},
        }});
        modern(&mut schema);
        let expected = json!({"type": "object", "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", null]},
            "b": {"type": ["integer", "string", "null"]},
            "c": {"type": "array", "items": {"type": ["integer", "null"]}},
        }});
        assert_eq!(schema, expected);
    }

    #[test]
    fn the_schema_of_a_flashjob_tells_good_ones_from_bad_ones() {
        let schema = component(&crd::flashjob());
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let job = |spec: Value| {
            json!({
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
                "metadata": {"name": "a"}, "spec": spec,
            })
        };
        let good = json!({
            "firmware": "f", "version": "1", "parallelism": null, "maxFailedDevices": "10%", "steps": [{"devices": 1}],
        });
        assert!(validator.is_valid(&job(good)));
        for bad in [
            json!({"version": "1"}),
            json!({"firmware": "f", "version": 1}),
            json!({"firmware": "f", "version": "1", "maxFailedDevices": true}),
        ] {
            assert!(!validator.is_valid(&job(bad.clone())), "{bad}");
        }
    }
}
