//! A step that repeats: a fleet in batches to its end, over the death of the operator.

use serde_json::{Value, json};

use testbed::{Space, job::job, seconds};

/// The ids that steps began with, by the events about a job.
fn begun(space: &Space) -> Vec<String> {
    let list = space.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let events = list["items"].as_array().unwrap().iter();
    let notes = events.filter(|event| event["reason"] == "StepStarted");
    let mut notes: Vec<String> = notes
        .map(|event| event["note"].as_str().unwrap().to_owned())
        .collect();
    notes.sort();
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_devices_go_in_fives_and_the_next_leader_goes_on_with_the_batch_of_the_one_that_died()
 {
    let space = Space::new("rollout-batches").await;
    let fleet = space.healthy(12, 1.0).await;
    let mut operator = space.operator(&[]);
    let batch = json!({"name": "batch", "devices": 5, "repeat": true, "soakSeconds": 2, "requireApproval": true});
    let uuids = fleet.uuids();
    space.apply(
        &job(
            "fives",
            &uuids,
            &json!({"steps": [batch], "parallelism": 5}),
        )
        .to_string(),
    );

    let waiting = space.waits_for("fives", "AwaitingApproval").await;
    assert_eq!(fleet.journal().len(), 5, "no device of the next batch");
    let step = &waiting.0["status"]["step"];
    assert_eq!(
        (&step["id"], &step["of"], &step["devices"]),
        (&json!("1.1"), &json!(3), &json!(5))
    );
    assert_eq!(
        (&step["repetition"], &step["repetitions"]),
        (&json!(1), &json!(3))
    );

    // The leader dies in the middle of the second batch.
    space.patch_spec("fives", &json!({"approvedStep": "1.1"}));
    let middle = async || (fleet.journal().len() > 6).then_some(());
    space
        .eventually("the second batch", seconds(90), middle)
        .await;
    operator.kill();
    let _operator = space.operator(&[]);

    // The approval of the first is none of the second.
    let second = space
        .becomes("fives", "the second batch at its end", 120, |job| {
            let step = &job.0["status"]["step"];
            step["id"] == "1.2" && step["state"] == "AwaitingApproval"
        })
        .await;
    assert_eq!(fleet.journal().len(), 10, "{:#}", second.0["status"]);
    let message = second.0["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("step 1.2 (batch 2 of 3) is done, 0 of 10 devices failed"),
        "{message}"
    );
    space.patch_spec("fives", &json!({"approvedStep": "1.2"}));
    // Nothing follows the third: nobody is waited for.
    let done = space.finished("fives", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert_eq!(done.0["status"]["step"]["repetition"], 3);
    space.assert_flashed(&fleet, 1);

    let journal = fleet.journal();
    let devices = fleet.devices();
    let endpoint = |uuid: &String| {
        devices
            .iter()
            .find(|device| device.uuid == *uuid)
            .unwrap()
            .endpoint
            .clone()
    };
    let flashed: Vec<_> = journal.iter().map(|flash| flash.endpoint.clone()).collect();
    let meant: Vec<_> = uuids.iter().map(endpoint).collect();
    for (number, (flashed, meant)) in flashed.chunks(5).zip(meant.chunks(5)).enumerate() {
        let (mut flashed, mut meant) = (flashed.to_vec(), meant.to_vec());
        flashed.sort();
        meant.sort();
        assert_eq!(
            flashed, meant,
            "batch {number}, in the order of the selection"
        );
    }
    assert_eq!(
        begun(&space),
        [
            "step 1.1 (batch 1 of 3) begins: 5 devices",
            "step 1.2 (batch 2 of 3) begins: 10 devices",
            "step 1.3 (batch 3 of 3) begins: 12 devices",
        ]
    );
}
