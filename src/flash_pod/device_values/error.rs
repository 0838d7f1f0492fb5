//! What can be wrong with values that depend on the device: the document itself, or its result for one device.

use helm_chart::pointer::Pointer;
use helm_chart::text::list;

use super::leaf::LeafError;

/// Why a document of values cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceValuesError {
    /// It is no YAML.
    #[error("{file}: cannot be read as YAML: {problem}")]
    Yaml {
        /// Name of the document.
        file: String,
        /// What the parser says, with the line, and what is usually wrong with such a line.
        problem: String,
    },
    /// It is not a map.
    #[error("{file}: must be a map of values")]
    NotAMap {
        /// Name of the document.
        file: String,
    },
    /// It is too long.
    #[error("{file}: longer than {limit} bytes")]
    TooLarge {
        /// Name of the document.
        file: String,
        /// How long it may be.
        limit: usize,
    },
    /// Some of its templates may not be used.
    #[error("{file}: {}", list(problems))]
    Leaves {
        /// Name of the document.
        file: String,
        /// All of them.
        problems: Vec<LeafProblem>,
    },
}

/// A template that may not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {error}")]
pub struct LeafProblem {
    /// Where it stands.
    pub path: Pointer,
    /// Why it may not be used.
    pub error: LeafError,
}

/// Why a document of values has no result for one device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {path}: {}{message}", variable.as_ref().map(|name| format!("{name}: ")).unwrap_or_default())]
pub struct RenderError {
    /// Name of the document.
    pub file: String,
    /// Where the template stands.
    pub path: Pointer,
    /// The variable that the device has no value for, if that is the reason.
    pub variable: Option<String>,
    /// What went wrong.
    pub message: String,
}
