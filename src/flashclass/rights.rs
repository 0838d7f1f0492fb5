//! Kinds that a class opens to its jobs though the operator was not set up for them: its rights come from elsewhere. Pure.
//!
//! Said early by the status of the class, and by the device whose object the API server then refuses.

use serde_json::Value;

use super::{class::Class, terms::Terms};
use crate::{
    chart::guard::Kind,
    cluster::{ApiError, ErrorKind},
};

/// What has to be done before such a kind can be used.
const GRANT: &str = "add it to flashPod.extraKinds of the operator's Helm chart, which also gives the operator its rights \
                     to it (without that chart: to --extra-kinds, with the rights)";

/// What a class is told of its `workload.kinds` that are not among those that the operator was `granted`.
#[must_use]
pub(super) fn warning(class: &Class, granted: &[Kind]) -> Option<String> {
    let rules = class.rules.as_ref().ok()?;
    let kinds = rules.kinds.iter().enumerate();
    let unknown: Vec<String> = kinds
        .filter(|(_, kind)| !granted.contains(kind))
        .map(|(index, Kind { api_version, kind })| {
            format!(
                "spec.workload.kinds[{index}]: the operator is not set up for {api_version}/{kind}"
            )
        })
        .collect();
    let one = unknown.len() == 1;
    let fail = if one {
        "such an object"
    } else {
        "such objects"
    };
    (!unknown.is_empty()).then(|| {
        format!(
            "{}; flashes with {fail} wait with the reason Forbidden where it lacks the rights: {GRANT}",
            unknown.join("; ")
        )
    })
}

/// The refusal of an object whose kind a class opened, with the field that did and where the rights come from. Every other
/// failure stays as it is.
#[must_use]
pub fn explained(error: ApiError, object: &Value, terms: &Terms) -> ApiError {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let kind = Kind {
        api_version: text("apiVersion"),
        kind: text("kind"),
    };
    let opened = terms.rules().find(|(_, rules)| rules.kinds.contains(&kind));
    // An invalid request without a field is a kind that the operator does not know.
    let lacks_right = match &error.kind {
        ErrorKind::Forbidden => true,
        ErrorKind::Invalid { fields } => fields.is_empty(),
        _ => false,
    };
    match opened.filter(|_| lacks_right) {
        Some((class, _)) => ApiError {
            kind: ErrorKind::Forbidden,
            message: format!(
                "FlashClass {} opens {}/{} in spec.workload.kinds, but the operator may not write it: {GRANT}; {}",
                class.name(),
                kind.api_version,
                kind.kind,
                error.message
            ),
            ..error
        },
        None => error,
    }
}
