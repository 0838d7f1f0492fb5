//! Floats in Go's text forms. Pure; used to write YAML and to turn keys into strings.

/// `strconv.FormatFloat(value, 'g', -1, 64)`: shortest digits, with an exponent below 1e-4 and from 1e6 on.
#[must_use]
pub fn float_text(value: f64) -> String {
    general(value, &format!("{value:e}"))
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`: as [`float_text`], with the digits of a `float32`.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub(super) fn float32_text(value: f64) -> String {
    let narrow = value as f32;
    general(f64::from(narrow), &format!("{narrow:e}"))
}

/// The number as `encoding/json` writes it: with an exponent only below 1e-6 and from 1e21 on.
#[must_use]
pub fn json_number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = parts(&scientific);
    // Go's encoder drops the zero of a one-digit negative exponent: 1e-07 is written 1e-7.
    if exponent < 0 {
        format!("{digits}e{exponent}")
    } else {
        format!("{digits}e+{exponent:02}")
    }
}

fn general(value: f64, scientific: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (digits, exponent) = parts(scientific);
    if value != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    positional(digits, exponent)
}

/// Digits (with sign and point) and exponent of Rust's `{:e}` form.
fn parts(scientific: &str) -> (&str, i32) {
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (digits, exponent.parse().unwrap_or(0))
}

/// Moves the point of `d.ddd` by `exponent` places, which is between -4 and 5.
fn positional(scientific_digits: &str, exponent: i32) -> String {
    let (sign, rest) = scientific_digits
        .strip_prefix('-')
        .map_or(("", scientific_digits), |rest| ("-", rest));
    let digits: String = rest.chars().filter(|character| *character != '.').collect();
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places - 1));
    }
    if digits.len() <= places + 1 {
        return format!("{sign}{digits:0<width$}", width = places + 1);
    }
    let (whole, fraction) = digits.split_at(places + 1);
    format!("{sign}{whole}.{fraction}")
}
