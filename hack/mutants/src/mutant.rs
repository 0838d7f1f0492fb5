//! The mutants of `cargo mutants --list --json`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// One small change of the sources. Its number is its place in the list.
#[derive(Debug, Deserialize)]
pub struct Mutant {
    /// Path from the root of the checkout.
    pub file: String,
    /// What kind of change it is.
    pub genre: Genre,
    /// The change in words, with file, line and column.
    pub name: String,
    /// The text that takes the place of what is at `span`; empty where something is deleted.
    pub replacement: String,
    /// What changes.
    pub span: Span,
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Genre {
    /// The body of a function becomes one value.
    FnValue,
    /// A binary operator becomes another.
    BinaryOperator,
    /// `!` or `-` is deleted.
    UnaryOperator,
    /// A guard of a match arm becomes `true` or `false`.
    MatchArmGuard,
    /// A match arm is deleted.
    MatchArm,
    /// A field of a struct expression is deleted, so that its base says it.
    StructField,
}

/// Where the change is.
#[derive(Debug, Deserialize)]
pub struct Span {
    /// Its beginning.
    pub start: Place,
}

/// A place in a file: line and column, in characters, each from 1.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Reads the list.
pub fn read(list: &Path) -> Result<Vec<Mutant>> {
    let text = fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read the mutants in {}", list.display()))
}
