//! What people order of a job, with the rights that it takes, and what is refused.

use serde_json::{Value, json};
use testbed::{Params, Space, healthy, job::job, seconds};

use super::{ends, person};

/// The fields that a manager has set.
fn fields(space: &Space, job: &str, manager: &str) -> Value {
    let get = ["get", "flashjob", job, "--show-managed-fields", "-o"];
    let object = space.kubectl(&[&get[..], &["json"]].concat());
    let object: Value = serde_json::from_str(&object).expect("kubectl prints JSON");
    let entries = object["metadata"]["managedFields"].as_array();
    let mut of_it = entries.into_iter().flatten();
    let entry = of_it.find(|entry| entry["manager"] == manager);
    entry.map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_suspended_resumed_and_run_again_by_an_editor_and_approved_by_an_approver() {
    let space = Space::new("plugin-steers").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let editor = person(&space, "flashjob-editor");
    let viewer = person(&space, "flashjob-viewer");
    let releaser = person(&space, "flashjob-approver");
    let _operator = space.operator(&["--engine", "native"]);
    let steps = json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]});
    space.apply(&job("rollout", &fleet.uuids(), &steps).to_string());
    let status = ["status", "rollout", "--timeout", "2m"];
    let waits = |next: &str| {
        let (_, complaint) = ends(&viewer, &status, 3);
        let next = format!("next: kubectl flashjob {next} rollout -n {}", space.name);
        assert!(complaint.trim_end().ends_with(&next), "{complaint}");
    };
    waits("approve");

    // Suspended by oneself, and by somebody else.
    let (said, _) = ends(&editor, &["suspend", "rollout"], 0);
    assert!(
        said.contains("suspended; nothing of it is in flight"),
        "{said}"
    );
    waits("resume");
    let suspend = "kubectl-flashjob-suspend";
    assert_eq!(
        fields(&space, "rollout", suspend),
        json!({"f:spec": {"f:suspend": {}}})
    );
    let (said, _) = ends(&editor, &["resume", "rollout"], 0);
    assert!(
        said.contains(": resumed; next: kubectl flashjob status rollout"),
        "{said}"
    );
    assert_eq!(fields(&space, "rollout", suspend), Value::Null);
    space.patch_spec("rollout", &json!({"suspend": true}));
    let (_, complaint) = ends(&editor, &["resume", "rollout"], 1);
    assert!(complaint.contains("stays suspended by"), "{complaint}");
    assert!(complaint.trim_end().ends_with("--force"), "{complaint}");
    ends(&editor, &["resume", "rollout", "--force"], 0);
    waits("approve");

    // A step of another round, and a person without the right.
    let (_, complaint) = ends(&editor, &["approve", "rollout", "--step", "2.1"], 1);
    assert!(
        complaint.contains("round 2, the job is in round 1"),
        "{complaint}"
    );
    let (_, complaint) = ends(&viewer, &["approve", "rollout"], 1);
    assert!(
        complaint.contains("You lack the right to patch"),
        "{complaint}"
    );
    assert!(
        complaint.contains("--clusterrole=flashjob-editor"),
        "{complaint}"
    );
    // To change a job is not to approve it.
    let (_, complaint) = ends(&editor, &["approve", "rollout"], 1);
    assert!(
        complaint.contains("it comes with the ClusterRole flashjob-approver"),
        "{complaint}"
    );
    // Who decides against it is asked why, and may decide otherwise later.
    let (_, complaint) = ends(&releaser, &["deny", "rollout"], 2);
    assert!(complaint.contains("--reason <TEXT>"), "{complaint}");
    let deny = ["deny", "rollout", "--reason", "it hums"];
    ends(&editor, &deny, 1);
    let (said, _) = ends(&releaser, &deny, 0);
    assert!(
        said.contains("denied step 1.1: nothing new of the round starts"),
        "{said}"
    );
    let (said, _) = ends(&viewer, &["status", "rollout", "--timeout", "1m"], 1);
    assert!(said.contains("step 1.1 was denied: it hums"), "{said}");
    let (said, _) = ends(&releaser, &["approve", "rollout"], 0);
    let words = "approved step 1.1 (canary): 1 of 1 devices done, 0 failed";
    assert!(said.contains(words), "{said}");
    let approved = fields(&space, "rollout", "kubectl-flashjob-approve");
    let decided = json!({"f:step": {}, "f:decision": {}, "f:id": {}});
    assert_eq!(approved, json!({"f:spec": {"f:approval": decided}}));
    let (said, _) = ends(&viewer, &status, 0);
    assert!(
        said.lines().last().unwrap().contains("Completed 3/3"),
        "{said}"
    );

    // What would do nothing is refused, and what is not said outright.
    let (_, complaint) = ends(&editor, &["approve", "rollout"], 1);
    assert!(
        complaint.contains("nothing waits for approval"),
        "{complaint}"
    );
    let (_, complaint) = ends(&editor, &["retry", "rollout"], 1);
    assert!(
        complaint.contains("kubectl flashjob rerun rollout --all"),
        "{complaint}"
    );
    let (_, complaint) = ends(&editor, &["rerun", "rollout"], 2);
    assert!(complaint.contains("--all"), "{complaint}");
    let (said, _) = ends(&editor, &["rerun", "rollout", "--all"], 0);
    assert!(
        said.contains("flashes all 3 devices again, in a new round"),
        "{said}"
    );
    waits("approve");
    assert_eq!(space.job("rollout").0["status"]["round"]["number"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_flashes_the_failed_devices_again_and_abort_ends_what_is_in_flight() {
    let space = Space::new("plugin-aborts").await;
    let fleet = space
        .fleet(Params {
            devices: 2,
            flash_seconds: 1.0,
            exit1_once_share: 0.5,
            ..Params::default()
        })
        .await;
    let editor = person(&space, "flashjob-editor");
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("again", &fleet.uuids(), &json!({})).to_string());
    ends(&editor, &["status", "again", "--timeout", "2m"], 1);
    let (said, _) = ends(&editor, &["retry", "again"], 0);
    assert!(
        said.contains("flashes 1 device again that failed"),
        "{said}"
    );
    ends(&editor, &["status", "again", "--timeout", "2m"], 0);

    let long = space.fleet(healthy(1, 300.0)).await;
    let spec = json!({"activeDeadlineSecondsPerDevice": 900});
    space.apply(&job("long", &long.uuids(), &spec).to_string());
    space
        .eventually("a flash", seconds(60), async || {
            let devices = space.job("long").0["status"]["devices"].clone();
            (devices[0]["reason"] == "Flashing").then_some(())
        })
        .await;
    let (said, _) = ends(&editor, &["abort", "long"], 0);
    assert!(said.contains("ends by itself"), "{said}");
    assert!(
        said.contains("1 device is in flight and ends by itself; next: "),
        "{said}"
    );
    let (_, complaint) = ends(&editor, &["abort", "long", "--now"], 1);
    assert!(complaint.contains("cannot get"), "{complaint}");
    editor.bind_as("pods", "rolebinding", "--clusterrole=edit", &space.name);
    space
        .eventually("the right to end Pods", seconds(20), async || {
            (editor.run(&["abort", "long", "--now"]).2 == 0).then_some(())
        })
        .await;
    space
        .eventually("the end of the Pod", seconds(60), async || {
            let pods = space.kubectl(&["get", "pods", "-o", "json"]);
            pods.contains("\"deletionTimestamp\"").then_some(())
        })
        .await;
}
