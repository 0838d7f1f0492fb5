//! Integers by their verbs, and bytes in hexadecimal. Pure.

use super::{Outcome, Printer};
use crate::engine::number;
use crate::engine::value::Value;

impl Printer {
    pub(super) fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            let separate = self.flags.space && index > 0;
            text.push_str(if separate { " " } else { "" });
            text.push_str(if separate || index == 0 { prefix } else { "" });
            let digits = if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            };
            text.push_str(&digits);
        }
        self.pad(&text);
    }

    pub(super) fn integer(&mut self, number: i128, verb: char, value: &Value) -> Outcome {
        let unsigned = matches!(value, Value::Uint64(_) | Value::Byte(_));
        match verb {
            'v' if self.flags.sharp_v && unsigned => self.digits(number, 16, "0x", false),
            'v' | 'd' => self.digits(number, 10, "", false),
            'b' => self.digits(number, 2, if self.flags.sharp { "0b" } else { "" }, false),
            'o' => self.digits(number, 8, if self.flags.sharp { "0" } else { "" }, false),
            'O' => self.digits(
                number,
                8,
                if self.flags.sharp { "0o0" } else { "0o" },
                false,
            ),
            'x' => self.digits(number, 16, if self.flags.sharp { "0x" } else { "" }, false),
            'X' => self.digits(number, 16, if self.flags.sharp { "0X" } else { "" }, true),
            'c' => {
                let text = character(number).to_string();
                self.pad(&text);
            }
            'q' => {
                let text = number::quote_char(character(number), self.flags.plus);
                self.pad(&text);
            }
            'U' => self.unicode(number),
            _ => return self.bad_verb(verb, value),
        }
        Ok(())
    }

    fn digits(&mut self, number: i128, base: u32, prefix: &str, upper: bool) {
        let mut digits = radix(number.unsigned_abs(), base, upper);
        let sign = match (number < 0, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        match (self.flags.precision, self.flags.width) {
            (Some(0), _) if number == 0 => {
                self.pad_with("", false);
                return;
            }
            (Some(precision), _) => digits = zero_filled(digits, precision),
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                digits = zero_filled(digits, width.saturating_sub(sign.len()));
            }
            _ => {}
        }
        let prefix = match prefix {
            "0" | "0o0" if digits.starts_with('0') => &prefix[..prefix.len() - 1],
            prefix => prefix,
        };
        self.pad_with(&format!("{sign}{prefix}{digits}"), false);
    }

    /// `U+0041`, and with `#` the character.
    fn unicode(&mut self, number: i128) {
        // Go prints the bits of a negative number.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let code = number as u64;
        let digits = self.flags.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{}", zero_filled(format!("{code:X}"), digits));
        let character = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(character) = character.filter(|one| self.flags.sharp && number::is_print(*one))
        {
            text.extend([' ', '\'', character, '\'']);
        }
        self.pad_with(&text, false);
    }
}

fn character(number: i128) -> char {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

fn zero_filled(digits: String, width: usize) -> String {
    let missing = width.saturating_sub(digits.len());
    if missing == 0 {
        digits
    } else {
        "0".repeat(missing) + &digits
    }
}

fn radix(mut number: u128, base: u32, upper: bool) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % u128::from(base)).unwrap_or(0);
        let digit = char::from_digit(digit, base).unwrap_or('0');
        digits.push(if upper {
            digit.to_ascii_uppercase()
        } else {
            digit
        });
        number /= u128::from(base);
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
