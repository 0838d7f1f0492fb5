//! `reflect.DeepEqual`. Pure; used by several families.

use super::support::Outcome;
use super::{BYTES_OF_STEP, Call, FunctionError};
use crate::engine::value::{Dict, DictType, List, ListType, MAX_NESTING, Value};

/// `reflect.DeepEqual`.
pub(super) fn deep_equal(
    call: &mut Call<'_>,
    left: &Value,
    right: &Value,
    depth: usize,
) -> Outcome<bool> {
    // Values share parts, so that comparing may take far longer than making them did.
    call.step()?;
    if depth > MAX_NESTING {
        return Err(FunctionError::new(
            "values are nested too deeply to be compared",
        ));
    }
    if left.type_name() != right.type_name() {
        return Ok(false);
    }
    Ok(match (left, right) {
        (Value::Nil | Value::NilInterface, _) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Int(one) | Value::Int64(one), Value::Int(other) | Value::Int64(other)) => {
            one == other
        }
        (Value::Uint64(one), Value::Uint64(other)) => one == other,
        (Value::Byte(one), Value::Byte(other)) => one == other,
        #[allow(clippy::float_cmp)]
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::String(one), Value::String(other)) => {
            call.work(one.len().min(other.len()) / BYTES_OF_STEP)?;
            one == other
        }
        (Value::List(one), Value::List(other)) => return equal_lists(call, one, other, depth),
        (Value::Dict(one), Value::Dict(other)) => return equal_dicts(call, one, other, depth),
        (Value::Object(one), Value::Object(other)) => {
            // A rendering has one `.Capabilities`, which shows no members.
            for ((_, one), (_, other)) in one.members().iter().zip(&other.members()) {
                if !deep_equal(call, one, other, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

fn equal_lists(call: &mut Call<'_>, one: &List, other: &List, depth: usize) -> Outcome<bool> {
    if one.kind() != other.kind() || one.len() != other.len() {
        return Ok(false);
    }
    if one.kind() == ListType::Bytes {
        call.charge(one.len().saturating_mul(2))?;
        return Ok(one.bytes() == other.bytes());
    }
    for (left, right) in one.items().iter().zip(other.items()) {
        if !deep_equal(call, left, right, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_dicts(call: &mut Call<'_>, one: &Dict, other: &Dict, depth: usize) -> Outcome<bool> {
    if one.same(other) {
        return Ok(true);
    }
    if one.len() != other.len() || (one.kind() == DictType::Nil) != (other.kind() == DictType::Nil)
    {
        return Ok(false);
    }
    let (one, other) = (one.entries(), other.entries());
    for (key, value) in one.iter() {
        call.work(key.len() / BYTES_OF_STEP)?;
        match other.get(key) {
            Some(found) if deep_equal(call, value, found, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
