//! A caller's own data inside a record.

use std::collections::BTreeMap;

use helm_chart::File;

/// Data of the caller's own that travels inside a record as one more file of its chart. It is the only place that Helm keeps through
/// upgrade, rollback and uninstall and that no helm command prints.
///
/// Implement it for the type that you keep there, and name the records `Record<YourType>`.
pub trait Attachment: Sized {
    /// Path of the file inside the chart, with forward slashes. No file of a chart itself should have it: begin it with a domain.
    const FILE: &'static str;

    /// The content of the file.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads the content of the file; none if it is not one of these: then the file stays an ordinary file of the chart.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;

    /// Labels of the Secret of a record with this attachment, or with none, at this revision. They win over labels of the same key
    /// that the Secret had.
    fn labels(attachment: Option<&Self>, revision: u32) -> BTreeMap<String, String>;

    /// The file, as it is written into a chart.
    fn to_file(&self) -> File {
        File {
            name: Self::FILE.to_owned(),
            data: self.to_bytes(),
        }
    }
}

/// Nothing attached: a record as Helm has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAttachment {}

impl Attachment for NoAttachment {
    const FILE: &'static str = "";

    fn to_bytes(&self) -> Vec<u8> {
        match *self {}
    }

    fn from_bytes(_: &[u8]) -> Option<Self> {
        None
    }

    fn labels(_: Option<&Self>, _: u32) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
