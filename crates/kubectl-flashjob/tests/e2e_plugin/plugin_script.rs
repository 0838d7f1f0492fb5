//! What the original operator's script `filter_uuid.py` does with its answers, and what `create` does with the same ones, on two fleets that
//! are alike. The script is played by what is known of it: it lists the Instances once, and applies the same FlashJob, `flashjob`, for one
//! batch after the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed::{Fleet, Params, Space, healthy, job::FIRMWARE, seconds};

use super::{ends, person};

/// Devices of a batch, as both propose.
const BATCH: usize = 5;

/// What the script asks.
struct Answers {
    device: &'static str,
    app: &'static str,
    firmware: &'static str,
}

const ANSWERS: Answers = Answers {
    device: "ESP32S3",
    app: "fmnist",
    firmware: FIRMWARE,
};

/// The batches that the script makes, all devices being selected: in the order of the list, types compared without regard to case.
fn batches(space: &Space, answers: &Answers) -> Vec<Vec<String>> {
    let listed = space.kubectl(&["get", "instances.akri.sh", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("kubectl prints JSON");
    let meant = |instance: &&Value| {
        let property = |name: &str| {
            let value = instance["spec"]["brokerProperties"][name].as_str();
            value.unwrap_or_default().to_lowercase()
        };
        property("DEVICE") == answers.device.to_lowercase()
            && property("APPLICATION_TYPE") == answers.app.to_lowercase()
    };
    let uuid = |instance: &Value| {
        instance["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let items = listed["items"].as_array().expect("items").iter();
    let uuids: Vec<String> = items.filter(meant).map(uuid).collect();
    uuids.chunks(BATCH).map(<[String]>::to_vec).collect()
}

/// Applies the FlashJob of a batch, as the script writes it: always of that name, in place of the batch before.
fn apply(space: &Space, batch: &[String], answers: &Answers) {
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "flashjob", "namespace": space.name},
        "spec": {
            "applicationType": null, "device": null, "externalIP": null, "hostEndpoint": null, "firmware": answers.firmware,
            "flashjobPodImage": "registry.example.com/esp32-flashjob:local", "uuid": batch, "version": "0.2.0",
        },
    });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), object.to_string()).expect("it is written");
    space.kubectl(&["apply", "-f", &file.path().to_string_lossy()]);
}

/// Firmware that each device got, by its place in the fleet, and the version that it reports afterwards.
fn flashes(fleet: &Fleet) -> Vec<(Vec<String>, String)> {
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for flash in fleet.journal() {
        got.entry(flash.endpoint).or_default().push(flash.firmware);
    }
    let devices = fleet.devices().into_iter();
    let of = |endpoint: &str| got.get(endpoint).cloned().unwrap_or_default();
    devices
        .map(|device| (of(&device.endpoint), device.version))
        .collect()
}

/// Pods that flashed, as the audit log knows them: how many devices had how many.
fn pods(space: &Space) -> Vec<usize> {
    let flashes = space.control_plane.audit().flashes(&space.name);
    flashes.into_values().collect()
}

/// Seven devices that are meant, and two that are not.
async fn fleets(space: &Space, meant: Params) -> [Fleet; 2] {
    let other = Params {
        device_type: "rp2040".to_owned(),
        ..healthy(2, 0.3)
    };
    [space.fleet(meant).await, space.fleet(other).await]
}

/// The answers of the script as options.
const CREATE: [&str; 14] = [
    "create",
    "flashjob",
    "--device",
    "esp32s3",
    "--app",
    "fmnist",
    "--all",
    "--firmware",
    FIRMWARE,
    "--version",
    "0.2.0",
    "--batch",
    "5",
    "--yes",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_flashes_the_devices_that_the_script_flashes_with_the_same_firmware_once_each() {
    let (script, command) = (
        Space::new("script").await,
        Space::new("script-command").await,
    );
    let played = fleets(&script, healthy(7, 0.3)).await;
    let created = fleets(&command, healthy(7, 0.3)).await;
    let editor = person(&command, "flashjob-editor");
    let user = "--clusterrole=flashjob-user";
    editor.bind_as("reads-devices", "rolebinding", user, &command.name);
    let _operators = [&script, &command].map(|space| space.operator(&["--engine", "native"]));

    let batches = batches(&script, &ANSWERS);
    let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [5, 2]);
    for batch in &batches {
        apply(&script, batch, &ANSWERS);
        // The script waits for as long as it was told; here, for as long as it takes.
        let done = script.finished("flashjob", 120).await;
        assert!(done.is("Complete"), "{:#}", done.0["status"]);
    }
    let wait = ["--delay", "1s", "--wait", "--timeout", "3m"];
    let (said, _) = ends(&editor, &[&CREATE[..], &wait].concat(), 0);
    assert!(said.contains("in 2 batches of 5"), "{said}");

    for (played, created) in played.iter().zip(&created) {
        assert_eq!(flashes(played), flashes(created));
    }
    let flashed = |(got, _): (Vec<String>, String)| got == [FIRMWARE];
    assert!(flashes(&created[0]).into_iter().all(flashed));
    assert!(created[1].journal().is_empty(), "what was not meant");
    assert_eq!((pods(&script), pods(&command)), (vec![1; 7], vec![1; 7]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_stops_after_a_batch_that_fails_where_the_script_goes_on_though_it_is_in_flight() {
    let (script, command) = (
        Space::new("script-fails").await,
        Space::new("script-stops").await,
    );
    let bad = || Params {
        exit1_share: 1.0,
        ..healthy(7, 2.0)
    };
    let [played, _] = fleets(&script, bad()).await;
    let [created, _] = fleets(&command, bad()).await;
    let editor = person(&command, "flashjob-editor");
    let user = "--clusterrole=flashjob-user";
    editor.bind_as("reads-devices", "rolebinding", user, &command.name);
    let _operators = [&script, &command].map(|space| space.operator(&["--engine", "native"]));

    let [first, second] = batches(&script, &ANSWERS).try_into().unwrap();
    apply(&script, &first, &ANSWERS);
    let in_flight = async || (played.journal().len() == BATCH).then_some(());
    script
        .eventually("a batch in flight", seconds(60), in_flight)
        .await;
    // The delay is over before the batch is.
    apply(&script, &second, &ANSWERS);
    let done = script.finished("flashjob", 120).await;
    assert_eq!(
        (played.journal().len(), done.count("failed")),
        (7, 7),
        "each batch was flashed, though all failed"
    );

    let wait = ["--delay", "1s", "--wait", "--timeout", "3m"];
    let (said, complaint) = ends(&editor, &[&CREATE[..], &wait].concat(), 1);
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("StepFailed"), "{said}\n{complaint}");
    let stopped = command.job("flashjob");
    assert_eq!(stopped.count("failed"), 5, "{:#}", stopped.0["status"]);
    assert_eq!(
        created.journal().len(),
        BATCH,
        "the second batch was spared"
    );
    // Nor does a second order take the place of the first.
    let (_, complaint) = ends(&editor, &CREATE, 1);
    assert!(complaint.contains("already exists"), "{complaint}");
}
