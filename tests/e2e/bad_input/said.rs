//! What devices and editors of a status say at length, in disguise, or wrongly.

use std::process::Command;

use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{PATIENCE, Stage, device_of, says};

/// Sets a property of the Instance with this uid.
async fn report(stage: &Stage, uuid: &str, property: &str, value: &str) {
    let instances = stage.api("akri.sh/v0", "Instance");
    let listed = instances.list(&ListParams::default()).await.unwrap();
    let mut items = listed.items.iter();
    let found = items.find(|found| found.metadata.uid.as_deref() == Some(uuid));
    let name = found.unwrap().metadata.name.clone().unwrap();
    let patch = json!({"spec": {"brokerProperties": {property: value}}});
    let (parameters, patch) = (PatchParams::default(), Patch::Merge(patch));
    instances.patch(&name, &parameters, &patch).await.unwrap();
}

#[tokio::test]
async fn a_device_that_says_too_much_fails_alone_and_hides_no_flash_from_the_next_leader() {
    let mut stage = Stage::healthy("says-much", 2, 12.0, &[]).await;
    let mut uuids = stage.fleet.uuids();
    let properties = json!({"HOST_ENDPOINT": "192.0.2.211", "DEVICE": "esp32s3", "VERSION": "1".repeat(200_000)});
    uuids.push(stage.instance("huge", properties).await);
    stage.flash("job", &uuids, json!({"parallelism": 3})).await;
    for uuid in &uuids[..2] {
        stage.flashing(uuid).await;
        report(&stage, uuid, "VERSION", &"9".repeat(200_000)).await;
    }
    let failed = stage
        .stands("job", &uuids[2], "Failed", "DeviceInvalid")
        .await;
    says(
        &failed,
        &["huge: property VERSION has 200000 bytes, at most 256 are allowed"],
    );
    for uuid in &uuids[..2] {
        let device = stage.stands("job", uuid, "Flashing", "Flashing").await;
        assert_eq!(device["fromVersion"], "0.1.0", "{device}");
    }
    stage.space.replace(&mut stage.operator, &[]);
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 2, "{status:#}");
    assert_eq!(status["counts"]["failed"], 1, "{status:#}");
    assert_eq!(stage.births("pods"), 2);
    let object = serde_json::to_vec(&status).unwrap().len();
    assert!(object < 16 * 1024, "{object}");
}

#[tokio::test]
async fn a_status_that_somebody_edited_stops_the_job_until_it_is_put_back() {
    let stage = Stage::healthy("edited", 2, 3.0, &[]).await;
    let uuids = stage.fleet.uuids();
    let edit = async |indexes: Value| {
        let patch = json!({"status": {"completedIndexes": indexes}});
        let (jobs, parameters, patch) = (stage.jobs(), PatchParams::default(), Patch::Merge(patch));
        jobs.patch_status("job", &parameters, &patch).await.unwrap();
    };
    stage.flash("job", &uuids, json!({"parallelism": 1})).await;
    stage.flashing(&uuids[0]).await;
    edit(json!("0-99999999999999")).await;
    let status = stage
        .space
        .eventually("word of the edited status", PATIENCE, async || {
            Some(stage.status("job").await).filter(|status| status["reason"] == "SelectionLost")
        })
        .await;
    says(
        &status,
        &["status.completedIndexes: index set item \"0-99999999999999\" is not below 2"],
    );
    assert_eq!(status["completedIndexes"], "0-99999999999999");
    assert!(status["counts"]["succeeded"].as_i64().unwrap() <= 2);
    // The flash in progress ends meanwhile; its verdict waits for a status that can hold it.
    let pods = stage.api("v1", "Pod");
    stage
        .space
        .eventually("end of the flash", PATIENCE, async || {
            let listed = pods.list(&ListParams::default()).await.ok()?;
            listed
                .items
                .iter()
                .all(|pod| pod.data["status"]["phase"] == "Succeeded")
                .then_some(())
        })
        .await;
    assert_eq!(stage.births("pods"), 1);
    edit(Value::Null).await;
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 2, "{status:#}");
    assert_eq!(stage.births("pods"), 2);
}

