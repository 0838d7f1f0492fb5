//! Reading a FlashJob or FlashClass that the API server sent, whatever it holds and however large it is. Pure.
//!
//! What cannot be read is the fault of that object alone: it arrives with its metadata and the reason, and stops no list.
//! Parts that nobody looks at are skipped and never built: labels, annotations such as kubectl's copy of the whole object, and
//! `managedFields`, which is often half of an object.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::{
    Resource,
    core::object::{HasSpec, HasStatus},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::names::{
    ANNOTATION_APPROVED_BEFORE, ANNOTATION_APPROVED_BY, ANNOTATION_DEFAULT_CLASS,
    ANNOTATION_REQUESTED_BY, ANNOTATION_SUSPENDED_BY,
};

/// Annotations that are read.
const ANNOTATIONS: [&str; 5] = [
    ANNOTATION_DEFAULT_CLASS,
    ANNOTATION_SUSPENDED_BY,
    ANNOTATION_REQUESTED_BY,
    ANNOTATION_APPROVED_BY,
    ANNOTATION_APPROVED_BEFORE,
];

/// An object, or why it cannot be read. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Unreadable>);

/// An object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Which field cannot be read, and why.
    pub error: String,
}

/// An object of which every part is still text. What is not known of it stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawObject {
    /// apiVersion.
    #[serde(default)]
    pub api_version: String,
    /// kind.
    #[serde(default)]
    pub kind: String,
    /// metadata.
    pub metadata: Box<RawValue>,
    /// spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<RawValue>>,
    /// status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<RawValue>>,
}

/// What is read of metadata.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    annotations: Option<Kept>,
}

impl From<Metadata> for ObjectMeta {
    fn from(read: Metadata) -> Self {
        Self {
            name: read.name,
            namespace: read.namespace,
            uid: read.uid,
            resource_version: read.resource_version,
            generation: read.generation,
            creation_timestamp: read.creation_timestamp,
            deletion_timestamp: read.deletion_timestamp,
            finalizers: read.finalizers,
            annotations: read
                .annotations
                .map(|kept| kept.0)
                .filter(|kept| !kept.is_empty()),
            ..Self::default()
        }
    }
}

/// The annotations that somebody looks at.
struct Kept(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeptVisitor)
    }
}

struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
        let mut kept = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if ANNOTATIONS.contains(&key.as_str()) {
                kept.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Kept(kept))
    }
}

/// Reads a part of an object.
///
/// # Errors
/// Which field cannot be read, and why.
pub fn read_part<T: DeserializeOwned>(part: &str, raw: &RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|_| {
        // The path costs time, which only a fault is worth.
        let mut json = serde_json::Deserializer::from_str(raw.get());
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Ok(_) => format!("{part}: cannot be read"),
            Err(error) => fault(part, &error),
        }
    })
}

fn fault(part: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (path, words) = (error.path().to_string(), error.inner().to_string());
    // Lines and columns are those of a text that nobody sees.
    let words = words
        .rsplit_once(" at line ")
        .map_or(words.as_str(), |(words, _)| words);
    match path.as_str() {
        "." => format!("{part}: {words}"),
        path => format!("{part}.{path}: {words}"),
    }
}

impl<K> Guarded<K>
where
    K: Resource<DynamicType = ()> + HasSpec + HasStatus + Default,
    K::Spec: DeserializeOwned,
    K::Status: DeserializeOwned,
{
    fn of(parts: &RawObject) -> Result<Self, serde_json::Error> {
        let metadata: Metadata = serde_json::from_str(parts.metadata.get())?;
        let metadata = ObjectMeta::from(metadata);
        let unreadable = |error| {
            Ok(Self(Err(Unreadable {
                metadata: metadata.clone(),
                error,
            })))
        };
        let spec = parts
            .spec
            .as_ref()
            .ok_or_else(|| "spec: is missing".to_owned());
        let spec = match spec.and_then(|raw| read_part("spec", raw)) {
            Ok(spec) => spec,
            Err(error) => return unreadable(error),
        };
        let status = parts.status.as_ref();
        let status = status.map(|raw| read_part("status", raw));
        let status = match status.transpose() {
            Ok(status) => status.flatten(),
            Err(error) => return unreadable(error),
        };
        let mut object = K::default();
        *object.spec_mut() = spec;
        *object.status_mut() = status;
        *object.meta_mut() = metadata;
        Ok(Self(Ok(object)))
    }
}

