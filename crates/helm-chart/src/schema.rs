//! `values.schema.json`: compiled once a chart, asked once a device. Pure: a schema that refers to anything outside is refused.

mod cost;

use std::error::Error;
use std::fmt;

use jsonschema::{
    PatternOptions, Retrieve, Uri, ValidationError, Validator, error::ValidationErrorKind,
};
use serde_json::Value;

use super::pointer::Pointer;
use super::text::shorten;

/// Most violations that are reported.
const MAX_REPORTED: usize = 20;
/// Most violations that are looked at.
const MAX_COLLECTED: usize = 1_000;
/// Largest program that a pattern may become, in bytes.
const MAX_PATTERN: usize = 256 << 10;
/// Longest message of one violation, in characters.
const MAX_MESSAGE: usize = 300;

/// Keywords that look at the form of a value and not at the texts in it.
const OF_FORM: [&str; 11] = [
    "type",
    "required",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "additionalItems",
    "unevaluatedItems",
    "minItems",
    "maxItems",
];
/// Keywords whose subschemas hold where a value is like another schema.
const CONDITIONAL: [&str; 4] = ["then", "else", "dependentSchemas", "dependencies"];

/// A chart's schema, ready to be asked.
#[derive(Debug)]
pub struct Schema(Validator);

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is not JSON.
    #[error("values.schema.json: cannot be read as JSON")]
    Json(#[source] serde_json::Error),
    /// It refers to another document.
    #[error(
        "values.schema.json: {path}: $ref to {target}: only references inside the file (#/…) are resolved; copy it in"
    )]
    Reference {
        /// Where.
        path: String,
        /// To what.
        target: String,
    },
    /// It is not a JSON Schema.
    #[error("values.schema.json: {path}: {message}")]
    Invalid {
        /// Where.
        path: String,
        /// Why.
        message: String,
    },
}

/// Where values break a schema, and how. Prints as Helm does, one line each, without the values themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaViolations {
    /// The first of them, by place.
    pub violations: Vec<SchemaViolation>,
    /// How many there are beyond those.
    pub more: usize,
}

/// One place where values break a schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaViolation {
    /// JSON Pointer to the value.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// The keys of it that the schema does not know, where that is what is wrong.
    pub unknown_keys: Vec<String>,
    /// Whether its own form is wrong (its type, its keys, how many parts it has), whatever the texts in it are.
    pub by_form: bool,
}

struct Refuse;

impl Retrieve for Refuse {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        Err(format!("{uri}: only references inside the file are resolved").into())
    }
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// No JSON, no schema, or one that refers to another document.
    pub fn compile(text: &[u8]) -> Result<Self, SchemaError> {
        let document: Value = serde_json::from_slice(text).map_err(SchemaError::Json)?;
        if let Some((path, target)) = outside_reference(&document, &Pointer::root()) {
            return Err(SchemaError::Reference { path, target });
        }
        if let Some(message) = cost::excess(&document) {
            let (path, message) = (String::new(), message.to_owned());
            return Err(SchemaError::Invalid { path, message });
        }
        let validator = jsonschema::options()
            .with_retriever(Refuse)
            // As Helm's, patterns take linear time and have no look-around.
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_PATTERN)
                    .dfa_size_limit(MAX_PATTERN),
            )
            .build(&document)
            .map_err(|error| SchemaError::Invalid {
                path: error.instance_path().to_string(),
                message: shorten(&error.to_string(), MAX_MESSAGE),
            })?;
        Ok(Self(validator))
    }

    /// Every place where values break the schema, in order; none where they keep to it. Bounded, but not to what people read.
    #[must_use]
    pub fn violations(&self, values: &Value) -> Vec<SchemaViolation> {
        let errors = self.0.iter_errors(values).take(MAX_COLLECTED);
        let mut violations: Vec<_> = errors.map(|error| violation(&error)).collect();
        violations.sort();
        violations.dedup();
        violations
    }

    /// Asks whether values keep to the schema.
    ///
    /// # Errors
    /// Where they do not.
    pub fn validate(&self, values: &Value) -> Result<(), SchemaViolations> {
        let mut violations = self.violations(values);
        if violations.is_empty() {
            return Ok(());
        }
        let more = violations.len().saturating_sub(MAX_REPORTED);
        violations.truncate(MAX_REPORTED);
        Err(SchemaViolations { violations, more })
    }
}

fn violation(error: &ValidationError<'_>) -> SchemaViolation {
    let unknown_keys = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.clone(),
        _ => Vec::new(),
    };
    let depends = |step: &str| CONDITIONAL.contains(&step);
    let conditional = error.schema_path().as_str().split('/').any(depends);
    SchemaViolation {
        path: error.instance_path().to_string(),
        message: shorten(&error.masked().to_string(), MAX_MESSAGE),
        unknown_keys,
        by_form: !conditional && OF_FORM.contains(&error.kind().keyword()),
    }
}

