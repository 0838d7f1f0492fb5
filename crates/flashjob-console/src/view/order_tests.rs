use flashjob_operator::flashjob::spec::job::Job;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::view::fixtures::{job_of, stored};

const OWN: &str = "flashjob-console-suspend";
const EDITOR: Rights = Rights {
    change: true,
    approve: false,
};
const APPROVER: Rights = Rights {
    change: true,
    approve: true,
};

/// The actions that are offered.
fn offered(job: &Job, rights: Rights) -> Vec<&'static str> {
    let orders = orders(job, &stored(&json!({}), &[]), OWN, rights);
    orders.into_iter().map(|order| order.action).collect()
}

fn waits(more: &Value) -> Job {
    let mut status = json!({
        "phase": "Running", "round": {"number": 1, "firmware": "f:1", "version": "1"},
        "counts": {"selected": 3, "succeeded": 1, "inFlight": 2},
        "step": {"id": "1.1", "name": "canary", "of": 2, "state": "AwaitingApproval", "devices": 1, "done": 1, "failed": 0},
    });
    for (field, value) in more.as_object().unwrap() {
        status[field] = value.clone();
    }
    job_of(&json!({}), &status)
}

fn ended() -> Job {
    waits(&json!({
        "phase": "Failed", "completionTime": "2026-11-30T00:00:00Z", "counts": {"selected": 3, "succeeded": 1, "failed": 2},
        "step": null,
    }))
}

#[rstest]
#[case::nobody(waits(&json!({})), Rights::default(), &[])]
#[case::an_editor(waits(&json!({})), EDITOR, &["suspend", "rerun"])]
#[case::an_approver(waits(&json!({})), APPROVER, &["approve", "deny", "suspend", "rerun"])]
#[case::of_a_step_that_runs(waits(&json!({"step": {"id": "1.1", "of": 2, "state": "Running"}})), APPROVER, &["deny", "suspend", "rerun"])]
#[case::of_a_step_that_was_denied(waits(&json!({"stop": {"reason": "StepDenied", "message": "", "limit": ""}})), APPROVER,
    &["approve", "suspend", "retry", "rerun"])]
#[case::of_what_has_ended(ended(), APPROVER, &["retry", "rerun"])]
fn a_button_is_there_for_what_the_job_allows_and_the_person_may(
    #[case] job: Job,
    #[case] rights: Rights,
    #[case] expected: &[&str],
) {
    assert_eq!(offered(&job, rights), expected);
}

#[test]
fn nothing_is_offered_of_a_job_that_is_being_deleted() {
    let job = Job {
        deleting: true,
        ..waits(&json!({}))
    };
    assert!(offered(&job, APPROVER).is_empty());
}

#[test]
fn what_will_happen_is_said_before() {
    let job = waits(&json!({}));
    let orders = orders(&job, &stored(&json!({}), &[]), OWN, APPROVER);
    let [approve, deny, suspend, rerun] = &orders[..] else {
        panic!("{orders:#?}")
    };
    assert_eq!(approve.question, "Approve step 1.1 of thermo?");
    assert!(
        approve
            .words
            .starts_with("You approve step 1.1 (canary): 1 of 1 devices done, 0 failed."),
        "{approve:?}"
    );
    // The step that the person saw, and no other one that the job may have reached meanwhile.
    assert_eq!(approve.body, "{\"step\":\"1.1\"}");
    assert_eq!(
        (approve.reason, deny.reason),
        (Reason::Optional, Reason::Required)
    );
    assert_eq!(
        suspend.words,
        "No new device starts until somebody resumes it. 2 devices are in flight and end by themselves."
    );
    assert_eq!(rerun.typed.as_deref(), Some("3"));
}

#[rstest]
#[case::by_this_console(&[OWN], false)]
#[case::by_somebody_else_too(&[OWN, "flux"], true)]
fn who_else_suspended_a_job_is_said_before_it_is_resumed(
    #[case] managers: &[&str],
    #[case] overrules: bool,
) {
    let job = job_of(&json!({"suspend": true}), &json!({}));
    let orders = orders(&job, &stored(&json!({}), managers), OWN, EDITOR);
    let [resume] = &orders[..] else {
        panic!("{orders:#?}")
    };
    assert_eq!(resume.action, "resume");
    assert_eq!(resume.overrules, overrules);
    assert_eq!(resume.words.contains("flux"), overrules);
}
