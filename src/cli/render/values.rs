//! Values files, laid over each other as Helm does with each `-f`. Reads files.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::Failure;
use helm_chart::{values, yaml};

/// A YAML file as JSON.
///
/// # Errors
/// When it cannot be read or is no YAML; the message names the file.
pub fn read_yaml(path: &Path) -> Result<Value, Failure> {
    yaml::parse(&read(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read; the message names the file.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// All files laid over each other; later ones win.
///
/// # Errors
/// When one cannot be used; the message names it.
pub fn merged(paths: &[PathBuf]) -> Result<Map<String, Value>, Failure> {
    let mut merged = Map::new();
    for path in paths {
        let more = values::parse(&read(path)?);
        let more = more.map_err(|error| format!("{}: {error}", path.display()))?;
        values::lay_over(&mut merged, more);
    }
    Ok(merged)
}
