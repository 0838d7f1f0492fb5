//! What a value weighs when it is written out or was read: values share parts, so a few steps make one that would fill memory.
//!
//! Pure; asked before a conversion.

use super::support::Outcome;
use super::{Call, FunctionError};
use crate::chart::template::value::{MAX_NESTING, Value};

/// What a byte of text may become in memory when it is parsed: `[1,1,1` is a value every two bytes.
const PARSED: usize = 16;

/// Accounts for everything in a value, as often as it occurs.
///
/// # Errors
/// If that is more than the rendering may make.
pub(super) fn weigh(call: &mut Call<'_>, value: &Value) -> Outcome<()> {
    let mut pending = vec![(value.clone(), 0)];
    while let Some((value, depth)) = pending.pop() {
        if depth > MAX_NESTING {
            // The conversion refuses it in its own words.
            return Ok(());
        }
        let text = if let Value::String(text) = &value {
            text.len()
        } else {
            0
        };
        // One of each level: pretty forms indent.
        call.charge(text + depth + 1)?;
        match value {
            Value::List(list) => {
                let items = list.items().iter().cloned();
                pending.extend(items.map(|item| (item, depth + 1)));
            }
            Value::Dict(dict) => {
                for (key, value) in dict.entries().iter() {
                    call.charge(key.len())?;
                    pending.push((value.clone(), depth + 1));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Accounts for what a text becomes when it is parsed.
///
/// # Errors
/// If that is more than the rendering may make.
pub(super) fn weigh_text(call: &mut Call<'_>, text: &str) -> Result<(), FunctionError> {
    call.charge(text.len().saturating_mul(PARSED))
}
