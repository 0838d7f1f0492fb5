//! Files that a person names, and `-`, which is standard input. Reads both.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::Value;

use super::Failure;
use helm_chart::yaml;

/// Names standard input.
const STANDARD_INPUT: &str = "-";

/// A file as messages name it.
#[must_use]
pub fn name(path: &Path) -> String {
    if path == Path::new(STANDARD_INPUT) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Checks that at most one of these files is standard input: it can be read once.
///
/// # Errors
/// When several are.
pub fn only_one<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    let paths = paths.into_iter();
    let several = paths.filter(|path| path.as_path() == Path::new(STANDARD_INPUT));
    if several.count() > 1 {
        return Err("only one of the files can be -, which is standard input".into());
    }
    Ok(())
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn text(path: &Path) -> Result<String, Failure> {
    if path == Path::new(STANDARD_INPUT) {
        // It is read once, and may be asked for again.
        static TEXT: OnceLock<Result<String, String>> = OnceLock::new();
        let text = TEXT.get_or_init(|| {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map(|_| text).map_err(|error| error.to_string())
        });
        return text
            .clone()
            .map_err(|error| format!("cannot read standard input: {error}").into());
    }
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new(STANDARD_INPUT) {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot read standard input: {error}"))?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// A YAML file as JSON.
///
/// # Errors
/// When it cannot be read or is no YAML; the message names the file, the place in it and what to look at.
pub fn document(path: &Path) -> Result<Value, Failure> {
    let text = text(path)?;
    yaml::parse(&text).map_err(|error| format!("{}: {}", name(path), error.in_text(&text)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_yaml_is_named_with_line_column_and_a_hint() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a: 1\nb: {{ device.type }} lamp\n").unwrap();
        let error = document(file.path()).unwrap_err().to_string();
        let place = format!("{}: line 2, column ", file.path().display());
        assert!(error.starts_with(&place), "{error}");
        assert!(error.contains("{{ in quotes"), "{error}");
    }

    #[test]
    fn standard_input_is_read_for_one_file() {
        let paths = ["-", "a", "-"].map(PathBuf::from);
        assert!(only_one(&paths[..2]).is_ok());
        let error = only_one(&paths).unwrap_err().to_string();
        assert!(error.starts_with("only one of the files"), "{error}");
    }
}
