//! How Go's template language compares: `eq`, `ne`, `lt`, `le`, `gt`, `ge`. Pure.

use std::cmp::Ordering;

use super::{Call, FunctionError};
use crate::engine::value::{DictType, Kind, Value};

type Outcome = Result<Value, FunctionError>;

/// What Go compares values as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Invalid,
    Bool,
    Int,
    Uint,
    Float,
    String,
}

fn basic(value: &Value) -> Basic {
    match value.kind() {
        Kind::Bool => Basic::Bool,
        Kind::Int | Kind::Int64 => Basic::Int,
        Kind::Uint64 | Kind::Uint8 => Basic::Uint,
        Kind::Float64 => Basic::Float,
        Kind::String => Basic::String,
        Kind::Invalid | Kind::Slice | Kind::Map | Kind::Ptr | Kind::Struct => Basic::Invalid,
    }
}

/// An integer of any type, for comparing across signs.
pub(super) fn integer(value: &Value) -> i128 {
    match value {
        Value::Int(number) | Value::Int64(number) => i128::from(*number),
        Value::Uint64(number) => i128::from(*number),
        Value::Byte(number) => i128::from(*number),
        _ => 0,
    }
}

fn incompatible(left: &Value, right: &Value) -> FunctionError {
    let (left, right) = (left.type_name(), right.type_name());
    FunctionError::new(format!(
        "incompatible types for comparison: {left} and {right}"
    ))
}

pub(super) fn eq(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    equal(&arguments[0], &arguments[1..]).map(Value::Bool)
}

pub(super) fn equal(left: &Value, others: &[Value]) -> Result<bool, FunctionError> {
    if others.is_empty() {
        return Err(FunctionError::new("missing argument for comparison"));
    }
    for right in others {
        if equal_to(left, right)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[allow(clippy::float_cmp)] // Go compares floats exactly
fn equal_to(left: &Value, right: &Value) -> Result<bool, FunctionError> {
    Ok(match (basic(left), basic(right)) {
        (Basic::Int | Basic::Uint, Basic::Int | Basic::Uint) => integer(left) == integer(right),
        (Basic::Invalid, Basic::Invalid) => return equal_complex(left, right),
        (one, other) if one != other => {
            return if left.is_nil() || right.is_nil() {
                Ok(false)
            } else {
                Err(incompatible(left, right))
            };
        }
        _ => match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Float(left), Value::Float(right)) => left == right,
            (Value::String(left), Value::String(right)) => left == right,
            _ => false,
        },
    })
}

/// Maps and lists can be compared with nil only.
fn equal_complex(left: &Value, right: &Value) -> Result<bool, FunctionError> {
    let nil = |value: &Value| match value {
        Value::Dict(dict) => matches!(dict.kind(), DictType::Nil | DictType::NilStrings),
        other => other.is_nil(),
    };
    if left.kind() != right.kind() && !left.is_nil() && !right.is_nil() {
        return Err(FunctionError::new(format!(
            "non-comparable types {}, {}",
            left.type_name(),
            right.type_name()
        )));
    }
    if nil(left) || nil(right) {
        return Ok(nil(left) == nil(right));
    }
    Err(FunctionError::new(format!(
        "non-comparable type {}",
        right.type_name()
    )))
}

pub(super) fn less(arguments: &[Value]) -> Result<bool, FunctionError> {
    let (left, right) = (&arguments[0], &arguments[1]);
    let kinds = (basic(left), basic(right));
    if kinds.0 == Basic::Invalid || kinds.1 == Basic::Invalid {
        return Err(FunctionError::new("invalid type for comparison"));
    }
    let order = match (left, right) {
        _ if matches!(kinds, (Basic::Int | Basic::Uint, Basic::Int | Basic::Uint)) => {
            Some(integer(left).cmp(&integer(right)))
        }
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(_), Value::Bool(_)) => {
            return Err(FunctionError::new("invalid type for comparison"));
        }
        _ => return Err(incompatible(left, right)),
    };
    Ok(order == Some(Ordering::Less))
}

pub(super) fn less_or_equal(arguments: &[Value]) -> Result<bool, FunctionError> {
    Ok(less(arguments)? || equal_to(&arguments[0], &arguments[1])?)
}
