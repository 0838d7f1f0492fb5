//! Glob patterns of `.Files.Glob`: `*` and `?` stop at `/`, `**` does not, `[…]` and `{a,b}`. Pure.

use regex::Regex;

/// Largest program that a pattern may become.
const MAX_PROGRAM: usize = 256 << 10;

/// A compiled pattern.
pub(super) struct Glob(Regex);

impl Glob {
    /// Compiles a pattern; `None` if it is malformed.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut expression = String::from("(?s)^");
        let mut characters = pattern.chars().peekable();
        let mut braces = 0_usize;
        while let Some(character) = characters.next() {
            match character {
                '*' if characters.next_if_eq(&'*').is_some() => expression.push_str(".*"),
                '*' => expression.push_str("[^/]*"),
                '?' => expression.push_str("[^/]"),
                '{' => {
                    braces += 1;
                    expression.push_str("(?:");
                }
                '}' => {
                    braces = braces.checked_sub(1)?;
                    expression.push(')');
                }
                ',' if braces > 0 => expression.push('|'),
                '[' => expression.push_str(&class(&mut characters)?),
                '\\' => expression.push_str(&regex::escape(&characters.next()?.to_string())),
                other => expression.push_str(&regex::escape(&other.to_string())),
            }
        }
        if braces > 0 {
            return None;
        }
        expression.push('$');
        let built = regex::RegexBuilder::new(&expression)
            .size_limit(MAX_PROGRAM)
            .build();
        built.ok().map(Self)
    }

    /// Whether a path matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

fn class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut class = String::from("[");
    if characters.next_if_eq(&'!').is_some() {
        class.push('^');
    }
    let mut members = 0;
    loop {
        match characters.next()? {
            ']' if members == 0 => return None,
            ']' => break,
            '-' if members > 0 && characters.peek() != Some(&']') => class.push('-'),
            '\\' => class.push_str(&regex::escape(&characters.next()?.to_string())),
            // A class may hold one range or a list of characters; anything else is refused.
            '[' | '^' | '&' | '~' | '-' => return None,
            other => class.push_str(&regex::escape(&other.to_string())),
        }
        members += 1;
    }
    class.push(']');
    Some(class)
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
    fn stars_stop_at_slashes(#[case] pattern: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(pattern).expect("pattern").matches(path), expected);
    }
}
