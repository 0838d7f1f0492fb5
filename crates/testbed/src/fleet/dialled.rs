//! What a flash Pod tells its device, and how the device reaches it.

use k8s_openapi::api::core::v1::Pod;

use super::pods::CONTAINER;

/// What a variable of the flash container says, or the field that it names.
pub(super) fn environment(pod: &Pod, name: &str) -> Option<String> {
    let container = pod
        .spec
        .as_ref()?
        .containers
        .iter()
        .find(|c| c.name == CONTAINER)?;
    let found = container
        .env
        .as_ref()?
        .iter()
        .find(|env| env.name == name)?;
    let field = found
        .value_from
        .as_ref()
        .and_then(|from| from.field_ref.as_ref());
    if field.is_some_and(|field| field.field_path == "status.hostIP") {
        return pod.status.as_ref()?.host_ip.clone();
    }
    found.value.clone()
}

/// Whether the flash is dialled at a port of its node.
pub(super) fn has_node_port(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.any(|port| port.host_port.is_some())
}
