//! Which devices a selector means among all that Akri shows now. Pure.
//!
//! Called where a round takes its selection, and where a job's selector was edited.

use std::collections::{HashMap, hash_map::Entry};

use super::{endpoint::Endpoint, instance::Device, inventory::Inventory, selector::Selector};

/// The devices that the selector means, each endpoint once: by Configuration, then by endpoint, address and port as numbers
/// (192.0.2.9 before 192.0.2.10). Of several Instances of one device it is the newest of those that match, then that of the
/// higher uid.
#[must_use]
pub fn matching<'a>(selector: &Selector, inventory: &'a Inventory) -> Vec<&'a Device> {
    let mut by_endpoint: HashMap<Endpoint, &Device> = HashMap::new();
    for device in inventory
        .devices()
        .filter(|device| selector.selects(device))
    {
        match by_endpoint.entry(device.endpoint) {
            Entry::Vacant(free) => drop(free.insert(device)),
            Entry::Occupied(mut held) if age(held.get()) < age(device) => {
                held.insert(device);
            }
            Entry::Occupied(_) => {}
        }
    }
    let mut devices: Vec<&Device> = by_endpoint.into_values().collect();
    devices.sort_by(|one, other| {
        let place = |device: &'a Device| (device.configuration.as_deref(), device.endpoint);
        place(one).cmp(&place(other))
    });
    devices
}

fn age(device: &Device) -> (Option<jiff::Timestamp>, &str) {
    (device.created, &device.uuid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{DeviceSelector, Instance};

    fn instance(uid: &str, configuration: &str, endpoint: &str, created: &str) -> Instance {
        serde_json::from_value(json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance",
            "metadata": {"name": format!("i-{uid}"), "namespace": "lab", "uid": uid, "creationTimestamp": created},
            "spec": {
                "configurationName": configuration,
                "brokerProperties": {"HOST_ENDPOINT": endpoint, "DEVICE": "esp32s3"},
            },
        }))
        .unwrap()
    }

    fn matched(instances: &[Instance], configurations: &[&str]) -> Vec<String> {
        let mut inventory = Inventory::default();
        for instance in instances {
            inventory.apply(instance);
        }
        let selector = DeviceSelector {
            configurations: configurations.iter().map(ToString::to_string).collect(),
            ..DeviceSelector::default()
        };
        let selector = Selector::parse(&selector).unwrap();
        let found = matching(&selector, &inventory);
        found.iter().map(|device| device.uuid.clone()).collect()
    }

    const OLD: &str = "2026-01-01T00:00:00Z";
    const NEW: &str = "2026-02-01T00:00:00Z";

    #[test]
    fn matches_are_in_the_order_of_configuration_and_of_addresses_as_numbers() {
        let instances = [
            instance("d", "lamps", "192.0.2.10", OLD),
            instance("c", "lamps", "192.0.2.9:8080", OLD),
            instance("b", "lamps", "192.0.2.9", NEW),
            instance("a", "locks", "192.0.2.1", OLD),
            instance("x", "other", "192.0.2.2", OLD),
        ];
        assert_eq!(
            matched(&instances, &["locks", "lamps"]),
            ["b", "c", "d", "a"]
        );
    }

    #[test]
    fn a_device_with_several_instances_is_selected_once_as_the_newest_that_matches() {
        let instances = [
            instance("a", "lamps", "192.0.2.1", OLD),
            instance("b", "lamps", "192.0.2.1:80", NEW),
            instance("c", "lab", "192.0.2.1", "2026-03-01T00:00:00Z"),
        ];
        assert_eq!(matched(&instances, &["lamps"]), ["b"]);
        assert_eq!(matched(&instances, &["lab", "lamps"]), ["c"]);
    }

    #[test]
    fn what_cannot_be_flashed_is_selected_by_nothing() {
        let instances = [
            instance("a", "lamps", "lamp.local", OLD),
            instance("b", "lamps", "", OLD),
        ];
        assert!(matched(&instances, &["lamps"]).is_empty());
    }
}
