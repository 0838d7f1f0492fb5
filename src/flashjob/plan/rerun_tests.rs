//! When a rerun acts, and on what.

use crate::{
    api::{Rerun, RerunDevices},
    flashjob::spec::rerun::{due, wants_round},
};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::Reason,
    flashjob::{
        fixtures::{
            Scene, address, at, ended, found, identity, job_of, numbered, record, service, spec,
            take_in,
        },
        status,
        verdict::Outcome,
    },
};
use helm_release::Status;

fn rerun(id: &str, devices: Option<RerunDevices>) -> Rerun {
    Rerun {
        id: id.into(),
        devices,
    }
}

/// Device 0 succeeded, 1 failed, 2 waits.
fn scene() -> Scene {
    let mut scene = Scene::new(3);
    scene.stored(|status| {
        status.completed_indexes = Some("0".into());
        status.failed_indexes = Some("1".into());
        status.last_rerun_id = Some("sunday".into());
    });
    scene
}

#[rstest]
#[case::none(None, false, false)]
#[case::a_new_one(Some(rerun("monday", None)), true, false)]
#[case::the_failed_ones(Some(rerun("monday", Some(RerunDevices::Failed))), true, false)]
#[case::all(Some(rerun("monday", Some(RerunDevices::All))), true, true)]
#[case::one_that_acted(Some(rerun("sunday", Some(RerunDevices::All))), false, false)]
#[case::no_id(Some(rerun("", None)), false, false)]
fn each_new_id_acts_once(
    #[case] asked: Option<Rerun>,
    #[case] acts: bool,
    #[case] opens_a_round: bool,
) {
    let mut scene = scene();
    scene.edit(|spec| spec.rerun = asked);
    assert_eq!(due(&scene.job).is_some(), acts);
    assert_eq!(wants_round(&scene.job), opens_a_round);
    assert_eq!(scene.job.round_is_current(), !opens_a_round);
}

#[test]
fn a_job_that_is_created_with_a_rerun_records_it_and_does_not_act_on_it() {
    let mut spec = spec(1);
    spec["rerun"] = json!({"id": "monday", "devices": "All"});
    let fresh = job_of(&spec, None);
    assert_eq!(due(&fresh), None);
    let scene = Scene::of(&spec);
    assert_eq!(scene.job.status.last_rerun_id.as_deref(), Some("monday"));
    assert_eq!(due(&scene.job), None);
    assert!(scene.job.round_is_current());
}

#[test]
fn a_rerun_that_is_taken_back_does_not_act_again_when_it_returns() {
    let mut scene = scene();
    scene.edit(|spec| spec.rerun = None);
    assert_eq!(due(&scene.job), None);
    scene.edit(|spec| spec.rerun = Some(rerun("sunday", None)));
    assert_eq!(due(&scene.job), None);
}

#[test]
fn the_failed_devices_go_again_and_nothing_else_changes() {
    let mut scene = scene();
    scene.edit(|spec| spec.rerun = Some(rerun("monday", None)));
    let gone = due(&scene.job).unwrap().clone();
    let status = status::send_again(&scene.job, &gone, at(70));
    assert_eq!(status.last_rerun_id.as_deref(), Some("monday"));
    assert_eq!(
        (status.completed_indexes.as_deref(), &status.failed_indexes),
        (Some("0"), &None)
    );
    assert_eq!(status.round, scene.job.status.round);
    scene.store(status);
    let begins: Vec<usize> = scene
        .plan(71)
        .begin
        .iter()
        .map(|begin| begin.index)
        .collect();
    assert_eq!(begins, [1, 2]);
}

#[test]
fn a_job_that_had_failed_is_open_again_with_the_same_write() {
    let mut scene = Scene::new(2);
    scene
        .memory
        .refused
        .insert(1, found(Some(1), Outcome::Failed, Reason::DeviceInvalid));
    scene.stored(|status| status.completed_indexes = Some("0".into()));
    let failed = scene.status(60);
    assert_eq!(failed.phase.as_deref(), Some("Failed"));
    scene.store(failed);
    scene.edit(|spec| spec.rerun = Some(rerun("monday", None)));
    let asked = due(&scene.job).unwrap().clone();
    let open = status::send_again(&scene.job, &asked, at(70));
    assert_eq!(open.phase.as_deref(), Some("InProgress"));
    assert_eq!(open.completion_time, None);
    let counts = open.counts.unwrap();
    assert_eq!((counts.selected, counts.pending, counts.failed), (2, 1, 0));
    // What is remembered of the failure must not bring it back.
    scene.memory.send_again(&scene.job.finals.failed);
    scene.store(open);
    let next = scene.status(71);
    assert_eq!(
        (next.failed_indexes, next.phase.as_deref()),
        (None, Some("InProgress"))
    );
}

