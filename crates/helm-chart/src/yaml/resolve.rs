//! Which type a YAML scalar has by its text: YAML 1.1's words and numbers as go-yaml reads them. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// A scalar with its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Looks like a time; stays text, but is quoted when written.
    Timestamp,
    Text,
}

impl Scalar {
    /// The name of its tag.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Uint(_) => "int",
            Self::Float(_) => "float",
            Self::Timestamp => "timestamp",
            Self::Text => "str",
        }
    }
}

static FLOAT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").ok());
static POINT_FLOAT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?$").ok());
static BASE_60: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$").ok());

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(text))
}

/// The type of a plain scalar.
pub(super) fn plain(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' if matches(&POINT_FLOAT, text) => {
            float(&text.replace('_', "")).unwrap_or(Scalar::Text)
        }
        b'0'..=b'9' | b'+' | b'-' => number_or_time(text),
        _ => Scalar::Text,
    }
}

fn number_or_time(text: &str) -> Scalar {
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let compact = text.replace('_', "");
    integer(&compact)
        .or_else(|| {
            if matches(&FLOAT, &compact) {
                float(&compact)
            } else {
                None
            }
        })
        .or_else(|| signed_bits(&compact))
        .unwrap_or(Scalar::Text)
}

/// go-yaml also accepts a sign between `0b` and the digits.
fn signed_bits(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

fn float(text: &str) -> Option<Scalar> {
    text.parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .map(Scalar::Float)
}

/// An integer with Go's prefixes: `0x`, `0b`, `0o` and the bare `0` of octal numbers.
fn integer(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => (Some('-'), &text[1..]),
        [b'+', ..] => (Some('+'), &text[1..]),
        _ => (None, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // Rust would accept a second sign here.
    if !digits
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric())
    {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        _ => match i64::try_from(magnitude) {
            Ok(value) => Some(Scalar::Int(value)),
            // Go reads unsigned numbers without a sign only.
            Err(_) if sign.is_none() => Some(Scalar::Uint(magnitude)),
            Err(_) => None,
        },
    }
}

/// A base-60 number of YAML 1.1. Helm reads it as text and writes it quoted.
pub(super) fn is_base_60(text: &str) -> bool {
    text.contains(':') && matches(&BASE_60, text)
}

/// One of the four forms of time that go-yaml knows: RFC 3339 with `T` or `t`, date and time without zone, date.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let mut rest = Cursor(&bytes[5..]);
    let year = text[..4].parse().unwrap_or(0);
    let Some(month @ 1..=12) = rest.number() else {
        return false;
    };
    if !rest.eat(b'-') {
        return false;
    }
    let Some(day) = rest.number() else {
        return false;
    };
    if day < 1 || day > days_in_month(year, month) {
        return false;
    }
    match rest.0 {
        [] => true,
        [b'T' | b't', ..] => rest.skip() && rest.clock() && rest.zone() && rest.0.is_empty(),
        [b' ', ..] => rest.skip() && rest.clock() && rest.0.is_empty(),
        _ => false,
    }
}

pub(crate) fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self) -> bool {
        self.0 = &self.0[1..];
        true
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.0.first() == Some(&byte) && self.skip()
    }

    fn digit(&mut self) -> Option<u32> {
        let digit = self.0.first().filter(|byte| byte.is_ascii_digit())?;
        let value = u32::from(digit - b'0');
        self.skip();
        Some(value)
    }

    /// One or two digits.
    fn number(&mut self) -> Option<u32> {
        let first = self.digit()?;
        Some(self.digit().map_or(first, |second| first * 10 + second))
    }

    /// `h:m:s` with an optional fraction.
    fn clock(&mut self) -> bool {
        let valid = matches!(self.number(), Some(0..=23))
            && self.eat(b':')
            && matches!(self.number(), Some(0..=59))
            && self.eat(b':')
            && matches!(self.number(), Some(0..=59));
        if valid && matches!(self.0, [b'.' | b',', b'0'..=b'9', ..]) {
            self.skip();
            while self.digit().is_some() {}
        }
        valid
    }

    /// `Z` or `+hh:mm`.
    fn zone(&mut self) -> bool {
        if self.eat(b'Z') {
            return true;
        }
        (self.eat(b'+') || self.eat(b'-'))
            && matches!(self.two_digits(), Some(0..=24))
            && self.eat(b':')
            && matches!(self.two_digits(), Some(0..=60))
    }

    fn two_digits(&mut self) -> Option<u32> {
        let first = self.digit()?;
        Some(first * 10 + self.digit()?)
    }
}
