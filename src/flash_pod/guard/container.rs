//! One container: its image, its environment, and nothing of the node.

use serde_json::Value;

use helm_chart::pointer::Pointer;

use super::security::refuse_host;
use super::shape::{Field, Shape, Visit, may, must, shorten};
use super::volume::{FIELD_REF, RESOURCE_FIELD_REF, config_map, secret};
use super::{HostAccess, security};
use crate::flash_pod::service_mode::FLASH_PORT;

/// The flash image takes the first variable whose name contains this, so there must be one.
pub(super) const HOST_ENDPOINT: &str = "HOST_ENDPOINT";

/// A container of a Pod, or one that runs before the others.
pub(super) const CONTAINER: Shape = Shape::Fields(&[
    must("name", Shape::Text),
    must("image", Shape::Ruled(&Shape::Text, image)),
    may(
        "imagePullPolicy",
        Shape::OneOf(&["Always", "IfNotPresent", "Never"]),
    ),
    may("command", Shape::Each(&Shape::Text)),
    may("args", Shape::Each(&Shape::Text)),
    may("workingDir", Shape::Text),
    may("ports", Shape::Each(&Shape::Fields(PORT))),
    may("env", Shape::Each(&Shape::Fields(ENV))),
    may("envFrom", Shape::Each(&Shape::Fields(ENV_FROM))),
    may(
        "resources",
        Shape::Fields(&[
            may("limits", Shape::Dict(&Shape::Scalar)),
            may("requests", Shape::Dict(&Shape::Scalar)),
        ]),
    ),
    may("volumeMounts", Shape::Each(&Shape::Fields(MOUNT))),
    may("readinessProbe", Shape::Fields(PROBE)),
    may("securityContext", security::CONTAINER),
    may("terminationMessagePath", Shape::Text),
    may("terminationMessagePolicy", Shape::Text),
]);

const PORT: &[Field] = &[
    may("name", Shape::Text),
    must("containerPort", Shape::Integer),
    may("protocol", Shape::Text),
    may("hostPort", Shape::Ruled(&Shape::Integer, host_port)),
];
const ENV: &[Field] = &[
    must("name", Shape::Text),
    may("value", Shape::Text),
    may(
        "valueFrom",
        Shape::Fields(&[
            may("fieldRef", FIELD_REF),
            may("resourceFieldRef", RESOURCE_FIELD_REF),
            may(
                "configMapKeyRef",
                Shape::Fields(&[
                    must("name", Shape::Ruled(&Shape::Text, config_map)),
                    must("key", Shape::Text),
                    may("optional", Shape::Bool),
                ]),
            ),
            may(
                "secretKeyRef",
                Shape::Fields(&[
                    must("name", Shape::Ruled(&Shape::Text, secret)),
                    must("key", Shape::Text),
                    may("optional", Shape::Bool),
                ]),
            ),
        ]),
    ),
];
const ENV_FROM: &[Field] = &[
    may("prefix", Shape::Ruled(&Shape::Text, prefix)),
    may(
        "configMapRef",
        Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, config_map)),
            may("optional", Shape::Bool),
        ]),
    ),
    may(
        "secretRef",
        Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, secret)),
            may("optional", Shape::Bool),
        ]),
    ),
];
/// No mount propagation: only mounts of the node could use it.
const MOUNT: &[Field] = &[
    must("name", Shape::Text),
    must("mountPath", Shape::Text),
    may("subPath", Shape::Text),
    may("subPathExpr", Shape::Text),
    may("readOnly", Shape::Bool),
    may("recursiveReadOnly", Shape::Text),
];
/// No `host`: the kubelet would connect to it from the node's network.
const PROBE: &[Field] = &[
    may(
        "exec",
        Shape::Fields(&[must("command", Shape::Each(&Shape::Text))]),
    ),
    may(
        "httpGet",
        Shape::Fields(&[
            may("path", Shape::Text),
            must("port", Shape::Scalar),
            may("scheme", Shape::Text),
        ]),
    ),
    may("tcpSocket", Shape::Fields(&[must("port", Shape::Scalar)])),
    may("initialDelaySeconds", Shape::Integer),
    may("periodSeconds", Shape::Integer),
    may("timeoutSeconds", Shape::Integer),
    may("successThreshold", Shape::Integer),
    may("failureThreshold", Shape::Integer),
];

fn image(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let lists = [&visit.policy.images]
        .into_iter()
        .chain(&visit.policy.further_images);
    if let Some(image) = value.as_str()
        && !lists
            .into_iter()
            .all(|list| list.iter().any(|pattern| pattern.matches(image)))
    {
        let image = shorten(image);
        visit.refuse(
            place,
            format!("image {image:?} is not allowed: an administrator may list it"),
        );
    }
}

/// The port of the flash alone is opened by itself, by the mode in which devices dial the node.
fn host_port(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    let is_opened = visit.policy.flash_port_on_node && value.as_u64() == Some(FLASH_PORT.into());
    if value.as_f64() != Some(0.0) && !is_opened {
        let what = "a port of the node (an administrator opens that of the flash by service.mode HostPort)";
        refuse_host(visit, HostAccess::Network, place, what);
    }
}

fn prefix(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    if value
        .as_str()
        .is_some_and(|prefix| prefix.contains(HOST_ENDPOINT))
    {
        visit.refuse(
            place,
            "names that contain HOST_ENDPOINT belong to the device",
        );
    }
}
