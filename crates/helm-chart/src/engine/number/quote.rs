//! Strings and characters in quotes, as `strconv` writes them. Pure.

use crate::engine::octets;

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
    // By its bytes: four of them may be a character whose code stands for a byte elsewhere.
    for chunk in octets::bytes(text).utf8_chunks() {
        for character in chunk.valid().chars() {
            escape(character, '"', ascii, &mut out);
        }
        for byte in chunk.invalid() {
            out.extend(format!("\\x{byte:02x}").chars());
        }
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
