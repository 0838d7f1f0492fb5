//! Which devices a selector means among all that Akri shows now. Pure.
//!
//! Called where a round takes its selection, and where a job's selector was edited.

use std::collections::{HashMap, hash_map::Entry};

use super::{endpoint::Endpoint, instance::Device, inventory::Inventory, selector::Selector};
use crate::identifiers::Uuid;
use crate::{api::NotSelectable, display};

/// Most Instances that are named as examples.
const EXAMPLES: usize = 5;

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

/// The Instances that the selector means and that are not devices which can be flashed: how many, and of the first of them, by
/// namespace and name, what is wrong. None where there are none.
#[must_use]
pub fn not_selectable(selector: &Selector, inventory: &Inventory) -> Option<NotSelectable> {
    let meant = inventory
        .unusable()
        .filter(|(traits, _)| selector.means(traits));
    let mut examples: Vec<String> = meant.map(|(_, error)| error.to_string()).collect();
    let count = i64::try_from(examples.len()).unwrap_or(i64::MAX);
    examples.sort_unstable();
    examples.truncate(EXAMPLES);
    for example in &mut examples {
        display::shorten(example, display::PHRASE);
    }
    (count > 0).then_some(NotSelectable { count, examples })
}

fn age(device: &Device) -> (Option<jiff::Timestamp>, &Uuid) {
    (device.created, &device.uuid)
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use rstest::rstest;
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
        found.iter().map(|device| device.uuid.to_string()).collect()
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

    #[rstest]
    #[case::as_they_come(["a", "b"])]
    #[case::the_other_way_round(["b", "a"])]
    fn of_equally_old_instances_of_a_device_the_higher_uid_is_selected(#[case] uids: [&str; 2]) {
        let instances = uids.map(|uid| instance(uid, "lamps", "192.0.2.1", OLD));
        for _ in 0..8 {
            assert_eq!(matched(&instances, &["lamps"]), ["b"]);
        }
    }

    #[test]
    fn what_cannot_be_flashed_is_selected_by_nothing_and_counted_with_examples() {
        let mut instances: Vec<Instance> = (0..20)
            .map(|number| instance(&format!("u{number:02}"), "lamps", "http://192.0.2.7", OLD))
            .collect();
        instances.push(instance("v1", "lamps", "", OLD));
        instances.push(instance("v2", "lamps", "169.254.169.254", OLD));
        instances.push(instance("v3", "lamps", "192.0.2.30", OLD));
        instances[22].spec.broker_properties.remove("DEVICE");
        instances.push(instance("other", "locks", "http://192.0.2.7", OLD));
        let mut deleting = instance("gone", "lamps", "http://192.0.2.7", OLD);
        deleting.metadata.deletion_timestamp = deleting.metadata.creation_timestamp.clone();
        instances.push(deleting);
        for number in 31..48 {
            let uid = format!("w{number}");
            instances.push(instance(&uid, "lamps", &format!("192.0.2.{number}"), OLD));
        }
        assert_eq!(matched(&instances, &["lamps"]).len(), 17);
        let found = left_out(&instances, json!({"configurations": ["lamps"]})).unwrap();
        assert_eq!((found.count, found.examples.len()), (23, 5));
        assert_eq!(
            found.examples[0],
            "Instance lab/i-u00: property HOST_ENDPOINT cannot be used: \"http://192.0.2.7\" does not begin with an IPv4 \
             address; host names and IPv6 are not supported; let the discovery handler report IPv4 or IPv4:port"
        );
        let found = left_out(
            &instances,
            json!({"matchProperties": {"DEVICE": "esp32s3"}}),
        );
        assert_eq!(
            found.unwrap().count,
            23,
            "that of the other Configuration, and not the one without"
        );
    }

    #[test]
    fn of_what_says_too_much_or_cannot_be_read_the_rest_is_asked() {
        let mut huge = instance("a", "lamps", "192.0.2.1", OLD);
        let properties = &mut huge.spec.broker_properties;
        properties.insert("VERSION".into(), "1".repeat(200_000));
        let found = left_out(&[huge], json!({"matchProperties": {"DEVICE": "esp32s3"}})).unwrap();
        assert_eq!(
            found.examples,
            [
                "Instance lab/i-a: property VERSION has 200000 bytes, at most 256 are allowed; let Akri's discovery handler or \
              spec.brokerProperties of its Configuration say less"
            ]
        );
        let guard: DeserializeGuard<Instance> = serde_json::from_value(json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": "odd", "namespace": "lab", "uid": "o"},
            "spec": {"configurationName": "lamps", "brokerProperties": {"HOST_ENDPOINT": 7}},
        }))
        .unwrap();
        let inventory = Inventory::of(&[guard], []);
        assert!(inventory.by_uuid(&"o".into()).unwrap().is_err());
        let selector = |json| Selector::parse(&serde_json::from_value(json).unwrap()).unwrap();
        let of_lab = selector(json!({"namespaces": ["lab"], "configurations": ["any"]}));
        let found = not_selectable(&of_lab, &inventory).unwrap();
        assert!(
            found.examples[0].starts_with("Instance lab/odd cannot be read: "),
            "{found:?}"
        );
        let elsewhere = selector(json!({"namespaces": ["attic"]}));
        assert_eq!(not_selectable(&elsewhere, &inventory), None);
    }

    fn left_out(instances: &[Instance], selector: serde_json::Value) -> Option<NotSelectable> {
        let mut inventory = Inventory::default();
        for one in instances {
            inventory.apply(one);
        }
        let selector: DeviceSelector = serde_json::from_value(selector).unwrap();
        not_selectable(&Selector::parse(&selector).unwrap(), &inventory)
    }
}
