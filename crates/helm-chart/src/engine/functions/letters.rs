//! Classes of characters, and their capitals, as Go's package `unicode` has them. Pure; used by several families.

use std::sync::LazyLock;

use regex::Regex;

/// A class of characters, by the name that regular expressions give it.
pub(super) struct Class(LazyLock<Option<Regex>>);

pub(super) static LETTER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{L}$").ok()));
pub(super) static UPPER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Lu}$").ok()));
pub(super) static LOWER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Ll}$").ok()));
pub(super) static TITLE: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Lt}$").ok()));
pub(super) static DIGIT: Class = Class(LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok()));
pub(super) static NUMBER: Class = Class(LazyLock::new(|| Regex::new(r"^\p{N}$").ok()));
pub(super) static PUNCTUATION: Class = Class(LazyLock::new(|| Regex::new(r"^\p{P}$").ok()));

impl Class {
    pub(super) fn has(&self, character: char) -> bool {
        self.0
            .as_ref()
            .is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
    }
}

/// `unicode.ToUpper`: one character for one.
pub(super) fn upper(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next(), character) {
        (Some(only), None, _) => only,
        // Capitals of Greek with an iota, which Rust writes as two.
        (.., '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}') => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        (.., '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}') => {
            char::from_u32(u32::from(character) + 9).unwrap_or(character)
        }
        _ => character,
    }
}

/// `unicode.ToLower`.
pub(super) fn lower(character: char) -> char {
    if character == '\u{130}' {
        return 'i';
    }
    character.to_lowercase().next().unwrap_or(character)
}

/// `unicode.ToTitle`.
pub(super) fn title(character: char) -> char {
    match character {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => character,
        other => upper(other),
    }
}
