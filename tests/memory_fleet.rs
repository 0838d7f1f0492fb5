//! What the largest job costs in memory, in a process of its own: nothing else allocates meanwhile, and nothing was freed before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod process_memory;

use flashjob_operator::{
    api::{Instance, InstanceSpec, rule::MAX_DEVICES},
    device::{Inventory, JobRef, StoredSlice, freeze, gather, revisions},
    flashjob::observe::selection::Selection,
};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::core::ObjectList;

/// Memory of this process in MiB: now, and at most so far.
fn memory() -> [usize; 2] {
    process_memory::kib().map(|kib| kib / 1024)
}

/// An Instance as Akri makes it for a lamp.
fn lamp(number: usize) -> Instance {
    let address = format!(
        "10.{}.{}.{}",
        number >> 16,
        (number >> 8) & 255,
        number & 255
    );
    let properties = [
        ("HOST_ENDPOINT", address.as_str()),
        ("DEVICE", "esp32s3"),
        ("APPLICATION_TYPE", "fmnist"),
        ("VERSION", "0.1.0"),
        ("SITE", "athens"),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut instance = Instance::new(
        &format!("lamps-{number:06x}"),
        InstanceSpec {
            configuration_name: Some("lamps".into()),
            broker_properties: properties.into(),
            nodes: vec!["node-a".into()],
        },
    );
    instance.metadata.namespace = Some("lab".into());
    instance.metadata.uid = Some(format!("{number:08x}-5d37-4c3a-9a55-3f0a6a1c7b21"));
    instance
}

#[test]
fn the_largest_job_takes_little_more_than_a_kilobyte_a_device() {
    let [before, _] = memory();
    let mut inventory = Inventory::default();
    for number in 0..MAX_DEVICES {
        inventory.apply(&lamp(number));
    }
    let [known, _] = memory();
    let devices = inventory.devices();
    let devices: Vec<_> = devices
        .map(|device| freeze(&device.uuid, Some(device)))
        .collect();
    let roster = Selection::new(1, devices);
    let [selected, _] = memory();
    println!(
        "{MAX_DEVICES} devices: {} MiB, their selection {} MiB",
        known - before,
        selected - known,
    );
    let each = (selected - before) * 1024 * 1024 / MAX_DEVICES;
    assert!(each < 1_500, "{each} bytes a device");

    // As a new leader reads it back.
    let job = JobRef {
        name: "lamps".into(),
        namespace: "lab".into(),
        uid: "5d4e0b51".into(),
    };
    let slices = revisions(&job, 1, 0, roster.devices());
    let slices: Vec<String> = slices
        .map(|slice| serde_json::to_string(&slice).unwrap())
        .collect();
    let bytes: usize = slices.iter().map(String::len).sum();
    let [written, _] = memory();
    println!(
        "{} slices, {bytes} bytes: {} MiB",
        slices.len(),
        written - selected
    );
    let mut stored = Vec::new();
    for page in slices.chunks(10) {
        let page = format!(
            r#"{{"apiVersion":"apps/v1","kind":"ControllerRevisionList","metadata":{{}},"items":[{}]}}"#,
            page.join(",")
        );
        let mut page: ObjectList<ControllerRevision> = serde_json::from_str(&page).unwrap();
        stored.extend(page.items.iter_mut().filter_map(StoredSlice::take));
    }
    let again = gather(stored, 1).unwrap();
    let [_, most] = memory();
    println!("read back: {} MiB more at most", most - written);
    assert!(most - written < 100, "{} MiB", most - written);
    assert_eq!(again, roster.devices());
}
