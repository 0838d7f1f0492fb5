//! What several families share: Go's conversions (`cast`, `fmt`, `reflect.DeepEqual`) and Unicode classes. Pure.

use std::sync::LazyLock;

use regex::Regex;

use super::weight::weigh;
use super::{BYTES_OF_STEP, Call, FunctionError};
use crate::engine::format;
use crate::engine::octets;
use crate::engine::value::{DictType, List, ListType, MAX_NESTING, Value};

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

/// `cast.ToInt64`: zero for what is not a number.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Uint64(number) => number.cast_signed(),
        Value::Byte(number) => i64::from(*number),
        Value::Bool(flag) => i64::from(*flag),
        Value::Float(number) => float_to_int(*number),
        Value::String(text) => parse_int(trim_zero_decimal(text)).unwrap_or(0),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn to_float64(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Uint64(number) => *number as f64,
        Value::Byte(number) => f64::from(*number),
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Float(number) => *number,
        Value::String(text) => parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Go's conversion on the machines that Helm runs on: out of range is the smallest number.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn float_to_int(number: f64) -> i64 {
    let limit = 9_223_372_036_854_775_808.0;
    if (-limit..limit).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

fn trim_zero_decimal(text: &str) -> &str {
    match text.trim_end_matches('0').strip_suffix('.') {
        Some(whole) if text.ends_with('0') => whole,
        _ => text,
    }
}

/// `strconv.ParseInt(text, 0, 64)`.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.contains('_') && !underscores_fit(digits) {
        return None;
    }
    let plain = digits.replace('_', "");
    let prefix = plain.get(..2).map(str::to_ascii_lowercase);
    let (radix, plain) = match prefix.as_deref() {
        Some("0x") => (16, &plain[2..]),
        Some("0b") => (2, &plain[2..]),
        Some("0o") => (8, &plain[2..]),
        Some(other) if other.starts_with('0') => (8, &plain[1..]),
        _ => (10, plain.as_str()),
    };
    if !plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(plain, radix).ok()?;
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Go's literals take an underscore between digits and after a base prefix.
fn underscores_fit(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    let rest = ["0x", "0b", "0o"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix).map(|rest| format!("0{rest}")));
    // Without a prefix, base 0 still wants the octal zero for underscores to follow, or plain digits.
    let rest = rest.unwrap_or(lower);
    !rest.starts_with('_') && !rest.ends_with('_') && !rest.contains("__")
}

/// `strconv.ParseFloat(text, 64)`; out of range is an error, as in Go.
pub(in crate::engine) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text
        .strip_prefix(['+', '-'])
        .unwrap_or(text)
        .to_ascii_lowercase();
    match unsigned.as_str() {
        "inf" | "infinity" => return text.parse().ok(),
        "nan" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        _ => {}
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || (unsigned.contains('_') && !underscores_separate(&unsigned))
    {
        return None;
    }
    let plain = unsigned.replace('_', "");
    let magnitude = match plain.strip_prefix("0x") {
        Some(digits) => hexadecimal_float(digits)?,
        None => plain.parse().ok()?,
    };
    let signed = if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    Some(signed).filter(|number: &f64| number.is_finite())
}

/// Whether every underscore stands between digits; a base prefix counts as a digit.
fn underscores_separate(text: &str) -> bool {
    let hexadecimal = text.starts_with("0x");
    let digits = if hexadecimal { &text[2..] } else { text };
    let mut last = if hexadecimal { '0' } else { '^' };
    for character in digits.chars() {
        let digit = character.is_ascii_digit() || hexadecimal && character.is_ascii_hexdigit();
        if digit {
            last = '0';
        } else if character == '_' && last != '0' || character != '_' && last == '_' {
            return false;
        } else {
            last = character;
        }
    }
    last != '_'
}

/// A float from its digits after `0x`, which end in an exponent. More digits than a float holds are rounded to even.
#[allow(clippy::cast_precision_loss)] // the cast rounds
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut exponent: i64 = match exponent.parse::<i64>() {
        Ok(exponent) if exponent.abs() < 100_000 => exponent,
        _ => return None,
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut number = 0_u128;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u128::from(digit.to_digit(16)?);
        if number >> 100 == 0 {
            number = number * 16 + digit;
        } else {
            // A digit that is cut off still tells on which side of a tie the number lies.
            number |= u128::from(digit != 0);
            exponent += 4;
        }
        if index >= whole.len() {
            exponent -= 4;
        }
    }
    if number == 0 || exponent < -1200 {
        return Some(0.0);
    }
    let exponent = i32::try_from(exponent.min(1200)).ok()?;
    let bits = 128 - i32::try_from(number.leading_zeros()).ok()?;
    if bits + exponent < -1021 {
        // A float this small lacks some of its precision: multiplication would round it twice, so it is shifted.
        let shift = u32::try_from(-1074 - exponent).ok()?;
        if shift >= 128 {
            return Some(0.0);
        }
        let (kept, cut) = (number >> shift, number & ((1 << shift) - 1));
        let tie = 1_u128 << (shift - 1);
        let up = cut > tie || cut == tie && kept & 1 == 1;
        return Some(f64::from_bits(u64::try_from(kept).ok()? + u64::from(up)));
    }
    let half = exponent / 2;
    Some(number as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half))
}

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
        (Value::Dict(one), Value::Dict(other)) => {
            if one.same(other) {
                return Ok(true);
            }
            if one.len() != other.len()
                || (one.kind() == DictType::Nil) != (other.kind() == DictType::Nil)
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
            true
        }
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

/// A class of characters, by the name that regular expressions give it.
pub(super) struct Class(LazyLock<Option<Regex>>);

pub(super) static LETTER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{L}$").ok()));
pub(super) static UPPER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Lu}$").ok()));
pub(super) static LOWER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Ll}$").ok()));
pub(super) static TITLE: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Lt}$").ok()));
pub(super) static DIGIT: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok()));
pub(super) static NUMBER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{N}$").ok()));
pub(super) static PUNCTUATION: Class = Class(LazyLock::new(|| Regex::new(r"^\p{P}$").ok()));

impl Class {
    pub(super) fn has(&self, character: char) -> bool {
        self.0
            .as_ref()
            .is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
    }
}

/// `unicode.ToUpper`: one character for one.
pub(super) fn upper(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next(), character) {
        (Some(only), None, _) => only,
        // Capitals of Greek with an iota, which Rust writes as two.
        (.., '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}') => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        (.., '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}') => {
            char::from_u32(u32::from(character) + 9).unwrap_or(character)
        }
        _ => character,
    }
}

/// `unicode.ToLower`.
pub(super) fn lower(character: char) -> char {
    if character == '\u{130}' {
        return 'i';
    }
    character.to_lowercase().next().unwrap_or(character)
}

/// `unicode.ToTitle`.
pub(super) fn title(character: char) -> char {
    match character {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => character,
        other => upper(other),
    }
}
