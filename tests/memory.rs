//! What the largest fleet that is allowed costs in memory, in a process of its own: nothing else allocates meanwhile.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use flashjob_operator::{
    api::{DeviceSelector, Instance, InstanceSpec},
    device::{
        Inventory, JobRef, MAX_DEVICE, MAX_PROPERTIES, MAX_PROPERTY, SLICE_BYTES, Selector, freeze,
        matching, revisions, select,
    },
    flashjob::{
        observe::selection::Selection,
        spec::job::Job,
        status::{json_size, receipt_lines},
    },
    identifiers::Uuid,
    provenance::receipts::{Signer, artifact::artifact},
};
use serde_json::json;

/// Instances at once.
const DEVICES: usize = 5_000;
/// What the chart gives the operator as its limit, in MiB.
const LIMIT: usize = 768;

/// What a finished round of the largest job may take to sign and store its receipts, in MiB.
const RECEIPTS: usize = 32;

/// A test alone: the memory of this process is that of all tests that run in it.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // The peak starts anew (proc(5), clear_refs).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    turn
}

/// Memory of this process in MiB: now, and at most so far.
fn memory() -> [usize; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["VmRSS:", "VmHWM:"].map(|field| {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<usize>().unwrap() / 1024
    })
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
    let _alone = alone();
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

/// A job whose round of that many devices has ended well, and whose status has room for none of them.
fn ended(devices: usize) -> (Job, Selection) {
    const DIGEST: &str = "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";
    let uuids: Vec<_> = (0..devices)
        .map(|index| Uuid::from(format!("{index:08x}-5d37-4c3a-9a55-3f0a6a1c7b21")))
        .collect();
    let job = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "lamps", "namespace": "lab", "uid": "6a4c1b7e-0c1f-4a57-9a39-8a6a3c0f6f10", "resourceVersion": "10", "generation": 1},
        "spec": {
            "deviceSelector": {"configurations": ["lamps"]}, "firmware": "registry.example.com/lamps:2", "version": "2.0.0",
        },
        "status": {
            "phase": "Succeeded",
            "round": {"number": 1, "version": "2.0.0"},
            "selection": {"count": devices},
            "completedIndexes": format!("0-{}", devices - 1),
            "provenance": {"reference": format!("registry.example.com/lamps@{DIGEST}"), "digest": DIGEST},
        },
    });
    let job = Job::parse(&serde_json::from_value(job).unwrap()).unwrap();
    let roster = Selection::new(1, select(&uuids, &Inventory::default()));
    (job, roster)
}

#[test]
fn the_receipts_of_ten_thousand_devices_take_little_memory() {
    let _alone = alone();
    let devices = 10_000;
    let (job, roster) = ended(devices);
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.as_ref())
    );
    let key = Signer::from_pem(pem.as_bytes()).unwrap();
    let [before, _] = memory();
    let (lines, round) = receipt_lines(&job, &job.status, &roster, &key).unwrap();
    let (bytes, status) = (lines.len(), json_size(&job.status));
    assert_eq!(round.predicate.count, devices);
    assert_eq!(lines.split(|byte| *byte == b'\n').count(), devices + 2);
    let made = artifact(lines, &round, None);
    let [_, most] = memory();
    println!(
        "receipts of {devices} devices: {bytes} bytes of lines, a manifest of {} bytes, a status of {status} bytes, {} MiB at most",
        made.manifest.len(),
        most - before
    );
    assert!(most - before < RECEIPTS, "{} MiB", most - before);
}
