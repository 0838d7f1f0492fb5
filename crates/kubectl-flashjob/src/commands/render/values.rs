//! Values files, laid over each other as Helm does with each `-f`. Reads files.

use std::path::PathBuf;

use flashjob_operator::cli::{input, terminal::Failure};
use helm_chart::values::{self, ReadError};
use serde_json::{Map, Value};

/// All files laid over each other; later ones win.
///
/// # Errors
/// When one cannot be used; the message names it.
pub fn merged(paths: &[PathBuf]) -> Result<Map<String, Value>, Failure> {
    let mut merged = Map::new();
    for path in paths {
        let text = input::text(path)?;
        let more = values::parse(&text).map_err(|error| match error {
            ReadError::Yaml(error) => format!("{}: {}", input::name(path), error.in_text(&text)),
            error @ ReadError::NotAMap(_) => format!("{}: {error}", input::name(path)),
        })?;
        values::lay_over(&mut merged, more);
    }
    Ok(merged)
}
