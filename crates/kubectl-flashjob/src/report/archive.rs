//! The files of a report, within bounds, and the list of what is missing. Pure: the zip is made in memory.

use std::io::{Cursor, Write as _};

use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::Redaction;

/// Longest file, in bytes.
const FILE: usize = 1 << 20;
/// All files together, in bytes.
const ALL: usize = 64 << 20;
/// The file that lists what is missing.
const MISSING: &str = "missing.txt";

/// See the module's documentation.
pub struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    redaction: Redaction,
    missing: Vec<String>,
    left: usize,
}

impl Archive {
    /// A report without files.
    ///
    /// # Errors
    /// When the rules of the redaction cannot be read.
    pub fn new() -> Result<Self, Box<regex::Error>> {
        Ok(Self {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
            redaction: Redaction::new()?,
            missing: Vec::new(),
            left: ALL,
        })
    }

    /// The rules by which something is redacted before it is written.
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// Something is missing, for this reason.
    pub fn miss(&mut self, what: &str, why: &str) {
        self.missing.push(format!("{what}: {why}"));
    }

    /// Adds a text, redacted. Of one that is too long its beginning is left out: the end tells how it came out.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn add(&mut self, path: &str, text: &str) -> Result<(), ZipError> {
        let text = self.redaction.text(text);
        let (text, cut) = end(&text, FILE);
        if cut > 0 {
            self.miss(
                path,
                &format!("the first {cut} bytes, for it is longer than {FILE}"),
            );
        }
        if text.len() > self.left {
            self.miss(
                path,
                &format!("all of it, for the report holds at most {ALL} bytes"),
            );
            return Ok(());
        }
        self.left -= text.len();
        self.write(path, text)
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), ZipError> {
        self.zip.start_file(path, SimpleFileOptions::default())?;
        Ok(self.zip.write_all(text.as_bytes())?)
    }

    /// The bytes of the zip, and the lines that say what is missing.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn finish(mut self) -> Result<(Vec<u8>, Vec<String>), ZipError> {
        let mut missing = std::mem::take(&mut self.missing);
        missing.dedup();
        let mut text = missing.join("\n");
        text.push('\n');
        if missing.is_empty() {
            "Nothing is missing.\n".clone_into(&mut text);
        }
        self.write(MISSING, &text)?;
        Ok((self.zip.finish()?.into_inner(), missing))
    }
}

/// The end of a text in at most so many bytes, and how many were left out before it.
fn end(text: &str, most: usize) -> (&str, usize) {
    let mut cut = text.len().saturating_sub(most);
    while !text.is_char_boundary(cut) {
        cut += 1;
    }
    (&text[cut..], cut)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn read(bytes: Vec<u8>, path: &str) -> String {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        zip.by_name(path)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn files_are_redacted_and_of_bounded_length() {
        let mut archive = Archive::new().unwrap();
        archive.add("short.txt", "token=abc").unwrap();
        let long = "ä".repeat(FILE);
        archive.add("long.txt", &long).unwrap();
        archive.miss("pods", "you lack the right to list pods");
        let (bytes, missing) = archive.finish().unwrap();
        assert_eq!(read(bytes.clone(), "short.txt"), "token=REDACTED");
        assert_eq!(read(bytes.clone(), "long.txt").len(), FILE);
        let said = "long.txt: the first 1048576 bytes, for it is longer than 1048576\npods: you lack the right to list pods\n";
        assert_eq!(read(bytes, "missing.txt"), said);
        assert_eq!(missing.len(), 2);
    }

    #[test]
    fn all_files_together_are_bounded() {
        let mut archive = Archive::new().unwrap();
        let text = "a".repeat(FILE);
        for number in 0..=ALL / FILE {
            archive.add(&format!("{number}.txt"), &text).unwrap();
        }
        let (bytes, missing) = archive.finish().unwrap();
        assert_eq!(
            missing,
            ["64.txt: all of it, for the report holds at most 67108864 bytes"]
        );
        let said = read(bytes, "missing.txt");
        assert!(said.starts_with("64.txt"), "{said}");
    }

    #[test]
    fn where_nothing_is_missing_it_is_said() {
        let (bytes, _) = Archive::new().unwrap().finish().unwrap();
        assert_eq!(read(bytes, "missing.txt"), "Nothing is missing.\n");
    }
}
