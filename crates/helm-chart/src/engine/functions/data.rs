//! JSON and YAML in and out. Pure.
//!
//! Helm hands a parse error back inside the result. Its words cannot be matched, so text that does not parse ends the
//! rendering here; text that parses to another type gives Helm's result, error message included.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::support::{Outcome, done};
use super::weight::{self, weigh, weigh_text};
use super::{Call, Function, FunctionError, Param, text};
use crate::engine::ELEMENT;
use crate::engine::value::{
    Dict, DictType, Entries, List, ListType, MAX_NESTING, Value, field_name,
};
use crate::engine::{number, octets};
use crate::yaml::{self, Encoding, Node};

use Param::{Any, String as Text};

/// Bytes that an escaped byte may take.
const ESCAPED: usize = 6;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "fromJson",
        Function::new(&[Text], |call, a| from_json(call, &text(a, 0), false)),
    ),
    (
        "fromJsonArray",
        Function::new(&[Text], |call, a| from_json(call, &text(a, 0), true)),
    ),
    (
        "fromYaml",
        Function::new(&[Text], |call, a| from_yaml(call, &text(a, 0), false)),
    ),
    (
        "fromYamlArray",
        Function::new(&[Text], |call, a| from_yaml(call, &text(a, 0), true)),
    ),
    (
        "mustFromJson",
        Function::new(&[Text], |call, a| {
            Ok(Value::from_json(&json(call, &text(a, 0))?))
        }),
    ),
    (
        "mustToJson",
        Function::new(&[Any], |call, a| {
            json_text(call, &a[0], Style::Escaped, true)
        }),
    ),
    (
        "mustToPrettyJson",
        Function::new(&[Any], |call, a| {
            json_text(call, &a[0], Style::Pretty, true)
        }),
    ),
    (
        "mustToRawJson",
        Function::new(&[Any], |call, a| json_text(call, &a[0], Style::Raw, true)),
    ),
    (
        "mustToYaml",
        Function::new(&[Any], |call, a| to_yaml(call, &a[0], true)),
    ),
    (
        "toJson",
        Function::new(&[Any], |call, a| {
            json_text(call, &a[0], Style::Escaped, false)
        }),
    ),
    (
        "toPrettyJson",
        Function::new(&[Any], |call, a| {
            json_text(call, &a[0], Style::Pretty, false)
        }),
    ),
    (
        "toRawJson",
        Function::new(&[Any], |call, a| json_text(call, &a[0], Style::Raw, true)),
    ),
    (
        "toYaml",
        Function::new(&[Any], |call, a| to_yaml(call, &a[0], false)),
    ),
    ("toYamlPretty", Function::new(&[Any], to_yaml_pretty)),
];

fn json(call: &mut Call<'_>, text: &str) -> Outcome<Json> {
    weigh_text(call, text, weight::JSON)?;
    serde_json::from_str(text)
        .map_err(|error| FunctionError::new(format!("the text is not JSON: {error}")))
}

/// Go's name for a JSON value of the wrong type.
fn wrong_type(value: &Json, array: bool) -> Option<String> {
    let given = match value {
        Json::Array(_) if array => return None,
        Json::Object(_) if !array => return None,
        Json::Null => return None,
        Json::Array(_) => "array",
        Json::Object(_) => "object",
        Json::String(_) => "string",
        Json::Number(_) => "number",
        Json::Bool(_) => "bool",
    };
    let wanted = if array {
        "[]interface {}"
    } else {
        "map[string]interface {}"
    };
    Some(format!(
        "json: cannot unmarshal {given} into Go value of type {wanted}"
    ))
}

fn problem(message: String, array: bool) -> Value {
    if array {
        return Value::list(vec![Value::from(message)]);
    }
    Value::dict(Entries::from([("Error".into(), Value::from(message))]))
}

fn from_json(call: &mut Call<'_>, text: &str, array: bool) -> Outcome {
    let value = json(call, text)?;
    Ok(match (wrong_type(&value, array), &value) {
        (Some(message), _) => problem(message, array),
        (None, Json::Null) if array => Value::List(List::new(ListType::Nil, Vec::new())),
        (None, Json::Null) => Value::Dict(Dict::typed(DictType::Nil, Entries::new())),
        (None, _) => Value::from_json(&value),
    })
}

fn from_yaml(call: &mut Call<'_>, text: &str, array: bool) -> Outcome {
    weigh_text(call, text, weight::YAML)?;
    let value = match yaml::parse(text) {
        Ok(value) => value,
        // Helm returns its error as a value.
        Err(error) => {
            let words = error
                .as_helm_says()
                .ok_or_else(|| FunctionError::limit(&format!("the text is not read: {error}")))?;
            return Ok(problem(words, array));
        }
    };
    // Aliases make more of a text than stands in it.
    call.charge(size_of_json(&value))?;
    Ok(match (wrong_type(&value, array), &value) {
        (Some(message), _) => problem(
            format!("error unmarshaling JSON: while decoding JSON: {message}"),
            array,
        ),
        (None, Json::Null) if array => Value::list(Vec::new()),
        (None, Json::Null) => Value::dict(Entries::new()),
        (None, _) => Value::from_json(&value),
    })
}

