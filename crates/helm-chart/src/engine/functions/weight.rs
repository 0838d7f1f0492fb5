//! What a value weighs when it is written out or was read: values share parts, so a few steps make one that would fill memory.
//!
//! Pure; asked before a conversion.

use super::{Call, FunctionError};
use crate::engine::evaluate::State;
use crate::engine::value::{Dict, ListType, MAX_NESTING, Value};
use crate::engine::{Bound, ELEMENT, ENTRY};

/// What a byte of JSON may become in memory when it is parsed: `[[],[],[]` is a list every three bytes.
pub(super) const JSON: usize = 48;
/// Bytes of memory for a byte of YAML that has no type yet.
pub(super) const YAML: usize = 32;

/// Accounts for everything in a value, as often as it occurs; for each byte of text in it that of `factor` bytes.
///
/// # Errors
/// If that is more than the rendering may make.
pub(in crate::engine) fn weigh(
    state: &mut State,
    value: &Value,
    factor: usize,
) -> Result<(), FunctionError> {
    let mut charge = |size: usize| state.charge(size).map_err(FunctionError::Render);
    match value {
        Value::String(text) => return charge(text.len().saturating_mul(factor)),
        Value::List(_) | Value::Dict(_) => {}
        _ => return charge(ELEMENT),
    }
    let mut pending = vec![(value.clone(), 0)];
    let mut path = Vec::new();
    while let Some((value, depth)) = pending.pop() {
        if depth > MAX_NESTING {
            // Helm refuses a value that contains itself, too; the conversion does so in its own words.
            return if contains_itself(&path) {
                Ok(())
            } else {
                Err(FunctionError::bound(Bound::Nesting))
            };
        }
        path.truncate(depth);
        path.push(match &value {
            Value::Dict(dict) => Some(dict.clone()),
            _ => None,
        });
        match &value {
            Value::String(text) => charge(ELEMENT + text.len().saturating_mul(factor))?,
            // Its numbers are printed, or it is text in base 64.
            Value::List(list) if list.kind() == ListType::Bytes => charge(list.len() * ELEMENT)?,
            Value::List(list) => {
                // One of each level: pretty forms indent.
                charge(ELEMENT + depth + list.len() * ELEMENT)?;
                let items = list.items().iter().cloned();
                pending.extend(items.map(|item| (item, depth + 1)));
            }
            Value::Dict(dict) => {
                charge(ELEMENT + depth + dict.len() * ENTRY)?;
                for (key, value) in dict.entries().iter() {
                    charge(depth + key.len().saturating_mul(factor))?;
                    pending.push((value.clone(), depth + 1));
                }
            }
            _ => charge(ELEMENT)?,
        }
    }
    Ok(())
}

/// Whether a dictionary lies within itself. Lists cannot: they never change once they are made.
fn contains_itself(path: &[Option<Dict>]) -> bool {
    let mut dicts = path.iter().flatten().enumerate();
    dicts.any(|(index, dict)| {
        let mut outer = path.iter().flatten().take(index);
        outer.any(|outer| outer.same(dict))
    })
}

/// Accounts for what a text becomes when it is parsed.
///
/// # Errors
/// If that is more than the rendering may make.
pub(super) fn weigh_text(
    call: &mut Call<'_>,
    text: &str,
    factor: usize,
) -> Result<(), FunctionError> {
    call.charge(text.len().saturating_mul(factor))?;
    call.work(text.len() / 4)
}
