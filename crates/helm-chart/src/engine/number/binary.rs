//! Floats to the base of two, as `%b` and `%x` print them. Pure.

use super::{sign, special};

/// Mantissa and exponent of a float: (`m`, `e`) for `m × 2^e`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    if exponent == 0 {
        (mantissa, -1074)
    } else {
        (mantissa | 1 << 52, exponent - 1075)
    }
}

/// `%b`
#[must_use]
pub fn binary(value: f64) -> String {
    special(value).unwrap_or_else(|| {
        let (mantissa, exponent) = parts(value);
        sign(value, &format!("{mantissa}p{exponent:+}"))
    })
}

/// `%x` with a precision (digits after the point), or with all digits.
#[must_use]
pub fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    let (mut mantissa, mut exponent) = parts(value);
    exponent = if mantissa == 0 { 0 } else { exponent + 52 };
    mantissa <<= 8;
    while mantissa != 0 && mantissa & 1 << 60 == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let shift = precision * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & 1 << 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("0x{}", mantissa >> 60 & 1);
    // There are at most fifteen digits.
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) if precision <= digits.len() => digits[..precision].to_owned(),
        Some(precision) => format!("{digits}{}", "0".repeat(precision - digits.len())),
    };
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(&fraction);
    }
    let mark = if exponent < 0 { '-' } else { '+' };
    sign(
        value,
        &format!("{text}p{mark}{:02}", exponent.unsigned_abs()),
    )
}
