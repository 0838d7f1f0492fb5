//! Whether the cluster serves the operator's kinds, and as this program knows them. Pure.

use std::collections::BTreeSet;

use flashjob_operator::{
    api::crd,
    names::{GROUP, VERSION},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};

use super::{Check, Facts, Finding};

/// Fields that are named of many.
const NAMED: usize = 3;
const INSTALL: &str = "install the CRDs of the operator's version with: flashjob-operator crds | kubectl apply --server-side -f -";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let served = facts.server.as_ref().map(|server| &server.api_versions);
    let known = [
        ("FlashJob", crd::flashjob()),
        ("FlashClass", crd::flashclass()),
    ];
    let stored = facts.definitions.iter();
    let stored = stored.map(|stored| stored.as_ref().map(Option::as_ref));
    let of_one = |((kind, known), stored): ((&str, CustomResourceDefinition), _)| {
        let place = format!("{GROUP}/{VERSION}/{kind}");
        if !served.is_ok_and(|served| served.contains(&place)) {
            let message = format!("the cluster does not serve {kind} of {GROUP}/{VERSION}");
            return Finding::fail(Check::Kinds, message, INSTALL.to_owned());
        }
        let served = format!("{kind} is served as {VERSION}");
        match stored {
            Ok(Some(stored)) => compare(kind, &known, stored),
            Ok(None) => Finding::ok(Check::Kinds, served),
            Err(error) => {
                let what = format!("{served}; whether with all fields that this program knows");
                Finding::unknown(Check::Kinds, &what, error)
            }
        }
    };
    known.into_iter().zip(stored).map(of_one).collect()
}

/// What is said of a stored definition beside the one that this program knows.
fn compare(
    kind: &str,
    known: &CustomResourceDefinition,
    stored: &CustomResourceDefinition,
) -> Finding {
    let (ours, theirs) = (fields(known), fields(stored));
    let version = env!("CARGO_PKG_VERSION");
    let labels = stored.metadata.labels.as_ref();
    let label = labels.and_then(|labels| labels.get("app.kubernetes.io/version"));
    let of = label.map_or_else(String::new, |label| format!(" of version {label}"));
    let missing: Vec<_> = ours.difference(&theirs).collect();
    if !missing.is_empty() {
        let message = format!(
            "the definition of {kind}{of} lacks {}, which the API server drops from what is written",
            named(&missing)
        );
        let next = format!("{INSTALL}; this program is of version {version}");
        return Finding::warn(Check::Kinds, message, next);
    }
    let more: Vec<_> = theirs.difference(&ours).collect();
    if !more.is_empty() {
        let message = format!(
            "the definition of {kind}{of} has {}, which this program of version {version} does not know",
            named(&more)
        );
        let next = "upgrade kubectl flashjob to the version of the operator".to_owned();
        return Finding::warn(Check::Kinds, message, next);
    }
    let message =
        format!("{kind} is served as {VERSION}, with the fields{of} that this program knows");
    Finding::ok(Check::Kinds, message)
}

fn named(fields: &[&String]) -> String {
    let shown: Vec<_> = fields
        .iter()
        .take(NAMED)
        .map(|field| field.as_str())
        .collect();
    let rest = fields.len() - shown.len();
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

/// Paths of all fields of the version that this program speaks.
fn fields(definition: &CustomResourceDefinition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut versions = definition.spec.versions.iter();
    let version = versions.find(|version| version.name == VERSION);
    let schema = version.and_then(|version| version.schema.as_ref());
    if let Some(schema) = schema.and_then(|schema| schema.open_api_v3_schema.as_ref()) {
        collect(schema, "", &mut found);
    }
    found
}

fn collect(schema: &JSONSchemaProps, within: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{within}{name}");
        collect(field, &format!("{path}."), found);
        found.insert(path);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        collect(items, within, found);
    }
}
