//! The lines of a job's tree, at 80 columns.

use flashjob_operator::{
    api::StepApproval,
    flashjob::{explain::Known, spec::job::Job},
};
use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::view::fixtures::{at, condition, device, job, rollout, time};

fn tree(job: &Job) -> Tree {
    Tree::of(&Known {
        job,
        selection: None,
        class: None,
        watched: Some(true),
        now: at(720),
    })
}

/// On a terminal of 80 columns.
fn text(job: &Job, wide: bool) -> String {
    let lines = lines(&tree(job), Look::of(wide, 80), at(720));
    let lines = lines.into_iter().map(|line| line.fit(80));
    lines.map(|line| line.text() + "\n").collect()
}

#[test]
fn a_rollout_under_way_is_a_tree_of_its_step_failures_and_flights() {
    assert_snapshot!(text(&rollout(), false));
}

#[test]
fn a_wide_tree_has_uuids() {
    assert_snapshot!(text(&rollout(), true));
}

#[test]
fn a_job_that_failed_shows_ten_devices_of_a_reason_and_counts_the_rest() {
    let failed: Vec<_> = (0..13)
        .map(|index| {
            let more = json!({"startTime": time(100), "completionTime": time(400), "message": "no\u{1b}[2J answer"});
            device(index, "Failed", "ContactFailed", &more)
        })
        .collect();
    let job = job(
        &json!({"uuid": ["a"], "firmware": "f:1", "version": "1"}),
        &json!({
            "observedGeneration": 1, "phase": "Failed", "reason": "DevicesFailed", "message": "0 of 20 succeeded, 20 failed",
            "round": {"number": 2, "firmware": "f:1", "version": "1"}, "completionTime": time(420),
            "conditions": [condition("Failed"), condition("Finished")],
            "counts": {"selected": 20, "failed": 20}, "failedIndexes": "0-19", "devices": failed,
        }),
    );
    assert_snapshot!(text(&job, false));
}

#[test]
fn a_job_that_waits_for_approval_says_how_it_is_given() {
    let mut job = rollout();
    let status = &mut job.status;
    status.devices.clear();
    status.phase = Some("InProgress".into());
    status.reason = Some("AwaitingApproval".into());
    status.message = Some("step 1.2 (tenth) waits for somebody to approve it".into());
    if let Some(step) = &mut status.step {
        step.state = "AwaitingApproval".into();
        step.done = 12;
    }
    if let Some(counts) = &mut status.counts {
        (counts.in_flight, counts.waiting, counts.succeeded) = (0, 0, 10);
    }
    assert_snapshot!(text(&job, false));
}

#[test]
fn a_step_names_the_repetition_and_who_approved_it() {
    let mut job = rollout();
    if let Some(step) = &mut job.status.step {
        (step.repetition, step.repetitions) = (Some(2), Some(24));
        step.approvals = [("ann", Some("it hums")), ("ben", None)]
            .map(|(by, reason)| StepApproval {
                by: by.into(),
                step: "1.1".into(),
                reason: reason.map(str::to_owned),
                ..StepApproval::default()
            })
            .into();
    }
    let text = text(&job, false);
    assert!(text.contains("Step 1.2 (tenth 2 of 24)"), "{text}");
    assert!(
        text.contains("\n  Approved  1.1 by ann (it hums), 1.1 by ben\n"),
        "{text}"
    );
}

#[test]
fn a_job_that_the_operator_has_not_seen_has_a_tree_too() {
    let spec = json!({"uuid": ["a"], "firmware": "f:1", "version": "1"});
    assert_snapshot!(text(&job(&spec, &json!({})), false));
}
