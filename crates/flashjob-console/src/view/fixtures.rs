//! A job as the operator stores it, for tests.

use flashjob_operator::{
    api::{FlashJob, Guarded, SelectedDevice},
    flashjob::spec::job::Job,
};
use kube::api::DynamicObject;
use serde_json::{Value, json};

/// A job of ten devices: 0 to 3 have succeeded, 4 and 5 have failed, 6 is flashed.
pub fn job() -> Job {
    let device = |index: usize, phase: &str, reason: &str| {
        json!({
            "index": index, "uuid": format!("u-{index}"), "hostEndpoint": format!("192.0.2.{index}:80"),
            "phase": phase, "reason": reason, "attempts": 1, "message": format!("Device {index} says <b>no</b>"),
        })
    };
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "thermo", "namespace": "demo", "uid": "u", "resourceVersion": "7", "generation": 1},
        "spec": {"uuid": ["u-0"], "firmware": "f:1", "version": "1"},
        "status": {
            "observedGeneration": 1, "round": {"number": 1, "firmware": "f:1", "version": "1"},
            "selection": {"count": 10, "hash": "00"}, "counts": {"selected": 10, "succeeded": 4, "failed": 2},
            "completedIndexes": "0-3", "failedIndexes": "4-5",
            "devices": [device(6, "Flashing", "Flashing"), device(4, "Failed", "TransferFailed"), device(3, "Succeeded", "FirmwareSent")],
        },
    });
    let guard: Guarded<FlashJob> = serde_json::from_value(object).unwrap();
    Job::parse(&guard).unwrap()
}

/// Its selection.
pub fn selection() -> Vec<SelectedDevice> {
    let selected = |index| SelectedDevice {
        uuid: format!("u-{index}").into(),
        endpoint: Some(format!("192.0.2.{index}:80")),
        device_type: Some("esp32".into()),
        ..SelectedDevice::default()
    };
    (0..10).map(selected).collect()
}

/// The job demo/thermo with these fields of its spec and that status.
pub fn job_of(spec: &Value, status: &Value) -> Job {
    let mut whole = json!({"uuid": ["u-0"], "firmware": "f:1", "version": "1"});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    let mut known = status.clone();
    known["observedGeneration"] = json!(1);
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "thermo", "namespace": "demo", "uid": "u", "resourceVersion": "7", "generation": 1},
        "spec": whole, "status": known,
    });
    let guard: Guarded<FlashJob> = serde_json::from_value(object).unwrap();
    Job::parse(&guard).unwrap()
}

/// A job as the API server has it, whose suspension these managers have set.
pub fn stored(spec: &Value, managers: &[&str]) -> DynamicObject {
    let managers = managers.iter().map(|manager| {
        json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:suspend": {}}}})
    });
    let managers: Vec<Value> = managers.collect();
    serde_json::from_value(json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "thermo", "managedFields": managers}, "spec": spec,
    }))
    .unwrap()
}
