//! The objects of a rendering, taken apart as they are applied: the Pod comes after everything else. Pure.
//!
//! Called by `act` before the writes of an attempt.

use serde_json::{Value, json};

use crate::names::{
    ANNOTATION_RELEASE_NAME, ANNOTATION_RELEASE_NAMESPACE, LABEL_MANAGED_BY, MANAGED_BY_HELM,
};
use helm_chart::engine::Rendered;

/// The objects of a rendering, as they are applied: Helm's ownership metadata is on them, as Helm would put it there.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The Pod, if it was rendered.
    pub pod: Option<Value>,
    /// Everything else, in install order.
    pub others: Vec<Value>,
    /// The manifest of everything else.
    pub manifest_without_pod: String,
}

impl Parts {
    /// Takes a rendering apart.
    #[must_use]
    pub fn of(rendered: &Rendered, release: &str, namespace: &str) -> Self {
        let is_pod = |object: &Value| object["kind"] == "Pod" && object["apiVersion"] == "v1";
        let mut parts = Self {
            pod: None,
            others: Vec::new(),
            manifest_without_pod: String::new(),
        };
        for document in &rendered.documents {
            let owned = owned_by_release(&document.object, release, namespace);
            if is_pod(&document.object) {
                parts.pod = Some(owned);
                continue;
            }
            parts.others.push(owned);
            let text = document.text.trim_end();
            parts.manifest_without_pod.extend([
                "---\n# Source: ",
                document.source.as_str(),
                "\n",
                text,
                "\n",
            ]);
        }
        parts
    }
}

/// An object with the metadata by which Helm knows its own.
fn owned_by_release(object: &Value, release: &str, namespace: &str) -> Value {
    let mut object = object.clone();
    let metadata = &mut object["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["labels"][LABEL_MANAGED_BY] = json!(MANAGED_BY_HELM);
    metadata["annotations"][ANNOTATION_RELEASE_NAME] = json!(release);
    metadata["annotations"][ANNOTATION_RELEASE_NAMESPACE] = json!(namespace);
    object
}
