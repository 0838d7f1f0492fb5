//! What Helm reads of an object before it is installed: kind, and whether it is a hook. Pure.

use serde_json::Value;

use crate::yaml::{Shape, conform};

const METADATA: Shape = Shape::Fields(&[
    ("name", Shape::Text),
    ("annotations", Shape::Map(&Shape::Text)),
]);
const HEAD: Shape = Shape::Fields(&[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
]);
/// The points of a release's life at which Helm runs hooks, without tests.
const EVENTS: [&str; 8] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
];

/// The role of an object in a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of the release.
    Object,
    /// Created at a point of the release's life.
    Hook { is_test: bool },
    /// A hook at a point that Helm does not know: Helm leaves it out.
    Skipped,
}

/// The head of a document.
pub(super) struct Head {
    pub(super) kind: String,
    pub(super) role: Role,
}

impl Head {
    /// Reads it as Helm does, whatever the case of the names.
    ///
    /// # Errors
    /// If a part of it has another shape, with the place of that part.
    pub(super) fn of(object: &Value) -> Result<Self, String> {
        let head = known(object, &HEAD, |value| known(value, &METADATA, Value::clone));
        let head = conform(head, &HEAD)?;
        let hook = head.pointer("/metadata/annotations/helm.sh~1hook");
        Ok(Self {
            kind: head.get("kind").map(text).unwrap_or_default(),
            role: hook.map_or(Role::Object, |events| role(&text(events))),
        })
    }
}

/// The fields of a map that a shape knows, each copied by `copy`. Helm does not read the rest, so it is not copied.
fn known(value: &Value, shape: &Shape, copy: impl Fn(&Value) -> Value) -> Value {
    let Value::Object(fields) = value else {
        return value.clone();
    };
    let known = fields.iter().filter(|(name, _)| shape.knows(name));
    let copies = known.map(|(name, value)| (name.clone(), copy(value)));
    Value::Object(copies.collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn role(events: &str) -> Role {
    let mut is_test = true;
    for event in events.split(',') {
        match event.trim().to_lowercase().as_str() {
            "test" | "test-success" => {}
            event if EVENTS.contains(&event) => is_test = false,
            _ => return Role::Skipped,
        }
    }
    Role::Hook { is_test }
}
