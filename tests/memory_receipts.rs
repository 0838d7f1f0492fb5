//! What the receipts of a large round cost in memory, in a process of its own: nothing else allocates meanwhile, and nothing was freed before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod process_memory;

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use flashjob_operator::{
    device::{Inventory, select},
    flashjob::{
        observe::selection::Selection,
        spec::job::Job,
        status::{json_size, receipt_lines},
    },
    identifiers::Uuid,
    provenance::receipts::{Signer, artifact::artifact},
};
use serde_json::json;

/// What a finished round of so many devices may take to sign and store its receipts, in MiB.
const RECEIPTS: usize = 32;

/// Memory of this process in MiB: now, and at most so far.
fn memory() -> [usize; 2] {
    process_memory::kib().map(|kib| kib / 1024)
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
