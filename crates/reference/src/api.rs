//! The page of the API: every field of the kinds, from their CRDs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::table::{cell, code, json, rows};

const HEAD: [&str; 5] = ["field", "type", "unset means", "limits", "what it is"];

/// The page over these CRDs.
pub fn page(crds: &[Value]) -> String {
    let mut text = String::from(
        "# API\n\nEvery field of both kinds. Generated from `crds/` by `make generate`. `[]` after a name means each entry of a list, `.*` each value of a map.\n",
    );
    for crd in crds {
        kind(crd, &mut text);
    }
    text
}

fn kind(crd: &Value, text: &mut String) {
    let words = |pointer: &str| {
        crd.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let name = words("/spec/names/kind");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n## {name}\n\n{}\n\n`apiVersion: {}/{}`, short name `{}`, {}.\n",
        said(schema),
        words("/spec/group"),
        words("/spec/versions/0/name"),
        words("/spec/names/shortNames/0"),
        words("/spec/scope").to_lowercase(),
    );
    for part in ["spec", "status"] {
        let schema = &schema["properties"][part];
        let mut lines = Vec::new();
        fields(schema, "", &mut lines);
        let title = format!("{name} {part}");
        let _ = write!(
            text,
            "\n### {title}\n\n{}\n\n{}",
            said(schema),
            rows(&HEAD, &lines)
        );
    }
}

fn said(schema: &Value) -> String {
    let said = schema["description"].as_str().unwrap_or_default();
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line for each field of an object, those of the objects in it beneath.
fn fields(schema: &Value, above: &str, lines: &mut Vec<Vec<String>>) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, field) in properties {
        let path = format!("{above}{name}");
        let is_required = required.iter().any(|required| required == name.as_str());
        let (default, said) = default_of(field);
        let mut limits = limits(field);
        if is_required {
            limits.insert(0, "required".to_owned());
        }
        let limits = cell(&limits.join("; "));
        lines.push(vec![
            code(&path),
            type_of(field),
            cell(&default),
            limits,
            cell(&said),
        ]);
        let (path, inner) = innermost(field, path);
        fields(inner, &format!("{path}."), lines);
    }
}

/// What a list or map holds in the end, with its path.
fn innermost(field: &Value, path: String) -> (String, &Value) {
    if field["items"].is_object() {
        return innermost(&field["items"], format!("{path}[]"));
    }
    if field["additionalProperties"].is_object() {
        return innermost(&field["additionalProperties"], format!("{path}.*"));
    }
    (path, field)
}

fn type_of(field: &Value) -> String {
    if field["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    if field["items"].is_object() {
        return format!("list of {}", type_of(&field["items"]));
    }
    if field["additionalProperties"].is_object() {
        return format!("map of {}", type_of(&field["additionalProperties"]));
    }
    match field["type"].as_str() {
        Some("string") if field["format"] == "date-time" => "time".to_owned(),
        Some("object") if field["x-kubernetes-preserve-unknown-fields"] == true => {
            "any object".to_owned()
        }
        Some(name) => name.to_owned(),
        None => "anything".to_owned(),
    }
}

/// The default, of the schema or after "Unset:" in the description, and the rest of the description.
fn default_of(field: &Value) -> (String, String) {
    let said = said(field);
    if let Some(default) = field.get("default") {
        return (code(&json(default)), said);
    }
    match said.split_once("Unset: ") {
        Some((before, unset)) if unset.find(". ").is_none() => {
            let unset = unset.trim_end_matches('.');
            (unset.to_owned(), before.trim_end().to_owned())
        }
        _ => (String::new(), said),
    }
}

/// What the API server refuses otherwise.
fn limits(field: &Value) -> Vec<String> {
    let mut limits = Vec::new();
    let number = |name: &str| field[name].as_i64();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        limits.extend(match (number(least), number(most)) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
            (Some(least), None) => Some(format!("at least {least}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (None, None) => None,
        });
    }
    if let Some(words) = field["enum"].as_array() {
        let words = words
            .iter()
            .filter(|word| !word.is_null())
            .map(|word| code(&json(word)));
        limits.push(format!("one of {}", words.collect::<Vec<_>>().join(", ")));
    }
    limits.extend(
        field["pattern"]
            .as_str()
            .map(|pattern| format!("matches {}", code(pattern))),
    );
    for rule in field["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let message = rule["message"].as_str().or_else(|| rule["rule"].as_str());
        let message = message.unwrap_or_default();
        limits.push(message.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    for inner in ["items", "additionalProperties"] {
        limits.extend(field.get(inner).and_then(limits_of_each));
    }
    limits
}

fn limits_of_each(inner: &Value) -> Option<String> {
    let limits = limits(inner);
    (!limits.is_empty()).then(|| format!("each: {}", limits.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(schema: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        fields(schema, "", &mut lines);
        lines.iter().map(|cells| cells.join(" | ")).collect()
    }

    #[test]
    fn a_field_has_its_path_type_default_limits_and_description() {
        let step = json!({"type": "object", "required": ["devices"], "properties": {
            "devices": {"x-kubernetes-int-or-string": true, "description": "How many."},
            "soakSeconds": {"type": "integer", "minimum": 0, "maximum": 60, "description": "How long. Unset: 0."},
        }});
        let schema =
            json!({"properties": {"steps": {"type": "array", "maxItems": 20, "items": step}}});
        assert_eq!(
            lines(&schema),
            [
                "`steps` | list of object |  | at most 20 entries | ",
                "`steps[].devices` | integer or string |  | required | How many.",
                "`steps[].soakSeconds` | integer | 0 | 0 to 60 | How long.",
            ]
        );
    }

    #[test]
    fn the_rules_of_a_list_s_entries_are_told() {
        let rule = json!([{"rule": "self in ['A']", "message": "must be one of \"A\""}]);
        let entry = json!({"type": "string", "maxLength": 8, "x-kubernetes-validations": rule});
        let schema = json!({"properties": {"a": {"type": "array", "items": entry}}});
        let expected =
            "`a` | list of string |  | each: at most 8 characters; must be one of \"A\" | ";
        assert_eq!(lines(&schema), [expected]);
    }
}
