//! Numbers in values and texts, as Go reads and converts them. Pure; used by several families.

use crate::engine::value::Value;

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
