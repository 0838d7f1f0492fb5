//! What a record's stored manifest holds: which objects, and whether a Pod is among them.
//!
//! Pure. `helm uninstall` and `helm rollback` act on the same text.

use serde::Deserialize;

use helm_chart::manifest::split;

/// The manifest of a record is not YAML, or not a list of objects.
#[derive(Debug, thiserror::Error)]
#[error("the release's manifest cannot be read; look at it with `helm get manifest`")]
pub struct ManifestError(#[source] Box<serde_saphyr::Error>);

/// An object named by a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; empty if the manifest leaves it to the release.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Meta>,
    items: Option<Vec<Document>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    namespace: Option<String>,
    name: Option<String>,
}

/// The objects of a manifest in its order, those inside lists included; blank documents are none.
///
/// # Errors
/// If a document is not YAML or not an object.
pub fn objects(manifest: &str) -> Result<Vec<ObjectRef>, ManifestError> {
    let documents: Vec<Option<Document>> =
        serde_saphyr::from_multiple(manifest).map_err(|error| ManifestError(Box::new(error)))?;
    let mut found = Vec::new();
    for document in documents.into_iter().flatten() {
        collect(document, &mut found);
    }
    Ok(found)
}

fn collect(document: Document, found: &mut Vec<ObjectRef>) {
    let Document {
        api_version,
        kind,
        metadata,
        items,
    } = document;
    if let Some(items) = items {
        for item in items {
            collect(item, found);
        }
        return;
    }
    let Some(kind) = kind else { return };
    let Meta { namespace, name } = metadata.unwrap_or_default();
    found.push(ObjectRef {
        api_version: api_version.unwrap_or_default(),
        kind,
        namespace: namespace.unwrap_or_default(),
        name: name.unwrap_or_default(),
    });
}

/// Whether a Pod may have been created from this manifest.
///
/// A manifest that cannot be read counts as holding one: a Pod that is overlooked might be created twice.
#[must_use]
pub fn has_pod(manifest: &str) -> bool {
    objects(manifest).map_or(true, |found| {
        found.iter().any(|object| object.kind == "Pod")
    })
}

/// The manifest without its Pods: what stands in the record of a release whose Pod was never created.
#[must_use]
pub fn without_pod(manifest: &str) -> String {
    let others = split(manifest)
        .into_iter()
        .filter(|document| !has_pod(document));
    others
        .flat_map(|document| ["---\n", document.trim_end(), "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const SERVICE: &str = "---\n# Source: flash-pod/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: s\n";
    const POD: &str = "---\n# Source: flash-pod/templates/pod.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: n\n";

    #[test]
    fn objects_are_listed_in_order_with_their_namespace() {
        let found = objects(&format!("{SERVICE}{POD}")).unwrap();
        let named: Vec<_> = found
            .iter()
            .map(|o| {
                (
                    o.api_version.as_str(),
                    o.kind.as_str(),
                    o.namespace.as_str(),
                    o.name.as_str(),
                )
            })
            .collect();
        assert_eq!(named, [("v1", "Service", "", "s"), ("v1", "Pod", "n", "p")]);
    }

    #[rstest]
    #[case("", false)]
    #[case("---\n# only a comment\n---\n\n", false)]
    #[case(SERVICE, false)]
    #[case(POD, true)]
    #[case(&format!("{SERVICE}{POD}"), true)]
    #[case(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n",
        true
    )]
    #[case("kind: ConfigMap\ndata:\n  a: |\n    ---\n    kind: Pod\n", false)]
    #[case("kind: ConfigMap\ndata:\n  a: 'kind: Pod'\n", false)]
    #[case("{{{ not yaml", true)]
    #[case("just text", true)]
    fn a_pod_in_the_manifest_is_seen_and_an_unreadable_manifest_counts_as_one(
        #[case] manifest: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(has_pod(manifest), expected, "{manifest}");
    }

    #[test]
    fn a_manifest_without_its_pod_keeps_everything_else_as_it_is() {
        assert_eq!(without_pod(&format!("{SERVICE}{POD}")), SERVICE);
        assert_eq!(without_pod(POD), "");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(?s).{0,200}") {
            let _ = objects(&text);
        }
    }
}
