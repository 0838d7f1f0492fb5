//! Reads a chart from a directory, a packed archive or the files built into the program.
//!
//! Reads files, nothing else; called when the operator starts and by the `render` subcommand.

mod documents;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::ignore::Rules;
use super::{Chart, File};
use documents::{check_lock, metadata_of, values_of};

/// A chart's files together may not be larger than this, in bytes.
pub const MAX_CHART_SIZE: u64 = 20 << 20;

/// A chart may not have more files than this.
pub const MAX_CHART_FILES: usize = 5_000;

/// Why a chart cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or directory cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The archive is damaged or holds what no chart should.
    #[error("chart archive: {0}; pack it again with `helm package`")]
    Archive(String),
    /// A file of the chart is not what it has to be.
    #[error("{file}: {what}")]
    File {
        /// Path inside the chart.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// The chart exceeds a bound.
    #[error("the chart is too large: more than {MAX_CHART_SIZE} bytes or {MAX_CHART_FILES} files")]
    TooLarge,
}

impl LoadError {
    fn file(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::File {
            file: file.into(),
            what: what.into(),
        }
    }
}

impl Chart {
    /// Loads a chart from a directory or an archive (`.tgz`).
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is not a chart.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        if path.is_dir() {
            Self::from_directory(path)
        } else {
            Self::from_archive_file(path)
        }
    }

    /// Loads a chart from a directory; what its `.helmignore` names is left out.
    ///
    /// # Errors
    /// If a file cannot be read or is a link, or it is not a chart.
    pub fn from_directory(directory: &Path) -> Result<Self, LoadError> {
        let ignore = directory.join(".helmignore");
        let rules = if ignore.exists() {
            read(&ignore)?
        } else {
            Vec::new()
        };
        let rules = String::from_utf8_lossy(&rules);
        let rules = Rules::parse(&rules).map_err(|what| LoadError::file(".helmignore", what))?;
        let mut walk = Walk {
            rules,
            files: Vec::new(),
            size: 0,
        };
        walk.directory(directory, "")?;
        Self::from_files(walk.files)
    }

    fn from_archive_file(path: &Path) -> Result<Self, LoadError> {
        let error = |source| LoadError::Read {
            path: path.to_owned(),
            source,
        };
        Self::from_archive(std::fs::File::open(path).map_err(error)?)
    }

    /// Loads a packed chart. `.helmignore` was applied when it was packed.
    ///
    /// # Errors
    /// If the archive is damaged, leaves its directory, holds links, is too large, or is not a chart.
    pub fn from_archive(archive: impl Read) -> Result<Self, LoadError> {
        let damaged = |error: std::io::Error| LoadError::Archive(error.to_string());
        // The bound on the unpacked stream holds whatever the headers claim.
        let unpacked = flate2::read::GzDecoder::new(archive).take(2 * MAX_CHART_SIZE);
        let mut archive = tar::Archive::new(unpacked);
        let (mut files, mut left) = (Vec::new(), MAX_CHART_SIZE);
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
                continue;
            }
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !kind.is_file() {
                return Err(LoadError::Archive(format!(
                    "{path:?} is a link or a special file"
                )));
            }
            let name = inner_path(&path)?;
            if entry.size() > left || files.len() >= MAX_CHART_FILES {
                return Err(LoadError::TooLarge);
            }
            let mut data = Vec::new();
            entry.read_to_end(&mut data).map_err(damaged)?;
            left = left.saturating_sub(data.len() as u64);
            files.push(File { name, data });
        }
        Self::from_files(files)
    }

    /// Loads a chart that was built into the program.
    ///
    /// # Errors
    /// If it is not a chart.
    pub fn from_embedded(directory: &include_dir::Dir<'_>) -> Result<Self, LoadError> {
        fn collect(directory: &include_dir::Dir<'_>, root: &Path, files: &mut Vec<File>) {
            for file in directory.files() {
                let path = file.path().strip_prefix(root).unwrap_or(file.path());
                let name = path.to_string_lossy().replace('\\', "/");
                files.push(File {
                    name,
                    data: file.contents().to_vec(),
                });
            }
            for inner in directory.dirs() {
                collect(inner, root, files);
            }
        }
        let mut files = Vec::new();
        collect(directory, directory.path(), &mut files);
        let ignore = files.iter().find(|file| file.name == ".helmignore");
        let ignore = ignore
            .map(|file| String::from_utf8_lossy(&file.data).into_owned())
            .unwrap_or_default();
        let rules = Rules::parse(&ignore).map_err(|what| LoadError::file(".helmignore", what))?;
        files.retain(|file| {
            let ends = file
                .name
                .match_indices('/')
                .map(|(end, _)| (&file.name[..end], true));
            !ends
                .chain([(file.name.as_str(), false)])
                .any(|(path, is_directory)| rules.ignores(path, is_directory))
        });
        Self::from_files(files)
    }

    /// Sorts files into the parts of a chart.
    ///
    /// # Errors
    /// If `Chart.yaml` is missing or lacks name or version, or a YAML file cannot be parsed.
    pub fn from_files(files: Vec<File>) -> Result<Self, LoadError> {
        let (mut metadata, mut values, mut schema) = (None, Value::Object(Map::new()), None);
        let (mut templates, mut others) = (Vec::new(), Vec::new());
        for mut file in files {
            if let Some(rest) = file.data.strip_prefix(b"\xef\xbb\xbf") {
                file.data = rest.to_vec();
            }
            match file.name.as_str() {
                "Chart.yaml" => metadata = Some(metadata_of(&file)?),
                "values.yaml" => values = values_of(&file)?,
                "values.schema.json" => schema = Some(file.data),
                "Chart.lock" => check_lock(&file)?,
                name if name.starts_with("templates/") => templates.push(file),
                _ => others.push(file),
            }
        }
        templates.sort_by(|a: &File, b: &File| a.name.cmp(&b.name));
        others.sort_by(|a: &File, b: &File| a.name.cmp(&b.name));
        let metadata = metadata.ok_or_else(|| {
            LoadError::file("Chart.yaml", "the file is missing; this is not a chart")
        })?;
        Ok(Self {
            metadata,
            values: Arc::new(values),
            schema: schema.map(Arc::from),
            templates: Arc::new(templates),
            files: Arc::new(others),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })
}

