//! The Pod of a flash. Listed are the fields that flash Pods use; a field that is missing here is refused, `nodeName` for example.

use serde_json::Value;

use helm_chart::pointer::Pointer;

use super::container::{CONTAINER, HOST_ENDPOINT};
use super::security::off_unless;
use super::shape::{Field, Shape, Visit, may, must};
use super::{API_VERSION, HostAccess, environment, metadata, security, volume};

/// A Pod.
pub(super) const POD: Shape = Shape::Fields(&[
    must("apiVersion", API_VERSION),
    must("kind", Shape::Text),
    must("metadata", metadata::POD),
    must("spec", Shape::Ruled(&Shape::Fields(SPEC), spec)),
]);

const SPEC: &[Field] = &[
    must("restartPolicy", Shape::OneOf(&["Never"])),
    // The flash image waits for its device for ever: the kubelet has to end it.
    must(
        "activeDeadlineSeconds",
        Shape::Ruled(&Shape::Integer, positive),
    ),
    may("terminationGracePeriodSeconds", Shape::Integer),
    must("containers", Shape::Each(&CONTAINER)),
    may("initContainers", Shape::Each(&CONTAINER)),
    may("volumes", Shape::Each(&volume::VOLUME)),
    may("securityContext", security::POD),
    may("serviceAccountName", Shape::Text),
    may("automountServiceAccountToken", Shape::Bool),
    may("enableServiceLinks", Shape::Bool),
    may(
        "imagePullSecrets",
        Shape::Each(&Shape::Fields(&[must(
            "name",
            Shape::Ruled(&Shape::Text, volume::secret),
        )])),
    ),
    // Where it runs.
    may("nodeSelector", Shape::Dict(&Shape::Text)),
    may("affinity", Shape::Dict(&Shape::Anything)),
    may("tolerations", Shape::Each(&Shape::Dict(&Shape::Scalar))),
    may(
        "topologySpreadConstraints",
        Shape::Each(&Shape::Dict(&Shape::Anything)),
    ),
    may("priorityClassName", Shape::Text),
    may("runtimeClassName", Shape::Text),
    may("schedulerName", Shape::Text),
    // How it finds registries and the attestation service.
    may(
        "dnsPolicy",
        Shape::OneOf(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ),
    may("dnsConfig", Shape::Dict(&Shape::Anything)),
    may("hostAliases", Shape::Each(&Shape::Dict(&Shape::Anything))),
    // Off, unless the administrator says otherwise.
    may(
        "hostNetwork",
        Shape::Ruled(&Shape::Bool, off_unless(HostAccess::Network)),
    ),
    may(
        "hostPID",
        Shape::Ruled(&Shape::Bool, off_unless(HostAccess::Processes)),
    ),
    may(
        "hostIPC",
        Shape::Ruled(&Shape::Bool, off_unless(HostAccess::Processes)),
    ),
    may("hostUsers", Shape::Bool),
];

fn positive(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let is_positive = value.as_f64().is_some_and(|seconds| seconds >= 1.0);
    visit.require(is_positive, place, "must be at least 1");
}

fn spec(visit: &mut Visit<'_>, place: &Pointer, spec: &Value) {
    service_account(visit, place, spec);
    host_endpoint(visit, place, spec);
    environment::check(visit, place, spec);
    let has_containers = spec.get("containers").and_then(Value::as_array);
    let is_empty = has_containers.is_some_and(Vec::is_empty);
    visit.require(
        !is_empty,
        &place.child("containers"),
        "must hold a container",
    );
}

/// A service account is named only if listed; so is the default one where its token would be mounted.
fn service_account(visit: &mut Visit<'_>, place: &Pointer, spec: &Value) {
    let name = spec
        .get("serviceAccountName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_mounted = spec.get("automountServiceAccountToken") != Some(&Value::Bool(false));
    let listed = &visit.policy.service_accounts;
    if !name.is_empty() {
        visit.require_listed(
            listed,
            name,
            &place.child("serviceAccountName"),
            "service account",
        );
    } else if is_mounted && !listed.iter().any(|name| name == "default") {
        visit.refuse(
            &place.child("automountServiceAccountToken"),
            "must be false: the token of the default service account is not allowed",
        );
    }
}

/// The flash image takes the first variable it finds: exactly one, with the device's endpoint.
fn host_endpoint(visit: &mut Visit<'_>, place: &Pointer, spec: &Value) {
    let mut found = Vec::new();
    for kind in ["containers", "initContainers"] {
        for (index, container) in elements(spec, kind) {
            for (variable, env) in elements(container, "env") {
                let name = env.get("name").and_then(Value::as_str).unwrap_or_default();
                if name.to_ascii_uppercase().contains(HOST_ENDPOINT) {
                    let place = place.child(kind).child(index).child("env").child(variable);
                    found.push((place, env.get("value").and_then(Value::as_str)));
                }
            }
        }
    }
    match (found.as_slice(), &visit.policy.endpoint) {
        ([], _) => visit.refuse(
            &place.child("containers"),
            "must hold a variable HOST_ENDPOINT",
        ),
        ([(place, value)], Some(endpoint)) if *value != Some(endpoint) => {
            visit.refuse(
                &place.child("value"),
                format!("must be the device's endpoint, {endpoint}"),
            );
        }
        ([_], _) => {}
        ([_, rest @ ..], _) => {
            for (place, _) in rest {
                visit.refuse(
                    place,
                    "only one variable may contain HOST_ENDPOINT in its name",
                );
            }
        }
    }
}

pub(super) fn elements<'a>(
    value: &'a Value,
    key: &str,
) -> impl Iterator<Item = (usize, &'a Value)> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}
