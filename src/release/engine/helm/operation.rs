//! What helm can be asked to do, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use crate::release::Intent;
use helm_chart::Chart;

/// One `helm upgrade --install`.
///
/// Objects that the native engine applied belong to its field manager: over them Helm 4 ends with `Conflict`. Helm does not
/// take a release over from the native engine; a new attempt has new object names.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Release name.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// The revision that this call will write: the newest existing one plus one. Becomes the label `revision`.
    pub revision: u32,
    /// The chart, app version included.
    pub chart: Arc<Chart>,
    /// Values merged over the chart's own, an object.
    pub values: Value,
    /// What the attempt means to do: a file of the record's chart, and labels.
    pub intent: Intent,
    /// Further labels of the release Secret.
    pub labels: BTreeMap<String, String>,
    /// One line for people.
    pub description: String,
}

/// One `helm uninstall`. A release that does not exist is not a failure.
#[derive(Clone, Debug)]
pub struct Uninstall {
    /// Release name.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
}

/// One `helm template`: what an upgrade would apply, rendered without a cluster. [`Outcome::stdout`] is the whole manifest,
/// hooks included, tests left out.
#[derive(Clone, Debug)]
pub struct Template {
    /// The upgrade that is meant.
    pub upgrade: Upgrade,
    /// `.Capabilities.KubeVersion`, with a leading `v`.
    pub kube_version: String,
    /// `.Capabilities.APIVersions`.
    pub api_versions: Vec<String>,
}

/// What to run.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Render and print.
    Template(Box<Template>),
    /// Install or upgrade.
    Upgrade(Box<Upgrade>),
    /// Uninstall.
    Uninstall(Uninstall),
}

/// How a helm process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Nothing, or why helm failed. After `Killed` and `Timeout` only the cluster knows how far helm came.
    pub result: Result<(), Failure>,
    /// What helm printed, bounded.
    pub stdout: String,
    /// How long it took.
    pub elapsed: Duration,
}