#[rstest]
#[case::as_it_was_left(Status::Failed)]
// Helm marks it when it writes the revision of the next attempt.
#[case::as_helm_marks_it_later(Status::Superseded)]
fn a_failed_attempt_is_history_once_its_device_was_sent_again(#[case] status: Status) {
    let mut scene = scene();
    let mut over = record(&identity(1, "b"), status, true);
    over.settled = Some(1);
    take_in(&mut scene.ledger, Some(over), None, None);
    scene.edit(|spec| spec.rerun = Some(rerun("monday", None)));
    assert!(failures_are_settled(
        &scene.job,
        scene.roster.as_ref().unwrap(),
        &scene.ledger
    ));
    let asked = due(&scene.job).unwrap().clone();
    scene.store(status::send_again(&scene.job, &asked, at(70)));
    let plan = scene.plan(71);
    assert!(
        plan.actions.is_empty() && plan.release.is_empty(),
        "{plan:?}"
    );
    let begins: Vec<usize> = plan.begin.iter().map(|begin| begin.index).collect();
    assert_eq!(begins, [1, 2]);
}

#[test]
fn a_device_that_is_sent_again_goes_on_counting_its_attempts() {
    let mut scene = scene();
    take_in(
        &mut scene.ledger,
        Some(numbered(&identity(1, "b"), 1, Status::Failed)),
        None,
        None,
    );
    scene.edit(|spec| spec.rerun = Some(rerun("monday", None)));
    let asked = due(&scene.job).unwrap().clone();
    scene.store(status::send_again(&scene.job, &asked, at(70)));
    let begins = scene.plan(71).begin;
    let numbers: Vec<_> = begins
        .iter()
        .map(|begin| (begin.index, begin.number))
        .collect();
    assert_eq!(numbers, [(1, 2), (2, 1)]);
}

#[rstest]
#[case::its_pod_is_left(record(&identity(1, "b"), Status::Deployed, true), true)]
#[case::its_record_does_not_say_so_yet(record(&identity(1, "b"), Status::Deployed, true), false)]
fn a_failed_device_goes_again_only_when_its_attempt_is_settled(
    #[case] of: crate::flashjob::observe::objects::ObservedRecord,
    #[case] pod: bool,
) {
    let mut scene = scene();
    let pod = pod.then(|| ended(&identity(1, "b")));
    take_in(&mut scene.ledger, Some(of), None, pod);
    let roster = scene.roster.as_ref().unwrap();
    assert!(!failures_are_settled(&scene.job, roster, &scene.ledger));
}

#[test]
fn a_success_that_is_being_cleaned_up_holds_no_rerun_back() {
    let mut scene = scene();
    let of = record(&identity(0, "a"), Status::Deployed, true);
    take_in(
        &mut scene.ledger,
        Some(of),
        None,
        Some(ended(&identity(0, "a"))),
    );
    let roster = scene.roster.as_ref().unwrap();
    assert!(failures_are_settled(&scene.job, roster, &scene.ledger));
}

fn its_service(ledger: &mut Ledger) {
    ledger.see_service(service(&identity(1, "b"), address()));
}
fn its_pod(ledger: &mut Ledger) {
    ledger.see_pod(ended(&identity(1, "b")));
}
fn what_is_being_written(ledger: &mut Ledger) {
    ledger.begin_action(&identity(1, "b"));
}

#[rstest]
#[case::its_service(its_service)]
#[case::its_pod(its_pod)]
#[case::what_is_being_written(what_is_being_written)]
fn a_failed_device_does_not_go_again_before_its_attempt_is_rid_of(#[case] leave: fn(&mut Ledger)) {
    let mut scene = scene();
    let over = numbered(&identity(1, "b"), 1, Status::Failed);
    scene.ledger.see_record(over);
    let settled = |scene: &Scene| {
        let roster = scene.roster.as_ref().unwrap();
        failures_are_settled(&scene.job, roster, &scene.ledger)
    };
    assert!(settled(&scene));
    leave(&mut scene.ledger);
    assert!(!settled(&scene));
}
