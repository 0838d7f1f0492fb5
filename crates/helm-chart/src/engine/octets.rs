//! Strings that are not UTF-8: Go's strings are bytes, and half a character can be printed, measured and hashed. Pure.
//!
//! A byte that belongs to no character is kept as a character of its own from the end of the private use area. A string is always
//! in its normal form: bytes that together make a character are that character.

use std::borrow::Cow;
use std::rc::Rc;

use super::value::Value;
use crate::text;

/// The first byte of the characters that stand for bytes.
const MARK: u8 = 0xf4;
/// The code of the character that stands for byte 0.
const BASE: u32 = 0x10_ff00;

/// Functions that compare and cut bytes: they find half a character in a whole one.
const BYTEWISE: [&str; 15] = [
    "contains",
    "hasPrefix",
    "hasSuffix",
    "plural",
    "replace",
    "split",
    "splitList",
    "splitn",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "trimall",
    "repeat",
    "indent",
    "nindent",
];

/// Functions that write each character anew: U+FFFD replaces bytes that belong to no character.
const BY_CHARACTER: [&str; 10] = [
    "camelcase",
    "kebabcase",
    "lower",
    "snakecase",
    "swapcase",
    "title",
    "untitle",
    "upper",
    "html",
    "js",
];

/// The byte that a character stands for.
pub(in crate::engine) fn byte(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(BASE)?)
        .ok()
        .filter(|byte| *byte >= 0x80)
}

/// The character that stands for a byte.
pub(in crate::engine) fn marked(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether a text holds a byte that belongs to no character.
pub(in crate::engine) fn has(text: &str) -> bool {
    text.as_bytes().contains(&MARK) && text.chars().any(|character| byte(character).is_some())
}

/// The bytes of a string.
pub(crate) fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !has(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// How many bytes a string has.
pub(in crate::engine) fn len(text: &str) -> usize {
    if has(text) {
        bytes(text).len()
    } else {
        text.len()
    }
}

/// The string of these bytes. A character that would stand for a byte is kept as its own bytes.
pub(crate) fn string(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if !has(&text) => return text,
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte(character).is_some() {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().map(marked));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(marked));
    }
    text
}

/// A text from outside the engine.
pub(in crate::engine) fn entered(text: &str) -> Cow<'_, str> {
    if has(text) {
        Cow::Owned(string(text.as_bytes().to_vec()))
    } else {
        Cow::Borrowed(text)
    }
}

/// A text in its normal form.
pub(in crate::engine) fn normal(text: String) -> String {
    if has(&text) {
        string(bytes(&text).into_owned())
    } else {
        text
    }
}

/// A text in which U+FFFD replaces every byte that belongs to no character.
pub(in crate::engine) fn replaced(text: &str) -> Cow<'_, str> {
    if !has(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text::replaced(&bytes(text)))
}

/// The text for the world outside the engine. `None` if it is not UTF-8.
pub(in crate::engine) fn left(text: String) -> Option<String> {
    if has(&text) {
        String::from_utf8(bytes(&text).into_owned()).ok()
    } else {
        Some(text)
    }
}

/// Arguments for a function that knows nothing of bytes.
pub(super) fn adapted(name: &str, values: Vec<Value>) -> Vec<Value> {
    let bytewise = BYTEWISE.contains(&name);
    let broken = |value: &Value| matches!(value, Value::String(text) if has(text));
    if !bytewise && !BY_CHARACTER.contains(&name) || !values.iter().any(broken) {
        return values;
    }
    let adapt = |text: &str| -> Rc<str> {
        if bytewise {
            let whole = |byte: u8| {
                if byte.is_ascii() {
                    char::from(byte)
                } else {
                    marked(byte)
                }
            };
            bytes(text)
                .iter()
                .copied()
                .map(whole)
                .collect::<String>()
                .into()
        } else {
            replaced(text).into()
        }
    };
    let values = values.into_iter().map(|value| match value {
        Value::String(text) => Value::String(adapt(&text)),
        other => other,
    });
    values.collect()
}
