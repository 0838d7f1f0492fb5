//! What a device reports when it comes back decides about its flash, long after its slot was given to the next.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{Outcome, Params, Space, healthy, job::job, seconds};

/// Reasons of the events about a job.
fn events(space: &Space) -> Vec<String> {
    let list = space.kubectl(&["get", "events", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap();
    let reasons = items
        .iter()
        .filter_map(|event| event["reason"].as_str().map(str::to_owned));
    reasons.collect()
}

#[rstest]
#[case::observe_native("Observe", "native")]
#[case::version_helm("Version", "helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_lag_roll_back_vanish_or_swap_their_address_end_as_they_are_read_back(
    #[case] mode: &str,
    #[case] engine: &str,
) {
    let space = Space::new(&format!("verify-{engine}")).await;
    let params = Params {
        devices: 5,
        flash_seconds: 1.0,
        address_delay_seconds: 0.2,
        old_version_share: 0.2,
        lagging_version_share: 0.2,
        version_lag_seconds: 4.0,
        never_back_share: 0.2,
        swapped_share: 0.2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", engine]);
    let spec = json!({"verification": {"mode": mode, "timeoutSeconds": 45}});
    space.apply(&job("verify", &fleet.uuids(), &spec).to_string());
    let done = space.finished("verify", 240).await;
    space.assert_flashed(&fleet, 1);
    for device in fleet.devices() {
        let (reason, version) = match device.outcome {
            Outcome::Sent | Outcome::LaggingVersion => ("Verified", json!("0.2.0")),
            Outcome::OldVersion => ("VersionMismatch", json!("0.1.0")),
            Outcome::NeverBack | Outcome::Swapped => ("NotSeen", Value::Null),
            other => unreachable!("{other:?} has no share"),
        };
        let phase = match (mode, reason) {
            ("Observe", _) | (_, "Verified") => "Succeeded",
            _ => "Failed",
        };
        let entry = done.device(&device.uuid);
        assert_eq!(
            (&entry["phase"], &entry["reason"]),
            (&json!(phase), &json!(reason)),
            "{device:?}: {entry:#}"
        );
        assert_eq!(
            (&entry["fromVersion"], &entry["toVersion"]),
            (&json!("0.1.0"), &version)
        );
    }
    for reason in ["VersionMismatch", "NotSeen"] {
        space
            .eventually("an event that says so", seconds(30), async || {
                events(&space).contains(&reason.to_owned()).then_some(())
            })
            .await;
    }
    // Failed ones stay listed.
    let failed = if mode == "Observe" { 0 } else { 3 };
    assert_eq!(done.count("failed"), failed);
    space
        .eventually("failed releases alone", seconds(60), async || {
            let releases = space.releases();
            let count = i64::try_from(releases.len()).unwrap();
            let all = releases.iter().all(|release| release["status"] == "failed");
            (count == failed && all).then_some(())
        })
        .await;
    space.delete_job("verify", 60).await;
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slot_is_free_and_the_lock_held_while_a_version_is_read_back_whenever_the_operator_is_killed(
    #[case] engine: &str,
) {
    let space = Space::new(&format!("verify-kills-{engine}")).await;
    let params = Params {
        devices: 3,
        flash_seconds: 2.0,
        address_delay_seconds: 0.2,
        reboot_seconds: 45.0,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let arguments = ["--engine", engine, "--helm-timeout-seconds", "10"];
    let mut operator = space.operator(&arguments);
    let spec =
        json!({"parallelism": 1, "verification": {"mode": "Version", "timeoutSeconds": 600}});
    space.apply(&job("slots", &fleet.uuids(), &spec).to_string());
    // Killed in flight, then right after a transfer verdict was stored.
    space
        .eventually("a flash", seconds(90), async || {
            (!fleet.journal().is_empty()).then_some(())
        })
        .await;
    space.replace(&mut operator, &arguments);
    space
        .becomes("slots", "a device that is read back", 120, |job| {
            job.count("verifying") > 0
        })
        .await;
    space.replace(&mut operator, &arguments);
    // With one slot, the second device is flashed long before the first is back.
    space
        .eventually("the second flash", seconds(120), async || {
            (fleet.journal().len() >= 2).then_some(())
        })
        .await;
    let first = &fleet.journal()[0].endpoint;
    let known = fleet.devices();
    let device = known.iter().find(|one| one.endpoint == *first).unwrap();
    let seen = space.job("slots");
    let entry = seen.device(&device.uuid);
    assert!(
        entry["phase"] == "Verifying" && entry["nextTime"].is_string() || device.version == "0.2.0",
        "{entry:#}"
    );
    if entry["phase"] == "Verifying" {
        let release = format!("flash-{}", device.uuid);
        let locked = space.releases();
        assert!(
            locked.iter().any(|one| one["name"] == release) || device.version == "0.2.0",
            "its record is the lock: {locked:#?}"
        );
    }
    // Killed while nothing but the read-back is left, or the last flash under way.
    space
        .eventually("the third flash", seconds(120), async || {
            (fleet.journal().len() >= 3).then_some(())
        })
        .await;
    space.replace(&mut operator, &arguments);
    // Killed right after a final verdict was stored.
    space
        .becomes("slots", "a device that is final", 180, |job| {
            job.count("succeeded") > 0
        })
        .await;
    space.replace(&mut operator, &arguments);
    let done = space.finished("slots", 240).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
    for uuid in fleet.uuids() {
        let entry = done.device(&uuid);
        assert_eq!(
            (&entry["reason"], &entry["toVersion"]),
            (&json!("Verified"), &json!("0.2.0")),
            "{entry:#}"
        );
    }
    space
        .eventually("no release", seconds(60), async || {
            space.releases().is_empty().then_some(())
        })
        .await;
    space.delete_job("slots", 60).await;
}

/// Replaces a device's Instance, as Akri does after a reboot.
fn rediscovered(space: &Space, endpoint: &str, name: &str, version: &str) {
    let list = space.kubectl(&["get", "instances", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    for known in list["items"].as_array().unwrap() {
        if known["spec"]["brokerProperties"]["HOST_ENDPOINT"] == endpoint {
            let known = known["metadata"]["name"].as_str().unwrap();
            space.kubectl(&["delete", "instance", known]);
        }
    }
    let again = json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": name},
        "spec": {"configurationName": "again", "brokerProperties": {
            "HOST_ENDPOINT": endpoint, "DEVICE": "esp32s3", "APPLICATION_TYPE": "fmnist", "VERSION": version,
        }},
    });
    space.apply(&again.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_flash_is_done_or_tried_again_as_its_device_comes_back() {
    let space = Space::new("verify-interrupted").await;
    let params = healthy(2, 12.0);
    let fleet = space.fleet(params).await;
    let arguments = ["--engine", "native", "--cool-down-seconds", "2"];
    let mut operator = space.operator(&arguments);
    let spec = json!({
        "backoffLimitPerDevice": 1, "verification": {"mode": "Observe", "timeoutSeconds": 30},
    });
    space.apply(&job("cut", &fleet.uuids(), &spec).to_string());
    space
        .eventually("both flashes", seconds(90), async || {
            (fleet.journal().len() == 2).then_some(())
        })
        .await;
    space.kubectl(&[
        "delete",
        "pods",
        "--all",
        "--grace-period=1",
        "--wait=false",
    ]);
    let cut = space
        .becomes("cut", "both being read back", 120, |job| {
            job.count("verifying") == 2
        })
        .await;
    let devices = fleet.devices();
    for device in &devices {
        let entry = cut.device(&device.uuid);
        assert_eq!(entry["reason"], "Interrupted", "{entry:#}");
    }
    space.replace(&mut operator, &arguments);
    rediscovered(&space, &devices[0].endpoint, "flashed", "0.2.0");
    rediscovered(&space, &devices[1].endpoint, "untouched", "0.1.0");
    let done = space.finished("cut", 240).await;
    assert_eq!(done.count("succeeded"), 2, "{:#}", done.0["status"]);
    let births = space.control_plane.audit().flashes(&space.name);
    let (flashed, again) = (done.device(&devices[0].uuid), done.device(&devices[1].uuid));
    assert_eq!(
        (&flashed["attempts"], births[&devices[0].uuid]),
        (&json!(1), 1)
    );
    assert_eq!(flashed["reason"], "Verified");
    assert_eq!(
        (&again["attempts"], births[&devices[1].uuid]),
        (&json!(2), 2),
        "{again:#}"
    );
    assert_eq!(again["earlierFailures"], json!(["Interrupted"]));
    space.delete_job("cut", 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_deleted_while_versions_are_read_back_goes_at_once() {
    let space = Space::new("verify-deleted").await;
    let params = Params {
        devices: 2,
        flash_seconds: 0.5,
        never_back_share: 1.0,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native"]);
    let spec = json!({"verification": {"timeoutSeconds": 86_400}});
    space.apply(&job("gone", &fleet.uuids(), &spec).to_string());
    space
        .becomes("gone", "both being read back", 90, |job| {
            job.count("verifying") == 2
        })
        .await;
    space.delete_job("gone", 60).await;
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_begins_a_device_that_is_read_back_though_its_record_was_deleted_by_hand() {
    let space = Space::new("verify-bare").await;
    // Back at once, and with the version it had: so it is read back until the time is over.
    let params = Params {
        devices: 1,
        flash_seconds: 0.5,
        reboot_seconds: 0.5,
        old_version_share: 1.0,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let mut operator = space.operator(&[]);
    let verified = json!({"verification": {"mode": "Version", "timeoutSeconds": 40}});
    space.apply(&job("first", &fleet.uuids(), &verified).to_string());
    space
        .becomes("first", "a device that is read back", 90, |job| {
            job.count("verifying") == 1
        })
        .await;
    let back = space
        .eventually("the device", seconds(60), async || {
            let uids = "-o=jsonpath={.items[*].metadata.uid}";
            let uid = space.kubectl(&["get", "instances", uids]);
            let pods = space.kubectl(&["get", "pods", "--ignore-not-found", "-o", "name"]);
            (!uid.is_empty() && !fleet.uuids().contains(&uid) && pods.is_empty()).then_some(uid)
        })
        .await;
    space.kubectl(&["delete", "secrets", "-l", "owner=helm"]);
    // Nothing but the stored status knows of it, for this leader and for the next.
    space.replace(&mut operator, &[]);
    let unverified = json!({"verification": {"mode": "None"}});
    let second = job("second", std::slice::from_ref(&back), &unverified);
    space.apply(&second.to_string());
    let waits = space
        .becomes("second", "a device that waits", 60, |job| {
            job.device(&back)["reason"] == "DeviceBusy"
        })
        .await;
    let message = waits.device(&back)["message"].as_str().unwrap();
    assert!(message.contains("/first as "), "{message}");
    assert_eq!(fleet.journal().len(), 1);

    let first = space.finished("first", 120).await;
    assert_eq!(first.0["status"]["reason"], "DevicesFailed");
    assert!(space.finished("second", 120).await.is("Complete"));
    let ended = first.0["status"]["completionTime"].as_str().unwrap();
    let ended: jiff::Timestamp = ended.parse().unwrap();
    let journal = fleet.journal();
    assert_eq!(journal.len(), 2);
    assert!(journal[1].start >= ended, "{journal:#?}, {ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_verified_by_the_expected_version_where_the_job_names_one() {
    let space = Space::new("expected").await;
    let fleet = space.fleet(healthy(2, 0.3)).await;
    let uuids = fleet.uuids();
    let _operator = space.operator(&[]);
    // Each comes back with the job's version.
    for (index, (name, expected)) in [("same", "0.2.0"), ("another", "0.9.0")].iter().enumerate() {
        let verification =
            json!({"mode": "Version", "expectedVersion": expected, "timeoutSeconds": 10});
        let spec = json!({"verification": verification});
        space.apply(&job(name, &uuids[index..=index], &spec).to_string());
    }
    for (name, uuid, ends) in [
        ("same", &uuids[0], ("Succeeded", "Verified")),
        ("another", &uuids[1], ("Failed", "VersionMismatch")),
    ] {
        let done = space.finished(name, 150).await;
        let device = done.device(uuid);
        let (phase, reason) = (&device["phase"], &device["reason"]);
        assert_eq!(
            (phase, reason),
            (&json!(ends.0), &json!(ends.1)),
            "{device:#}"
        );
        assert_eq!(device["toVersion"], "0.2.0");
    }
}
