//! Metadata: names and labels tie an object to its attempt, and nothing else may hold or own it.

use serde_json::Value;

use crate::names::LABEL_ATTEMPT;
use helm_chart::pointer::Pointer;

use super::Owner;
use super::shape::{Field, Shape, Visit, may, must, shorten};

/// Longest name: that of a Service.
const MAX_NAME: usize = 63;
/// The annotation by which `AppArmor` profiles were once chosen.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Metadata of a Pod.
pub(super) const POD: Shape = Shape::Ruled(&Shape::Fields(POD_FIELDS), held);
/// Metadata of a Service.
pub(super) const SERVICE: Shape = Shape::Ruled(&Shape::Fields(SERVICE_FIELDS), kept);
/// Metadata of everything else.
pub(super) const OTHER: Shape = Shape::Ruled(&Shape::Fields(OTHER_FIELDS), tied);

const TEXTS: Shape = Shape::Dict(&Shape::Text);
const OTHER_FIELDS: &[Field] = &[
    must("name", Shape::Ruled(&Shape::Text, name)),
    may("namespace", Shape::Ruled(&Shape::Text, namespace)),
    may("labels", TEXTS),
    may("annotations", TEXTS),
    may("ownerReferences", OWNERS),
];
const SERVICE_FIELDS: &[Field] = &[
    must("name", Shape::Ruled(&Shape::Text, name)),
    may("namespace", Shape::Ruled(&Shape::Text, namespace)),
    may("labels", TEXTS),
    may("annotations", TEXTS),
    may("ownerReferences", OWNERS),
    may("finalizers", Shape::Each(&Shape::Text)),
];
const POD_FIELDS: &[Field] = &[
    must("name", Shape::Ruled(&Shape::Text, name)),
    may("namespace", Shape::Ruled(&Shape::Text, namespace)),
    may("labels", TEXTS),
    may("annotations", Shape::Ruled(&TEXTS, pod_annotations)),
    may("ownerReferences", OWNERS),
    may("finalizers", Shape::Each(&Shape::Text)),
];
const OWNERS: Shape = Shape::Each(&Shape::Fields(&[
    must("apiVersion", Shape::Text),
    must("kind", Shape::Text),
    must("name", Shape::Text),
    must("uid", Shape::Text),
    may("controller", Shape::Bool),
    may("blockOwnerDeletion", Shape::Bool),
]));

fn name(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let name = value.as_str().unwrap_or_default();
    let (release, attempt) = (&visit.policy.release, &visit.policy.attempt);
    let rest = name.strip_prefix(release.as_str());
    let is_tied =
        rest.is_some_and(|rest| rest.starts_with('-') && rest.ends_with(&format!("-{attempt}")));
    if !is_tied || name.len() > MAX_NAME {
        let message = format!(
            "{:?} must begin with {release}, end with -{attempt}, and have at most {MAX_NAME} characters",
            shorten(name)
        );
        visit.refuse(place, message);
    }
}

fn namespace(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let namespace = &visit.policy.namespace;
    if value.as_str().is_some_and(|text| text != namespace) {
        visit.refuse(
            place,
            format!("must be absent or {namespace}: objects stay with their FlashJob"),
        );
    }
}

fn pod_annotations(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let is_confined =
        |profile: &str| profile == "runtime/default" || profile.starts_with("localhost/");
    for (key, value) in value.as_object().into_iter().flatten() {
        if key.starts_with(APPARMOR) && !value.as_str().is_some_and(is_confined) {
            super::security::kernel(visit, &place.child(key), "this AppArmor profile");
        }
    }
}

/// Labels and owner are the attempt's.
fn tied(visit: &mut Visit<'_>, place: &Pointer, metadata: &Value) {
    let policy = visit.policy;
    let attempt = (LABEL_ATTEMPT, policy.attempt.as_str());
    let others = policy
        .labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, expected) in others.chain([attempt]) {
        let found = metadata.get("labels").and_then(|labels| labels.get(key));
        if found.and_then(Value::as_str) != Some(expected) {
            visit.refuse(
                &place.child("labels").child(key),
                format!("must be {expected:?}"),
            );
        }
    }
    let owners = list(metadata, "ownerReferences");
    let is_owned = match (&policy.owner, owners) {
        (None, []) => true,
        (Some(owner), [found]) => owner.is(found),
        (None | Some(_), _) => false,
    };
    visit.require(
        is_owned,
        &place.child("ownerReferences"),
        "must name the FlashJob and nothing else",
    );
}

/// As [`tied`], and the finalizers are those that keep a Pod readable.
fn held(visit: &mut Visit<'_>, place: &Pointer, metadata: &Value) {
    tied(visit, place, metadata);
    finalizers(visit, place, list(metadata, "finalizers"));
}

/// As [`held`], but a chart may leave the finalizers to the operator, which puts them on before it creates the Pod.
fn kept(visit: &mut Visit<'_>, place: &Pointer, metadata: &Value) {
    tied(visit, place, metadata);
    let found = list(metadata, "finalizers");
    if !found.is_empty() {
        finalizers(visit, place, found);
    }
}

fn finalizers(visit: &mut Visit<'_>, place: &Pointer, found: &[Value]) {
    let expected = &visit.policy.finalizers;
    let is_held = found.len() == expected.len()
        && expected
            .iter()
            .all(|name| found.iter().any(|finalizer| finalizer == name));
    visit.require(
        is_held,
        &place.child("finalizers"),
        &format!("must be {expected:?}"),
    );
}

fn list<'a>(metadata: &'a Value, key: &str) -> &'a [Value] {
    metadata
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

impl Owner {
    /// Whether an owner reference names this owner as the one controller.
    fn is(&self, reference: &Value) -> bool {
        let text = |key| reference.get(key).and_then(Value::as_str);
        text("apiVersion") == Some(&self.api_version)
            && text("kind") == Some(&self.kind)
            && text("name") == Some(&self.name)
            && text("uid") == Some(&self.uid)
            && reference.get("controller") == Some(&Value::Bool(true))
    }
}
