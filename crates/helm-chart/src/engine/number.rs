//! Floats and quoted strings as Go's `strconv` writes them. Pure; used by printing, functions and YAML output.

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

/// Whether Go prints the character as itself in a quoted string.
#[must_use]
pub fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // The first character keeps a combining one from being escaped for standing alone.
    "a".chars()
        .chain([character])
        .collect::<String>()
        .escape_debug()
        .nth(1)
        == Some(character)
}

/// A string in double quotes with Go's escapes (`%q`); with `ascii`, nothing beyond ASCII stays as it is.
#[must_use]
pub fn quote(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        escape(character, '"', ascii, &mut out);
    }
    out.push('"');
    out
}

/// A character in single quotes (`%q` of an integer).
#[must_use]
pub fn quote_char(character: char, ascii: bool) -> String {
    let mut out = String::from("'");
    escape(character, '\'', ascii, &mut out);
    out.push('\'');
    out
}

fn escape(character: char, quote: char, ascii: bool, out: &mut String) {
    let code = u32::from(character);
    if let Some(byte) = super::octets::byte(character) {
        out.extend(format!("\\x{byte:02x}").chars());
        return;
    }
    match character {
        '\\' => out.push_str("\\\\"),
        c if c == quote => out.extend(['\\', c]),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if (c.is_ascii() || !ascii) && is_print(c) => out.push(c),
        _ if code < 0x20 || code == 0x7f => out.extend(format!("\\x{code:02x}").chars()),
        _ if code > 0xffff => out.extend(format!("\\U{code:08x}").chars()),
        _ => out.extend(format!("\\u{code:04x}").chars()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "0")]
    #[case(-0.0, "-0")]
    #[case(100_000.0, "100000")]
    #[case(123_456.0, "123456")]
    #[case(1_000_000.0, "1e+06")]
    #[case(1_234_567.0, "1.234567e+06")]
    #[case(12_345_678_901.0, "1.2345678901e+10")]
    #[case(1e21, "1e+21")]
    #[case(1.5, "1.5")]
    #[case(0.0001, "0.0001")]
    #[case(0.00001, "1e-05")]
    #[case(1e100, "1e+100")]
    #[case(-3.25, "-3.25")]
    #[case(f64::NAN, "NaN")]
    #[case(f64::INFINITY, "+Inf")]
    fn floats_print_as_in_go(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(float(value), expected);
    }

    #[rstest]
    #[case(100_000.0, 3, "1e+05")]
    #[case(123_456.0, 3, "1.23e+05")]
    #[case(123_456_789.0, 10, "123456789")]
    #[case(1e20, 10, "1e+20")]
    #[case(0.0001, 3, "0.0001")]
    #[case(2.71728, 3, "2.72")]
    #[case(2.0, 5, "2")]
    fn a_precision_counts_digits(
        #[case] value: f64,
        #[case] precision: usize,
        #[case] expected: &str,
    ) {
        assert_eq!(general(value, Some(precision)), expected);
    }

    #[rstest]
    #[case("100000000000000.125", "1.0000000000000012e+14")]
    #[case("100000000000000.375", "1.0000000000000038e+14")]
    #[case("5e-324", "5e-324")]
    #[case("9007199254740993", "9.007199254740992e+15")]
    fn of_two_that_are_equally_near_the_even_one_is_printed(
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(float(value.parse().unwrap()), expected);
    }

    #[rstest]
    #[case(1e21, "1e+21")]
    #[case(1e20, "100000000000000000000")]
    #[case(1e-7, "1e-7")]
    #[case(1e-6, "0.000001")]
    #[case(10_000_000.0, "10000000")]
    fn json_floats_have_their_own_rule(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(json(value), expected);
    }

    #[rstest]
    #[case("a\"b\nü\0\u{200b}", false, "\"a\\\"b\\nü\\x00\\u200b\"")]
    #[case("ü☃\u{1F600}", true, "\"\\u00fc\\u2603\\U0001f600\"")]
    #[case("a`b\x7f", false, "\"a`b\\x7f\"")]
    #[case("e\u{301}", false, "\"e\u{301}\"")]
    fn strings_are_quoted_as_in_go(
        #[case] text: &str,
        #[case] ascii: bool,
        #[case] expected: &str,
    ) {
        assert_eq!(quote(text, ascii), expected);
    }
}
