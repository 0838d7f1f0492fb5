//! Floats by their verbs, step by step as Go's `fmtFloat`. Pure.

use super::{Outcome, Printer};
use crate::engine::number;
use crate::engine::value::Value;

impl Printer {
    pub(super) fn float(&mut self, float: f64, verb: char, value: &Value) -> Outcome {
        let precision = self.flags.precision;
        let text = match verb {
            'v' | 'g' => number::general(float, precision),
            'G' => number::general(float, precision).replace('e', "E"),
            'e' => number::exponential(float, precision.unwrap_or(6)),
            'E' => number::exponential(float, precision.unwrap_or(6)).replace('e', "E"),
            'f' | 'F' => number::fixed(float, precision.unwrap_or(6)),
            'b' => number::binary(float),
            'x' => number::hexadecimal(float, precision),
            'X' => number::hexadecimal(float, precision).to_uppercase(),
            _ => return self.bad_verb(verb, value),
        };
        let (mut sign, mut digits) = match text.strip_prefix(['+', '-']) {
            Some(digits) => (text.as_bytes()[0], digits.to_owned()),
            None => (b'+', text),
        };
        if self.flags.space && sign == b'+' && !self.flags.plus {
            sign = b' ';
        }
        let shown = |sign: u8, digits: &str| format!("{}{digits}", char::from(sign));
        if !float.is_finite() {
            let bare = float.is_nan() && !self.flags.space && !self.flags.plus;
            let text = if bare {
                "NaN".to_owned()
            } else {
                shown(sign, &float_name(float))
            };
            self.pad_with(&text, false);
            return Ok(());
        }
        if self.flags.sharp && verb != 'b' {
            digits = pointed(&digits, verb, precision);
        }
        if !self.flags.plus && sign == b'+' {
            self.pad(&digits);
            return Ok(());
        }
        let missing = self
            .flags
            .width
            .unwrap_or(0)
            .saturating_sub(digits.len() + 1);
        if self.flags.zero && !self.flags.minus && missing > 0 {
            self.out.push(char::from(sign));
            self.out.push_str(&"0".repeat(missing));
            self.out.push_str(&digits);
        } else {
            self.pad(&shown(sign, &digits));
        }
        Ok(())
    }
}

fn float_name(float: f64) -> String {
    if float.is_nan() { "NaN" } else { "Inf" }.to_owned()
}

/// `#`: with a decimal point, and with the trailing zeros that are otherwise left out.
fn pointed(text: &str, verb: char, precision: Option<usize>) -> String {
    let hexadecimal = matches!(verb, 'x' | 'X');
    let counted = matches!(verb, 'v' | 'g' | 'G' | 'x');
    let mut wanted = if counted { precision.unwrap_or(6) } else { 0 };
    let exponent = |c: char| matches!(c, 'p' | 'P') || (!hexadecimal && matches!(c, 'e' | 'E'));
    let end = text.find(exponent).unwrap_or(text.len());
    let (digits, tail) = text.split_at(end);
    let significant = digits
        .chars()
        .filter(|c| *c != '.')
        .skip_while(|c| *c == '0');
    wanted = wanted.saturating_sub(significant.count());
    let mut out = digits.to_owned();
    if !digits.contains('.') {
        if digits == "0" {
            wanted = wanted.saturating_sub(1);
        }
        out.push('.');
    }
    out.push_str(&"0".repeat(wanted));
    out + tail
}