struct Walk {
    rules: Rules,
    files: Vec<File>,
    size: u64,
}

impl Walk {
    fn directory(&mut self, directory: &Path, prefix: &str) -> Result<(), LoadError> {
        let error = |source| LoadError::Read {
            path: directory.to_owned(),
            source,
        };
        let entries = std::fs::read_dir(directory).map_err(error)?;
        for entry in entries {
            let entry = entry.map_err(error)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(error)?;
            // A mounted ConfigMap consists of links to files beside them; following links inside is safe for reading
            // a chart that an administrator named, and what they lead to must be a regular file or directory.
            let metadata = std::fs::metadata(entry.path()).map_err(error)?;
            if self.rules.ignores(&name, metadata.is_dir())
                || (kind.is_symlink() && name.starts_with(".."))
            {
                continue;
            }
            if metadata.is_dir() {
                if !entry.file_name().to_string_lossy().starts_with("..") {
                    self.directory(&entry.path(), &format!("{name}/"))?;
                }
                continue;
            }
            self.file(&entry.path(), name, &metadata)?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        name: String,
        metadata: &std::fs::Metadata,
    ) -> Result<(), LoadError> {
        if !metadata.is_file() {
            return Err(LoadError::file(
                name,
                "is a special file; a chart holds regular files only",
            ));
        }
        self.size += metadata.len();
        if self.size > MAX_CHART_SIZE || self.files.len() >= MAX_CHART_FILES {
            return Err(LoadError::TooLarge);
        }
        self.files.push(File {
            name,
            data: read(path)?,
        });
        Ok(())
    }
}

/// Path inside the chart of an archive's entry: everything below its one directory.
fn inner_path(path: &str) -> Result<String, LoadError> {
    let path = path.replace('\\', "/");
    let outside = || LoadError::Archive(format!("{path:?} lies outside the chart's directory"));
    let (_, inner) = path.split_once('/').ok_or_else(outside)?;
    let parts: Vec<&str> = inner
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let unsafe_part = |part: &&str| *part == ".." || part.contains(':') || part.contains('\0');
    if path.starts_with('/')
        || inner.starts_with('/')
        || parts.is_empty()
        || parts.iter().any(unsafe_part)
    {
        return Err(outside());
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;
