//! Glob patterns of `.Files.Glob`: `*` and `?` stop at `/`, `**` does not, `[…]` and `{a,b}`. Pure.
//!
//! Read as the library `gobwas/glob` reads them, oddities included. Helm takes all files where the library refuses a pattern.

use regex::Regex;

use crate::engine::octets;

/// Largest program that a pattern may become.
const MAX_PROGRAM: usize = 256 << 10;

/// A compiled pattern.
pub(super) struct Glob(Option<Regex>);

impl Glob {
    /// Compiles a pattern; `None` if it is too large, or has braces around nothing, which the library takes for this or that.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let Some(expression) = Translation::of(pattern) else {
            return Some(Self(None));
        };
        let is_empty = |group: &str| group.trim_start_matches('|').starts_with(')');
        if expression.split("(?:").skip(1).any(is_empty) {
            return None;
        }
        let built = regex::RegexBuilder::new(&expression)
            .size_limit(MAX_PROGRAM)
            .build();
        built.ok().map(|regex| Self(Some(regex)))
    }

    /// Whether a path matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(path))
    }
}

struct Translation<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    expression: String,
    /// Open braces.
    braces: usize,
}

impl<'a> Translation<'a> {
    /// The pattern as a regular expression; `None` if the library refuses it.
    fn of(pattern: &'a str) -> Option<String> {
        if pattern.contains(char::REPLACEMENT_CHARACTER) || octets::has(pattern) {
            return None;
        }
        let mut translation = Self {
            rest: pattern.chars().peekable(),
            expression: String::from("(?s)^"),
            braces: 0,
        };
        while let Some(character) = translation.rest.next() {
            // The end, to the library.
            if character == '\0' {
                break;
            }
            translation.one(character)?;
        }
        // Braces need not be closed.
        let open = ")".repeat(translation.braces);
        Some(translation.expression + &open + "$")
    }

    fn one(&mut self, character: char) -> Option<()> {
        match character {
            '*' if self.rest.next_if_eq(&'*').is_some() => self.expression.push_str(".*"),
            '*' => self.expression.push_str("[^/]*"),
            '?' => self.expression.push_str("[^/]"),
            '{' => {
                self.braces += 1;
                self.expression.push_str("(?:");
            }
            '}' if self.braces > 0 => {
                self.braces -= 1;
                self.expression.push(')');
            }
            ',' if self.braces > 0 => self.expression.push('|'),
            '[' => self.class()?,
            first => {
                let braces = self.braces > 0;
                let ends = |one: char| {
                    matches!(one, '?' | '*' | '[' | '{') || braces && matches!(one, '}' | ',')
                };
                let text = self.text(Some(first), ends);
                self.expression.push_str(&regex::escape(&text));
            }
        }
        Some(())
    }

    /// Characters up to one of those, which a backslash makes plain. A zero ends the text, too, and is lost.
    fn text(&mut self, first: Option<char>, ends: impl Fn(char) -> bool) -> String {
        let (mut text, mut escaped) = (String::new(), false);
        let mut given = first;
        loop {
            let character = match given.take() {
                Some(first) => first,
                None => match self.rest.next_if(|one| escaped || !ends(*one)) {
                    Some(next) => next,
                    None => return text,
                },
            };
            match character {
                '\0' => return text,
                '\\' if !escaped => escaped = true,
                plain => {
                    escaped = false;
                    text.push(plain);
                }
            }
        }
    }

    /// `[abc]`, `[!abc]`, `[a-c]`; nothing else.
    fn class(&mut self) -> Option<()> {
        let not = self.rest.next_if_eq(&'!').is_some();
        let first = self.rest.next().filter(|one| *one != '\0')?;
        let members = if self.rest.next_if_eq(&'-').is_some() {
            let last = self.rest.next().filter(|one| *one != '\0')?;
            if last < first {
                return None;
            }
            let ends = [first, last].map(|one| regex::escape(&one.to_string()));
            ends.join("-")
        } else if first == ']' {
            return None;
        } else {
            let text = self.text(Some(first), |one| one == ']');
            regex::escape(&text)
        };
        let closed = self.rest.next() == Some(']');
        if members.is_empty() || !closed {
            return None;
        }
        let opening = if not { "[^" } else { "[" };
        self.expression.extend([opening, &members, "]"]);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("*.yaml", "a.yaml", true)]
    #[case("*.yaml", "x/a.yaml", false)]
    #[case("**.yaml", "x/y/a.yaml", true)]
    #[case("files/*", "files/a", true)]
    #[case("files/*", "files/a/b", false)]
    #[case("files/**", "files/a/b", true)]
    #[case("{a,b}/?.t", "b/1.t", true)]
    #[case("[a-c].t", "b.t", true)]
    #[case("[!a-c].t", "b.t", false)]
    #[case("a.t", "axt", false)]
    #[case("[a^&~c].t", "&.t", true)]
    #[case("[a^&~c].t", "b.t", false)]
    #[case("[abc-e].t", "-.t", true)]
    #[case("[abc-e].t", "d.t", false)]
    #[case(r"[\]a].t", "].t", true)]
    #[case("[[].t", "[.t", true)]
    #[case("[!b].t", "/.t", true)]
    #[case("{a,b", "b", true)]
    #[case("{a,b", "c", false)]
    #[case("a},b", "a},b", true)]
    #[case(r"a\*", "a*", true)]
    #[case(r"a\", "a", true)]
    fn stars_stop_at_slashes(#[case] pattern: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(pattern).expect("pattern").matches(path), expected);
    }

    #[rstest]
    #[case::an_open_class("[a")]
    #[case::an_empty_class("[]")]
    #[case::a_range_to_a_bracket("[a-]")]
    #[case::a_range_that_runs_backwards("[c-a]")]
    #[case::a_range_and_more("[a-cx]")]
    #[case::half_a_character("\u{fffd}")]
    fn a_pattern_that_the_library_refuses_takes_all_files(#[case] pattern: &str) {
        assert!(Glob::new(pattern).expect("pattern").matches("x/y.z"));
    }
}
