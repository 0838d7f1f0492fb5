//! What people order of a rollout, with the rights that it takes, and what is refused: by the rules of `kubectl flashjob`.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testbed::{Params, Space, healthy, job::job, seconds};

use super::asked::{Console, Person, Said, jobs};

/// Waits until the job says this of itself.
async fn waits(space: &Space, reason: &str) {
    space.waits_for("rollout", reason).await;
}

/// Waits until the job has events of all these reasons, which the operator writes of what people order.
async fn tells(space: &Space, reasons: &[&str]) {
    let arguments = [
        "get",
        "events.events.k8s.io",
        "-o",
        "jsonpath={.items[*].reason}",
    ];
    space
        .eventually(&format!("events {reasons:?}"), seconds(60), async || {
            let told = space.kubectl(&arguments);
            let told: Vec<_> = told.split(' ').collect();
            reasons
                .iter()
                .all(|reason| told.contains(reason))
                .then_some(())
        })
        .await;
}

/// The fields that a manager has set.
fn fields(said: &Said, manager: &str) -> Value {
    let entries = said.body["job"]["metadata"]["managedFields"].as_array();
    let mut of_it = entries.into_iter().flatten();
    let entry = of_it.find(|entry| entry["manager"] == manager);
    entry.map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

/// A rollout whose first step waits for approval, and the operator that carries it out.
async fn rollout(space: &Space, editor: &Person<'_>) -> (testbed::Fleet, testbed::Operator) {
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let operator = space.operator(&["--engine", "native"]);
    let steps = json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]});
    let new = job("rollout", &fleet.uuids(), &steps);
    editor
        .post(&jobs(space), &new)
        .await
        .is(StatusCode::CREATED);
    waits(space, "AwaitingApproval").await;
    (fleet, operator)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_suspends_a_rollout_and_lets_it_go_on() {
    let space = Space::new("console-suspends").await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let editor = Person::new(&console, &space, "flashjob-editor");
    let _running = rollout(&space, &editor).await;
    let action = |name: &str| format!("{}/rollout/actions/{name}", jobs(&space));
    let nothing = json!({});
    let steps = format!("{}/rollout/steps", jobs(&space));
    let steps = viewer.get(&steps).await.is(StatusCode::OK).body;
    assert_eq!(steps["items"][0]["state"], "AwaitingApproval", "{steps}");
    let second = json!({"number": 2, "state": "ToCome", "devices": 2, "requiresApproval": false});
    assert_eq!(steps["items"][1], second);
    let said = viewer.post(&action("suspend"), &nothing).await;
    assert_eq!(said.is(StatusCode::FORBIDDEN).body["reason"], "Forbidden");
    let said = editor
        .post(&action("suspend"), &nothing)
        .await
        .is(StatusCode::OK);
    assert_eq!(
        said.body["message"],
        "suspended; nothing of it is in flight"
    );
    let suspend = "flashjob-console-suspend";
    assert_eq!(fields(&said, suspend), json!({"f:spec": {"f:suspend": {}}}));
    waits(&space, "Suspended").await;
    let said = editor
        .post(&action("resume"), &nothing)
        .await
        .is(StatusCode::OK);
    assert_eq!(said.body["message"], "resumed");
    assert_eq!(fields(&said, suspend), Value::Null);
    space.patch_spec("rollout", &json!({"suspend": true}));
    let said = editor.post(&action("resume"), &nothing).await;
    let said = said.is(StatusCode::CONFLICT);
    assert_eq!(said.body["reason"], "Refused");
    assert!(said.detail().contains("stays suspended by"), "{said:?}");
    let force = json!({"force": true});
    editor
        .post(&action("resume"), &force)
        .await
        .is(StatusCode::OK);
    waits(&space, "AwaitingApproval").await;
    tells(&space, &["Suspended", "Resumed"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_decides_about_a_step_and_an_editor_runs_the_job_again() {
    let space = Space::new("console-approves").await;
    let console = Console::start(space.control_plane);
    let person = |role| Person::new(&console, &space, role);
    let [viewer, editor, approver] =
        ["flashjob-viewer", "flashjob-editor", "flashjob-approver"].map(person);
    let _running = rollout(&space, &editor).await;
    let action = |name: &str| format!("{}/rollout/actions/{name}", jobs(&space));
    let nothing = json!({});

    // A step of another round, a version that is gone, a dry run, and people without the right.
    let said = approver
        .post(&action("approve"), &json!({"step": "2.1"}))
        .await;
    let said = said.is(StatusCode::CONFLICT);
    assert!(said.detail().contains("the job is in round 1"), "{said:?}");
    let old = [("if-match", "\"1\"")];
    let said = approver
        .send("POST", &action("approve"), &nothing, &old)
        .await;
    said.is(StatusCode::PRECONDITION_FAILED);
    let dry = format!("{}?dryRun=All", action("approve"));
    let said = approver.post(&dry, &nothing).await.is(StatusCode::OK);
    assert_eq!(said.body["job"]["spec"]["approval"]["decision"], "Approve");
    assert_eq!(space.job("rollout").0["spec"]["approval"], Value::Null);
    viewer
        .post(&action("approve"), &nothing)
        .await
        .is(StatusCode::FORBIDDEN);
    // To change a job is not to approve it.
    let said = editor.post(&action("approve"), &nothing).await;
    assert!([403, 422].contains(&said.status), "{said:?}");
    assert!(said.detail().contains("approve"), "{said:?}");

    // Who decides against it says why, and may decide otherwise later.
    let said = approver.post(&action("deny"), &nothing).await;
    let said = said.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said.detail().contains("missing field `reason`"), "{said:?}");
    let why = json!({"reason": "it hums"});
    let said = approver
        .post(&action("deny"), &why)
        .await
        .is(StatusCode::OK);
    let words = "denied step 1.1: nothing new of the round starts";
    assert_eq!(said.body["message"], words);
    waits(&space, "StepDenied").await;
    let why = json!({"reason": "it does not"});
    let said = approver
        .post(&action("approve"), &why)
        .await
        .is(StatusCode::OK);
    let words = "approved step 1.1 (canary): 1 of 1 devices done, 0 failed";
    assert_eq!(said.body["message"], words);
    let decided = json!({"f:step": {}, "f:decision": {}, "f:id": {}, "f:reason": {}});
    let written = fields(&said, "flashjob-console-approve");
    assert_eq!(written, json!({"f:spec": {"f:approval": decided}}));
    space.finished("rollout", 120).await;

    // What would do nothing is refused, and what is not said outright.
    let said = approver.post(&action("approve"), &nothing).await;
    assert!(
        said.is(StatusCode::CONFLICT)
            .detail()
            .contains("nothing waits for approval")
    );
    let said = editor.post(&action("retry"), &nothing).await;
    assert!(
        said.is(StatusCode::CONFLICT)
            .detail()
            .contains("there is nothing to retry")
    );
    let said = editor.post(&action("rerun"), &nothing).await;
    said.is(StatusCode::UNPROCESSABLE_ENTITY);
    let said = editor.post(&action("rerun"), &json!({"all": true})).await;
    let words = "flashes all 3 devices again, in a new round";
    assert_eq!(said.is(StatusCode::OK).body["message"], words);
    let second = |seen: &testbed::job::Seen| seen.0["status"]["round"]["number"] == 2;
    space.becomes("rollout", "a second round", 60, second).await;
    tells(&space, &["StepDenied", "StepStarted", "RoundStarted"]).await;
    let said = editor.post(&action("explode"), &nothing).await;
    said.is(StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_flashes_the_failed_devices_again() {
    let space = Space::new("console-retries").await;
    let fleet = space
        .fleet(Params {
            devices: 2,
            flash_seconds: 0.5,
            exit1_once_share: 0.5,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let _operator = space.operator(&["--engine", "native"]);
    let new = job("rollout", &fleet.uuids(), &json!({}));
    editor
        .post(&jobs(&space), &new)
        .await
        .is(StatusCode::CREATED);
    space.finished("rollout", 120).await;
    let retry = format!("{}/rollout/actions/retry", jobs(&space));
    // An order without a body is one that says nothing.
    let request = editor.request("POST", &retry);
    let said = console.ask(request.body(axum::body::Body::empty()).unwrap());
    let said = said.await.is(StatusCode::OK);
    assert_eq!(said.body["message"], "flashes 1 device again that failed");
    space
        .eventually("the end of the retry", seconds(120), async || {
            let seen = space.job("rollout");
            (seen.count("succeeded") == 2 && seen.is("Complete")).then_some(())
        })
        .await;
    tells(&space, &["RerunRequested"]).await;
}
