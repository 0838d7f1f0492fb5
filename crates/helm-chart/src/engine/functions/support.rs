//! What several families share: results, texts and lists of values as Go's `fmt` and Sprig make them. Pure.

use super::weight::weigh;
use super::{Call, FunctionError};
use crate::engine::format;
use crate::engine::octets;
use crate::engine::value::{List, ListType, Value};

pub(super) type Outcome<T = Value> = Result<T, FunctionError>;

/// Hands text back to the template, accounted for.
pub(super) fn done(call: &mut Call<'_>, text: impl Into<String>) -> Outcome {
    let text = text.into();
    call.charge(text.len())?;
    Ok(Value::from(text))
}

/// A list whose elements were accounted for before they were made.
#[allow(clippy::unnecessary_wraps)] // the end of many functions
pub(super) fn list_of(kind: ListType, items: Vec<Value>) -> Outcome {
    Ok(Value::List(List::new(kind, items)))
}

/// What Go's run time says of an index outside of a string or list.
pub(super) fn out_of_range() -> FunctionError {
    FunctionError::new("runtime error: slice bounds out of range")
}

/// What Go's run time says when the type of nil is asked for.
pub(in crate::engine) fn nil_pointer() -> FunctionError {
    FunctionError::new("runtime error: invalid memory address or nil pointer dereference")
}

/// `strval`: text as it is, byte lists as text, everything else as `%v` prints it.
pub(super) fn strval(call: &mut Call<'_>, value: &Value) -> Outcome<String> {
    match value {
        Value::String(text) => {
            call.charge(text.len())?;
            Ok(text.to_string())
        }
        Value::List(list) if list.kind() == ListType::Bytes => {
            call.charge(list.len())?;
            Ok(octets::string(list.bytes()))
        }
        other => printed(call, other),
    }
}

/// `%v`.
pub(super) fn printed(call: &mut Call<'_>, value: &Value) -> Outcome<String> {
    weigh(call.state, value, 1)?;
    format::sprintf("%v", std::slice::from_ref(value))
}

/// The `%v` of each, or the `strval`, with a space between them.
pub(super) fn spaced(
    call: &mut Call<'_>,
    values: &[Value],
    mut text: impl FnMut(&mut Call<'_>, &Value) -> Outcome<String>,
) -> Outcome {
    let mut joined = String::new();
    for (index, value) in values.iter().filter(|value| !value.is_nil()).enumerate() {
        if index > 0 {
            joined.push(' ');
        }
        joined.push_str(&text(call, value)?);
    }
    done(call, joined)
}

/// `strslice`: the elements as text, without nil; anything else as a list of one.
pub(super) fn strslice(call: &mut Call<'_>, value: &Value) -> Outcome<Vec<String>> {
    match value {
        Value::List(list) => {
            call.elements(list.len())?;
            let items = list.items().iter().filter(|item| !item.is_nil());
            items.map(|item| strval(call, item)).collect()
        }
        Value::Nil | Value::NilInterface => Ok(Vec::new()),
        other => Ok(vec![strval(call, other)?]),
    }
}

/// The elements of any list; `what` is how Go's function words its refusal of other types.
pub(super) fn elements(call: &mut Call<'_>, value: &Value, what: &str) -> Outcome<List> {
    match value {
        Value::List(list) => {
            // The elements of a file are made when they are asked for.
            if list.kind() == ListType::Bytes {
                call.elements(list.len())?;
            }
            Ok(list.clone())
        }
        Value::Nil | Value::NilInterface => Err(nil_pointer()),
        other => Err(FunctionError::new(format!("{what} {}", kind_name(other)))),
    }
}

/// The name of the value's kind.
pub(super) fn kind_name(value: &Value) -> &'static str {
    value.kind().name()
}