/// Clears the screen, sets a title, turns the direction of text, forges a line.
const HOSTILE: &str = "0.1\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\nFORGED: line";

fn tells_a_terminal_nothing(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}");
    let hidden = |letter: &char| {
        (letter.is_control() && *letter != '\n') || matches!(letter, '\u{202a}'..='\u{202e}')
    };
    let found: Vec<char> = text.chars().filter(hidden).collect();
    assert!(found.is_empty(), "{found:?} in {what}:\n{text}");
    let forged = text
        .lines()
        .find(|line| line.trim_start().starts_with("FORGED"));
    assert_eq!(forged, None, "in {what}:\n{text}");
}

#[tokio::test]
async fn nothing_that_a_device_says_reaches_a_terminal_as_it_is() {
    let stage = Stage::healthy("disguised", 1, 0.5, &[]).await;
    let uuid = stage.fleet.uuids().remove(0);
    report(&stage, &uuid, "VERSION", HOSTILE).await;
    let endpoint = format!("http://{HOSTILE}");
    let properties = json!({"HOST_ENDPOINT": endpoint, "DEVICE": HOSTILE, "VERSION": HOSTILE});
    stage.instance("disguised", properties).await;
    let properties = json!({"HOST_ENDPOINT": "192.0.2.212", "DEVICE": HOSTILE, "VERSION": HOSTILE});
    let odd = stage.instance("odd", properties).await;
    let selector = json!({"namespaces": [stage.space.name]});
    let more = json!({"deviceSelector": selector, "device": "esp32", "uuid": Value::Null, "backoffLimitPerDevice": 0});
    let name = format!("asking-{}", stage.space.name);
    let kubeconfig = stage.space.control_plane.kubeconfig("admin");
    let ask = |arguments: &[&str]| {
        let output = Command::new(testbed::plugin())
            .env("KUBECONFIG", &kubeconfig)
            .args(arguments)
            .args(["-n", &stage.space.name])
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap()
    };
    let file = stage
        .space
        .control_plane
        .directory()
        .join(format!("{name}.json"));
    let mut spec = json!({"firmware": "registry.example.com/fmnist:2", "version": "0.2.0"});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "job"}, "spec": spec,
    });
    std::fs::write(&file, object.to_string()).unwrap();
    let file = file.display().to_string();
    let plan = ask(&["plan", "-f", &file]);
    tells_a_terminal_nothing("plan", &plan);
    assert!(plan.contains("0.1\\u{1b}[2J"), "{plan}");
    assert!(plan.contains("cannot be flashed\n  Instance"), "{plan}");
    tells_a_terminal_nothing("plan as JSON", &ask(&["plan", "-f", &file, "-o", "json"]));

    stage.flash("job", &[], more).await;
    let status = stage.finished("job").await;
    let left_out = &status["selection"]["notSelectable"];
    assert_eq!(left_out["count"], 1, "{status:#}");
    says(
        &status,
        &["1 Instance that spec.deviceSelector means cannot be flashed: Instance"],
    );
    for text in [&status["message"], &left_out["examples"][0]] {
        tells_a_terminal_nothing("the status", text.as_str().unwrap());
    }
    for uuid in [&uuid, &odd] {
        let device = device_of(&status, uuid).unwrap();
        tells_a_terminal_nothing("an entry", device["message"].as_str().unwrap());
        tells_a_terminal_nothing("explain", &ask(&["explain", "job", uuid]));
        let json = ask(&["explain", "job", uuid, "-o", "json"]);
        tells_a_terminal_nothing("explain as JSON", &json);
    }
    tells_a_terminal_nothing("explain", &ask(&["explain", "job"]));
    let events = stage.space.kubectl(&["get", "events", "-o", "json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    for event in events["items"].as_array().unwrap() {
        tells_a_terminal_nothing("an event", event["message"].as_str().unwrap());
    }
    tells_a_terminal_nothing("the log", &stage.space.operator_logs());
    stage.delete("job").await;
    tells_a_terminal_nothing("cleanup", &ask(&["cleanup", "--dry-run"]));
}
