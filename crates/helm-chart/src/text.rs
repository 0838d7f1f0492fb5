//! Texts for messages: short enough for a condition, whatever a user wrote. Pure.

use std::fmt::Display;

/// Most entries that a message lists.
const MAX_LISTED: usize = 10;
/// Longest entry, in characters.
const MAX_ENTRY: usize = 300;

/// The first `limit` characters, and a mark where there were more.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `a; b; c; and 5 more`.
pub fn list<T: Display>(entries: &[T]) -> String {
    let mut shown: Vec<_> = entries
        .iter()
        .take(MAX_LISTED)
        .map(|entry| shorten(&entry.to_string(), MAX_ENTRY))
        .collect();
    if entries.len() > MAX_LISTED {
        shown.push(format!("and {} more", entries.len() - MAX_LISTED));
    }
    shown.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_short_however_much_there_is() {
        let entries: Vec<_> = (0..1000)
            .map(|number| format!("{number}{}", "é".repeat(5000)))
            .collect();
        let text = list(&entries);
        assert!(text.chars().count() < 3200);
        assert!(text.ends_with("; and 990 more"), "{text}");
        assert_eq!(list(&["a", "b"]), "a; b");
    }
}
