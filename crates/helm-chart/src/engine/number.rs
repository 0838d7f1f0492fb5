//! Floats and quoted strings as Go's `strconv` writes them. Pure; used by printing, functions and YAML output.

mod binary;
mod quote;

pub use binary::{binary, hexadecimal};
pub use quote::{is_print, quote, quote_char};

/// No float has more digits than this, before or behind its point.
const PLACES: usize = 1_100;

/// Sign, decimal digits and exponent of a finite float: `d.ddd × 10^exponent`.
struct Decimal {
    digits: String,
    exponent: i32,
}

fn decimal(formatted: &str) -> Decimal {
    let (mantissa, exponent) = formatted.split_once('e').unwrap_or((formatted, "0"));
    Decimal {
        digits: mantissa.replace('.', ""),
        exponent: exponent.parse().unwrap_or(0),
    }
}

/// The fewest digits that read back as the same number, as near to it as possible; of two that are equally near, the even one.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let digits = text
        .bytes()
        .take_while(|byte| *byte != b'e')
        .filter(u8::is_ascii_digit)
        .count();
    // Between fewer digits there is never a tie.
    if digits < 15 {
        return text;
    }
    let exact = format!("{value:.*e}", digits - 1);
    match exact.parse::<f64>() {
        #[allow(clippy::float_cmp)]
        Ok(read) if read == value => exact,
        _ => text,
    }
}

fn special(value: f64) -> Option<String> {
    let text = match value {
        v if v.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => return None,
    };
    Some(text.to_owned())
}

/// A float as `{{ }}`, `%v` and `%g` print it: the shortest digits that read back as the same number, with an
/// exponent below 1e-4 and from a million on.
#[must_use]
pub fn float(value: f64) -> String {
    general(value, None)
}

/// `%g` with a precision (significant digits), or the shortest digits without.
#[must_use]
pub fn general(value: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    let digits = precision.map(|precision| precision.max(1));
    let scientific = match digits {
        None => shortest(value.abs()),
        Some(digits) => format!("{:.*e}", (digits - 1).min(PLACES), value.abs()),
    };
    let Decimal {
        digits: text,
        exponent,
    } = decimal(&scientific);
    let text = trim_zeros(&text);
    let limit = match digits {
        None => 6,
        // Go compares with the number of digits there are, if fewer than asked for and all before the point.
        Some(digits)
            if digits > text.len() && i32::try_from(text.len()).unwrap_or(i32::MAX) > exponent =>
        {
            i32::try_from(text.len()).unwrap_or(i32::MAX)
        }
        Some(digits) => i32::try_from(digits).unwrap_or(i32::MAX),
    };
    let body = if exponent < -4 || exponent >= limit {
        scientific_form(text, exponent)
    } else {
        plain_form(text, exponent)
    };
    sign(value, &body)
}

fn trim_zeros(digits: &str) -> &str {
    let trimmed = digits.trim_end_matches('0');
    if trimmed.is_empty() { "0" } else { trimmed }
}

fn sign(value: f64, body: &str) -> String {
    if value.is_sign_negative() {
        format!("-{body}")
    } else {
        body.to_owned()
    }
}

fn scientific_form(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

fn plain_form(digits: &str, exponent: i32) -> String {
    match usize::try_from(exponent) {
        Err(_) => format!(
            "0.{}{digits}",
            "0".repeat(exponent.unsigned_abs() as usize - 1)
        ),
        Ok(exponent) if digits.len() <= exponent + 1 => {
            format!("{digits}{}", "0".repeat(exponent + 1 - digits.len()))
        }
        Ok(exponent) => format!("{}.{}", &digits[..=exponent], &digits[exponent + 1..]),
    }
}

/// `%e` with a precision.
#[must_use]
pub fn exponential(value: f64, precision: usize) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    let exact = precision.min(PLACES);
    let Decimal {
        mut digits,
        exponent,
    } = decimal(&format!("{:.*e}", exact, value.abs()));
    digits.push_str(&"0".repeat(precision - exact));
    sign(value, &scientific_form(&digits, exponent))
}

/// `%f` with a precision.
#[must_use]
pub fn fixed(value: f64, precision: usize) -> String {
    special(value).unwrap_or_else(|| {
        let exact = precision.min(PLACES);
        let zeros = "0".repeat(precision - exact);
        format!("{value:.exact$}{zeros}")
    })
}

/// `math.Pow(10, places)`, step by step: beyond 22 places a power is not exact, and what is left out depends on the steps.
#[must_use]
pub fn power_of_ten(places: i64) -> f64 {
    if places == 0 {
        return 1.0;
    }
    let (mut power, mut exponent) = (1.0, 0);
    // Ten is 0.625 * 2^4.
    let (mut factor, mut of_factor) = (0.625, 4);
    let mut left = places.unsigned_abs();
    while left != 0 {
        if of_factor > 1 << 12 {
            exponent += of_factor;
            break;
        }
        if left & 1 == 1 {
            power *= factor;
            exponent += of_factor;
        }
        factor *= factor;
        of_factor <<= 1;
        if factor < 0.5 {
            factor += factor;
            of_factor -= 1;
        }
        left >>= 1;
    }
    if places < 0 {
        (power, exponent) = (1.0 / power, -exponent);
    }
    // In two steps, so that a power of two on the way is not out of range; only the last one rounds.
    let half = exponent.clamp(-2200, 2200) / 2;
    let rest = exponent.clamp(-2200, 2200) - half;
    power * 2_f64.powi(half) * 2_f64.powi(rest)
}

/// The shortest decimal form without exponent (`strconv.FormatFloat(v, 'f', -1, 64)`).
#[must_use]
pub fn plain(value: f64) -> String {
    special(value).unwrap_or_else(|| {
        let Decimal { digits, exponent } = decimal(&shortest(value.abs()));
        sign(value, &plain_form(trim_zeros(&digits), exponent))
    })
}

/// A float as Go's JSON encoder writes it: an exponent only below 1e-6 and from 1e21 on.
#[must_use]
pub fn json(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let Decimal { digits, exponent } = decimal(&shortest(magnitude));
        let text = scientific_form(trim_zeros(&digits), exponent);
        // The encoder shortens e-09 to e-9.
        let text = match text.split_once("e-0") {
            Some((mantissa, exponent)) => format!("{mantissa}e-{exponent}"),
            None => text,
        };
        return sign(value, &text);
    }
    plain(value)
}

#[cfg(test)]
mod tests;
