//! Steps that a class has approved, whether the job asks for it or not: the first device waits, and nobody gets round it by an edit.

use serde_json::{Value, json};
use testbed::{
    Asking, Space,
    job::{Seen, job},
    seconds,
};

/// A class of the test's own that has these steps approved; its name. The kinds come with the first person.
fn class(space: &Space, require_for: &str) -> String {
    let name = format!("{}-locked", space.name);
    space.put_class(&name, &json!({"approvals": {"requireFor": require_for}}));
    name
}

fn patch(person: &Asking<'_>, name: &str, spec: &Value) -> Result<String, String> {
    let kubeconfig = person.kubeconfig.to_str().unwrap();
    let patch = json!({ "spec": spec }).to_string();
    let patch = ["patch", "flashjob", name, "--type=merge", "-p", &patch];
    let own = ["--kubeconfig", kubeconfig];
    person.space.try_kubectl(&[&own[..], &patch].concat())
}

/// Runs the plugin, which has to end well.
fn flashjob(person: &Asking<'_>, arguments: &[&str]) -> String {
    let (said, complaint, ended) = person.run(arguments);
    assert_eq!(ended, 0, "{arguments:?}: {said}\n{complaint}");
    said
}

fn step(job: &Seen) -> &Value {
    &job.0["status"]["step"]
}

/// Waits until the step of this id waits for an approval; the job as it is then.
async fn waits_at(space: &Space, name: &str, id: &str) -> Seen {
    let what = format!("an approval of step {id} that is waited for");
    let waits = |job: &Seen| {
        step(job)["id"] == id
            && step(job)["state"] == "AwaitingApproval"
            && job.reason() == "AwaitingApproval"
    };
    space.becomes(name, &what, 60, waits).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_class_for_every_step_no_edit_of_the_job_lets_a_device_begin_that_nobody_approved()
{
    let space = Space::new("required-approvals").await;
    let fleet = space.healthy(3, 0.3).await;
    let editor = Asking::ordinary(&space, "flashjob-editor");
    let approver = Asking::ordinary(&space, "flashjob-approver");
    let locked = class(&space, "EveryStep");
    let _operator = space.operator(&[]);
    let steps = json!([{"name": "canary", "devices": 1}]);
    let spec = json!({"flashClassName": locked, "steps": steps});
    space.apply(&job("lamps", &fleet.uuids(), &spec).to_string());
    let waiting = waits_at(&space, "lamps", "1.1").await;
    let words = format!(
        "no device is flashed before somebody approves step 1.1 (start) (FlashClass {locked}: spec.approvals.requireFor); \
         approve it with: kubectl flashjob approve lamps -n {} --step 1.1",
        space.name
    );
    let said = waiting.0["status"]["message"].as_str().unwrap();
    assert!(said.ends_with(&words), "{said}");
    assert_eq!(
        (
            &step(&waiting)["name"],
            &step(&waiting)["of"],
            &step(&waiting)["devices"]
        ),
        (&json!("start"), &json!(3), &json!(0))
    );

    // Neither other steps nor another class help the one who may edit, nor does he approve it himself.
    patch(&editor, "lamps", &json!({"steps": null})).unwrap();
    patch(&editor, "lamps", &json!({"flashClassName": "default"})).unwrap();
    patch(&editor, "lamps", &json!({"approvedStep": "1.1"})).unwrap_err();
    let (_, complaint, ended) = editor.run(&["approve", "lamps"]);
    assert_eq!(ended, 1, "{complaint}");
    // What the class says from now on is for the next round.
    space.put_class(&locked, &json!({"approvals": {"requireFor": "None"}}));
    tokio::time::sleep(seconds(3)).await;
    waits_at(&space, "lamps", "1.1").await;
    assert_eq!(fleet.journal().len(), 0, "nothing was flashed");

    patch(&editor, "lamps", &json!({"steps": steps})).unwrap();
    let said = flashjob(&approver, &["approve", "lamps"]);
    let words = "approved step 1.1 (start): the first device is flashed once it is approved";
    assert!(said.contains(words), "{said}");
    let waiting = waits_at(&space, "lamps", "1.2").await;
    assert_eq!(step(&waiting)["name"], "canary");
    assert_eq!(fleet.journal().len(), 1, "the canary alone was flashed");
    flashjob(&approver, &["approve", "lamps"]);
    let done = space.finished("lamps", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_without_steps_is_approved_before_its_first_device_where_the_class_asks_for_the_first_step()
 {
    let space = Space::new("required-start").await;
    let fleet = space.healthy(2, 0.3).await;
    let editor = Asking::ordinary(&space, "flashjob-editor");
    let approver = Asking::ordinary(&space, "flashjob-approver");
    let locked = class(&space, "FirstStep");
    let _operator = space.operator(&[]);

    // What is not created yet is known to wait.
    let spec = json!({"flashClassName": locked});
    let wanted = job("lamps", &fleet.uuids(), &spec);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), wanted.to_string()).unwrap();
    let plan = ["plan", "-f", file.path().to_str().unwrap(), "--no-registry"];
    let (said, complaint, _) = Asking::new(&space).run(&plan);
    for words in [
        "in 2 steps",
        "an approval, before the first device is flashed",
        "waits for approvals",
    ] {
        assert!(said.contains(words), "{words}: {said}\n{complaint}");
    }

    space.apply(&wanted.to_string());
    waits_at(&space, "lamps", "1.1").await;
    let explained = flashjob(&editor, &["explain", "lamps"]);
    assert!(explained.contains("step 1.1 (start)"), "{explained}");
    let (_, complaint, ended) = editor.run(&["status", "lamps", "--timeout", "1m"]);
    assert_eq!(ended, 3, "{complaint}");
    assert!(
        complaint.contains("kubectl flashjob approve lamps"),
        "{complaint}"
    );

    // A denial keeps the first device from being flashed, until the step is approved after all.
    flashjob(&approver, &["deny", "lamps", "--reason", "too early"]);
    let denied = |job: &Seen| job.is("Failed") && job.reason() == "StepDenied";
    space.becomes("lamps", "a denial", 60, denied).await;
    assert_eq!(fleet.journal().len(), 0, "nothing was flashed");
    flashjob(&approver, &["approve", "lamps"]);
    let done = space.finished("lamps", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);

    // Another round is approved anew.
    patch(
        &editor,
        "lamps",
        &json!({"rerun": {"id": "again", "devices": "All"}}),
    )
    .unwrap();
    waits_at(&space, "lamps", "2.1").await;
    assert_eq!(fleet.journal().len(), 2, "nothing more was flashed");
}
