//! How a device reaches its flash: at an address of its own Service, or at port 4433 of the node of its Pod. Pure.
//!
//! The chart's value `service.mode` says it. A Pod that is dialled at its node learns the node's address from the downward API, so that
//! nobody has to know before the Pod is scheduled where it runs. The scheduler gives a port of a node to one Pod at a time; that is not
//! enough, for a device whose flash was cut off goes on dialling the node, where it would find the flash of another device. So `service.node`
//! is an address like any other: while a flash has it, until its device must have stopped dialling, no other is launched there.

use serde_json::Value;

/// Stands for the address of a Pod's node, as the chart's value `externalIP`.
pub const NODE_ADDRESS: &str = "node";
/// Stands for the address of a Service where it is not known yet.
pub const EXAMPLE_ADDRESS: &str = "192.0.2.1";
/// The port at which a device dials its flash.
pub const FLASH_PORT: u16 = 4433;
/// Field of a Pod that holds the address of its node.
pub const NODE_ADDRESS_FIELD: &str = "status.hostIP";

/// The node at whose port a device is flashed, as values say it; empty where the scheduler chooses.
#[must_use]
pub fn node(values: &Value) -> Option<String> {
    let node = values.pointer("/service/node")?.as_str()?;
    Some(node.to_owned())
}

/// Whether values say that devices dial the node of their Pod; none where they say nothing of it.
#[must_use]
pub fn dials_node(values: &Value) -> Option<bool> {
    let mode = values.pointer("/service/mode")?.as_str()?;
    Some(mode == "HostPort")
}

/// The address with which it is tried what a chart makes of one, before there is any.
#[must_use]
pub fn trial_address(overrides: &Value, chart: &Value) -> &'static str {
    let on_node = dials_node(overrides).or_else(|| dials_node(chart));
    if on_node == Some(true) {
        NODE_ADDRESS
    } else {
        EXAMPLE_ADDRESS
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::nobody(json!({}), json!({}), EXAMPLE_ADDRESS)]
    #[case::the_chart(json!({}), json!({"service": {"mode": "HostPort"}}), NODE_ADDRESS)]
    #[case::the_values(json!({"service": {"mode": "HostPort"}}), json!({"service": {"mode": "PerDevice"}}), NODE_ADDRESS)]
    #[case::values_that_take_it_back(json!({"service": {"mode": "PerDevice"}}), json!({"service": {"mode": "HostPort"}}), EXAMPLE_ADDRESS)]
    #[case::another_word(json!({"service": {"mode": "hostport"}}), json!({}), EXAMPLE_ADDRESS)]
    fn devices_dial_the_node_where(
        #[case] overrides: Value,
        #[case] chart: Value,
        #[case] address: &str,
    ) {
        assert_eq!(trial_address(&overrides, &chart), address);
    }
}
