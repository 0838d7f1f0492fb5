//! A FlashJob or FlashClass that the API server has not seen, checked as it would check it. Pure.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    api::{
        conform,
        crd::{Kind, spec_schema},
    },
    names::{GROUP, VERSION},
};

/// What an object that is not stored cannot know and the API server would have set.
pub const UNKNOWN_UID: &str = "00000000-0000-4000-8000-000000000000";

/// What an object consists of.
pub const PARTS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Why a document is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is another object, or none.
    #[error("{0}")]
    NotIt(String),
    /// The API server would refuse it: everything that is wrong, each with its field.
    #[error("the {kind} is invalid:\n* {}", problems.join("\n* "))]
    Invalid {
        /// The kind.
        kind: &'static str,
        /// What is wrong, as `FIELD: WORDS`.
        problems: Vec<String>,
    },
}

/// An object of this kind, with what only the API server sets filled in; in that namespace where it names none.
///
/// # Errors
/// When it is another object, or the API server would refuse it.
pub fn checked<K: DeserializeOwned>(
    kind: Kind,
    namespace: &str,
    mut value: Value,
) -> Result<K, Unusable> {
    let name = match kind {
        Kind::FlashJob => "FlashJob",
        Kind::FlashClass => "FlashClass",
    };
    is_kind(name, &format!("{GROUP}/{VERSION}"), &value)?;
    let unknown = unknown_keys(&value, &PARTS);
    let mut problems: Vec<String> = unknown.map(|key| format!("{key}: unknown field")).collect();
    problems.extend(conform::problems(
        &spec_schema(kind),
        &value["spec"],
        "spec",
    ));
    if !problems.is_empty() {
        return Err(Unusable::Invalid {
            kind: name,
            problems,
        });
    }
    complete(namespace, &mut value)?;
    serde_json::from_value(value).map_err(|error| Unusable::NotIt(error.to_string()))
}

/// Keys of a map beside those that are known.
pub fn unknown_keys<'a>(value: &'a Value, known: &'a [&str]) -> impl Iterator<Item = &'a String> {
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.filter(|key| !known.contains(&key.as_str()))
}

/// Whether a document is of this kind and version, as far as it says.
///
/// # Errors
/// When it says otherwise.
pub fn is_kind(name: &str, known: &str, value: &Value) -> Result<(), Unusable> {
    let version = value["apiVersion"].as_str();
    if let Some(other) = version.filter(|other| *other != known) {
        return Err(Unusable::NotIt(format!(
            "apiVersion: Invalid value: {other:?}: must be {known:?}"
        )));
    }
    match value["kind"].as_str().filter(|other| *other != name) {
        Some(other) => Err(Unusable::NotIt(format!(
            "kind: Invalid value: {other:?}: must be {name:?}"
        ))),
        None => Ok(()),
    }
}

/// Fills in what only the API server sets.
///
/// # Errors
/// When the document holds no object.
pub fn complete(namespace: &str, value: &mut Value) -> Result<(), Unusable> {
    let none = || Unusable::NotIt("holds no object".to_owned());
    let root = value.as_object_mut().ok_or_else(none)?;
    let metadata = root
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    let metadata = metadata
        .as_object_mut()
        .ok_or_else(|| Unusable::NotIt("metadata: must be an object".to_owned()))?;
    for (key, default) in [
        ("namespace", namespace),
        ("uid", UNKNOWN_UID),
        ("resourceVersion", "1"),
    ] {
        if metadata.get(key).is_none_or(Value::is_null) {
            metadata.insert(key.to_owned(), default.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::api::FlashJob;

    #[rstest]
    #[case::a_list(json!([]))]
    #[case::a_text(json!("FlashJob"))]
    #[case::metadata_that_is_a_text(json!({"metadata": "a", "spec": {"firmware": "f", "version": "1"}}))]
    #[case::another_kind(json!({"kind": "Pod"}))]
    #[case::another_version(json!({"apiVersion": "v1"}))]
    #[case::a_field_that_there_is_not(json!({"metadata": {"name": "a"}, "spec": {"firmware": "f", "version": "1", "x": 1}}))]
    #[case::a_field_beside_the_spec(json!({"specs": {}, "spec": {"firmware": "f", "version": "1"}}))]
    fn what_the_api_server_would_not_take_is_refused(#[case] document: Value) {
        assert!(checked::<FlashJob>(Kind::FlashJob, "demo", document).is_err());
    }

    #[test]
    fn what_only_the_api_server_sets_is_filled_in() {
        let document =
            json!({"metadata": {"name": "a"}, "spec": {"firmware": "f", "version": "1"}});
        let job: FlashJob = checked(Kind::FlashJob, "demo", document).unwrap();
        assert_eq!(job.metadata.namespace.as_deref(), Some("demo"));
        assert_eq!(job.metadata.uid.as_deref(), Some(UNKNOWN_UID));
    }
}
