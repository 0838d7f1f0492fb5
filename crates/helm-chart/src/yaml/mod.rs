//! YAML exactly as Helm reads and writes it: YAML 1.1 types, keys that become strings, Go's order of keys and quoting.
//!
//! Pure. `load.rs` reads charts with it, `values.rs` values files, the template functions `toYaml` and `fromYaml`.
//! `scan` and `parse` are go-yaml's scanner and parser, `compose` and `decode` its decoder: no crate reads YAML as it does.

mod compose;
mod decode;
mod documents;
mod emit;
mod number;
mod parse;
mod resolve;
mod scalar;
mod scan;
mod shape;
mod sort;
mod write;

use std::fmt;

pub use documents::parse_all;
pub use emit::{Encoding, Node, emit, encode, try_emit};
pub use number::{float_text, json_number};

use serde_json::Value;

pub(crate) use resolve::days_in_month;
pub(crate) use shape::{Shape, conform, kind};

/// Why a text is not YAML that Helm would read, or a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Counted from 1.
    line: Option<usize>,
    /// Counted from 1, where the scanner or the grammar stopped.
    column: Option<usize>,
    message: String,
    /// Go's message; `None` if only this reader refuses the text.
    go: Option<String>,
}

impl Error {
    /// An error of go-yaml, which counts lines in its own way; `go_line` is 0 if it tells no line.
    fn go(line: Option<usize>, go_line: usize, message: &str) -> Self {
        let go = if go_line == 0 {
            format!("yaml: {message}")
        } else {
            format!("yaml: line {go_line}: {message}")
        };
        Self {
            line,
            column: None,
            message: message.to_owned(),
            go: Some(go),
        }
    }

    /// An error of Go's JSON encoder, which sees what go-yaml has read.
    fn json(line: Option<usize>, message: String) -> Self {
        let go = Some(message.clone());
        Self {
            line,
            column: None,
            message,
            go,
        }
    }

    /// An error that only this reader has.
    fn ours(line: Option<usize>, message: String) -> Self {
        Self {
            line,
            column: None,
            message,
            go: None,
        }
    }

    /// The same, at a column that is counted from 0.
    fn at_column(mut self, column: usize) -> Self {
        self.column = Some(column + 1);
        self
    }

    /// The error with what may help in this text: the line as it stands, and what is usually wrong with such a line.
    #[must_use]
    pub fn in_text(&self, text: &str) -> String {
        let line = self.line.and_then(|line| text.lines().nth(line - 1));
        match line.filter(|line| !line.trim().is_empty()) {
            None => self.to_string(),
            Some(line) => {
                let hint = hint(line).unwrap_or_default();
                format!("{self}, at {:?}{hint}", crate::text::quoted(line))
            }
        }
    }

    /// The line, if the error has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Helm's message, which `fromYaml` returns as a value; `None` if Helm reads the text.
    #[must_use]
    pub fn as_helm_says(&self) -> Option<String> {
        let go = self.go.as_ref()?;
        Some(format!("error converting YAML to JSON: {go}"))
    }

    fn shifted(mut self, lines: usize) -> Self {
        self.line = self.line.map(|line| line + lines);
        self
    }
}

impl std::error::Error for Error {}

/// What is usually wrong with a line that cannot be read.
fn hint(line: &str) -> Option<&'static str> {
    let value = line.split_once(": ").map_or(line, |(_, value)| value);
    let value = value.trim_start().trim_start_matches("- ");
    let indent: &str = &line[..line.len() - line.trim_start().len()];
    let is_quoted = value.starts_with(['"', '\'']);
    if indent.contains('\t') {
        Some("; indent with blanks, a tab cannot")
    } else if value.starts_with("{{") {
        Some("; put a text that begins with {{ in quotes")
    } else if !is_quoted && value.contains(": ") {
        Some("; put a text that holds a colon and a blank in quotes")
    } else if value.starts_with(['%', '@', '`', '*', '&', '!']) {
        Some("; put a text that begins so in quotes")
    } else {
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => match self.column {
                Some(column) => write!(formatter, "line {line}, column {column}: {}", self.message),
                None => write!(formatter, "line {line}: {}", self.message),
            },
            None => formatter.write_str(&self.message),
        }
    }
}

/// Reads the first document of a text; an empty text is null.
///
/// Numbers are as a `float64` holds them: whole ones below 2^63 come back as integers, larger ones as floats.
///
/// # Errors
/// If Helm would refuse the text (syntax, unknown anchors, `.inf`, keys that have no string form), if it nests or
/// expands aliases beyond the bounds, or if Helm's result would depend on chance (keys that collide once they are strings).
pub fn parse(text: &str) -> Result<Value, Error> {
    parse_as(text, &Shape::Any)
}

/// As [`parse`], for a document of a known shape: where text is wanted, every scalar becomes text.
pub(crate) fn parse_as(text: &str, shape: &Shape) -> Result<Value, Error> {
    match compose::first_document(text)? {
        Some(document) => decode::decode(&document, shape),
        None => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests;
