//! Documents for programs: their version, and what they are made of. Pure.

use schemars::JsonSchema;
use serde::Serialize;

/// Version of the documents' shape: a field that is there stays and keeps its meaning.
pub const API_VERSION: &str = "cli.flashjob.nbfc.io/v1alpha1";

/// A list of values.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// cli.flashjob.nbfc.io/v1alpha1
    pub api_version: &'static str,
    /// What the items are, and List.
    pub kind: &'static str,
    /// The items.
    pub items: Vec<T>,
}

impl<T> List<T> {
    /// A list of items of this kind.
    pub fn of(kind: &'static str, items: Vec<T>) -> Self {
        Self {
            api_version: API_VERSION,
            kind,
            items,
        }
    }
}

/// One value.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct One<T> {
    /// cli.flashjob.nbfc.io/v1alpha1
    pub api_version: &'static str,
    /// What it is.
    pub kind: &'static str,
    /// Its fields.
    #[serde(flatten)]
    pub value: T,
}

impl<T> One<T> {
    /// A value of this kind.
    pub fn of(kind: &'static str, value: T) -> Self {
        Self {
            api_version: API_VERSION,
            kind,
            value,
        }
    }
}
