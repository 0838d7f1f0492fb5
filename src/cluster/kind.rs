//! From the kind of an object to its place in the API: a table of what charts render, and discovery for the rest.

use std::collections::BTreeMap;

use kube::{
    Client,
    api::{ApiResource, GroupVersionKind},
    discovery::{self, Scope},
};
use serde_json::Value;

use super::error::{ApiError, ErrorKind};

/// apiVersion, kind and plural of the kinds that need no discovery. All are namespaced.
const KNOWN: [(&str, &str, &str); 10] = [
    ("v1", "Pod", "pods"),
    ("v1", "Service", "services"),
    ("v1", "Secret", "secrets"),
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("apps/v1", "ControllerRevision", "controllerrevisions"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    (
        "application.flashjob.nbfc.io/v1alpha1",
        "FlashJob",
        "flashjobs",
    ),
];

/// The namespaced kinds that can be written.
#[derive(Clone, Debug)]
pub struct Kinds {
    resources: BTreeMap<(String, String), ApiResource>,
}

impl Default for Kinds {
    fn default() -> Self {
        let resources = KNOWN.iter().map(|(api_version, kind, plural)| {
            let resource = ApiResource::from_gvk_with_plural(&gvk(api_version, kind), plural);
            (((*api_version).to_owned(), (*kind).to_owned()), resource)
        });
        Self {
            resources: resources.collect(),
        }
    }
}

impl Kinds {
    /// The place of a kind in the API, if it is known.
    #[must_use]
    pub fn find(&self, api_version: &str, kind: &str) -> Option<&ApiResource> {
        self.resources
            .get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// Asks the API server for `extra` kinds, written `group/version/Kind` or `v1/Kind`, and adds them.
    ///
    /// # Errors
    /// When the API server does not know a kind, or it is cluster-scoped: its objects could not be tied to a namespace.
    pub async fn discover(mut self, client: &Client, extra: &[String]) -> Result<Self, ApiError> {
        for name in extra {
            let refuse = |message: &str| ApiError {
                request: format!("use the extra kind {name}"),
                kind: ErrorKind::Invalid { fields: Vec::new() },
                message: message.to_owned(),
            };
            let Some((api_version, kind)) = name.rsplit_once('/') else {
                return Err(refuse("write it as group/version/Kind or v1/Kind"));
            };
            if self.find(api_version, kind).is_some() {
                continue;
            }
            let (resource, capabilities) = discovery::pinned_kind(client, &gvk(api_version, kind))
                .await
                .map_err(|error| ApiError::new(format!("discover the kind {name}"), &error))?;
            if capabilities.scope != Scope::Namespaced {
                return Err(refuse("its objects belong to no namespace"));
            }
            self.resources
                .insert((api_version.to_owned(), kind.to_owned()), resource);
        }
        Ok(self)
    }
}

fn gvk(api_version: &str, kind: &str) -> GroupVersionKind {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    GroupVersionKind::gvk(group, version, kind)
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Pod`, `Service`, …
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// An object of a core kind or of any other.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A Pod.
    #[must_use]
    pub fn pod(namespace: &str, name: &str) -> Self {
        Self::new("v1", "Pod", namespace, name)
    }

    /// A Service.
    #[must_use]
    pub fn service(namespace: &str, name: &str) -> Self {
        Self::new("v1", "Service", namespace, name)
    }

    /// A Secret.
    #[must_use]
    pub fn secret(namespace: &str, name: &str) -> Self {
        Self::new("v1", "Secret", namespace, name)
    }

    /// A `FlashJob`.
    #[must_use]
    pub fn flash_job(namespace: &str, name: &str) -> Self {
        Self::new(
            "application.flashjob.nbfc.io/v1alpha1",
            "FlashJob",
            namespace,
            name,
        )
    }

    /// A `FlashClass`, which belongs to no namespace.
    #[must_use]
    pub fn flash_class(name: &str) -> Self {
        Self::new(
            "application.flashjob.nbfc.io/v1alpha1",
            "FlashClass",
            "",
            name,
        )
    }

    /// The key that a rendered object names, if it names all of it.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        Some(Self::new(
            text("/apiVersion")?,
            text("/kind")?,
            text("/metadata/namespace")?,
            text("/metadata/name")?,
        ))
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            return write!(f, "{} {}", self.kind, self.name);
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_known_kind_needs_no_discovery() {
        let kinds = Kinds::default();
        let policy = kinds.find("networking.k8s.io/v1", "NetworkPolicy");
        let policy = policy.expect("known");
        assert_eq!(
            (policy.plural.as_str(), policy.group.as_str()),
            ("networkpolicies", "networking.k8s.io")
        );
        assert_eq!(kinds.find("v1", "Pod").expect("known").api_version, "v1");
        assert!(kinds.find("v1", "Node").is_none());
        assert!(kinds.find("v2", "Pod").is_none());
    }

    #[test]
    fn an_object_without_a_namespace_has_no_key() {
        let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
        assert_eq!(ObjectKey::of(&object), None);
        object["metadata"]["namespace"] = "n".into();
        assert_eq!(ObjectKey::of(&object), Some(ObjectKey::pod("n", "a")));
    }
}
