//! Scalars by tag and text, and as JSON. Pure.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Number, Value};

use super::super::Error;
use super::super::compose::Node;
use super::super::number::{float_text, float32_text};
use super::super::parse::NAMESPACE;
use super::super::resolve::{self, Scalar};
use super::{at, go};
use crate::text::replaced;

/// Go's base 64, which accepts bits that are left over.
const BASE_64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A number as a key of JSON.
pub(super) fn float_key(value: f64) -> String {
    match float32_text(value).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        text => text.to_owned(),
    }
}

/// A scalar with its type.
pub(super) enum Typed<'a> {
    Text(Cow<'a, str>),
    Scalar(Scalar),
}

/// The type of a scalar by tag and text.
pub(super) fn typed<'a>(
    line: u32,
    tag: &str,
    text: &'a str,
    implicit: bool,
) -> Result<Typed<'a>, Error> {
    if tag.is_empty() && !implicit {
        return Ok(Typed::Text(Cow::Borrowed(text)));
    }
    let core = tag
        .strip_prefix(NAMESPACE)
        .unwrap_or(if tag.is_empty() { "" } else { "other" });
    let scalar = match core {
        "binary" => {
            let bytes = BASE_64
                .decode(text.replace(['\n', '\r'], ""))
                .map_err(|_| go(line, "!!binary value contains invalid base64 data"))?;
            return Ok(Typed::Text(Cow::Owned(replaced(&bytes))));
        }
        "" | "timestamp" => resolve::plain(text),
        "bool" | "int" | "float" | "null" => match resolve::plain(text) {
            Scalar::Timestamp => Scalar::Text,
            scalar => scalar,
        },
        _ => Scalar::Text,
    };
    match (core, &scalar) {
        ("float", Scalar::Int(value)) => {
            #[allow(clippy::cast_precision_loss)]
            return Ok(Typed::Scalar(Scalar::Float(*value as f64)));
        }
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("null", Scalar::Null)
        | ("timestamp", Scalar::Timestamp) => {}
        ("bool" | "int" | "float" | "null" | "timestamp", _) => {
            let is = scalar.name();
            return Err(go(
                line,
                &format!("cannot decode !!{is} `{text}` as a !!{core}"),
            ));
        }
        _ => {}
    }
    Ok(match scalar {
        Scalar::Text | Scalar::Timestamp => Typed::Text(Cow::Borrowed(text)),
        other => Typed::Scalar(other),
    })
}

/// A scalar as JSON. Where text is wanted, numbers and truth values become text, and floats have the digits of a `float32`.
pub(super) fn json(node: &Node, typed: Typed<'_>, wants_text: bool) -> Result<Value, Error> {
    #[allow(clippy::cast_precision_loss)]
    Ok(match typed {
        Typed::Text(text) => Value::String(text.into_owned()),
        Typed::Scalar(Scalar::Bool(value)) if wants_text => value.to_string().into(),
        Typed::Scalar(Scalar::Int(value)) if wants_text => value.to_string().into(),
        Typed::Scalar(Scalar::Uint(value)) if wants_text => value.to_string().into(),
        Typed::Scalar(Scalar::Float(value)) if wants_text => float32_text(value).into(),
        Typed::Scalar(Scalar::Bool(value)) => Value::Bool(value),
        Typed::Scalar(Scalar::Int(value)) => number(value as f64),
        Typed::Scalar(Scalar::Uint(value)) => number(value as f64),
        Typed::Scalar(Scalar::Float(value)) if value.is_finite() => number(value),
        Typed::Scalar(Scalar::Float(value)) => {
            let message = format!("json: unsupported value: {}", float_text(value));
            return Err(Error::json(at(node.line), message));
        }
        Typed::Scalar(_) => Value::Null,
    })
}

/// A `float64`, as an integer if it is one: Go writes 1.0 as `1`, `serde_json` would write `1.0`.
#[allow(clippy::cast_possible_truncation)]
fn number(value: f64) -> Value {
    let whole = value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0;
    if whole && !(value == 0.0 && value.is_sign_negative()) {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
