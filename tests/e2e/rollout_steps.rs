//! Order and pace of a rollout: steps, approvals, limits of failures, suspension; over restarts of the operator.

use serde_json::{Value, json};

use testbed::{
    Fleet, Outcome, Params, Space,
    job::{Seen, job},
    seconds,
};

fn condition(job: &Seen, kind: &str) -> (String, String) {
    let conditions = job.0["status"]["conditions"].as_array().unwrap();
    let found = conditions
        .iter()
        .find(|known| known["type"] == kind)
        .unwrap();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

/// Reasons of the events about a job.
fn events(space: &Space) -> Vec<String> {
    let list = space.kubectl(&[
        "get",
        "events.events.k8s.io",
        "-o",
        "jsonpath={.items[*].reason}",
    ]);
    list.split_whitespace().map(str::to_owned).collect()
}

/// UUIDs with the devices of this outcome first.
fn first(fleet: &Fleet, outcome: Outcome) -> Vec<String> {
    let mut devices = fleet.devices();
    devices.sort_by_key(|device| device.outcome != outcome);
    devices.into_iter().map(|device| device.uuid).collect()
}

#[allow(
    clippy::too_many_lines,
    reason = "one rollout from its beginning to its end"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_goes_step_by_step_is_watched_and_approved_and_a_restart_changes_nothing() {
    let space = Space::new("rollout-steps").await;
    let fleet = space.healthy(5, 0.5).await;
    let mut operator = space.operator(&[]);
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/samples/flashjob-rollout.yaml"
    );
    let sample = std::fs::read_to_string(sample).unwrap();
    let mut sample: Value = serde_saphyr::from_str(&sample).unwrap();
    sample["spec"]["uuid"] = json!(fleet.uuids());
    for step in sample["spec"]["steps"].as_array_mut().unwrap() {
        if step["soakSeconds"] == 600 {
            step["soakSeconds"] = json!(2);
        }
    }
    space.apply(&sample.to_string());

    let waiting = space.waits_for("rollout", "AwaitingApproval").await;
    assert_eq!(fleet.journal().len(), 1, "the canary alone was flashed");
    let step = &waiting.0["status"]["step"];
    assert_eq!(
        (&step["id"], &step["name"], &step["of"]),
        (&json!("1.1"), &json!("canary"), &json!(4))
    );
    assert_eq!(
        (&step["devices"], &step["done"], &step["failed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(waiting.count("pending"), 4);

    // An approval of another round is no approval, and said so.
    space.patch_spec("rollout", &json!({"approvedStep": "2.1"}));
    space
        .eventually("an approval that is ignored", seconds(60), async || {
            (condition(&space.job("rollout"), "Accepted") == is("True", "ApprovalForOtherRound"))
                .then_some(())
        })
        .await;
    // Whoever is killed right after it stored a status may not have told of it.
    space
        .eventually("an event of that", seconds(30), async || {
            let told = events(&space);
            told.contains(&"ApprovalForOtherRound".to_owned())
                .then_some(())
        })
        .await;

    operator.kill();
    let mut operator = space.operator(&[]);
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(fleet.journal().len(), 1, "a restart approves nothing");

    // The message ends with the command that lets it go on.
    let waiting = space.waits_for("rollout", "AwaitingApproval").await;
    let message = waiting.0["status"]["message"].as_str().unwrap();
    let command = format!(
        "kubectl flashjob approve rollout -n {} --step 1.1",
        space.name
    );
    assert!(message.ends_with(&command), "{message}");
    space.patch_spec("rollout", &json!({"approvedStep": "1.1"}));
    space
        .eventually("the next step", seconds(60), async || {
            (space.job("rollout").0["status"]["step"]["id"] == "1.2").then_some(())
        })
        .await;
    // Approvals are latched: taking it back changes nothing.
    space.patch_spec("rollout", &json!({"approvedStep": null}));
    operator.kill();
    let _operator = space.operator(&[]);
    let done = space.finished("rollout", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
    // In order: nobody of a later step began before all of the one before had ended.
    let journal = fleet.journal();
    for (end, from) in [(1, 1), (2, 2), (4, 4)] {
        let last = journal[..end]
            .iter()
            .map(|flash| flash.end.unwrap())
            .max()
            .unwrap();
        assert!(
            journal[from..].iter().all(|flash| flash.start >= last),
            "{journal:#?}"
        );
    }
    let events = events(&space);
    for told in [
        "StepStarted",
        "StepSoaking",
        "AwaitingApproval",
        "StepEnded",
    ] {
        assert!(
            events.iter().any(|reason| reason == told),
            "{told}: {events:?}"
        );
    }
    assert_eq!(
        events
            .iter()
            .filter(|reason| *reason == "StepStarted")
            .count(),
        4,
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_canary_stops_the_job_for_good_until_another_round() {
    let space = Space::new("rollout-canary").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 0.5,
            refused_share: 0.25,
            ..Params::default()
        })
        .await;
    let mut operator = space.operator(&[]);
    let steps = json!([{"devices": 1}, {"devices": 2}]);
    space.apply(
        &job(
            "canary",
            &first(&fleet, Outcome::Refused),
            &json!({"steps": steps}),
        )
        .to_string(),
    );
    let failed = space.finished("canary", 120).await;
    assert_eq!(
        condition(&failed, "FailureTarget"),
        is("True", "StepFailed")
    );
    assert_eq!(condition(&failed, "Failed"), is("True", "StepFailed"));
    assert_eq!(failed.0["status"]["progress"], "1/4");
    assert_eq!(
        (
            failed.count("pending"),
            failed.count("failed"),
            failed.count("selected")
        ),
        (3, 1, 4)
    );
    let message = failed.0["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("step 1.1") && message.contains("3 never started"),
        "{message}"
    );

    operator.kill();
    let _operator = space.operator(&[]);
    // Neither a restart nor an edit of something else lets it go on; a step that has begun cannot be edited.
    space.patch_spec("canary", &json!({"parallelism": 3}));
    space
        .eventually("a look at the edit", seconds(60), async || {
            space.job("canary").is("Failed").then_some(())
        })
        .await;
    tokio::time::sleep(seconds(3)).await;
    assert!(space.job("canary").is("Failed"));
    assert_eq!(fleet.journal().len(), 1);
    // Without the device that failed, in another round.
    let rest: Vec<String> = first(&fleet, Outcome::Refused).split_off(1);
    space.patch_spec("canary", &json!({"uuid": rest, "version": "0.3.0"}));
    let done = space.finished("canary", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert_eq!(condition(&done, "FailureTarget").0, "False");
    assert_eq!(done.0["status"]["step"]["id"], "2.3");
    assert_eq!(done.count("succeeded"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_failures_than_the_job_allows_stop_it_in_two_moves_and_a_raised_limit_lets_it_go_on() {
    let space = Space::new("rollout-limit").await;
    let fleet = space
        .fleet(Params {
            devices: 6,
            flash_seconds: 1.0,
            refused_share: 0.34,
            never_ends_share: 0.17,
            ..Params::default()
        })
        .await;
    let mut operator = space.operator(&["--cool-down-seconds", "1"]);
    // One that never ends by itself flashes while the two that are refused fail.
    let mut devices = fleet.devices();
    devices.sort_by_key(|device| match device.outcome {
        Outcome::NeverEnds => 0,
        Outcome::Refused => 1,
        _ => 2,
    });
    let uuids: Vec<String> = devices.into_iter().map(|device| device.uuid).collect();
    let more =
        json!({"maxFailedDevices": 1, "parallelism": 2, "activeDeadlineSecondsPerDevice": 40});
    space.apply(&job("limit", &uuids, &more).to_string());
    let target = space
        .eventually("the first move", seconds(120), async || {
            Some(space.job("limit")).filter(|job| job.is("FailureTarget"))
        })
        .await;
    assert_eq!(target.reason(), "MaxFailedDevicesExceeded");
    assert!(
        !target.is("Failed") && !target.is("Finished"),
        "{:#}",
        target.0["status"]
    );
    assert_eq!(target.count("inFlight"), 1, "{:#}", target.0["status"]);
    operator.kill();
    let _operator = space.operator(&["--cool-down-seconds", "1"]);
    let failed = space.finished("limit", 180).await;
    assert_eq!(
        condition(&failed, "Failed"),
        is("True", "MaxFailedDevicesExceeded")
    );
    assert_eq!(fleet.journal().len(), 3, "{:#?}", fleet.journal());
    assert_eq!((failed.count("failed"), failed.count("pending")), (3, 3));
    space.patch_spec("limit", &json!({"maxFailedDevices": "50%"}));
    let done = space.finished("limit", 120).await;
    assert_eq!(condition(&done, "Failed"), is("True", "DevicesFailed"));
    assert_eq!((done.count("failed"), done.count("succeeded")), (3, 3));
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edited_steps_apply_to_those_not_yet_reached_and_other_edits_are_refused() {
    let space = Space::new("rollout-edits").await;
    let fleet = space.healthy(4, 0.5).await;
    let _operator = space.operator(&[]);
    let steps = |first: i64, second: i64| json!([{"devices": first, "requireApproval": true}, {"devices": second, "requireApproval": true}]);
    space.apply(&job("edits", &fleet.uuids(), &json!({"steps": steps(1, 2)})).to_string());
    space.waits_for("edits", "AwaitingApproval").await;
    space.patch_spec(
        "edits",
        &json!({"steps": steps(2, 3), "approvedStep": "1.1"}),
    );
    let refused = space.waits_for("edits", "StepAlreadyStarted").await;
    assert_eq!(
        condition(&refused, "Accepted"),
        is("False", "StepAlreadyStarted")
    );
    assert!(!refused.is("Finished"));
    assert_eq!(fleet.journal().len(), 1, "nothing starts");
    // The first step as it was, the second one larger.
    space.patch_spec("edits", &json!({"steps": steps(1, 3)}));
    space
        .eventually("approval of the second step", seconds(60), async || {
            let job = space.job("edits");
            let step = &job.0["status"]["step"];
            (step["id"] == "1.2" && step["state"] == "AwaitingApproval" && step["done"] == 3)
                .then_some(())
        })
        .await;
    space.patch_spec("edits", &json!({"approvedStep": "1.2"}));
    assert!(space.finished("edits", 120).await.is("Complete"));
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_job_drains_and_goes_on_and_no_device_is_selected_before() {
    let space = Space::new("rollout-suspend").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 6.0,
            addresses: 1,
            ..Params::default()
        })
        .await;
    let _operator = space.operator(&[]);
    space.apply(
        &job(
            "calm",
            &fleet.uuids(),
            &json!({"suspend": true, "parallelism": 2}),
        )
        .to_string(),
    );
    let suspended = space.waits_for("calm", "Suspended").await;
    assert_eq!(condition(&suspended, "Suspended"), is("True", "Suspended"));
    assert!(
        suspended.0["status"]["round"].is_null(),
        "{:#}",
        suspended.0["status"]
    );
    space.patch_spec("calm", &json!({"suspend": false}));
    // There is one address: one device flashes, the other one waits for it.
    space
        .eventually(
            "one in flight and one without an address",
            seconds(60),
            async || {
                let services = space.kubectl(&["get", "services", "-o", "name"]);
                (fleet.journal().len() == 1 && services.lines().count() == 2).then_some(())
            },
        )
        .await;
    space.patch_spec("calm", &json!({"suspend": true}));
    space
        .eventually("what is left to end", seconds(90), async || {
            let job = space.job("calm");
            let drained = job.count("inFlight") == 0 && job.count("succeeded") == 1;
            (drained && job.is("Suspended") && space.releases().is_empty()).then_some(())
        })
        .await;
    let job = space.job("calm");
    assert_eq!(
        (
            job.count("pending"),
            job.count("waiting"),
            job.count("failed")
        ),
        (3, 0, 0)
    );
    let message = job.0["status"]["message"].as_str().unwrap();
    let command = format!("kubectl flashjob resume calm -n {}", space.name);
    assert!(message.ends_with(&command), "{message}");
    tokio::time::sleep(seconds(4)).await;
    assert_eq!(fleet.journal().len(), 1, "nothing starts");
    space.patch_spec("calm", &json!({"suspend": false}));
    let done = space.finished("calm", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
    let events = events(&space);
    for told in ["Suspended", "Resumed"] {
        assert!(
            events.iter().any(|reason| reason == told),
            "{told}: {events:?}"
        );
    }
}
