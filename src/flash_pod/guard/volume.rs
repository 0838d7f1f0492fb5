//! Volumes: empty directories, what describes the Pod itself, and the Secrets and config maps that the administrator names.

use serde_json::Value;

use helm_chart::pointer::Pointer;

use super::HostAccess;
use super::security::refuse_host;
use super::shape::{Field, Shape, Visit, may, must};

/// One volume of a Pod.
pub(super) const VOLUME: Shape = Shape::Ruled(&Shape::Dict(&Shape::Anything), volume);

const FIELDS: &[Field] = &[
    must("name", Shape::Text),
    may(
        "emptyDir",
        Shape::Fields(&[may("medium", Shape::Text), may("sizeLimit", Shape::Scalar)]),
    ),
    may(
        "secret",
        Shape::Fields(&[
            must("secretName", Shape::Ruled(&Shape::Text, secret)),
            may("optional", Shape::Bool),
            may("items", ITEMS),
            may("defaultMode", Shape::Integer),
        ]),
    ),
    may(
        "configMap",
        Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, config_map)),
            may("optional", Shape::Bool),
            may("items", ITEMS),
            may("defaultMode", Shape::Integer),
        ]),
    ),
    may(
        "downwardAPI",
        Shape::Fields(&[may("items", DOWNWARD), may("defaultMode", Shape::Integer)]),
    ),
    may(
        "projected",
        Shape::Fields(&[
            must("sources", Shape::Each(&Shape::Fields(SOURCES))),
            may("defaultMode", Shape::Integer),
        ]),
    ),
];
/// Sources of a projected volume; no service account tokens.
const SOURCES: &[Field] = &[
    may(
        "secret",
        Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, secret)),
            may("optional", Shape::Bool),
            may("items", ITEMS),
        ]),
    ),
    may(
        "configMap",
        Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, config_map)),
            may("optional", Shape::Bool),
            may("items", ITEMS),
        ]),
    ),
    may("downwardAPI", Shape::Fields(&[may("items", DOWNWARD)])),
];
const ITEMS: Shape = Shape::Each(&Shape::Fields(&[
    must("key", Shape::Text),
    must("path", Shape::Text),
    may("mode", Shape::Integer),
]));
const DOWNWARD: Shape = Shape::Each(&Shape::Fields(&[
    must("path", Shape::Text),
    may("fieldRef", FIELD_REF),
    may("resourceFieldRef", RESOURCE_FIELD_REF),
    may("mode", Shape::Integer),
]));
/// A field of the Pod itself.
pub(super) const FIELD_REF: Shape = Shape::Fields(&[
    may("apiVersion", Shape::Text),
    must("fieldPath", Shape::Text),
]);
/// A resource of the Pod itself.
pub(super) const RESOURCE_FIELD_REF: Shape = Shape::Fields(&[
    may("containerName", Shape::Text),
    must("resource", Shape::Text),
    may("divisor", Shape::Scalar),
]);

/// Kinds that the administrator adds are not read; the others are.
fn volume(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let Some(map) = value.as_object() else {
        return;
    };
    let (extra, listed): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| is_extra(visit, key));
    let is_kind = |key: &str| key != "name" && (is_extra(visit, key) || is_own(key));
    let kinds = map
        .iter()
        .filter(|(key, value)| is_kind(key) && !value.is_null())
        .count();
    if kinds > 1 {
        visit.refuse(place, "holds more than one kind of volume");
    } else if kinds == 0 {
        // Kubernetes takes a volume without a kind for an emptyDir; say so in the chart.
        visit.refuse(place, "holds no kind of volume");
    }
    for (key, value) in extra {
        if key == "hostPath" && !value.is_null() {
            refuse_host(
                visit,
                HostAccess::Paths,
                &place.child(key),
                "a directory of the node",
            );
        }
    }
    let listed: Value = listed
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    visit.walk(&Shape::Fields(FIELDS), place, &listed);
}

fn is_own(key: &str) -> bool {
    FIELDS.iter().any(|field| field.is_named(key))
}

fn is_extra(visit: &Visit<'_>, key: &str) -> bool {
    key == "hostPath" || (!is_own(key) && visit.policy.volume_kinds.iter().any(|kind| kind == key))
}

/// The name of a Secret that the administrator lists.
pub(super) fn secret(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    if let Some(name) = value.as_str() {
        visit.require_listed(&visit.policy.secrets, name, place, "Secret");
    }
}

/// The name of a config map that the administrator lists.
pub(super) fn config_map(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    if let Some(name) = value.as_str() {
        visit.require_listed(&visit.policy.config_maps, name, place, "ConfigMap");
    }
}
