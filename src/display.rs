//! Text of others as it is shown: broker properties, words of kubelets, webhooks and helm, ends of logs, names. Pure.
//!
//! Whatever reaches a terminal, an event, a message of a status or a log goes through here: a device chooses its properties, and
//! must not choose what a terminal does, what the next line says or how much of an object is left for others.

use std::{borrow::Cow, fmt::Write as _};

use jiff::Timestamp;

/// Longest message of a condition, a device, an event or a failed request, in bytes.
pub const MESSAGE: usize = 1024;
/// Longest piece of foreign text within a message, in bytes.
pub const PHRASE: usize = 300;
/// Longest name within a message, in bytes.
pub const NAME: usize = 80;
/// Longest line on a terminal, in bytes.
pub const LINE: usize = 4096;

/// What ends a line, or a column.
const BREAKS: [char; 3] = ['\n', '\r', '\t'];
/// Stands for what was left out.
const MARK: char = '…';

/// A time to the second: what is finer tells a person nothing.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%FT%TZ").to_string()
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

/// Sentences, such as those of a kubelet or of helm, as [`line()`] shows them: what was on several lines is joined by blanks.
#[must_use]
pub fn prose(text: &str, limit: usize) -> Cow<'_, str> {
    if !text.contains(BREAKS) {
        return line(text, limit);
    }
    let parts = text.split(BREAKS).map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    Cow::Owned(line(&parts.join(" "), limit).into_owned())
}

/// The same in place.
pub fn shorten(text: &mut String, limit: usize) {
    if let Cow::Owned(shown) = prose(text, limit) {
        *text = shown;
    }
}

/// Several lines, each as [`line()`] shows it, however long.
#[must_use]
pub fn block(text: &str) -> Cow<'_, str> {
    if !text
        .chars()
        .any(|letter| letter != '\n' && is_hidden(letter))
    {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text
        .split('\n')
        .map(|text| line(text, usize::MAX))
        .collect();
    Cow::Owned(lines.join("\n"))
}

/// A JSON document with what cannot be seen escaped as JSON does it: the same document.
#[must_use]
pub fn json(document: &str) -> Cow<'_, str> {
    // Between its texts a document has line feeds; within them serde_json has escaped those already.
    let is_hidden = |letter: char| letter != '\n' && is_hidden(letter);
    if !document.chars().any(is_hidden) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len());
    for letter in document.chars() {
        if is_hidden(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
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
        assert_eq!(line(text, MESSAGE), shown);
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

    #[test]
    fn lines_of_a_text_stay_lines() {
        let shown = block("one\r\ntwo\u{1b}[2J\nthree\u{202e}\n");
        assert_eq!(shown, "one\\r\ntwo\\u{1b}[2J\nthree\\u{202e}\n");
    }

    #[rstest]
    #[case::lines("Error: a\n\n  executing b\r\n\tc\n", "Error: a executing b c")]
    #[case::an_escape("a\u{1b}[2J\nb", "a\\u{1b}[2J b")]
    #[case::one_line("a  b ", "a  b ")]
    fn sentences_are_joined(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(prose(text, MESSAGE), shown);
    }

    #[test]
    fn a_json_document_stays_the_same_document() {
        let value =
            serde_json::json!({"version": "\u{1b}[2J\u{9b}\u{202e}\n", "tags": "\u{e0041}"});
        let document = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&document);
        assert!(
            !shown
                .chars()
                .any(|letter| letter != '\n' && is_hidden(letter)),
            "{shown}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
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
