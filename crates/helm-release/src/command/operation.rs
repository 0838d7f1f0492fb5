//! What helm can be asked to do, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use helm_chart::{Chart, File};

/// One `helm upgrade --install`.
///
/// Objects that somebody applied with another field manager stay theirs: over them Helm 4 ends with `Conflict`.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Release name.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// The chart, app version included.
    pub chart: Arc<Chart>,
    /// Values merged over the chart's own, an object.
    pub values: Value,
    /// One more file of the record's chart, see [`crate::Attachment::to_file`].
    pub attachment: Option<File>,
    /// Labels of the release Secret, those of the attachment included.
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
    /// `.Release.IsUpgrade`: whether the release has a revision already.
    pub is_upgrade: bool,
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
