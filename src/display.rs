//! Text of others as it is shown: broker properties, words of kubelets, webhooks and helm, ends of logs, names. Pure.
//!
//! Whatever reaches a terminal, an event, a message of a status or a log goes through here: a device chooses its properties, and
//! must not choose what a terminal does, what the next line says or how much of an object is left for others.

use std::{borrow::Cow, fmt::Write as _};

use jiff::Timestamp;

pub use helm_chart::text::{is_hidden, line, prose};

/// Longest message of a condition, a device, an event or a failed request, in bytes.
pub const MESSAGE: usize = 1024;
/// Longest piece of foreign text within a message, in bytes.
pub const PHRASE: usize = 300;
/// Longest name within a message, in bytes.
pub const NAME: usize = 80;
/// Longest line on a terminal, in bytes.
pub const LINE: usize = 4096;

/// A time to the second: what is finer tells a person nothing.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%FT%TZ").to_string()
}

/// Sentences as [`prose`] shows them, in place.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_text_stay_lines() {
        let shown = block("one\r\ntwo\u{1b}[2J\nthree\u{202e}\n");
        assert_eq!(shown, "one\\r\ntwo\\u{1b}[2J\nthree\\u{202e}\n");
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
}
