//! A namespace with many devices, most of them selected by one FlashJob, as the operator would have stored it.

use flashjob_operator::{
    api::{Instance, SelectedDevice},
    device::{Device, JobRef, freeze, revisions},
};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use testbed::{Space, healthy, job::job};

use super::says;

/// Requests at the same time.
const AT_ONCE: usize = 32;
/// Devices that the status lists with their times.
const LISTED: usize = 300;
const KINDS: [&str; 5] = ["esp32s3", "esp32c6", "nrf52840", "stm32l4", "rp2040"];

fn instance(number: usize) -> Instance {
    let kind = KINDS[(number % 13) % KINDS.len()];
    let version = ["2.4.0", "2.3.1", "2.3.1", "2.1.0"][number % 4];
    serde_json::from_value(json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": format!("device-{number:05}")},
        "spec": {
            "configurationName": "sensors", "nodes": [format!("node-{}", number % 8)],
            "brokerProperties": {
                "HOST_ENDPOINT": format!("198.18.{}.{}", number / 250, number % 250 + 1), "DEVICE": kind, "VERSION": version,
                "APPLICATION_TYPE": "sensor",
            },
        },
    }))
    .expect("an Instance")
}

/// Makes that many devices and the job `rollout`, which has selected nine of ten of them and has flashed most.
pub async fn many(space: &Space, devices: usize) {
    // It brings the definition of Instances.
    let _none = space.fleet(healthy(0, 1.0)).await;
    let client = space.control_plane.client("admin").await;
    let instances: Api<Instance> = Api::namespaced(client.clone(), &space.name);
    let made = stream::iter(0..devices).map(|number| {
        let instances = instances.clone();
        async move {
            let made = instances
                .create(&PostParams::default(), &instance(number))
                .await;
            made.expect("an Instance")
        }
    });
    let made: Vec<Instance> = made.buffered(AT_ONCE).collect().await;
    let selected = made.iter().take(devices * 9 / 10).map(|instance| {
        let uid = instance.metadata.uid.as_deref().unwrap_or_default();
        freeze(&uid.into(), Device::parse(instance).ok().as_ref())
    });
    let selected: Vec<_> = selected.collect();
    space.apply(&job("rollout", &[], &json!({"parallelism": 64})).to_string());
    let stored = space.job("rollout");
    let uid = stored.0["metadata"]["uid"].as_str().expect("a uid");
    let owner = JobRef {
        name: "rollout".to_owned(),
        namespace: space.name.clone(),
        uid: uid.into(),
    };
    let slices: Api<ControllerRevision> = Api::namespaced(client, &space.name);
    for slice in revisions(&owner, 1, 0, &selected) {
        let made = slices.create(&PostParams::default(), &slice).await;
        made.expect("a slice of the selection");
    }
    says(space, "rollout", &status(&selected));
}

fn status(selected: &[SelectedDevice]) -> Value {
    let all = selected.len();
    let (good, bad, busy) = (all * 6 / 10, (all / 60).max(2), (all / 30).clamp(3, 64));
    let begun = Timestamp::now() - SignedDuration::from_mins(40);
    let entry = |index: usize, phase: &str, reason: &str, ended: Option<usize>| {
        let device = &selected[index];
        let time = |seconds: usize| {
            let seconds = i64::try_from(seconds).expect("a small number");
            (begun + SignedDuration::from_secs(seconds)).to_string()
        };
        let mut entry = json!({
            "index": index, "uuid": device.uuid, "hostEndpoint": device.endpoint, "phase": phase, "reason": reason, "attempts": 1,
            "message": format!("{phase}: {reason}"), "fromVersion": "2.3.1",
        });
        if let Some(ended) = ended {
            entry["startTime"] = json!(time(ended.saturating_sub(20)));
            entry["completionTime"] = json!(time(ended));
        }
        entry
    };
    let listed = good.min(LISTED);
    let flashing =
        (good + bad..good + bad + busy).map(|index| entry(index, "Flashing", "Flashing", None));
    let failed = (good..good + bad.min(50)).zip(0..).map(|(index, place)| {
        let reason = if place % 4 == 0 {
            "ImagePullFailed"
        } else {
            "TransferFailed"
        };
        entry(index, "Failed", reason, Some(300 + place * 1900 / bad))
    });
    let succeeded = (0..listed).map(|place| {
        // Faster and slower.
        let wave = if place % 60 < 40 {
            place * 7
        } else {
            place / 60 * 60 * 7 + 280
        };
        let whole = listed * 7;
        entry(
            good - listed + place,
            "Succeeded",
            "VersionVerified",
            Some(900 + wave * 1400 / whole),
        )
    });
    let devices: Vec<_> = flashing.chain(failed).chain(succeeded).collect();
    json!({
        "observedGeneration": 1, "phase": "Running", "reason": "InProgress", "startTime": begun.to_string(),
        "message": format!("{} of {all} devices done", good + bad), "round": {"number": 1, "firmware": "registry.example.com/sensor:2.4.0", "version": "2.4.0"},
        "selection": {"count": all, "hash": "00", "time": begun.to_string()},
        "counts": {"selected": all, "succeeded": good, "failed": bad, "inFlight": busy, "pending": all - good - bad - busy},
        "completedIndexes": format!("0-{}", good - 1), "failedIndexes": format!("{good}-{}", good + bad - 1), "devices": devices,
    })
}
