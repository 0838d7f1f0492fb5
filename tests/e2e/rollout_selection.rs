//! Which devices a job flashes, and when it flashes them again: selectors, edits within a round, rounds, reruns, devices that
//! have the version already.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Fleet, Params, Space,
    job::{FIRMWARE, Seen, VERSION, job},
    seconds,
};

/// Devices that Akri found through this Configuration.
async fn found_by(space: &Space, configuration: &str, devices: usize, seconds: f64) -> Fleet {
    space
        .fleet(Params {
            devices,
            configuration: configuration.into(),
            flash_seconds: seconds,
            ..Params::default()
        })
        .await
}

/// A job for what this selector means.
fn selecting(name: &str, selector: &Value, more: &Value) -> String {
    let mut file = job(name, &[], more);
    if more["uuid"].is_null() {
        file["spec"].as_object_mut().unwrap().remove("uuid");
    }
    file["spec"]["deviceSelector"] = selector.clone();
    file.to_string()
}

/// The frozen selection of a job, in its order.
fn selection(space: &Space, name: &str) -> Vec<String> {
    let list = space.kubectl(&["get", "controllerrevisions", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut slices: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|slice| slice["metadata"]["ownerReferences"][0]["name"] == name)
        .map(|slice| &slice["data"])
        // The defaults of the class that the round began with are kept in the same way.
        .filter(|data| data["devices"].is_array())
        .collect();
    slices.sort_by_key(|data| (data["round"].as_i64(), data["first"].as_i64()));
    let devices = slices
        .iter()
        .flat_map(|data| data["devices"].as_array().unwrap());
    devices
        .map(|device| device["uuid"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until a job has finished and its status is in this round.
async fn finished_round(space: &Space, name: &str, round: i64) -> Seen {
    space
        .eventually(&format!("end of round {round}"), seconds(120), async || {
            let job = space.job(name);
            (job.is("Finished") && job.0["status"]["round"]["number"] == round).then_some(job)
        })
        .await
}

/// Notes of the events with this reason.
fn notes(space: &Space, reason: &str) -> Vec<String> {
    let selector = format!("--field-selector=reason={reason}");
    let list = space.kubectl(&["get", "events", &selector, "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listed_devices_are_flashed_first_and_then_those_that_the_selector_means() {
    let space = Space::new("union").await;
    let lamps = found_by(&space, "lamps", 3, 1.0).await;
    let locks = found_by(&space, "locks", 2, 1.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    let (lamp, lock) = (lamps.uuids(), locks.uuids());
    let selector = json!({
        "configurations": ["lamps"],
        "matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": ["<0.2.0"]}],
    });
    let listed = json!({"uuid": [lock[1], lamp[2], lock[1]], "suspend": true, "parallelism": 2});
    space.apply(&selecting("union", &selector, &listed));

    // Nothing is selected before the job may begin: a device that comes meanwhile is one of them.
    let waits = space
        .eventually("word of the suspended job", seconds(60), async || {
            Some(space.job("union")).filter(|job| job.0["status"]["observedGeneration"] == 1)
        })
        .await;
    assert_eq!(
        (&waits.0["status"]["round"], waits.is("Finished")),
        (&Value::Null, false)
    );
    let late = found_by(&space, "lamps", 1, 1.0).await;
    space.patch_spec("union", &json!({"suspend": false}));
    let done = space.finished("union", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    let order = [&lock[1], &lamp[2], &lamp[0], &lamp[1], &late.uuids()[0]];
    assert_eq!(selection(&space, "union"), order.map(String::clone));
    assert_eq!((done.count("selected"), done.count("succeeded")), (5, 5));
    assert_eq!(
        done.0["status"]["completedUUIDs"],
        json!([lock[1], lamp[2]])
    );
    assert_eq!(locks.journal().len(), 1, "the lock that nothing names");

    // One that comes after the selection was taken is not flashed.
    let later = found_by(&space, "lamps", 1, 1.0).await;
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(space.job("union").count("selected"), 5);
    assert!(later.journal().is_empty());
    space.assert_flashed_each(&[&lamps, &late], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selector_that_means_nothing_fails_the_job_for_good() {
    let space = Space::new("nothing").await;
    let mut operator = space.operator(&["--engine", "native"]);
    let refusal = space
        .try_apply(&selecting("empty", &json!({}), &json!({})))
        .unwrap_err();
    assert!(refusal.contains("deviceSelector"), "{refusal}");
    space.apply(&selecting(
        "hollow",
        &json!({"configurations": []}),
        &json!({}),
    ));
    space.apply(&selecting(
        "range",
        &json!({"matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": [">=99999999999999999999"]}]}),
        &json!({}),
    ));
    for (name, says) in [
        ("hollow", "the selector is empty"),
        ("range", "VERSION VersionIn"),
    ] {
        let refused = space.finished(name, 60).await;
        let status = &refused.0["status"];
        assert_eq!(status["reason"], "InvalidSpec", "{status:#}");
        assert!(
            status["message"].as_str().unwrap().contains(says),
            "{status:#}"
        );
    }
    space.apply(&selecting(
        "none",
        &json!({"configurations": ["lamps"]}),
        &json!({}),
    ));
    let none = space.finished("none", 60).await;
    assert_eq!(none.0["status"]["reason"], "NoDevicesSelected");
    assert!(
        none.is("Failed") && !none.is("Complete"),
        "{:#}",
        none.0["status"]
    );

    // It has failed: neither a device that comes nor another operator brings it to life.
    let lamps = found_by(&space, "lamps", 1, 1.0).await;
    operator.kill();
    let _next = space.operator(&["--engine", "native"]);
    tokio::time::sleep(seconds(5)).await;
    assert!(space.job("none").is("Failed") && lamps.journal().is_empty());
    space.patch_spec("none", &json!({"rerun": {"id": "now", "devices": "All"}}));
    let done = finished_round(&space, "none", 2).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&lamps, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_selector_drops_devices_that_did_not_start_and_adds_others() {
    let space = Space::new("edits").await;
    let lamps = found_by(&space, "lamps", 2, 3.0).await;
    let locks = found_by(&space, "locks", 3, 3.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    let of = |configurations: &[&str]| json!({"configurations": configurations});
    space.apply(&selecting(
        "edits",
        &of(&["lamps", "locks"]),
        &json!({"parallelism": 1}),
    ));
    space
        .eventually("first flash", seconds(60), async || {
            (lamps.journal().len() == 1).then_some(())
        })
        .await;
    assert_eq!(space.job("edits").count("selected"), 5);

    // A device whose Instance is recreated before its turn is found by its endpoint.
    recreate(&space, &lamps.uuids()[1]);
    space.patch_spec("edits", &json!({"deviceSelector": of(&["lamps"])}));
    let narrow = space.finished("edits", 120).await;
    assert_eq!(
        (narrow.count("selected"), narrow.count("succeeded")),
        (2, 2),
        "{:#}",
        narrow.0["status"]
    );
    assert!(locks.journal().is_empty());
    space.patch_spec("edits", &json!({"deviceSelector": of(&["lamps", "locks"])}));
    let wide = space
        .eventually("end of the wider job", seconds(120), async || {
            Some(space.job("edits")).filter(|job| job.is("Finished") && job.count("selected") == 5)
        })
        .await;
    assert_eq!(
        (
            wide.count("succeeded"),
            &wide.0["status"]["round"]["number"],
            &wide.0["status"]["completedIndexes"]
        ),
        (5, &json!(1), &json!("0-4")),
        "{:#}",
        wide.0["status"]
    );
    space.assert_flashed_each(&[&lamps, &locks], 1);
}

/// Deletes a device's Instance and creates it anew: another name, another uid.
fn recreate(space: &Space, uid: &str) {
    let list = space.kubectl(&["get", "instances.akri.sh", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut items = list["items"].as_array().unwrap().iter();
    let old = items
        .find(|instance| instance["metadata"]["uid"] == uid)
        .unwrap();
    let name = old["metadata"]["name"].as_str().unwrap();
    space.kubectl(&["delete", "instances.akri.sh", name]);
    let anew = json!({
        "apiVersion": old["apiVersion"], "kind": old["kind"],
        "metadata": {"name": format!("{name}-anew")}, "spec": old["spec"],
    });
    space.apply(&anew.to_string());
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rerun_acts_once_on_the_failed_devices_or_on_all_in_a_new_round(#[case] engine: &str) {
    let space = Space::new(&format!("rerun-{engine}")).await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 1.0,
            exit1_share: 0.5,
            healed_after: Some(1),
            ..Params::default()
        })
        .await;
    let _operator = space.operator(&["--engine", engine]);
    let uuids = fleet.uuids();
    let mut missing = uuids.clone();
    missing.push("00000000-0000-4000-8000-000000000001".into());
    let patience = json!({"deviceDiscoveryTimeoutSeconds": 1});
    space.apply(&job("again", &missing, &patience).to_string());
    let failed = space.finished("again", 120).await;
    assert_eq!(
        (failed.count("succeeded"), failed.count("failed")),
        (2, 3),
        "{:#}",
        failed.0["status"]
    );

    space.patch_spec("again", &json!({"uuid": uuids, "rerun": {"id": "monday"}}));
    let rerun = space
        .eventually("end of the rerun", seconds(120), async || {
            let job = space.job("again");
            (job.is("Finished") && job.0["status"]["lastRerunID"] == "monday").then_some(job)
        })
        .await;
    let status = &rerun.0["status"];
    assert!(rerun.is("Complete"), "{status:#}");
    assert_eq!(
        (
            &status["round"]["number"],
            &status["completedIndexes"],
            &status["failedIndexes"]
        ),
        (&json!(1), &json!("0-3"), &Value::Null)
    );
    let births = space.control_plane.audit().flashes(&space.name);
    let mut times: Vec<usize> = uuids.iter().map(|uuid| births[uuid]).collect();
    times.sort_unstable();
    assert_eq!(times, [1, 1, 2, 2], "only what had failed went again");

    let pods = space.control_plane.audit().pod_births(&space.name);
    assert!(pods.values().all(|births| *births == 1), "{pods:?}");

    // The same id does not act again, whatever else is edited.
    space.patch_spec("again", &json!({"parallelism": 3}));
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(space.control_plane.audit().flashes(&space.name), births);

    space.patch_spec(
        "again",
        &json!({"rerun": {"id": "tuesday", "devices": "All"}}),
    );
    let all = finished_round(&space, "again", 2).await;
    assert!(all.is("Complete"), "{:#}", all.0["status"]);
    assert_eq!(fleet.journal().len(), 6 + 4);
    assert_eq!(all.0["status"]["previousRound"]["succeeded"], 4);
    let mut notes = notes(&space, "RerunRequested");
    notes.sort();
    assert_eq!(
        notes,
        [
            "rerun monday: 3 failed devices go again",
            "rerun tuesday: all devices again, in round 2"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back_again_is_three_rounds_and_what_is_in_flight_ends_under_the_old_one() {
    let space = Space::new("rounds").await;
    let fleet = found_by(&space, "lamps", 2, 4.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&selecting(
        "rounds",
        &json!({"configurations": ["lamps"]}),
        &json!({"parallelism": 1}),
    ));
    space
        .eventually("first flash", seconds(60), async || {
            (fleet.journal().len() == 1).then_some(())
        })
        .await;
    space.patch_spec("rounds", &json!({"version": "0.3.0"}));
    let second = finished_round(&space, "rounds", 2).await;
    assert!(second.is("Complete"), "{:#}", second.0["status"]);
    assert_eq!(second.0["status"]["previousRound"]["version"], VERSION);
    space.patch_spec("rounds", &json!({"version": VERSION}));
    let third = finished_round(&space, "rounds", 3).await;
    let status = &third.0["status"];
    assert_eq!(
        (
            &status["round"]["firmware"],
            &status["round"]["version"],
            &status["completedIndexes"]
        ),
        (&json!(FIRMWARE), &json!(VERSION), &json!("0-1"))
    );
    let before = &status["previousRound"];
    assert_eq!(
        (
            &before["number"],
            &before["version"],
            &before["succeeded"],
            &before["failed"]
        ),
        (&json!(2), &json!("0.3.0"), &json!(2), &json!(0))
    );
    let journal = fleet.journal();
    assert_eq!(
        journal.len(),
        1 + 2 + 2,
        "the first device's first flash ended under the first round"
    );
    assert!(
        !journal.iter().any(|flash| flash.overlapped),
        "{journal:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_again_without_its_status_flashes_nothing_that_has_the_version() {
    let space = Space::new("gitops").await;
    let fleet = found_by(&space, "lamps", 3, 1.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    let more = json!({"alreadyAtVersion": "Skip", "rerun": {"id": "monday", "devices": "All"}});
    let file = selecting("gitops", &json!({"configurations": ["lamps"]}), &more);
    space.apply(&file);
    let first = space.finished("gitops", 120).await;
    assert_eq!(
        (first.count("succeeded"), &first.0["status"]["lastRerunID"]),
        (3, &json!("monday"))
    );
    assert_eq!(first.0["status"]["effective"]["alreadyAtVersion"], "Skip");
    space
        .eventually("devices back with their version", seconds(60), async || {
            let versions = "-o=jsonpath={.items[*].spec.brokerProperties.VERSION}";
            let versions = space.kubectl(&["get", "instances.akri.sh", versions]);
            (versions == [VERSION; 3].join(" ")).then_some(())
        })
        .await;
    space.delete_job("gitops", 60).await;
    space.apply(&file);
    let second = space.finished("gitops", 60).await;
    let status = &second.0["status"];
    assert!(second.is("Complete"), "{status:#}");
    assert_eq!(
        (
            second.count("skipped"),
            second.count("succeeded"),
            &status["skippedIndexes"],
            &status["lastRerunID"]
        ),
        (3, 0, &json!("0-2"), &json!("monday"))
    );
    let reasons: Vec<&Value> = status["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| &device["reason"])
        .collect();
    assert_eq!(reasons, vec![&json!("AlreadyAtVersion"); 3]);
    assert_eq!(
        status["round"]["number"], 1,
        "the rerun was recorded, not acted upon"
    );
    assert!(
        space.releases().is_empty(),
        "no release for a device that needs no flash"
    );
    space.assert_flashed(&fleet, 1);
    let recorded = notes(&space, "RerunRequested");
    assert!(
        recorded.iter().all(|note| note.contains("recorded only")),
        "{recorded:?}"
    );
}
