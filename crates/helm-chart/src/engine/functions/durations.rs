//! Helm's durations in numbers: text such as `1h30m`, or a number of seconds. Pure.

use super::numbers::parse_float;
use super::{Function, Param};
use crate::engine::value::Value;

use Param::Any;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "durationDays",
        Function::new(&[Any], |_, a| {
            Ok(Value::Float(parts(&a[0], 3_600 * SECOND) / 24.0))
        }),
    ),
    (
        "durationHours",
        Function::new(&[Any], |_, a| {
            Ok(Value::Float(parts(&a[0], 3_600 * SECOND)))
        }),
    ),
    (
        "durationMicroseconds",
        Function::new(&[Any], |_, a| Ok(Value::Int64(nanoseconds(&a[0]) / 1_000))),
    ),
    (
        "durationMilliseconds",
        Function::new(&[Any], |_, a| {
            Ok(Value::Int64(nanoseconds(&a[0]) / 1_000_000))
        }),
    ),
    (
        "durationMinutes",
        Function::new(&[Any], |_, a| Ok(Value::Float(parts(&a[0], 60 * SECOND)))),
    ),
    (
        "durationNanoseconds",
        Function::new(&[Any], |_, a| Ok(Value::Int64(nanoseconds(&a[0])))),
    ),
    (
        "durationSeconds",
        Function::new(&[Any], |_, a| Ok(Value::Float(parts(&a[0], SECOND)))),
    ),
    (
        "durationWeeks",
        Function::new(&[Any], |_, a| {
            Ok(Value::Float(parts(&a[0], 3_600 * SECOND) / 24.0 / 7.0))
        }),
    ),
];

const SECOND: i64 = 1_000_000_000;

/// A duration in a unit, as Go computes it: whole units and the rest apart.
#[allow(clippy::cast_precision_loss)]
fn parts(value: &Value, unit: i64) -> f64 {
    let nanoseconds = nanoseconds(value);
    (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64
}

/// Zero for what is not a duration.
fn nanoseconds(value: &Value) -> i64 {
    let found = match value {
        Value::String(text) => {
            let text = text.trim();
            parse(text).or_else(|| parse_float(text).and_then(from_seconds))
        }
        Value::Int(seconds) | Value::Int64(seconds) => seconds.checked_mul(SECOND),
        Value::Uint64(seconds) => i64::try_from(*seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(SECOND)),
        Value::Byte(seconds) => Some(i64::from(*seconds) * SECOND),
        Value::Float(seconds) => from_seconds(*seconds),
        _ => None,
    };
    found.unwrap_or(0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn from_seconds(seconds: f64) -> Option<i64> {
    let limit = i64::MAX as f64;
    let nanoseconds = seconds * SECOND as f64;
    let fits =
        seconds.is_finite() && seconds.abs() <= limit / SECOND as f64 && nanoseconds.abs() < limit;
    fits.then_some(nanoseconds as i64)
}

/// `time.ParseDuration`.
fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (amount, after) = number(rest)?;
        let end = after
            .find(|one: char| one == '.' || one.is_ascii_digit())
            .unwrap_or(after.len());
        let unit = match &after[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total
            .checked_add(scaled(amount, unit)?)
            .filter(|total| *total <= 1 << 63)?;
        rest = &after[end..];
    }
    if negative {
        0_i64.checked_sub_unsigned(total)
    } else {
        i64::try_from(total).ok()
    }
}

/// Whole and fractional digits at the front of a text, and what follows them.
fn number(text: &str) -> Option<((&str, &str), &str)> {
    let end = |text: &str| {
        text.find(|one: char| !one.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let (whole, rest) = text.split_at(end(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(end(after)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        None
    } else {
        Some(((whole, fraction), rest))
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
fn scaled((whole, fraction): (&str, &str), unit: u64) -> Option<u64> {
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok()?
    };
    let total = whole.checked_mul(unit)?;
    if fraction.is_empty() {
        return Some(total);
    }
    // More digits than a nanosecond can hold do not count.
    let digits = &fraction[..fraction.len().min(18)];
    let part = digits.parse::<u64>().ok()? as f64
        * (unit as f64 / 10_f64.powi(i32::try_from(digits.len()).ok()?));
    total.checked_add(part as u64)
}