/// The first reference that leaves the document, with its place.
fn outside_reference(value: &Value, at: &Pointer) -> Option<(String, String)> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| match value {
            Value::String(target)
                if matches!(key.as_str(), "$ref" | "$dynamicRef") && !target.starts_with('#') =>
            {
                Some((at.to_string(), target.clone()))
            }
            value => outside_reference(value, &at.child(key)),
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| outside_reference(item, &at.child(index))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

impl fmt::Display for SchemaViolations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values don't meet the specifications of the chart's values.schema.json:")?;
        for SchemaViolation { path, message, .. } in &self.violations {
            write!(f, "\n- at '{path}': {message}")?;
        }
        if self.more > 0 {
            write!(f, "\n- and {} more", self.more)?;
        }
        Ok(())
    }
}

impl Error for SchemaViolations {}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let document = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": false,
            "required": ["firmware"],
            "properties": {
                "firmware": {"type": "string", "pattern": "^[a-zA-Z0-9./:@_-]*$"},
                "replicas": {"type": "integer", "minimum": 1},
                "mode": {"enum": ["a", "b"]},
                "list": {"type": "array", "items": {"$ref": "#/definitions/item"}},
                "address": {"type": "string", "format": "ipv4"},
            },
            "definitions": {"item": {"type": "object", "properties": {"name": {"maxLength": 3}}}},
        });
        Schema::compile(document.to_string().as_bytes()).unwrap()
    }

    #[rstest]
    #[case(json!({"firmware": "registry.example.org/a:1"}))]
    #[case(json!({"firmware": "", "replicas": 1.0, "mode": "a", "list": [{"name": "abc"}], "address": "192.0.2.1"}))]
    fn values_that_keep_to_the_schema_pass(#[case] values: Value) {
        assert_eq!(schema().validate(&values), Ok(()));
    }

    #[rstest]
    #[case(json!({"firmware": "x\n  hostNetwork: true"}), "/firmware")]
    #[case(json!({"firmware": 1}), "/firmware")]
    #[case(json!({}), "")]
    #[case(json!({"firmware": "", "more": 1}), "")]
    #[case(json!({"firmware": "", "replicas": 0}), "/replicas")]
    #[case(json!({"firmware": "", "mode": "c"}), "/mode")]
    #[case(json!({"firmware": "", "list": [{"name": "abc"}, {"name": "abcd"}]}), "/list/1/name")]
    #[case(json!({"firmware": "", "address": "::1"}), "/address")]
    #[case(json!([]), "")]
    fn values_that_do_not_are_refused_with_their_place(#[case] values: Value, #[case] path: &str) {
        let broken = schema().validate(&values).unwrap_err();
        assert_eq!(broken.violations[0].path, path, "{broken}");
    }

    #[test]
    fn a_message_reads_as_helms_and_shows_no_values() {
        let values =
            json!({"firmware": "hunter 2", "replicas": 0, "mode": "hunter 3", "list": "hunter 4"});
        insta::assert_snapshot!(schema().validate(&values).unwrap_err(), @r#"
        values don't meet the specifications of the chart's values.schema.json:
        - at '/firmware': value does not match "^[a-zA-Z0-9./:@_-]*$"
        - at '/list': value is not of type "array"
        - at '/mode': value is not one of "a" or "b"
        - at '/replicas': value is less than the minimum of 1
        "#);
    }

    #[test]
    fn violations_are_bounded() {
        let items: Vec<_> = (0..100)
            .map(|_| json!({"name": "x".repeat(10_000)}))
            .collect();
        let broken = schema()
            .validate(&json!({"firmware": "", "list": items}))
            .unwrap_err();
        assert_eq!((broken.violations.len(), broken.more), (MAX_REPORTED, 80));
        assert!(broken.to_string().len() < 8000);
    }

    #[rstest]
    #[case(
        r#"{"$ref": "http://example.org/schema.json"}"#,
        "$ref to http://example.org"
    )]
    #[case(
        r#"{"properties": {"a": {"$ref": "file:///etc/passwd"}}}"#,
        "/properties/a: $ref to file:"
    )]
    #[case(
        r#"{"allOf": [{"$ref": "other.json#/a"}]}"#,
        "/allOf/0: $ref to other.json"
    )]
    #[case(r##"{"$ref": "#/definitions/nope"}"##, "nope")]
    #[case(r#"{"type": "strin"}"#, "/type")]
    #[case(r#"{"pattern": "("}"#, "")]
    #[case(r#"{"pattern": "(?=x)"}"#, "")]
    #[case::a_pattern_that_becomes_too_large(r#"{"pattern": "((a{100}){100}){100}"}"#, "")]
    #[case::subschemas_that_never_end(r##"{"anyOf": [{"$ref": "#"}]}"##, "leads back to itself")]
    #[case(r#"{"$schema": "http://example.org/meta.json"}"#, "example.org")]
    #[case("nope", "cannot be read as JSON")]
    fn a_schema_that_cannot_be_used_is_refused(#[case] text: &str, #[case] why: &str) {
        let message = Schema::compile(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(why), "{message}");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = r##"{"properties": {"child": {"$ref": "#"}}, "required": ["n"]}"##;
        let schema = Schema::compile(tree.as_bytes()).unwrap();
        assert!(
            schema
                .validate(&json!({"n": 1, "child": {"child": {"n": 1}}}))
                .is_err()
        );
    }
}
