//! YAML exactly as Helm reads and writes it: YAML 1.1 types, keys that become strings, Go's order of keys and quoting.
//!
//! Pure. `load.rs` reads charts with it, `values.rs` values files, the template functions `toYaml` and `fromYaml`.
//! A parser crate splits the text into events; which type a scalar has, what merge keys and duplicates do, and every
//! byte written are decided here. Text on which YAML 1.1 and 1.2 disagree about structure is refused.

mod compose;
mod decode;
mod emit;
mod number;
mod resolve;
mod scalar;
mod sort;
mod write;

pub use emit::{Encoding, Node, emit, encode, try_emit};
pub use number::{float_text, json_number};

use serde_json::Value;

/// Why a text is not YAML that Helm would read, or a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is wrong at a line.
    #[error("line {line}: {message}")]
    At {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The text as a whole, or a value, is wrong.
    #[error("{0}")]
    Whole(String),
}

impl Error {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self::At {
            line,
            message: message.into(),
        }
    }

    /// The line, if the error has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::At { line, .. } => Some(*line),
            Self::Whole(_) => None,
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
    compose::first_document(text)
}

/// Reads every document of a text that is separated by lines starting with `---`, as Helm splits values files.
///
/// # Errors
/// As [`parse`], the line counted in the whole text; and if a separator is followed by anything but a comment.
pub fn parse_all(text: &str) -> Result<Vec<Value>, Error> {
    let mut documents = Vec::new();
    let mut document = String::new();
    let mut first_line = 1;
    let mut flush = |document: &mut String, first_line: usize| {
        if !document.is_empty() {
            documents.push(parse(document).map_err(|error| shifted(error, first_line - 1))?);
            document.clear();
        }
        Ok(())
    };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let Some(rest) = line.strip_prefix("---") else {
            document.push_str(line);
            continue;
        };
        if !matches!(rest.trim().chars().next(), None | Some('#')) {
            return Err(Error::at(
                index + 1,
                "invalid Yaml document separator: text follows the dashes",
            ));
        }
        flush(&mut document, first_line)?;
        first_line = index + 2;
    }
    flush(&mut document, first_line)?;
    Ok(documents)
}

fn shifted(error: Error, lines: usize) -> Error {
    match error {
        Error::At { line, message } => Error::At {
            line: line + lines,
            message,
        },
        whole @ Error::Whole(_) => whole,
    }
}

#[cfg(test)]
mod tests;
