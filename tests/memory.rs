//! What the largest fleet that is allowed costs in memory, in a process of its own: nothing else allocates meanwhile.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod process_memory;

use std::collections::BTreeMap;

use flashjob_operator::{
    api::{DeviceSelector, Instance, InstanceSpec},
    device::{
        Inventory, JobRef, MAX_DEVICE, MAX_PROPERTIES, MAX_PROPERTY, SLICE_BYTES, Selector, freeze,
        matching, revisions,
    },
};

/// Instances at once.
const DEVICES: usize = 5_000;
/// What the chart gives the operator as its limit, in MiB.
const LIMIT: usize = 768;

/// Memory of this process in MiB: now, and at most so far.
fn memory() -> [usize; 2] {
    process_memory::kib().map(|kib| kib / 1024)
}

/// An Instance that says as much as it may, in characters that JSON has to escape.
fn largest(number: usize) -> Instance {
    let address = format!(
        "10.{}.{}.{}",
        number >> 16,
        (number >> 8) & 255,
        number & 255
    );
    let text = |name: &str| (name.to_owned(), "\u{1}".repeat(MAX_PROPERTY));
    let mut properties: BTreeMap<String, String> =
        ["DEVICE", "APPLICATION_TYPE", "VERSION"].map(text).into();
    properties.insert("HOST_ENDPOINT".into(), address);
    let used: usize = properties
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let others = MAX_PROPERTIES - properties.len();
    // The rest in as many pieces as there may be.
    let each = (MAX_DEVICE - "lamps".len() - used) / others - "P00".len();
    // No two of them alike, on this device or any other.
    let value = |place: usize| format!("{:0>each$}", number * others + place);
    properties.extend((0..others).map(|place| (format!("P{place:02}"), value(place))));
    let mut instance = Instance::new(
        &format!("{number:0>253}"),
        InstanceSpec {
            configuration_name: Some("lamps".into()),
            broker_properties: properties,
            nodes: Vec::new(),
        },
    );
    instance.metadata.namespace = Some("n".repeat(63));
    instance.metadata.uid = Some(format!("{number:08}-5d37-4c3a-9a55-3f0a6a1c7b21"));
    instance
}

#[test]
fn the_largest_devices_fit_into_memory_and_their_selection_into_etcd() {
    let [before, _] = memory();
    let mut inventory = Inventory::default();
    for number in 0..DEVICES {
        inventory.apply(&largest(number));
    }
    assert_eq!(inventory.devices().count(), DEVICES);
    let [known, _] = memory();
    let selector = DeviceSelector {
        configurations: vec!["lamps".into()],
        ..DeviceSelector::default()
    };
    let found = matching(&Selector::parse(&selector).unwrap(), &inventory);
    let selected: Vec<_> = found
        .iter()
        .map(|device| freeze(&device.uuid, Some(device)))
        .collect();
    let job = JobRef {
        name: "lamps".into(),
        namespace: "lab".into(),
        uid: "5d4e0b51".into(),
    };
    let sizes = revisions(&job, 1, 0, &selected);
    let sizes: Vec<usize> = sizes
        .map(|slice| serde_json::to_vec(&slice).unwrap().len())
        .collect();
    let largest = sizes.iter().copied().max().unwrap();
    let [_, most] = memory();
    println!(
        "{DEVICES} devices of {MAX_DEVICE} bytes: {} MiB, with their selection in {} slices of at most {largest} bytes {} MiB",
        known - before,
        sizes.len(),
        most - before
    );
    assert!(largest < SLICE_BYTES + 8 * 1024, "{largest}");
    assert!(most - before < LIMIT / 2, "{} MiB", most - before);
}
