//! What a text allows about its style, and what becomes of it on Go's way through JSON. Pure; used by `emit.rs`.

use std::borrow::Cow;

use super::Error;
use super::emit::Encoding;
use super::write::{is_break, is_printable};

/// Styles that a text allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Facts {
    /// Holds line breaks.
    pub(super) multiline: bool,
    /// May stand without quotes, as far as its characters go.
    pub(super) plain_allowed: bool,
    /// May stand in single quotes.
    pub(super) single_allowed: bool,
    /// May stand as a literal block.
    pub(super) block_allowed: bool,
}

/// Looks at the characters of a text.
pub(super) fn analyze(text: &str, encoding: Encoding) -> Facts {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return Facts {
            multiline: false,
            plain_allowed: true,
            single_allowed: true,
            block_allowed: false,
        };
    };
    let multiline = text.chars().any(is_break);
    let tab_counts = encoding == Encoding::Json;
    let special = text
        .chars()
        .any(|character| !is_printable(character) && (character != '\t' || tab_counts));
    let tabs = text.contains('\t');
    let (space_break, break_space) = neighbours(text);
    let edges = matches!(first, ' ') || is_break(first) || last == ' ' || is_break(last);
    let single_allowed = !(break_space || space_break || special || tabs);
    Facts {
        multiline,
        plain_allowed: single_allowed && !edges && !multiline && !has_indicators(text),
        single_allowed,
        block_allowed: !(last == ' ' || space_break || special),
    }
}

/// Whether a space stands before a line break, and whether one stands after a line break.
fn neighbours(text: &str) -> (bool, bool) {
    let pairs = || text.chars().zip(text.chars().skip(1));
    (
        pairs().any(|(left, right)| left == ' ' && is_break(right)),
        pairs().any(|(left, right)| is_break(left) && right == ' '),
    )
}

/// Characters that would be read as syntax in a block.
fn has_indicators(text: &str) -> bool {
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    let mut before_blank = true;
    let mut characters = text.chars().enumerate().peekable();
    while let Some((index, character)) = characters.next() {
        let after_blank = characters
            .peek()
            .is_none_or(|(_, next)| matches!(next, ' ' | '\t'));
        let found = match character {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => index == 0,
            '?' | '-' => index == 0 && after_blank,
            '#' => before_blank,
            ':' => after_blank,
            _ => false,
        };
        if found {
            return true;
        }
        before_blank = matches!(character, ' ' | '\t' | '\0') || is_break(character);
    }
    false
}

/// The text after Go has written it as JSON and read that as YAML.
pub(super) fn through_json(text: &str) -> Result<Cow<'_, str>, Error> {
    let forbidden = |character: &char| matches!(character, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if text.chars().find(forbidden).is_some() {
        return Err(Error::ours(
            None,
            "yaml: control characters are not allowed".to_owned(),
        ));
    }
    if text.contains('\u{85}') {
        fold_next_lines(text).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(text))
    }
}

/// JSON leaves U+0085 as it is, and YAML 1.1 reads it as a line break, which it folds.
fn fold_next_lines(text: &str) -> Result<String, Error> {
    let mut folded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        folded.push_str(rest[..at].trim_end_matches(' '));
        let after = rest[at..].trim_start_matches([' ', '\u{85}']);
        let run = &rest[at..rest.len() - after.len()];
        match run.matches('\u{85}').count() {
            1 => folded.push(' '),
            breaks => folded.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        let marker = after
            .strip_prefix("---")
            .or_else(|| after.strip_prefix("..."));
        let ends = marker.is_some_and(|rest| rest.starts_with([' ', '\u{85}']));
        if run.ends_with('\u{85}') && ends {
            return Err(Error::ours(
                None,
                "yaml: found unexpected document indicator".to_owned(),
            ));
        }
        rest = after;
    }
    folded.push_str(rest);
    Ok(folded)
}

/// Number of characters of the text as JSON, quotes included.
pub(super) fn json_length(text: &str) -> usize {
    let of = |character| match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => 1,
    };
    text.chars().map(of).sum::<usize>() + 2
}
