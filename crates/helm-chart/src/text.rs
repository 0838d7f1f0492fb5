//! Texts for messages: short, on one line, and harmless on a terminal, whatever others wrote. Pure.

use std::{borrow::Cow, fmt::Display};

/// Most entries that a message lists.
const MAX_LISTED: usize = 10;
/// Longest entry, in characters.
const MAX_ENTRY: usize = 300;
/// Most characters of a line that a message quotes.
const MAX_QUOTED: usize = 80;

/// What ends a line, or a column.
const BREAKS: [char; 3] = ['\n', '\r', '\t'];
/// Stands for what was left out.
const MARK: char = '…';

/// The first `limit` characters, and a mark where there were more.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A line as messages quote it: trimmed and not long.
pub(crate) fn quoted(line: &str) -> String {
    shorten(line.trim(), MAX_QUOTED)
}

/// The text of bytes. U+FFFD replaces each byte that is not UTF-8 on its own, as in Go.
pub(crate) fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// `a; b; c; and 5 more`, each on a line of its own: what has to be on one line is shown by [`prose`].
pub fn list<T: Display>(entries: &[T]) -> String {
    let mut shown: Vec<_> = entries
        .iter()
        .take(MAX_LISTED)
        .map(|entry| shorten(&entry.to_string(), MAX_ENTRY))
        .collect();
    if entries.len() > MAX_LISTED {
        shown.push(format!("and {} more", entries.len() - MAX_LISTED));
    }
    shown.join(";\n")
}

/// The text on one line of at most `limit` bytes: what cannot be seen, or would change how other text is seen, is escaped, and a
/// mark stands for what was left out. What was shown once stays as it is.
#[must_use]
pub fn line(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit && !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(limit));
    // How much may stay where the mark has to follow.
    let mut kept = 0;
    for letter in text.chars() {
        push(&mut shown, letter);
        if shown.len() > limit {
            shown.truncate(kept);
            shown.push(MARK);
            break;
        }
        if shown.len() + MARK.len_utf8() <= limit {
            kept = shown.len();
        }
    }
    Cow::Owned(shown)
}

/// Sentences, such as an error of helm, as [`line()`] shows them: what was on several lines is joined by blanks.
#[must_use]
pub fn prose(text: &str, limit: usize) -> Cow<'_, str> {
    if !text.contains(BREAKS) {
        return line(text, limit);
    }
    let parts = text.split(BREAKS).map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    Cow::Owned(line(&parts.join(" "), limit).into_owned())
}

fn push(shown: &mut String, letter: char) {
    if is_hidden(letter) {
        shown.extend(letter.escape_default());
    } else {
        shown.push(letter);
    }
}

/// Whether a character cannot be seen, or changes how others are seen: control characters, what turns the direction of text, what
/// breaks a line, has no width or tags text.
#[must_use]
pub const fn is_hidden(letter: char) -> bool {
    letter.is_ascii_control()
        || matches!(
            letter,
            '\u{80}'..='\u{9f}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_list_is_short_however_much_there_is() {
        let entries: Vec<_> = (0..1000)
            .map(|number| format!("{number}{}", "é".repeat(5000)))
            .collect();
        let text = list(&entries);
        assert!(text.chars().count() < 3200);
        assert!(text.ends_with(";\nand 990 more"), "{text}");
        assert_eq!(list(&["a", "b"]), "a;\nb");
        assert_eq!(prose(&list(&["a", "b"]), 9), "a; b");
    }

    #[rstest]
    #[case::plain("esp32s3", "esp32s3")]
    #[case::other_scripts("Θερμόμετρο 温度計 é", "Θερμόμετρο 温度計 é")]
    #[case::colour("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m")]
    #[case::title("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}")]
    #[case::one_byte_escape("\u{9b}31m", "\\u{9b}31m")]
    #[case::lines("0.1\r\nForged: line\tx", "0.1\\r\\nForged: line\\tx")]
    #[case::line_separator("a\u{2028}b", "a\\u{2028}b")]
    #[case::turned_around("\u{202e}gnihton", "\\u{202e}gnihton")]
    #[case::isolated("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}")]
    #[case::no_width("esp\u{200b}32\u{feff}", "esp\\u{200b}32\\u{feff}")]
    #[case::tags("a\u{e0041}", "a\\u{e0041}")]
    fn what_cannot_be_seen_is_escaped_and_the_rest_is_left_alone(
        #[case] text: &str,
        #[case] shown: &str,
    ) {
        assert_eq!(line(text, 1024), shown);
    }

    #[rstest]
    #[case::fits("abcdef", 6, "abcdef")]
    #[case::too_long("abcdefg", 6, "abc…")]
    #[case::between_characters("ääää", 7, "ää…")]
    #[case::no_half_escape("ab\u{1b}\u{1b}", 9, "ab…")]
    #[case::escapes_count("\u{1b}", 6, "\\u{1b}")]
    fn a_line_has_a_bound_and_says_where_it_was_cut(
        #[case] text: &str,
        #[case] limit: usize,
        #[case] shown: &str,
    ) {
        assert_eq!(line(text, limit), shown);
    }

    #[rstest]
    #[case::lines("Error: a\n\n  executing b\r\n\tc\n", "Error: a executing b c")]
    #[case::an_escape("a\u{1b}[2J\nb", "a\\u{1b}[2J b")]
    #[case::one_line("a  b ", "a  b ")]
    fn sentences_are_joined(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(prose(text, 1024), shown);
    }

    proptest! {
        #[test]
        fn no_text_gets_past_and_what_was_shown_stays(text in "\\PC{0,40}|[\\x00-\\x9f\u{2020}-\u{2070}]{0,40}", limit in 8_usize..60) {
            let shown = line(&text, limit).into_owned();
            prop_assert!(shown.len() <= limit);
            prop_assert!(!shown.chars().any(|letter| letter.is_control() || is_hidden(letter)));
            prop_assert_eq!(line(&shown, limit), shown.as_str());
        }
    }
}
