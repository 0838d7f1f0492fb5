//! The files of one upgrade: the chart as a directory and the values as a file, readable by this user alone.
//!
//! Writes below this process' temporary directory; everything goes when the value is dropped. A directory an upgrade, not a chart:
//! `Chart.yaml` may bear another app version and the attachment is one of the files, so that both end up in helm's own record.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use tempfile::{NamedTempFile, TempDir};

use super::Upgrade;
use crate::encode::metadata_json;
use helm_chart::Chart;

/// Files on disk for one helm process.
pub(super) struct Workspace {
    chart: TempDir,
    values: NamedTempFile,
}

impl Workspace {
    /// Writes chart and values of an upgrade below `parent`.
    pub(super) fn write(parent: &Path, upgrade: &Upgrade) -> io::Result<Self> {
        let mut values = tempfile::Builder::new()
            .prefix("values-")
            .suffix(".yaml")
            .tempfile_in(parent)?;
        values.write_all(&yaml(&upgrade.values)?)?;
        values.flush()?;
        let chart = tempfile::Builder::new()
            .prefix("chart-")
            .tempdir_in(parent)?;
        write_chart(chart.path(), &upgrade.chart)?;
        if let Some(file) = &upgrade.attachment {
            put(chart.path(), &file.name, &file.data)?;
        }
        Ok(Self { chart, values })
    }

    /// The chart's directory.
    pub(super) fn chart(&self) -> &Path {
        self.chart.path()
    }

    /// The values' file.
    pub(super) fn values(&self) -> &Path {
        self.values.path()
    }
}

fn write_chart(root: &Path, chart: &Chart) -> io::Result<()> {
    let Chart {
        metadata,
        values,
        schema,
        templates,
        files,
    } = chart;
    for file in files.iter().chain(templates.iter()) {
        // What .helmignore names was left out when the chart was loaded; here it could only hide the attachment.
        if file.name != ".helmignore" {
            put(root, &file.name, &file.data)?;
        }
    }
    put(root, "Chart.yaml", &yaml(&metadata_json(metadata))?)?;
    put(root, "values.yaml", &yaml(values)?)?;
    match schema {
        Some(schema) => put(root, "values.schema.json", schema),
        None => Ok(()),
    }
}

/// Writes one file of the chart. Names come from archives and records: none may lead out of the directory.
fn put(root: &Path, name: &str, data: &[u8]) -> io::Result<()> {
    let relative = PathBuf::from(name);
    if name.is_empty()
        || !relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    {
        let message = format!("file name {name:?} of the chart leads out of it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let path = root.join(relative);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, data)
}

/// A value as YAML that means the same to Helm: JSON in which nothing but ASCII is literal.
fn yaml(value: &Value) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Ascii))?;
    Ok(text)
}

/// YAML 1.1 reads some characters that JSON leaves literal as line breaks or refuses them, and has no surrogate pairs.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            match u32::from(character) {
                code @ 0x20..0x7f => writer.write_all(&[u8::try_from(code).unwrap_or(b'?')])?,
                code @ ..0x1_0000 => write!(writer, "\\u{code:04X}")?,
                code => write!(writer, "\\U{code:08X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("..")]
    #[case("../x")]
    #[case("templates/../../x")]
    #[case("/etc/x")]
    #[case("./x")]
    #[case("")]
    fn a_chart_file_cannot_leave_its_directory(#[case] name: &str) {
        let root = tempfile::tempdir().unwrap();
        let error = put(root.path(), name, b"x").unwrap_err();
        assert!(error.to_string().contains("leads out"), "{error}");
    }

    #[test]
    fn values_are_written_in_ascii_and_stay_themselves_as_yaml() {
        let value = json!({"n": "yes", "line\u{85}\u{2028}": "\u{1F600} é \u{7f}\t\"\\", "big": 1_000_000, "null": null});
        let text = String::from_utf8(yaml(&value).unwrap()).unwrap();
        assert!(text.is_ascii() && !text.contains('\u{7f}'), "{text}");
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value);
    }
}
