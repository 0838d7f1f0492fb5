//! The functions of Go's template language itself, but for `and` and `or`, which the evaluator handles. Pure.

use std::fmt::Write as _;

use super::compare::{eq, equal, integer, less, less_or_equal};
use super::weight::weigh;
use super::{Call, Function, FunctionError, Param, text};
use crate::engine::format;
use crate::engine::number::is_print;
use crate::engine::octets;
use crate::engine::value::{DictType, List, Value};

type Outcome = Result<Value, FunctionError>;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "call",
        Function::variadic(&[Param::Any], Param::Any, call_value),
    ),
    ("eq", Function::variadic(&[Param::Any], Param::Any, eq)),
    (
        "ge",
        Function::new(&[Param::Any, Param::Any], |_, arguments| {
            less(arguments).map(|less| Value::Bool(!less))
        }),
    ),
    (
        "gt",
        Function::new(&[Param::Any, Param::Any], |_, arguments| {
            less_or_equal(arguments).map(|le| Value::Bool(!le))
        }),
    ),
    ("html", Function::variadic(&[], Param::Any, html)),
    (
        "index",
        Function::variadic(&[Param::Any], Param::Any, index),
    ),
    ("js", Function::variadic(&[], Param::Any, js)),
    (
        "le",
        Function::new(&[Param::Any, Param::Any], |_, arguments| {
            less_or_equal(arguments).map(Value::Bool)
        }),
    ),
    ("len", Function::new(&[Param::Any], len)),
    (
        "lt",
        Function::new(&[Param::Any, Param::Any], |_, arguments| {
            less(arguments).map(Value::Bool)
        }),
    ),
    (
        "ne",
        Function::new(&[Param::Any, Param::Any], |_, arguments| {
            equal(&arguments[0], &arguments[1..]).map(|eq| Value::Bool(!eq))
        }),
    ),
    (
        "not",
        Function::new(&[Param::Any], |_, arguments| {
            Ok(Value::Bool(!arguments[0].truth()))
        }),
    ),
    (
        "print",
        Function::variadic(&[], Param::Any, |call, arguments| {
            weigh_all(call, arguments, 1)?;
            written(call, format::sprint(arguments)?)
        }),
    ),
    (
        "printf",
        Function::variadic(&[Param::String], Param::Any, printf),
    ),
    (
        "println",
        Function::variadic(&[], Param::Any, |call, arguments| {
            weigh_all(call, arguments, 1)?;
            written(call, format::sprintln(arguments)?)
        }),
    ),
    ("urlquery", Function::variadic(&[], Param::Any, urlquery)),
];

fn written(call: &mut Call<'_>, text: String) -> Outcome {
    call.charge(text.len())?;
    Ok(Value::from(text))
}

/// Accounts for printing each of these.
fn weigh_all(call: &mut Call<'_>, arguments: &[Value], factor: usize) -> Result<(), FunctionError> {
    arguments
        .iter()
        .try_for_each(|value| weigh(call.state, value, factor))
}

fn printf(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    weigh_all(call, arguments, 1)?;
    // A directive of few bytes can be as much work as printing an argument.
    call.work(text(arguments, 0).len())?;
    let result = format::sprintf(&text(arguments, 0), &arguments[1..])?;
    written(call, result)
}

fn call_value(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    Err(FunctionError::new(match &arguments[0] {
        Value::Nil | Value::NilInterface => format!("{} of nil", call.name),
        other => format!("non-function of type {}", other.type_name()),
    }))
}

fn len(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let length = match &arguments[0] {
        Value::Nil | Value::NilInterface => return Err(FunctionError::new("len of nil pointer")),
        Value::String(text) => octets::len(text),
        Value::List(list) => list.len(),
        Value::Dict(dict) => dict.len(),
        other => {
            return Err(FunctionError::new(format!(
                "len of type {}",
                other.type_name()
            )));
        }
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut item = arguments[0].clone();
    if item.is_nil() {
        return Err(FunctionError::new("index of untyped nil"));
    }
    for index in &arguments[1..] {
        item = match &item {
            Value::Nil | Value::NilInterface => {
                return Err(FunctionError::new("index of nil pointer"));
            }
            Value::List(list) => element(list, index)?,
            Value::String(text) => {
                let bytes = octets::bytes(text);
                Value::Byte(bytes[position(index, bytes.len())?])
            }
            Value::Dict(dict) => match index {
                Value::String(key) => match (dict.get(key), dict.kind()) {
                    (Some(value), _) => value,
                    (None, DictType::Strings | DictType::NilStrings) => Value::string(""),
                    (None, DictType::Files) => Value::bytes(&[]),
                    (None, _) => Value::Nil,
                },
                Value::Nil | Value::NilInterface => {
                    return Err(FunctionError::new("value is nil; should be of type string"));
                }
                other => {
                    return Err(FunctionError::new(format!(
                        "value has type {}; should be string",
                        other.type_name()
                    )));
                }
            },
            other => {
                return Err(FunctionError::new(format!(
                    "can't index item of type {}",
                    other.type_name()
                )));
            }
        };
    }
    Ok(item)
}

fn element(list: &List, index: &Value) -> Outcome {
    let position = position(index, list.len())?;
    Ok(list.get(position).unwrap_or(Value::Nil))
}

fn position(index: &Value, length: usize) -> Result<usize, FunctionError> {
    let position = match index {
        Value::Nil | Value::NilInterface => {
            return Err(FunctionError::new("cannot index slice/array with nil"));
        }
        Value::Int(_) | Value::Int64(_) | Value::Uint64(_) | Value::Byte(_) => integer(index),
        other => {
            return Err(FunctionError::new(format!(
                "cannot index slice/array with type {}",
                other.type_name()
            )));
        }
    };
    match usize::try_from(position) {
        Ok(position) if position < length => Ok(position),
        Ok(position) if position == length => Err(FunctionError::new(format!(
            "reflect: slice index out of range: {position}"
        ))),
        _ => Err(FunctionError::new(format!(
            "index out of range: {position}"
        ))),
    }
}

/// The text that the escaping functions work on: one string as it is, anything else as `print` writes it.
fn joined(call: &mut Call<'_>, arguments: &[Value]) -> Result<String, FunctionError> {
    // An escape is longer than what it stands for.
    weigh_all(call, arguments, 7)?;
    if let [Value::String(text)] = arguments {
        return Ok(text.to_string());
    }
    let shown = |value: &Value| {
        if value.is_nil() {
            Value::string("<no value>")
        } else {
            value.clone()
        }
    };
    format::sprint(&arguments.iter().map(shown).collect::<Vec<_>>())
}

fn html(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut out = String::new();
    for character in joined(call, arguments)?.chars() {
        match character {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    written(call, out)
}

fn js(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut out = String::new();
    for character in joined(call, arguments)?.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", u32::from(character));
            }
            other if u32::from(other) < 0x20 || (!other.is_ascii() && !is_print(other)) => {
                let _ = write!(out, "\\u{:04X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    written(call, out)
}

fn urlquery(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut out = String::new();
    for byte in joined(call, arguments)?.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    written(call, out)
}
