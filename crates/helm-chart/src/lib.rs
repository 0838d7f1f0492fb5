#![doc = include_str!("../README.md")]

pub mod engine;
pub mod feature;
mod go_regexp;
mod go_url;
mod ignore;
pub mod load;
pub mod manifest;
pub mod pointer;
pub mod schema;
pub mod text;
pub mod values;
pub mod yaml;

use std::sync::Arc;

use serde_json::Value;

/// One file of a chart: its slash-separated path inside the chart (`templates/pod.yaml`) and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path inside the chart, with forward slashes.
    pub name: String,
    /// Content as it was on disk or in the archive.
    pub data: Vec<u8>,
}

/// `Chart.yaml`. The whole document is kept in `raw`, because templates may read any of its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Chart name.
    pub name: String,
    /// Chart version, `SemVer` 2.
    pub version: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// Version of what the chart installs.
    pub app_version: Option<String>,
    /// `SemVer` range of Kubernetes versions that the chart accepts.
    pub kube_version: Option<String>,
    /// The document as JSON, with the field names of the file.
    pub raw: Value,
}

impl Metadata {
    /// The same with another `appVersion`.
    #[must_use]
    pub fn with_app_version(&self, version: &str) -> Self {
        let mut metadata = self.clone();
        metadata.app_version = Some(version.to_owned());
        if let Some(document) = metadata.raw.as_object_mut() {
            document.insert("appVersion".to_owned(), version.into());
        }
        metadata
    }
}

/// A chart in memory: what the directory or archive held, parsed once. A copy shares everything but the metadata: there is one for
/// every device in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// `Chart.yaml`.
    pub metadata: Metadata,
    /// `values.yaml` as JSON (an object; empty if the file is absent).
    pub values: Arc<Value>,
    /// `values.schema.json`, verbatim.
    pub schema: Option<Arc<[u8]>>,
    /// Files under `templates/`, partials (`_*.tpl`) and NOTES.txt included, sorted by name.
    pub templates: Arc<Vec<File>>,
    /// Every other file (`.Files` of templates; `device-values.yaml` among them), sorted by name.
    pub files: Arc<Vec<File>>,
}
