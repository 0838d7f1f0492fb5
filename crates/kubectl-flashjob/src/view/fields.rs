//! The fields of a document as a table, from its schema. Pure.

use std::fmt::Write as _;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// A Markdown table of the fields of `T`, those within it included.
pub fn document_fields<T: JsonSchema>() -> String {
    let settings = SchemaSettings::default().for_serialize();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut table = String::from("| field | type | meaning |\n|---|---|---|\n");
    rows(schema.as_value(), "", &mut table);
    table
}

fn rows(schema: &Value, within: &str, table: &mut String) {
    let empty = Map::new();
    let fields = schema["properties"].as_object().unwrap_or(&empty);
    for (name, field) in fields {
        let words = field["description"].as_str().unwrap_or_default();
        // A description of a type that several fields have stands after that of the field.
        let words = words.split("\n\n").next().unwrap_or_default();
        let words = words.replace('\n', " ").replace('|', "\\|");
        let list = type_of(field) == "array";
        let item = if list { &field["items"] } else { field };
        let path = format!("{within}{name}");
        let shown = if list { format!("{path}[]") } else { path };
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{shown}` | {} | {words} |", type_of(item));
        rows(item, &format!("{shown}."), table);
    }
}

/// The type, beside null.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or("any")
        }
        _ => object_or_any(schema),
    }
}

fn object_or_any(schema: &Value) -> &str {
    if schema["properties"].is_object() || schema["anyOf"].is_array() {
        "object"
    } else {
        "any"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Summary;

    #[test]
    fn fields_within_fields_are_told_with_their_path() {
        let table = document_fields::<Summary>();
        assert!(table.contains("| `counts.inFlight` | integer |"), "{table}");
        assert!(table.contains("| `step.id` | string |"), "{table}");
    }
}
