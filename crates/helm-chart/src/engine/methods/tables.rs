//! Methods of `.Values` that hardly a chart calls: parts of it by a path with dots, and all of it as YAML. Pure.

use super::Outcome;
use crate::engine::evaluate::State;
use crate::engine::functions::{FunctionError, nil_pointer, text, weigh};
use crate::engine::value::{Dict, DictType, Value};

/// What a byte of text may become when it is escaped.
const ESCAPED: usize = 6;

fn is_table(dict: &Dict) -> bool {
    matches!(dict.kind(), DictType::Any | DictType::Nil)
}

/// The table at the end of these names.
fn found<'n>(
    receiver: &Value,
    names: impl Iterator<Item = &'n str>,
) -> Result<Value, FunctionError> {
    let mut table = receiver.clone();
    for name in names {
        let inner = match &table {
            Value::Dict(dict) => dict.get(name),
            _ => None,
        };
        table = match inner {
            Some(Value::Dict(dict)) if is_table(&dict) || of_values(&dict) => {
                Value::Dict(dict.retyped(DictType::Values))
            }
            _ => return Err(FunctionError::new(format!("{name:?} is not a table"))),
        };
    }
    Ok(table)
}

fn of_values(dict: &Dict) -> bool {
    dict.kind() == DictType::Values
}

pub(super) fn table(_: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    found(receiver, text(arguments, 0).split('.'))
}

pub(super) fn path_value(_: &mut State, receiver: &Value, arguments: &[Value]) -> Outcome {
    let path = text(arguments, 0);
    if path.is_empty() {
        return Err(FunctionError::new("YAML path cannot be empty"));
    }
    let (table, key) = match path.rsplit_once('.') {
        Some((table, key)) => (found(receiver, table.split('.')).ok(), key),
        None => (Some(receiver.clone()), &*path),
    };
    match table {
        Some(Value::Dict(dict)) => dict.get(key),
        _ => None,
    }
    .filter(|value| !matches!(value, Value::Dict(dict) if is_table(dict)))
    .ok_or_else(|| FunctionError::new(format!("{key:?} is not a value")))
}

pub(super) fn yaml(state: &mut State, receiver: &Value, _: &[Value]) -> Outcome {
    weigh(state, receiver, ESCAPED)?;
    let text = crate::yaml::emit(&receiver.to_json()?);
    state.charge(text.len()).map_err(FunctionError::Render)?;
    Ok(Value::from(text))
}

/// It writes to a file of Go's, which no template has.
pub(super) fn encode(_: &mut State, _: &Value, arguments: &[Value]) -> Outcome {
    Err(match arguments {
        [] | [Value::Nil | Value::NilInterface, ..] => nil_pointer(),
        [given, ..] => FunctionError::new(format!(
            "wrong type for value; expected io.Writer; got {}",
            given.type_name()
        )),
    })
}
