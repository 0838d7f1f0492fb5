//! Rendered files to the manifest of a release: documents split, sorted and headed as Helm does. Pure.
//!
//! Called by `template` after rendering; the orders are also used when objects are deleted.

mod head;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::yaml;
use crate::engine::{Document, Hook, RenderError, RenderErrorKind, Rendered};
use head::{Head, Role};

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
/// If a document is not YAML.
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
/// If a document is not YAML, or its kind or metadata do not have the shape that Helm reads.
pub(super) fn assemble(
    chart: &str,
    files: BTreeMap<String, String>,
) -> Result<Rendered, RenderError> {
    let (mut notes, mut hooks) = (String::new(), Vec::new());
    let mut manifests: Vec<(Head, Document)> = Vec::new();
    for (source, text) in files {
        if source.ends_with("NOTES.txt") {
            if source == format!("{chart}/templates/NOTES.txt") {
                notes = text;
            }
            continue;
        }
        for document in split(&text) {
            let wrong = |what: String| refused(&source, format!("YAML parse error: {what}"));
            let object = yaml::parse(document).map_err(|error| wrong(error.to_string()))?;
            let head = Head::of(&object).map_err(wrong)?;
            let document = Document {
                source: source.clone(),
                text: document.to_owned(),
                object,
            };
            match head.role {
                Role::Object => manifests.push((head, document)),
                Role::Hook { is_test } => hooks.push((head, Hook { document, is_test })),
                Role::Skipped => {}
            }
        }
    }
    let mut documents = sorted(manifests);
    let mut manifest = String::new();
    for Document { source, text, .. } in &documents {
        manifest.extend(["---\n# Source: ", source, "\n", text, "\n"]);
    }
    // A document of comments only is part of the text but not an object.
    documents.retain(|document| !document.object.is_null());
    Ok(Rendered {
        manifest,
        notes,
        documents,
        hooks: sorted(hooks),
    })
}

/// In Helm's order of installation.
fn sorted<T>(mut all: Vec<(Head, T)>) -> Vec<T> {
    all.sort_by(|(one, _), (other, _)| {
        rank(INSTALL_ORDER, &one.kind).cmp(&rank(INSTALL_ORDER, &other.kind))
    });
    all.into_iter().map(|(_, one)| one).collect()
}

fn refused(source: &str, what: impl std::fmt::Display) -> RenderError {
    RenderError::new(RenderErrorKind::Document, format!("{source}: {what}"))
}

#[cfg(test)]
mod tests;
