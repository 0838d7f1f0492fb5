//! A Service of a flash: it leads to the Pod of its attempt and to nothing else.

use serde_json::Value;

use crate::names::LABEL_ATTEMPT;
use helm_chart::pointer::Pointer;

use super::shape::{Field, Shape, Visit, may, must};
use super::{API_VERSION, metadata};

/// A Service.
pub(super) const SERVICE: Shape = Shape::Fields(&[
    must("apiVersion", API_VERSION),
    must("kind", Shape::Text),
    must("metadata", metadata::SERVICE),
    must("spec", Shape::Fields(SPEC)),
]);

/// No `externalIPs` and no `externalName`: they take traffic that is not the device's.
const SPEC: &[Field] = &[
    may(
        "type",
        Shape::OneOf(&["LoadBalancer", "ClusterIP", "NodePort"]),
    ),
    // None of its own, where the device dials the node; one that is chosen would be a claim to somebody else's.
    may("clusterIP", Shape::OneOf(&["None"])),
    must(
        "selector",
        Shape::Ruled(&Shape::Dict(&Shape::Text), selector),
    ),
    must(
        "ports",
        Shape::Ruled(&Shape::Each(&Shape::Fields(PORT)), ports),
    ),
    may("allocateLoadBalancerNodePorts", Shape::Bool),
    may("loadBalancerClass", Shape::Text),
    may("loadBalancerIP", Shape::Text),
    may("loadBalancerSourceRanges", Shape::Each(&Shape::Text)),
    may("externalTrafficPolicy", Shape::Text),
    may("internalTrafficPolicy", Shape::Text),
    may("ipFamilyPolicy", Shape::Text),
    may("ipFamilies", Shape::Each(&Shape::Text)),
    may("sessionAffinity", Shape::Text),
    may("publishNotReadyAddresses", Shape::Bool),
];
/// No `nodePort`: the cluster chooses.
const PORT: &[Field] = &[
    may("name", Shape::Text),
    must("port", Shape::Integer),
    may("targetPort", Shape::Scalar),
    may("protocol", Shape::OneOf(&["TCP", "UDP"])),
    may("appProtocol", Shape::Text),
];

fn selector(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let attempt = visit.policy.attempt.as_str();
    if value.get(LABEL_ATTEMPT).and_then(Value::as_str) != Some(attempt) {
        let message = format!("must be {attempt:?}: a Service leads to its own attempt");
        visit.refuse(&place.child(LABEL_ATTEMPT), message);
    }
}

fn ports(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    visit.require(!is_empty, place, "must hold a port");
}
