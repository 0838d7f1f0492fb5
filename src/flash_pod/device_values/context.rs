//! What templates of values may name: the device, the job and the release. Adding a field extends an API; removing one breaks it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Everything that a template of values may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceContext {
    /// `device.*`
    pub device: DeviceFacts,
    /// `job.*`
    pub job: JobFacts,
    /// `release.*`
    pub release: ReleaseFacts,
}

/// `device.*`: the device as it was when its flash began. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceFacts {
    /// Uid of its Instance.
    pub uuid: String,
    /// Where it listens: IPv4 address, or address:port.
    pub endpoint: String,
    /// The address alone.
    pub address: String,
    /// Board, such as esp32s3.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it runs.
    pub application_type: String,
    /// Version it runs.
    pub version: String,
    /// Nodes that see it.
    pub nodes: Vec<String>,
    /// Akri Configuration that found it.
    pub configuration: String,
    /// All broker properties of its Instance.
    pub properties: BTreeMap<String, String>,
}

/// `job.*`: the `FlashJob`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobFacts {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Firmware of the round.
    pub firmware: String,
    /// Version of the round.
    pub version: String,
}

/// `release.*`: the Helm release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseFacts {
    /// Its name.
    pub name: String,
    /// Id of the attempt, in which the names of its objects end.
    pub attempt: String,
}

/// What a field of the context holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    List,
    Map,
}

/// The fields of each root; a test keeps it equal to the structs above.
const FIELDS: [(&str, &[(&str, Shape)]); 3] = [
    (
        "device",
        &[
            ("uuid", Shape::Text),
            ("endpoint", Shape::Text),
            ("address", Shape::Text),
            ("type", Shape::Text),
            ("applicationType", Shape::Text),
            ("version", Shape::Text),
            ("nodes", Shape::List),
            ("configuration", Shape::Text),
            ("properties", Shape::Map),
        ],
    ),
    (
        "job",
        &[
            ("name", Shape::Text),
            ("namespace", Shape::Text),
            ("uid", Shape::Text),
            ("firmware", Shape::Text),
            ("version", Shape::Text),
        ],
    ),
    (
        "release",
        &[("name", Shape::Text), ("attempt", Shape::Text)],
    ),
];

/// Whether the context has such a root.
pub(super) fn is_root(name: &str) -> bool {
    FIELDS.iter().any(|(root, _)| *root == name)
}

/// What `root.field` holds; none if the context has no such name.
pub(super) fn shape(root: &str, field: &str) -> Option<Shape> {
    let (_, fields) = FIELDS.iter().find(|(name, _)| *name == root)?;
    let (_, shape) = fields.iter().find(|(name, _)| *name == field)?;
    Some(*shape)
}

/// What may follow `root.`, or the roots if there is no such root; for messages.
pub(super) fn known(root: &str) -> String {
    match FIELDS.iter().find(|(name, _)| *name == root) {
        Some((_, fields)) => {
            let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            format!("{root} has {}", names.join(", "))
        }
        None => "known are device, job and release".to_owned(),
    }
}

impl DeviceContext {
    /// The context as a document.
    pub(super) fn document(&self) -> Value {
        serde_json::to_value(self).expect("structs of strings are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_names_are_the_fields_of_the_context() {
        let document = DeviceContext::default().document();
        let mut fields = 0;
        for (root, map) in document.as_object().unwrap() {
            for (field, value) in map.as_object().unwrap() {
                let expected = match value {
                    Value::Array(_) => Shape::List,
                    Value::Object(_) => Shape::Map,
                    _ => Shape::Text,
                };
                assert_eq!(shape(root, field), Some(expected), "{root}.{field}");
                fields += 1;
            }
        }
        assert_eq!(
            fields,
            FIELDS.iter().map(|(_, fields)| fields.len()).sum::<usize>()
        );
    }
}
