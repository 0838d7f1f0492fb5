//! `values.schema.json`: compiled once a chart, asked once a device. Pure: a schema that refers to anything outside is refused.

mod address;
mod cost;
mod dialect;
mod formats;
mod pattern;

use std::error::Error;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{
    Draft, PatternOptions, Registry, RegistryBuilder, Retrieve, Uri, ValidationError, Validator,
};
use serde_json::{Value, json};

use super::pointer::Pointer;
use super::text::{quoted, shorten};

/// Most violations that are reported.
const MAX_REPORTED: usize = 20;
/// Most violations that are looked at.
const MAX_COLLECTED: usize = 1_000;
/// Largest program that a pattern may become, in bytes.
const MAX_PATTERN: usize = 256 << 10;
/// Longest message of one violation, in characters.
const MAX_MESSAGE: usize = 300;

/// Keywords that look at the form of a value and not at the texts in it.
const OF_FORM: [&str; 7] = [
    "type",
    "additionalProperties",
    "propertyNames",
    "maxProperties",
    "additionalItems",
    "minItems",
    "maxItems",
];
/// Keywords that more values could satisfy.
const OF_WANT: [&str; 3] = ["required", "minProperties", "dependentRequired"];
/// Keywords whose subschemas hold where a value, perhaps elsewhere, is like another schema.
const CONDITIONAL: [&str; 4] = ["then", "else", "dependentSchemas", "dependencies"];

/// A chart's schema, ready to be asked.
#[derive(Debug)]
pub struct Schema(Validator);

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is not JSON.
    #[error("values.schema.json: cannot be read as JSON: {0}")]
    Json(String),
    /// It refers to another document.
    #[error(
        "values.schema.json: {path}: $ref to {target}: only references inside the file are resolved; copy it in"
    )]
    Reference {
        /// Where.
        path: String,
        /// To what.
        target: String,
    },
    /// It is not a JSON Schema, and Helm refuses it as well.
    #[error("values.schema.json: {path}: {message}")]
    Invalid {
        /// Where.
        path: String,
        /// Why.
        message: String,
    },
    /// Helm may accept it: it is not a mistake in the chart.
    #[error(
        "values.schema.json: {path}: {message}: not a mistake in the chart; only the helm engine checks it"
    )]
    Unsupported {
        /// Where.
        path: String,
        /// Why.
        message: String,
    },
}

impl SchemaError {
    /// Whether the helm engine may use the chart: only this program cannot check the schema.
    #[must_use]
    pub fn leaves_it_to_helm(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }
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
    /// What else decides whether the value breaks the schema.
    pub depends: Dependence,
}

/// What else decides whether a value breaks a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// Nothing: its own form is wrong (its type, its keys, how many parts it has), whatever the texts in it are.
    None,
    /// The texts in it.
    OnTexts,
    /// Other values, anywhere: they are missing, or say which schema holds.
    OnOthers,
}

/// The address that Helm gives to the schema.
const BASE: &str = "file:///values.schema.json";
const FILE: &str = "values.schema.json";

struct Refuse;

impl Retrieve for Refuse {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        Err(format!("{uri}: only references inside the file are resolved").into())
    }
}

/// What is wrong with a text that is not JSON, and where.
fn place(error: &serde_json::Error, text: &[u8]) -> String {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    let words = words
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&words);
    let text = String::from_utf8_lossy(text);
    let shown = quoted(text.lines().nth(line.saturating_sub(1)).unwrap_or_default());
    format!(
        "line {line}, column {column}: {words}, at {shown:?}; JSON has no comments, no commas before a closing bracket, and quotes \
         every key"
    )
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Not JSON, not a schema, or one that refers to another document.
    pub fn compile(text: &[u8]) -> Result<Self, SchemaError> {
        let mut document: Value =
            serde_json::from_slice(text).map_err(|error| SchemaError::Json(place(&error, text)))?;
        if let Some(message) = cost::excess(&document) {
            let (path, message) = (String::new(), message.to_owned());
            return Err(SchemaError::Unsupported { path, message });
        }
        let draft = Draft::default().detect(&document);
        dialect::rewrite(&mut document, &Pointer::root(), draft)?;
        check_structure(&document)?;
        let refused = |error: &ValidationError<'_>| refusal(&document, error);
        let registry = Registry::new()
            .retriever(Refuse)
            .draft(draft)
            .add(BASE, draft.create_resource_ref(&document))
            .and_then(RegistryBuilder::prepare)
            .map_err(|error| refused(&error.into()))?;
        let mut options = jsonschema::options()
            .with_registry(&registry)
            .with_draft(draft)
            .with_retriever(Refuse)
            .with_keyword(dialect::PATTERN, pattern::pattern)
            // As Helm's, patterns take linear time and have no look-around.
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_PATTERN)
                    .dfa_size_limit(MAX_PATTERN),
            );
        for (name, check) in formats::FORMATS {
            options = options.with_format(name, check);
        }
        // Not the document itself, in which the crate would read Go's patterns as those of ECMAScript.
        let built = options.build(&json!({"$ref": BASE}));
        built.map(Self).map_err(|error| refused(&error))
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

