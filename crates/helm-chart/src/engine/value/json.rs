//! Values from JSON, and as Go's encoder writes them as JSON. Pure.

use std::rc::Rc;

use serde_json::Value as Json;

use super::{DictType, ListType, MAX_NESTING, Object, Value};
use crate::engine::functions::FunctionError;
use crate::engine::octets;

impl Value {
    /// A value of YAML or JSON: every number becomes `float64`.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::string(octets::entered(text)),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(fields) => Self::dict(
                fields
                    .iter()
                    .map(|(key, value)| (Rc::from(key.as_str()), Self::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// The value as JSON encodes it: whole floats below 1e21 without a fraction, byte lists in base64.
    ///
    /// # Errors
    /// If it nests deeper than [`MAX_NESTING`] (a cycle), or holds a float that JSON has no form for.
    pub fn to_json(&self) -> Result<Json, FunctionError> {
        self.to_json_at(0, false)
    }

    /// The same for writing JSON, where the fields of structures keep their order: each is marked, see [`field_name`].
    ///
    /// # Errors
    /// As [`Value::to_json`].
    pub(in crate::engine) fn to_ordered_json(&self) -> Result<Json, FunctionError> {
        self.to_json_at(0, true)
    }

    fn to_json_at(&self, depth: usize, ordered: bool) -> Result<Json, FunctionError> {
        if depth > MAX_NESTING {
            return Err(FunctionError::new(
                "value is nested too deeply or contains itself",
            ));
        }
        Ok(match self {
            Self::Nil | Self::NilInterface => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) | Self::Int64(value) => Json::from(*value),
            Self::Uint64(value) => Json::from(*value),
            Self::Byte(value) => Json::from(*value),
            Self::Float(value) => float_to_json(*value)?,
            Self::String(text) if ordered => Json::String(text.to_string()),
            Self::String(text) => Json::String(octets::replaced(text).into_owned()),
            Self::List(list) if matches!(list.kind(), ListType::Nil | ListType::NilStrings) => {
                Json::Null
            }
            Self::List(list) if list.kind() == ListType::Bytes => {
                use base64::Engine as _;
                Json::String(base64::engine::general_purpose::STANDARD.encode(list.bytes()))
            }
            Self::List(list) => Json::Array(
                list.items()
                    .iter()
                    .map(|item| item.to_json_at(depth + 1, ordered))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Dict(dict) if matches!(dict.kind(), DictType::Nil | DictType::NilStrings) => {
                Json::Null
            }
            Self::Dict(dict) => {
                let entries = dict.entries();
                let fields = entries.iter().map(|(key, value)| {
                    let key = if ordered {
                        key.to_string()
                    } else {
                        octets::replaced(key).into_owned()
                    };
                    Ok((key, value.to_json_at(depth + 1, ordered)?))
                });
                Json::Object(fields.collect::<Result<_, FunctionError>>()?)
            }
            Self::Object(object) => object_to_json(object.as_ref(), ordered)?,
        })
    }
}

fn object_to_json(object: &dyn Object, ordered: bool) -> Result<Json, FunctionError> {
    if !object.printable() {
        let what = format!(
            "a {} says how the helm program was built",
            object.type_name()
        );
        return Err(FunctionError::limit(&what));
    }
    Ok(match object.to_json() {
        Json::Object(fields) if ordered => {
            let places = object.members().into_iter().map(|(name, _)| name).zip(0..);
            let marked = places.filter_map(|(name, place)| {
                Some((format!("\0{place}{name}"), fields.get(name)?.clone()))
            });
            Json::Object(marked.collect())
        }
        json => json,
    })
}

/// A whole number in the range of `i64` becomes an integer, because Go's encoder prints it without fraction.
/// Larger ones stay floats: whoever prints them has to follow Go's rule (exponent from 1e21 on).
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn float_to_json(value: f64) -> Result<Json, FunctionError> {
    if !value.is_finite() {
        return Err(FunctionError::new(format!(
            "json: unsupported value: {value}"
        )));
    }
    if value.fract() == 0.0
        && value.abs() < 9_007_199_254_740_992.0
        && !(value == 0.0 && value.is_sign_negative())
    {
        return Ok(Json::from(value as i64));
    }
    Ok(Json::from(value))
}

/// The name of a field without the zero byte and the digit that keep it in its place.
pub(in crate::engine) fn field_name(key: &str) -> &str {
    match key.as_bytes() {
        [0, b'0'..=b'9', ..] => &key[2..],
        _ => key,
    }
}
