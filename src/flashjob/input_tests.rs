//! Laws of the border: whatever is stored under our kinds and Akri's, reading it ends with a value or with words.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::at;
use crate::flashjob::{
    spec::{job::Job, windows},
    status::undecodable,
};
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance},
    device::Inventory,
    flashclass::Class,
};

fn job() -> Value {
    json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "fleet", "namespace": "lab", "uid": "5f0c7a52", "resourceVersion": "7", "generation": 3,
            "finalizers": ["application.flashjob.nbfc.io/flashjob-finalizer"],
        },
        "spec": {
            "uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"], "firmware": "registry/esp32:1", "version": "0.2.0", "device": null,
            "flashClassName": "esp32", "flashjobPodImage": "registry/flash:1",
            "deviceSelector": {
                "configurations": ["lamps"], "namespaces": ["lab"], "matchProperties": {"DEVICE": "esp32s3"},
                "matchExpressions": [{"property": "VERSION", "operator": "In", "values": ["0.1.0"]}],
            },
            "values": {"resources": {"limits": {"cpu": 1}}}, "suspend": false, "notBefore": "2026-01-01T00:00:00Z",
            "notAfter": "2027-01-01T00:00:00Z", "parallelism": 10, "approvedStep": "1.1", "maxFailedDevices": "5%",
            "windows": [{"days": ["Mon"], "start": "22:00", "durationSeconds": 14400, "timeZone": "Europe/Athens"}],
            "steps": [{"name": "canary", "devices": 1, "soakSeconds": 600, "requireApproval": true, "maxFailedDevices": 0},
                      {"name": "tenth", "devices": "10%"}],
            "backoffLimitPerDevice": 2, "activeDeadlineSecondsPerDevice": 600, "deviceDiscoveryTimeoutSeconds": 300,
            "mismatchPolicy": "Warn", "verification": {"mode": "Version", "expectedVersion": "1", "timeoutSeconds": 300},
            "alreadyAtVersion": "Skip", "rerun": {"id": "monday", "devices": "Failed"}, "ttlSecondsAfterFinished": 0,
        },
        "status": {
            "phase": "Running", "observedGeneration": 3, "completedIndexes": "0-4,6", "failedIndexes": "5",
            "selection": {"count": 9, "hash": "ab", "selectorIndexes": "3-8"},
            "round": {"number": 1, "firmware": "registry/esp32:1", "version": "0.2.0"},
            "step": {"id": "1.1", "name": "canary", "of": 3, "devices": 1, "state": "Soaking"},
            "devices": [{"index": 5, "uuid": "7e4a6e7b", "phase": "Failed", "attempts": 1, "startTime": "2026-01-01T00:00:00Z"}],
            "conditions": [{"type": "Ready", "status": "False", "reason": "Running", "message": "",
                            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        },
    })
}

fn class() -> Value {
    json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass",
        "metadata": {"name": "esp32", "uid": "c1", "resourceVersion": "3", "generation": 1},
        "spec": {
            "namespaces": ["lab"], "allowedImages": ["registry/*"], "parallelism": 3, "values": {"a": {"b": "{{ device.uuid }}"}},
            "windows": [{"days": ["Sun"], "start": "00:00", "durationSeconds": 60, "timeZone": "UTC"}],
        },
    })
}

fn instance() -> Value {
    json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {"name": "i", "namespace": "lab", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "configurationName": "lamps", "capacity": 2, "nodes": ["n1"], "shared": true, "deviceUsage": {},
            "brokerProperties": {"HOST_ENDPOINT": "192.0.2.7:8080", "DEVICE": "esp32s3", "VERSION": "0.1.0"},
        },
    })
}

/// What is put in the place of something else.
fn odd() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        "0",
        "-1",
        "100%",
        "101%",
        "-5%",
        "99999999999999999999%",
        "1.1",
        "0.0",
        "4294967296.9",
        "24:00",
        "22:60",
        "9-0",
        "0-18446744073709551615",
        "5,3",
        "Mars/Olympus",
        "9999-12-31T23:59:59Z",
        "-009999-01-01T00:00:00Z",
        "{{ device.uuid }}",
        "{{",
        "[",
        "*",
        "192.0.2.7:99999",
        "[::1]:80",
        "\u{0}",
        "é",
    ];
    let text = proptest::sample::select(texts.map(Value::from).to_vec());
    let number = proptest::sample::select(vec![
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(i32::MAX),
        json!(1e300),
        json!(0.5),
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        text,
        number,
        ".{0,20}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a document below its spec and status.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let path = format!("{path}/{key}");
        places(child, &path, found);
        found.push(path);
    }
}

/// The document with odd things in some of its places.
fn damaged(document: fn() -> Value) -> impl Strategy<Value = Value> {
    prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..4).prop_map(move |changes| {
        let mut value = document();
        for (at, odd) in changes {
            let mut found = Vec::new();
            for part in ["/spec", "/status"] {
                places(
                    value.pointer(part).unwrap_or(&Value::Null),
                    part,
                    &mut found,
                );
            }
            if !found.is_empty() {
                let place = at.get(&found).clone();
                *value.pointer_mut(&place).unwrap() = odd;
            }
        }
        value
    })
}

#[test]
fn the_documents_that_are_damaged_here_are_whole() {
    let job: Guarded<FlashJob> = serde_json::from_value(job()).unwrap();
    let job = Job::parse(&job).unwrap();
    assert_eq!(job.invalid, None);
    assert!(job.spec.is_ok(), "{:?}", job.spec);
    let class: Guarded<FlashClass> = serde_json::from_value(class()).unwrap();
    assert!(class.0.is_ok(), "{class:?}");
    let instance: Instance = serde_json::from_value(instance()).unwrap();
    let mut inventory = Inventory::default();
    inventory.apply(&instance);
    assert!(inventory.by_uuid(&"u".into()).unwrap().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_job_is_read_or_refused_in_words_that_are_bounded(document in damaged(job)) {
        let guard: Guarded<FlashJob> = serde_json::from_value(document.clone()).unwrap();
        let job = Job::parse(&guard).expect("its metadata is whole");
        match &job.spec {
            Ok(spec) => {
                if job.invalid.is_none() {
                    let seconds = job.active_deadline_seconds();
                    let _ = windows::opening(&[&spec.windows], seconds, at(0));
                }
            }
            Err(error) => {
                let amended = undecodable::amend(&serde_json::from_value(document).unwrap(), &job, error, at(0)).expect("says so");
                prop_assert!(amended.to_string().len() < 64 * 1024);
            }
        }
    }

    #[test]
    fn any_class_is_read_or_refused(document in damaged(class)) {
        let guard: Guarded<FlashClass> = serde_json::from_value(document).unwrap();
        prop_assert!(Class::parse(&guard).is_some());
    }

    #[test]
    fn any_instance_is_a_device_or_an_error_of_its_own(document in damaged(instance)) {
        let guard: kube::core::DeserializeGuard<Instance> = serde_json::from_value(document).unwrap();
        if let Ok(instance) = &guard.0 {
            let mut inventory = Inventory::default();
            inventory.apply(instance);
            prop_assert!(inventory.by_uuid(&"u".into()).is_some());
        }
    }
}