/// Checks a schema against that of its draft, without its patterns, which were checked before.
fn check_structure(document: &Value) -> Result<(), SchemaError> {
    let mut document = document.clone();
    dialect::blank_patterns(&mut document);
    let checked = jsonschema::options()
        .with_retriever(Refuse)
        .build(&document);
    checked
        .map(drop)
        .map_err(|error| refusal(&document, &error))
}

/// Why the crate refuses a schema. A schema that refers to another document is refused for every engine: helm would read files and
/// ask the network for it.
fn refusal(document: &Value, error: &ValidationError<'_>) -> SchemaError {
    let path = error.instance_path().to_string();
    let message = shorten(&error.to_string(), MAX_MESSAGE);
    if matches!(error.kind(), ValidationErrorKind::Referencing(_))
        && let Some((path, target)) = outside_reference(document)
    {
        return SchemaError::Reference { path, target };
    }
    match error.kind() {
        // A pattern that is too large, or a part of a schema that the crate and Helm's library read differently.
        ValidationErrorKind::Custom { .. }
        | ValidationErrorKind::Format { .. }
        | ValidationErrorKind::Referencing(_) => SchemaError::Unsupported { path, message },
        _ => SchemaError::Invalid { path, message },
    }
}

fn violation(error: &ValidationError<'_>) -> SchemaViolation {
    let unknown_keys = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.clone(),
        _ => Vec::new(),
    };
    SchemaViolation {
        path: error.instance_path().to_string(),
        message: shorten(&error.masked().to_string(), MAX_MESSAGE),
        unknown_keys,
        depends: dependence(error),
    }
}

fn dependence(error: &ValidationError<'_>) -> Dependence {
    let keyword = error.kind().keyword();
    let conditional = |step: &str| CONDITIONAL.contains(&step);
    if OF_WANT.contains(&keyword) || error.schema_path().as_str().split('/').any(conditional) {
        Dependence::OnOthers
    } else if OF_FORM.contains(&keyword) {
        Dependence::None
    } else {
        Dependence::OnTexts
    }
}

/// The first reference that leaves the document, with its place.
fn outside_reference(document: &Value) -> Option<(String, String)> {
    let mut inside = vec![String::new(), BASE.to_owned(), FILE.to_owned()];
    collect(document, &Pointer::root(), &mut |_, key, text| {
        if matches!(key, "$id" | "id") {
            inside.push(text.to_owned());
        }
    });
    let mut found = None;
    collect(document, &Pointer::root(), &mut |at, key, target| {
        let name = target.split('#').next().unwrap_or_default();
        let leaves = matches!(key, "$ref" | "$dynamicRef" | "$schema")
            && !inside.iter().any(|known| known == name)
            && !name.contains("//json-schema.org/");
        if leaves && found.is_none() {
            found = Some((at.to_string(), target.to_owned()));
        }
    });
    found
}

/// Every text of a document, with the place of the object that holds it and its key there.
fn collect(value: &Value, at: &Pointer, visit: &mut dyn FnMut(&Pointer, &str, &str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) => visit(at, key, text),
                    value => collect(value, &at.child(key), visit),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &at.child(index), visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
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
mod tests;
