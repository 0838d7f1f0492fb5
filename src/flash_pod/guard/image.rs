//! Patterns of OCI references, matched on the full reference: `esp32` means `docker.io/library/esp32:latest`, as it does to a kubelet.

use std::{fmt, str::FromStr};

use crate::provenance::reference::{ImageReference, MAX_REFERENCE, with_host};

/// References that are allowed: one, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    text: String,
    /// The full reference, or what full references begin with.
    full: String,
    is_prefix: bool,
}

/// A text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an image pattern: write a reference, or the beginning of one followed by *"
)]
pub struct ImagePatternError {
    /// The text.
    pub text: String,
}

impl ImagePattern {
    /// Whether a reference is allowed. What is not a reference is not.
    #[must_use]
    pub fn matches(&self, reference: &str) -> bool {
        full(reference).is_some_and(|full| {
            if self.is_prefix {
                full.starts_with(&self.full)
            } else {
                full == self.full
            }
        })
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ImagePattern {
    type Err = ImagePatternError;

    fn from_str(text: &str) -> Result<Self, ImagePatternError> {
        let error = || ImagePatternError {
            text: text.to_owned(),
        };
        let (full, is_prefix) = match text.strip_suffix('*') {
            Some("") => (String::new(), true),
            Some(prefix) => (full_prefix(prefix).ok_or_else(error)?, true),
            None => (full(text).ok_or_else(error)?, false),
        };
        Ok(Self {
            text: text.to_owned(),
            full,
            is_prefix,
        })
    }
}

/// The full form of a reference: with host, and with a tag unless it has a digest.
fn full(reference: &str) -> Option<String> {
    let reference: ImageReference = reference.parse().ok()?;
    Some(reference.to_string())
}

/// The full form of the beginning of a reference.
fn full_prefix(prefix: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "./:@_-".contains(c);
    let is_path = prefix.split('/').all(|part| part != "." && part != "..");
    (prefix.len() <= MAX_REFERENCE && is_path && prefix.chars().all(is_allowed))
        .then(|| with_host(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "@sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";

    #[rstest]
    #[case("*", "anything/at:all", true)]
    #[case("*", "not a reference", false)]
    #[case("esp32", "docker.io/library/esp32:latest", true)]
    #[case("docker.io/esp32", "esp32", true)]
    #[case("index.docker.io/team/esp32:1", "team/esp32:1", true)]
    #[case("esp32:1", "esp32:2", false)]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/fleet/thermo:2",
        true
    )]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/fleet/a/b:2",
        true
    )]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/other/thermo:2",
        false
    )]
    #[case(
        "registry.example.org/fleet/*",
        "evil.example.org/registry.example.org/fleet/x:1",
        false
    )]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/fleet/../other/x:1",
        false
    )]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/fleet//x:1",
        false
    )]
    #[case(
        "registry.example.org/fleet/*",
        "registry.example.org/fleet/x:1\n",
        false
    )]
    #[case("registry.example.org*", "registry.example.org.evil.org/x:1", false)]
    #[case("registry.example.org/fleet*", "registry.example.org/fleets/x:1", true)]
    #[case("registry.example.org:5000/*", "registry.example.org:5000/x:1", true)]
    #[case("registry.example.org:5000/*", "registry.example.org/x:1", false)]
    #[case("localhost/*", "localhost/x", true)]
    #[case("docker.io/localhost/*", "localhost/x", false)]
    #[case("registry.example.org/x:1", "registry.example.org/x:10", false)]
    #[case("team/*", "team/x", true)]
    #[case("team/*", "registry.example.org/team/x", false)]
    #[case("registry.example.org/x", "registry.example.org/x:latest", true)]
    #[case("registry.example.org/x", "registry.example.org/x:1", false)]
    #[case("registry.example.org/x:*", "registry.example.org/x:1", true)]
    #[case(
        "registry.example.org/x:1",
        "registry.example.org/x:1@sha256:short",
        false
    )]
    fn patterns_are_anchored_and_matched_on_full_references(
        #[case] pattern: &str,
        #[case] reference: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(
            pattern.parse::<ImagePattern>().unwrap().matches(reference),
            expected
        );
    }

    #[test]
    fn a_digest_is_part_of_the_reference() {
        let reference = format!("registry.example.org/x{DIGEST}");
        let pattern = |text: &str| text.parse::<ImagePattern>().unwrap();
        assert!(pattern(&reference).matches(&reference));
        assert!(pattern("registry.example.org/x*").matches(&reference));
        assert!(!pattern("registry.example.org/x").matches(&reference));
    }

    #[rstest]
    #[case("registry.example.org/x:1")]
    #[case("registry.example.org/*")]
    fn a_pattern_is_shown_as_it_was_written(#[case] text: &str) {
        assert_eq!(text.parse::<ImagePattern>().unwrap().to_string(), text);
    }

    #[test]
    fn references_and_patterns_are_as_long_as_the_bound_says() {
        let reference = |length: usize| {
            let host = "registry.example.org/";
            format!("{host}{}", "x".repeat(length - host.len()))
        };
        let any: ImagePattern = "*".parse().unwrap();
        assert!(any.matches(&reference(MAX_REFERENCE)));
        assert!(!any.matches(&reference(MAX_REFERENCE + 1)));
        let prefix = |length| format!("{}*", reference(length)).parse::<ImagePattern>();
        assert!(prefix(MAX_REFERENCE).is_ok());
        assert!(prefix(MAX_REFERENCE + 1).is_err());
    }

    #[rstest]
    #[case("")]
    #[case("a b")]
    #[case("a*b")]
    #[case("a b*")]
    #[case("registry.example.org/./*")]
    #[case("*/x")]
    #[case("UPPER/x:1:2")]
    #[case("registry.example.org/../x/*")]
    fn other_texts_are_no_patterns(#[case] text: &str) {
        assert!(text.parse::<ImagePattern>().is_err());
    }

    proptest! {
        #[test]
        fn a_prefix_never_admits_another_host(host in "[a-z]{1,5}\\.[a-z]{2,3}", rest in "[a-z.:/@-]{0,20}") {
            let pattern: ImagePattern = "registry.example.org/*".parse().unwrap();
            let reference = format!("{host}/{rest}");
            prop_assert!(!pattern.matches(&reference));
        }
    }
}
