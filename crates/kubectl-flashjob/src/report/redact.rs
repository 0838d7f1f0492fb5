//! What must not leave the cluster: tokens, passwords and whatever looks like them. Pure.
//!
//! It errs on the side of leaving out. Nobody can tell every secret by its looks, so the person is told to look through the report.

use std::borrow::Cow;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// What stands for it.
const REDACTED: &str = "REDACTED";
/// What names of secrets have in them, in lower case and without `-`, `_` and `.`.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "dockerconfig",
];
/// What the names of names end with: they say where a secret is, not what it is.
const NAMES: [&str; 5] = ["name", "names", "ref", "file", "path"];
/// A copy of the whole object, as it was applied.
const COPIES: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "managedFields",
];

/// What is looked for in a text.
const TEXT: [&str; 6] = [
    // A private key.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // A JSON web token.
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
    // An option of a command.
    r"(?i)(?P<kept>--[\w-]*(?:password|passphrase|token|secret|api-?key|credential)s?\s+)[^\s-]\S*",
    // The scheme, and then what proves who somebody is.
    r"(?i)\b(?P<kept>(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{6,}",
    // A password in an address.
    r"(?P<kept>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<after>@)",
    // A name and a value: `token=…`, `"password": "…"`.
    r#"(?i)(?P<kept>[\w.-]*(?:passw(?:or)?d|passphrase|token|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential|cookie)s?["']?[ \t]*[=:][ \t]*)(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;&{}\[\]]+)"#,
];

/// The rules, compiled.
pub struct Redaction {
    text: Vec<Regex>,
}

impl Redaction {
    /// All rules.
    ///
    /// # Errors
    /// When one of them is not a valid regular expression; a test compiles them all.
    pub fn new() -> Result<Self, Box<regex::Error>> {
        let compiled: Result<_, _> = TEXT.iter().map(|rule| Regex::new(rule)).collect();
        Ok(Self { text: compiled? })
    }

    /// The same text without what looks like a secret.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for rule in &self.text {
            let replaced = rule.replace_all(&text, |found: &Captures<'_>| {
                let part = |name| found.name(name).map_or("", |part| part.as_str());
                format!("{}{REDACTED}{}", part("kept"), part("after"))
            });
            if let Cow::Owned(replaced) = replaced {
                text = Cow::Owned(replaced);
            }
        }
        text
    }

    /// The same object without what looks like a secret, and without copies of itself.
    pub fn object(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !COPIES.contains(&name.as_str()));
                redact_named(fields);
                for (name, field) in fields {
                    match field {
                        Value::String(text) if is_secret(name) => REDACTED.clone_into(text),
                        other => self.object(other),
                    }
                }
            }
            Value::Array(items) => self.list(items),
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.text(text) {
                    *text = redacted;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// An option and its value may stand beside each other in a list of arguments.
    fn list(&self, items: &mut [Value]) {
        let mut secret = false;
        for item in items {
            let option = item.as_str().is_some_and(|text| {
                text.starts_with('-') && !text.contains('=') && is_secret(text)
            });
            match item {
                Value::String(text) if secret && !text.starts_with('-') => {
                    REDACTED.clone_into(text);
                }
                other => self.object(other),
            }
            secret = option;
        }
    }
}

/// An environment variable, or whatever else has a name and a value.
fn redact_named(fields: &mut Map<String, Value>) {
    let named = ["name", "key"].iter().any(|field| {
        fields
            .get(*field)
            .and_then(Value::as_str)
            .is_some_and(is_secret)
    });
    if let Some(Value::String(value)) = fields.get_mut("value").filter(|_| named) {
        REDACTED.clone_into(value);
    }
}

/// Whether something of this name is a secret.
fn is_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|letter| !"-_.".contains(*letter))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let is_name = NAMES.iter().any(|end| plain.ends_with(end));
    !is_name && WORDS.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
