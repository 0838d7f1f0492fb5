//! Jobs as the operator stores them, for tests.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    flashjob::spec::job::Job,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A time, in seconds after the job was created.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_000_000 + second).unwrap()
}

/// The same as objects have it.
pub fn time(second: i64) -> String {
    at(second).to_string()
}

/// The job demo/thermo of the generation 1.
pub fn job(spec: &Value, status: &Value) -> Job {
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "thermo", "namespace": "demo", "uid": "u-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": time(0),
        },
        "spec": spec, "status": status,
    });
    let guard: Guarded<FlashJob> = serde_json::from_value(object).unwrap();
    Job::parse(&guard).unwrap()
}

/// A condition that holds.
pub fn condition(kind: &str) -> Value {
    json!({
        "type": kind, "status": "True", "reason": "Because", "message": "", "observedGeneration": 1,
        "lastTransitionTime": time(0),
    })
}

/// An entry of `status.devices`.
pub fn device(index: usize, phase: &str, reason: &str, more: &Value) -> Value {
    let mut entry = json!({
        "index": index, "uuid": format!("00000000-0000-4000-8000-{index:012}"),
        "hostEndpoint": format!("192.0.2.{}:80", index + 1), "phase": phase, "reason": reason, "attempts": 1,
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        entry[field] = value.clone();
    }
    entry
}

/// A job of 120 devices in the second of its steps: one device failed in each of two ways, three are in flight.
pub fn rollout() -> Job {
    let pod = |index: usize| json!({"startTime": time(650), "pod": format!("flash-00000000-0000-4000-8000-{index:012}-x7k2p")});
    let ended = |message: &str| json!({"startTime": time(500), "completionTime": time(560), "message": message});
    job(
        &json!({
            "deviceSelector": {"configurations": ["esp32"]}, "firmware": "registry.example.com/esp32:1.2.0", "version": "1.2.0",
            "steps": [{"name": "canary", "devices": 1}, {"name": "tenth", "devices": 12}],
        }),
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress",
            "message": "6 of 120 succeeded; 3 in flight, 0 verifying, 108 pending, 1 waiting, 2 failed",
            "progress": "8/120", "startTime": time(10),
            "flashClass": {"name": "esp32", "uid": "c", "generation": 1},
            "effective": {"parallelism": 3},
            "round": {"number": 1, "firmware": "registry.example.com/esp32:1.2.0", "version": "1.2.0"},
            "selection": {"count": 120, "hash": "00"},
            "step": {
                "id": "1.2", "name": "tenth", "of": 3, "devices": 12, "done": 8, "failed": 2, "state": "Running", "since": time(400),
            },
            "counts": {
                "selected": 120, "pending": 108, "inFlight": 3, "waiting": 1, "succeeded": 6, "failed": 2,
            },
            "completedIndexes": "0-5", "failedIndexes": "6-7",
            "devices": [
                device(8, "Flashing", "Flashing", &pod(8)),
                device(9, "Flashing", "Flashing", &pod(9)),
                device(10, "AwaitingAddress", "AddressPending", &json!({
                    "startTime": time(690), "message": "Service flash-x has no address yet",
                })),
                device(11, "Waiting", "BackOff", &json!({
                    "startTime": time(600), "nextTime": time(730), "message": "try 1 failed (TransferFailed)",
                })),
                device(6, "Failed", "TransferFailed", &ended("the transfer broke off after 12 % of the image, and the device did not answer again")),
                device(7, "Failed", "ContactFailed", &ended("no answer")),
                device(5, "Succeeded", "FirmwareSent", &ended("")),
            ],
        }),
    )
}
