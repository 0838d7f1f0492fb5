//! The schema of the parts of the operator chart's values that are somebody else's: the spec of a FlashClass, and the values of
//! the flash chart. Pure.
//!
//! Helm drops a misspelt key in silence, and a class without the guard rail that was meant is open. Called by the `values-schema`
//! subcommand, which writes them into the chart's values.schema.json, and by the test that compares.

use serde_json::{Map, Value, json};

use super::{conform, crd};

/// Where the generated part of the file begins; it reaches to its end.
const BEGIN: &str = "\n  \"definitions\": {";

/// The chart's values.schema.json with its generated part made anew; `flash_chart` is the schema of the flash chart's values.
///
/// # Errors
/// Where the file has no place for it.
pub fn renew(file: &str, flash_chart: &Value) -> Result<String, String> {
    let (kept, _) = file
        .split_once(BEGIN)
        .ok_or_else(|| format!("values.schema.json: has no line{BEGIN}"))?;
    let definitions = json!({
        "flashClassSpec": class_spec(),
        "flashPodValues": keys(flash_chart),
    });
    let text = serde_json::to_string_pretty(&definitions).map_err(|error| error.to_string())?;
    let text = text.replace('\n', "\n  ");
    Ok(format!("{kept}\n  \"definitions\": {text}\n}}\n"))
}

/// The spec of a class; the chart takes null for an empty one.
fn class_spec() -> Value {
    let mut schema = crd::spec_schema(crd::Kind::FlashClass);
    schema["nullable"] = json!(true);
    strict_or_null(&schema)
}

/// A CRD's schema as JSON Schema, draft 7, that accepts no field which it does not know.
fn strict(schema: &Value) -> Value {
    let mut strict = Map::new();
    for name in [
        "description",
        "enum",
        "format",
        "maximum",
        "minimum",
        "maxItems",
        "minItems",
        "maxLength",
        "minLength",
        "maxProperties",
        "minProperties",
        "required",
        "type",
    ] {
        if let Some(value) = schema.get(name) {
            strict.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        let properties = properties
            .iter()
            .map(|(name, field)| (name.clone(), strict_or_null(field)));
        strict.insert("properties".to_owned(), Value::Object(properties.collect()));
        strict.insert("additionalProperties".to_owned(), json!(false));
    }
    if let Some(values) = schema.get("additionalProperties") {
        strict.insert("additionalProperties".to_owned(), self::strict(values));
    }
    if let Some(items) = schema.get("items") {
        strict.insert("items".to_owned(), self::strict(items));
    }
    let rules = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    for rule in rules.filter_map(|rule| rule["rule"].as_str()) {
        if let Some(pattern) = conform::pattern(rule) {
            let optional = rule.starts_with("self == ''");
            let pattern = if optional {
                format!("^$|{pattern}")
            } else {
                pattern
            };
            strict.insert("pattern".to_owned(), json!(pattern));
        }
    }
    Value::Object(strict)
}

/// The same, or null where null means absent.
fn strict_or_null(schema: &Value) -> Value {
    let mut strict = strict(schema);
    if schema["nullable"] == true {
        if let Some(kind) = strict.get("type").cloned() {
            strict["type"] = json!([kind, "null"]);
        }
        if let Some(words) = strict.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    strict
}

/// Which keys a chart's values may have. Nothing is said of what they hold: any of it may be a template, in a string.
fn keys(schema: &Value) -> Value {
    let mut keys = Map::new();
    if let Some(properties) = schema["properties"].as_object() {
        let properties = properties
            .iter()
            .map(|(name, field)| (name.clone(), self::keys(field)));
        keys.insert("properties".to_owned(), Value::Object(properties.collect()));
        if schema["additionalProperties"] == false {
            keys.insert("additionalProperties".to_owned(), json!(false));
        }
    }
    if let Some(items @ Value::Object(_)) = schema.get("items") {
        let items = self::keys(items);
        if items.as_object().is_some_and(|items| !items.is_empty()) {
            keys.insert("items".to_owned(), items);
        }
    }
    if let Some(description) = schema.get("description") {
        keys.insert("description".to_owned(), description.clone());
    }
    Value::Object(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "{\n  \"type\": \"object\",\n  \"definitions\": {\n    \"old\": {}\n  }\n}\n";

    #[test]
    fn the_generated_part_is_replaced_and_the_rest_stays() {
        let chart = json!({"type": "object", "additionalProperties": false, "properties": {
            "image": {"type": "object", "additionalProperties": false, "properties": {"tag": {"type": "string", "pattern": "x"}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }});
        let renewed = renew(FILE, &chart).unwrap();
        assert!(renewed.starts_with(
            "{\n  \"type\": \"object\",\n  \"definitions\": {\n    \"flashClassSpec\""
        ));
        assert_eq!(renew(&renewed, &chart).unwrap(), renewed);
        let schema: Value = serde_json::from_str(&renewed).unwrap();
        let definitions = &schema["definitions"];
        assert_eq!(
            definitions["flashPodValues"],
            json!({"additionalProperties": false, "properties": {
                "image": {"additionalProperties": false, "properties": {"tag": {}}}, "labels": {},
            }})
        );
        let class = &definitions["flashClassSpec"];
        assert_eq!(class["additionalProperties"], false);
        let spec = &class["properties"];
        assert_eq!(spec["maxParallelism"]["type"], json!(["integer", "null"]));
        assert_eq!(
            spec["minMismatchPolicy"]["enum"],
            json!(["Ignore", "Warn", "Fail", null])
        );
        assert_eq!(spec["defaults"]["additionalProperties"], false);
        assert_eq!(
            spec["defaults"]["properties"]["values"].get("additionalProperties"),
            None
        );
        assert_eq!(
            spec["inFlightLimits"]["items"]["properties"]["max"]["maximum"],
            10_000
        );
        let text = class.to_string();
        assert!(!text.contains("x-kubernetes") && !text.contains("nullable"));
    }

    #[test]
    fn a_file_without_a_place_for_it_is_an_error() {
        let error = renew("{}", &json!({})).unwrap_err();
        assert_eq!(
            error,
            "values.schema.json: has no line\n  \"definitions\": {"
        );
    }
}