/// What a document takes as a value.
fn size_of_json(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => ELEMENT,
        Json::String(text) => ELEMENT + text.len(),
        Json::Array(items) => ELEMENT + items.iter().map(size_of_json).sum::<usize>(),
        Json::Object(fields) => {
            let sizes = fields
                .iter()
                .map(|(key, value)| key.len() + size_of_json(value));
            ELEMENT + fields.len() * ELEMENT + sizes.sum::<usize>()
        }
    }
}

fn to_yaml(call: &mut Call<'_>, value: &Value, must: bool) -> Outcome {
    weigh(call.state, value, ESCAPED)?;
    let written = value.to_json().and_then(|json| {
        yaml::try_emit(&json).map_err(|error| FunctionError::new(error.to_string()))
    });
    finished(call, written, must)
}

fn finished(call: &mut Call<'_>, written: Outcome<String>, must: bool) -> Outcome {
    match written {
        Ok(text) => done(call, text.strip_suffix('\n').unwrap_or(&text)),
        Err(error) if must || matches!(error, FunctionError::Render(_)) => Err(error),
        Err(_) => Ok("".into()),
    }
}

fn to_yaml_pretty(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    weigh(call.state, &arguments[0], ESCAPED)?;
    let written = yaml::encode(&node(&arguments[0], 0)?, Encoding::Pretty);
    finished(
        call,
        written.map_err(|error| FunctionError::new(error.to_string())),
        false,
    )
}

fn node(value: &Value, depth: usize) -> Outcome<Node> {
    if depth > MAX_NESTING {
        return Err(FunctionError::new(
            "value is nested too deeply or contains itself",
        ));
    }
    Ok(match value {
        Value::Nil | Value::NilInterface => Node::Null,
        Value::Bool(value) => Node::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Node::Int(*value),
        Value::Uint64(value) => Node::Uint(*value),
        Value::Byte(value) => Node::Int(i64::from(*value)),
        Value::Float(value) => Node::Float(*value),
        Value::String(text) => Node::Text(text.to_string()),
        Value::List(list) => Node::List(
            list.items()
                .iter()
                .map(|item| node(item, depth + 1))
                .collect::<Outcome<_>>()?,
        ),
        Value::Dict(dict) => {
            let entries = dict.entries();
            let entries = entries
                .iter()
                .map(|(key, value)| Ok((key.to_string(), node(value, depth + 1)?)));
            Node::Map(entries.collect::<Outcome<_>>()?)
        }
        Value::Object(object) => match object.to_json() {
            Json::String(text) => Node::Text(text),
            // Names of fields become small letters here.
            Json::Object(_) => {
                let written = object
                    .members()
                    .into_iter()
                    .filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase()));
                let entries = written
                    .map(|(name, value)| Ok((name.to_lowercase(), node(&value, depth + 1)?)));
                Node::Fields(entries.collect::<Outcome<_>>()?)
            }
            _ => return Err(unwritten(object.type_name())),
        },
    })
}

fn unwritten(kind: &str) -> FunctionError {
    FunctionError::limit(&format!("a {kind} is not written as YAML"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// On one line, `<`, `>` and `&` escaped.
    Escaped,
    /// Escaped, and indented by two.
    Pretty,
    /// On one line as it is.
    Raw,
}

fn json_text(call: &mut Call<'_>, value: &Value, style: Style, must: bool) -> Outcome {
    weigh(call.state, value, ESCAPED)?;
    match value.to_ordered_json() {
        Ok(json) => {
            let mut out = String::new();
            write_json(&json, style, 0, &mut out);
            done(call, out)
        }
        Err(error) if must || matches!(error, FunctionError::Render(_)) => Err(error),
        Err(_) => Ok("".into()),
    }
}

fn write_json(value: &Json, style: Style, depth: usize, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => out.push_str(&value.to_string()),
            (None, Some(value)) => out.push_str(&value.to_string()),
            _ => out.push_str(&number::json(value.as_f64().unwrap_or(0.0))),
        },
        Json::String(text) => write_string(text, style, out),
        Json::Array(items) => {
            write_all(items.iter(), style, depth, out, ('[', ']'), |item, out| {
                write_json(item, style, depth + 1, out);
            });
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            write_all(
                fields.into_iter(),
                style,
                depth,
                out,
                ('{', '}'),
                |(key, value), out| {
                    write_string(field_name(key), style, out);
                    out.push_str(if style == Style::Pretty { ": " } else { ":" });
                    write_json(value, style, depth + 1, out);
                },
            );
        }
    }
}

fn write_all<T>(
    items: impl ExactSizeIterator<Item = T>,
    style: Style,
    depth: usize,
    out: &mut String,
    (open, close): (char, char),
    mut write: impl FnMut(T, &mut String),
) {
    let line = |depth: usize, out: &mut String| {
        if style == Style::Pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    let empty = items.len() == 0;
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(depth + 1, out);
        write(item, out);
    }
    if !empty {
        line(depth, out);
    }
    out.push(close);
}

fn write_string(text: &str, style: Style, out: &mut String) {
    out.push('"');
    if octets::has(text) {
        for chunk in octets::bytes(text).utf8_chunks() {
            write_characters(chunk.valid(), style, out);
            out.extend(chunk.invalid().iter().map(|_| "\\ufffd"));
        }
    } else {
        write_characters(text, style, out);
    }
    out.push('"');
}

fn write_characters(text: &str, style: Style, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' if style == Style::Raw => out.push(character),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}
