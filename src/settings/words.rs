//! Names, kinds and pointers as they are given on the command line: each is what it is taken for, or refused.

use std::sync::LazyLock;

use regex::Regex;

type Pattern = LazyLock<Result<Regex, regex::Error>>;

static LABEL: Pattern = LazyLock::new(|| Regex::new("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"));
static SUBDOMAIN: Pattern = LazyLock::new(|| {
    Regex::new(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
});
static KIND: Pattern = LazyLock::new(|| {
    Regex::new("^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*/[A-Z][A-Za-z0-9]*$")
});
static POINTER: Pattern = LazyLock::new(|| Regex::new(r"^(/([^/~,\s]|~[01])+)+$"));

/// Longest name of an object, in bytes.
const LONGEST_NAME: usize = 253;

/// A word on the command line that is not what it would be taken for.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum WordError {
    /// Nothing at all, which is not the same as an unset list.
    #[error("it is empty: leave the setting out, or name something")]
    Empty,
    /// Several, as the shell and Kubernetes would write them.
    #[error("{0:?} has a space in it: separate with commas alone")]
    Space(String),
    /// Not a name of a namespace.
    #[error("{0:?} is not the name of a namespace: small letters, digits and -, at most 63")]
    Namespace(String),
    /// Not a name of an object.
    #[error("{0:?} is not the name of an object: small letters, digits, - and dots")]
    Name(String),
    /// Not a kind with its version.
    #[error("{0:?} is not a kind: write group/version/Kind or v1/Kind")]
    Kind(String),
    /// Not a JSON Pointer.
    #[error("{0:?} is not a JSON Pointer: write /resources/limits, not resources.limits")]
    Pointer(String),
}

/// The word, if the pattern knows it.
fn word(
    text: &str,
    pattern: &Pattern,
    error: fn(String) -> WordError,
) -> Result<String, WordError> {
    let word = text.trim();
    if word.is_empty() {
        return Err(WordError::Empty);
    }
    if word.contains(char::is_whitespace) {
        return Err(WordError::Space(word.to_owned()));
    }
    let is_known = pattern.as_ref().is_ok_and(|known| known.is_match(word));
    if is_known && word.len() <= LONGEST_NAME {
        Ok(word.to_owned())
    } else {
        Err(error(word.to_owned()))
    }
}

/// The name of a namespace.
pub(super) fn namespace(text: &str) -> Result<String, WordError> {
    word(text, &LABEL, WordError::Namespace)
}

/// The name of a namespace, or `*`.
pub(super) fn namespace_or_all(text: &str) -> Result<String, WordError> {
    match text.trim() {
        "*" => Ok("*".to_owned()),
        name => namespace(name),
    }
}

/// The name of an object.
pub(super) fn name(text: &str) -> Result<String, WordError> {
    word(text, &SUBDOMAIN, WordError::Name)
}

/// A kind with its version.
pub(super) fn kind(text: &str) -> Result<String, WordError> {
    word(text, &KIND, WordError::Kind)
}

/// A JSON Pointer to a value of a chart.
pub(super) fn pointer(text: &str) -> Result<String, WordError> {
    word(text, &POINTER, WordError::Pointer)
}
