//! A failed device is tried again where that makes sense: a revision each, none of them lost or repeated by a kill.

use rstest::rstest;
use serde_json::json;

use testbed::{
    Outcome, Params, Space,
    job::{Seen, job},
};

fn history(space: &Space, uuid: &str) -> Vec<String> {
    let revisions = space.revisions(uuid);
    revisions.into_iter().map(|(_, status)| status).collect()
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_device_is_tried_again_as_often_as_allowed_whenever_the_operator_is_killed(
    #[case] engine: &str,
) {
    let space = Space::new(&format!("retries-{engine}")).await;
    let params = Params {
        devices: 3,
        flash_seconds: 3.0,
        address_delay_seconds: 0.2,
        transfer_failed_share: 1.0,
        healed_after: Some(1),
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let arguments = [
        "--engine",
        engine,
        "--cool-down-seconds",
        "2",
        "--helm-timeout-seconds",
        "10",
    ];
    let mut operator = space.operator(&arguments);
    let spec = json!({"backoffLimitPerDevice": 2});
    space.apply(&job("again", &fleet.uuids(), &spec).to_string());

    // The first kill: in flight.
    space
        .eventually("flashes", testbed::seconds(90), async || {
            (!fleet.journal().is_empty()).then_some(())
        })
        .await;
    space.replace(&mut operator, &arguments);
    // The second: a verdict is stored and what is left of the attempt is not removed yet, or just so.
    let uuids = fleet.uuids();
    let waits = |job: &Seen| {
        let mut devices = uuids.iter().map(|uuid| job.device(uuid));
        devices.find(|device| device["phase"] == "Waiting").cloned()
    };
    let seen = space
        .becomes("again", "a device that waits", 120, |job| {
            waits(job).is_some()
        })
        .await;
    space.replace(&mut operator, &arguments);
    let device = waits(&seen).unwrap();
    assert_eq!(
        (&device["reason"], &device["attempts"]),
        (&json!("TransferFailed"), &json!(1)),
        "{device:#}"
    );
    assert_eq!(device["earlierFailures"], json!(["TransferFailed"]));
    assert!(device["nextTime"].is_string(), "{device:#}");
    assert_eq!((seen.count("failed"), seen.count("waiting") > 0), (0, true));
    // The third: a second attempt is under way. helm shows it above the first.
    let uuid = space
        .eventually("a second attempt", testbed::seconds(120), async || {
            let journal = fleet.journal();
            let second = journal.get(3)?;
            let devices = fleet.devices();
            let device = devices.iter().find(|one| one.endpoint == second.endpoint)?;
            Some(device.uuid.clone())
        })
        .await;
    let both = history(&space, &uuid);
    space.replace(&mut operator, &arguments);
    // It may have ended since: then the release is gone.
    if !both.is_empty() {
        assert!(
            both.len() >= 2 && both.contains(&"failed".to_owned()),
            "{both:?}"
        );
    }

    let done = space.finished("again", 240).await;
    assert_eq!(
        (done.count("succeeded"), done.count("failed")),
        (3, 0),
        "{:#}",
        done.0["status"]
    );
    space.assert_flashed(&fleet, 2);
    for uuid in fleet.uuids() {
        let device = done.device(&uuid);
        assert_eq!(
            (&device["phase"], &device["attempts"]),
            (&json!("Succeeded"), &json!(2))
        );
        assert_eq!(device["earlierFailures"], json!(["TransferFailed"]));
    }
    space
        .eventually("no release", testbed::seconds(60), async || {
            space.releases().is_empty().then_some(())
        })
        .await;
    space.delete_job("again", 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_fails_when_its_retries_are_spent_and_at_once_where_none_makes_sense() {
    let space = Space::new("retries-spent").await;
    let params = Params {
        devices: 2,
        flash_seconds: 0.5,
        address_delay_seconds: 0.1,
        refused_share: 0.5,
        exit1_share: 0.5,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native"]);
    let spec = json!({"backoffLimitPerDevice": 1});
    space.apply(&job("spent", &fleet.uuids(), &spec).to_string());
    let done = space.finished("spent", 150).await;
    space.assert_verdicts(&done, &fleet);
    let births = space.control_plane.audit().flashes(&space.name);
    for device in fleet.devices() {
        let (reason, attempts) = match device.outcome {
            Outcome::Refused => ("AttestationRefused", 1),
            _ => ("ContactFailed", 2),
        };
        let entry = done.device(&device.uuid);
        assert_eq!(
            (&entry["phase"], &entry["reason"], &entry["attempts"]),
            (&json!("Failed"), &json!(reason), &json!(attempts)),
            "{entry:#}"
        );
        assert_eq!(births[&device.uuid], attempts, "{device:?}");
        let failed = vec!["failed".to_owned(); attempts];
        space
            .eventually(
                "every revision as failed",
                testbed::seconds(60),
                async || (history(&space, &device.uuid) == failed).then_some(()),
            )
            .await;
        if attempts == 2 {
            let message = entry["message"].as_str().unwrap();
            assert!(
                message.ends_with("failed before: ContactFailed"),
                "{message}"
            );
        }
    }
    space.delete_job("spent", 60).await;
}
