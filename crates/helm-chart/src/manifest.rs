//! Rendered files to the manifest of a release: documents split, sorted and headed as Helm does. Pure.
//!
//! Called by `template` after rendering; the orders are also used when objects are deleted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::yaml;
use crate::engine::{Document, RenderError, RenderErrorKind, Rendered};

/// Kinds in the order in which Helm installs them; unknown kinds follow, by name.
pub const INSTALL_ORDER: &[&str] = &[
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Kinds in the order in which Helm uninstalls them; not simply the reverse (a Service goes before a Pod here too).
pub const UNINSTALL_ORDER: &[&str] = &[
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

/// Sort key of a kind in one of the orders: known kinds by place, unknown ones after them by name.
#[must_use]
pub fn rank<'k>(order: &[&str], kind: &'k str) -> (usize, &'k str) {
    match order.iter().position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (order.len(), kind),
    }
}

static SEPARATOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^---[ \t]*").expect("the pattern is constant and valid"));

/// The documents of a text, without blank ones. A line that starts with `---` separates, whatever follows in it.
#[must_use]
pub fn split(text: &str) -> Vec<&str> {
    let documents = SEPARATOR.split(text.trim_start()).map(str::trim_start);
    documents.filter(|document| !document.is_empty()).collect()
}

/// Reads a manifest that helm printed; documents of comments only are left out.
///
/// # Errors
/// If a document is no YAML.
pub fn read(manifest: &str) -> Result<Vec<Document>, RenderError> {
    let mut documents = Vec::new();
    for text in split(manifest) {
        let named = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# Source: "));
        let source = named.unwrap_or("an object without a source").to_owned();
        let object = yaml::parse(text)
            .map_err(|error| refused(&source, format!("YAML parse error: {error}")))?;
        if !object.is_null() {
            documents.push(Document {
                source,
                text: text.to_owned(),
                object,
            });
        }
    }
    Ok(documents)
}

/// Builds the manifest from rendered files, by full name.
///
/// # Errors
/// If a document is no YAML, or a hook that is not a test.
pub(super) fn assemble(
    chart: &str,
    files: BTreeMap<String, String>,
) -> Result<Rendered, RenderError> {
    let mut rendered = Rendered {
        manifest: String::new(),
        notes: String::new(),
        documents: Vec::new(),
        tests: Vec::new(),
    };
    let mut manifests: Vec<Document> = Vec::new();
    for (source, text) in files {
        if source.ends_with("NOTES.txt") {
            if source == format!("{chart}/templates/NOTES.txt") {
                rendered.notes = text;
            }
            continue;
        }
        for document in split(&text) {
            let object = yaml::parse(document)
                .map_err(|error| refused(&source, format!("YAML parse error: {error}")))?;
            let document = Document {
                source: source.clone(),
                text: document.to_owned(),
                object,
            };
            if hook(&document)? {
                rendered.tests.push(document);
            } else {
                manifests.push(document);
            }
        }
    }
    manifests.sort_by(|a, b| rank(INSTALL_ORDER, kind(a)).cmp(&rank(INSTALL_ORDER, kind(b))));
    for document in manifests {
        let Document { source, text, .. } = &document;
        rendered
            .manifest
            .extend(["---\n# Source: ", source, "\n", text, "\n"]);
        // A document of comments only is part of the text but no object.
        if !document.object.is_null() {
            rendered.documents.push(document);
        }
    }
    Ok(rendered)
}

fn refused(source: &str, what: impl std::fmt::Display) -> RenderError {
    RenderError::new(RenderErrorKind::Document, format!("{source}: {what}"))
}

fn kind(document: &Document) -> &str {
    document
        .object
        .get("kind")
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Whether a document is a test; other hooks are refused.
fn hook(document: &Document) -> Result<bool, RenderError> {
    let Some(events) = document
        .object
        .pointer("/metadata/annotations/helm.sh~1hook")
    else {
        return Ok(false);
    };
    let events = events.as_str().unwrap_or_default().to_lowercase();
    if events
        .split(',')
        .all(|event| matches!(event.trim(), "test" | "test-success"))
    {
        return Ok(true);
    }
    Err(refused(
        &document.source,
        format!("the hook {events:?} is not supported; use the helm engine"),
    ))
}

#[cfg(test)]
mod tests;