impl<'de, K> Deserialize<'de> for Guarded<K>
where
    K: Resource<DynamicType = ()> + HasSpec + HasStatus + Default,
    K::Spec: DeserializeOwned,
    K::Status: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not all at once: what makes one part unreadable must not hide the others.
        let parts = RawObject::deserialize(deserializer)?;
        Self::of(&parts).map_err(D::Error::custom)
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(types: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(types)
    }

    fn group(types: &Self::DynamicType) -> Cow<'_, str> {
        K::group(types)
    }

    fn version(types: &Self::DynamicType) -> Cow<'_, str> {
        K::version(types)
    }

    fn plural(types: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(types)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0
            .as_ref()
            .map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(unreadable) => &mut unreadable.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::FlashJob;

    fn object(metadata: &Value, spec: &Value) -> Value {
        let mut all = json!({
            "name": "lamps", "namespace": "lab", "uid": "u-1", "resourceVersion": "12", "generation": 3,
            "finalizers": ["example.com/kept"], "deletionTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"a": "b"}, "annotations": {"c": "d", ANNOTATION_DEFAULT_CLASS: "true", ANNOTATION_SUSPENDED_BY: "ann"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u"}],
        });
        for (key, value) in metadata.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        json!({"apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": all, "spec": spec})
    }

    fn from_text(text: &str) -> Guarded<FlashJob> {
        serde_json::from_str(text).unwrap()
    }

    fn read(object: &Value) -> Guarded<FlashJob> {
        let from_text = from_text(&object.to_string());
        let from_tree: Guarded<FlashJob> = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(from_text.meta(), from_tree.meta());
        from_text
    }

    #[test]
    fn an_object_is_read_as_it_is_but_for_what_nobody_looks_at() {
        let spec = json!({"uuid": ["a"], "firmware": "f", "version": "1", "unknown": 7});
        let fields =
            json!({"managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}], "unknown": {}});
        let job = read(&object(&fields, &spec)).0.unwrap();
        let mut plain: FlashJob = serde_json::from_value(object(&fields, &spec)).unwrap();
        let metadata = &mut plain.metadata;
        (
            metadata.managed_fields,
            metadata.labels,
            metadata.owner_references,
        ) = (None, None, None);
        metadata.annotations.as_mut().unwrap().remove("c");
        assert_eq!(job, plain);
    }

    #[rstest]
    #[case::no_spec(json!(null), "spec: is missing")]
    #[case::a_field(json!({"uuid": "a"}), "spec.uuid: invalid type: string \"a\", expected a sequence")]
    #[case::a_field_below(
        json!({"steps": [{"devices": 1, "soakSeconds": "5"}]}),
        "spec.steps[0].soakSeconds: invalid type: string \"5\", expected i64"
    )]
    #[case::an_amount(
        json!({"steps": [{"devices": 1}, {"devices": 1.5}]}),
        "spec.steps[1].devices: invalid type: floating point `1.5`, expected a whole number of devices, or a percentage such as \"10%\""
    )]
    #[case::a_status(json!({"status": {"counts": 7}}), "status.counts: invalid type: integer `7`, expected struct Counts")]
    fn what_cannot_be_read_has_its_metadata_and_names_the_field(
        #[case] spec: Value,
        #[case] error: &str,
    ) {
        let mut whole = object(&json!({}), &json!({"firmware": "f", "version": "1"}));
        match spec.get("status") {
            Some(status) => whole["status"] = status.clone(),
            None => whole["spec"] = spec,
        }
        let unreadable = read(&whole).0.unwrap_err();
        assert_eq!(unreadable.error, error);
        let metadata = &unreadable.metadata;
        assert_eq!(metadata.uid.as_deref(), Some("u-1"));
        assert_eq!(
            metadata.finalizers.as_deref(),
            Some(&["example.com/kept".to_owned()][..])
        );
        assert!(metadata.deletion_timestamp.is_some());
    }

    #[test]
    fn nesting_that_no_parser_bears_is_the_fault_of_its_object() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = object(&json!({}), &json!({"uuid": "@"})).to_string();
        let job = from_text(&text.replace("\"@\"", &deep));
        let error = job.0.unwrap_err().error;
        assert!(error.starts_with("spec.uuid"), "{error}");
        let text = object(&json!({"managedFields": "@"}), &json!({})).to_string();
        let job = from_text(&text.replace("\"@\"", &deep));
        assert!(job.0.is_ok(), "nobody looks at managedFields");
    }
}
