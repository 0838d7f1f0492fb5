//! Escapes of a single character. Pure.

use super::{Outcome, invalid};

/// The character that an escape stands for, and the text behind it. `text` begins with a backslash.
///
/// Half of a surrogate pair is returned as well, although it is not a character: it may be written, and never matches.
pub(super) fn escape(text: &str) -> Outcome<(u32, &str)> {
    let Some(character) = text[1..].chars().next() else {
        return invalid("trailing backslash at end of expression", "");
    };
    let rest = &text[1 + character.len_utf8()..];
    let refuse = |rest: &str| invalid("invalid escape sequence", &text[..text.len() - rest.len()]);
    let code = match character {
        '1'..='7' if !rest.starts_with(is_octal) => return refuse(rest),
        '0'..='7' => return Ok(octal(&text[1..])),
        'x' => return hexadecimal(text, rest),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
        _ => return refuse(rest),
    };
    Ok((code, rest))
}

fn is_octal(character: char) -> bool {
    ('0'..='7').contains(&character)
}

/// Up to three octal digits.
fn octal(text: &str) -> (u32, &str) {
    let length = text
        .bytes()
        .take(3)
        .take_while(|byte| is_octal(char::from(*byte)))
        .count();
    let digits = text.bytes().take(length);
    (
        digits.fold(0, |sum, byte| sum * 8 + u32::from(byte - b'0')),
        &text[length..],
    )
}

/// `\x7F`, `\x{10FFFF}`
fn hexadecimal<'a>(text: &'a str, after: &'a str) -> Outcome<(u32, &'a str)> {
    let refuse = |rest: &str| invalid("invalid escape sequence", &text[..text.len() - rest.len()]);
    let mut rest = after.chars();
    let Some(first) = rest.next() else {
        return refuse("");
    };
    if first != '{' {
        // Go reads the second character before it judges the first.
        let second = rest.next().and_then(|one| one.to_digit(16));
        return match first.to_digit(16).zip(second) {
            Some((high, low)) => Ok((high * 16 + low, rest.as_str())),
            None => refuse(rest.as_str()),
        };
    }
    let mut code = 0;
    let mut any = false;
    while let Some(character) = rest.next() {
        match character.to_digit(16) {
            Some(digit) => {
                code = code * 16 + digit;
                any = true;
            }
            None if character == '}' && any => return Ok((code, rest.as_str())),
            None => return refuse(rest.as_str()),
        }
        if code > u32::from(char::MAX) {
            return refuse(rest.as_str());
        }
    }
    refuse("")
}
