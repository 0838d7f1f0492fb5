//! Jobs as the operator stores them, for the tests of this room.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::{FlashJob, Guarded},
    flashjob::spec::job::Job,
};

/// A time, in seconds after the job was created.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_000_000 + second).unwrap()
}

/// The job demo/thermo of the generation 1.
pub fn job(spec: &Value, status: &Value) -> Job {
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "thermo", "namespace": "demo", "uid": "u-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": at(0).to_string(),
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
        "lastTransitionTime": at(0).to_string(),
    })
}

/// A job of 120 devices: two have failed, three are in flight.
pub fn rollout() -> Job {
    job(
        &json!({
            "deviceSelector": {"configurations": ["esp32"]}, "firmware": "registry.example.com/esp32:1.2.0", "version": "1.2.0",
        }),
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress",
            "flashClass": {"name": "esp32", "uid": "c", "generation": 1},
            "round": {"number": 1, "firmware": "registry.example.com/esp32:1.2.0", "version": "1.2.0"},
            "selection": {"count": 120, "hash": "00"},
            "counts": {"selected": 120, "pending": 109, "inFlight": 3, "succeeded": 6, "failed": 2},
            "completedIndexes": "0-5", "failedIndexes": "6-7",
        }),
    )
}
