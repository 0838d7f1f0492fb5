use crate::api::Window;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::flashclass::ClassSteps;
use crate::{
    api::{ConditionType, FlashJobStatus, conditions},
    flashjob::{
        fixtures::{Scene, address, at, found, identity, record, running, service, spec, take_in},
        plan::attempt::Action,
        spec::stamps::Stamping,
    },
};
use helm_release::Status;

/// A job of so many devices with this in its spec, after the pass that stores its first step.
fn scene(devices: usize, more: &Value) -> Scene {
    let mut spec = spec(devices);
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let mut scene = Scene::of(&spec);
    settle(&mut scene, 0);
    scene
}

/// Stores the status until it says nothing new.
fn settle(scene: &mut Scene, second: i64) {
    for _ in 0..10 {
        let status = scene.status(second);
        if status == scene.job.status {
            return;
        }
        scene.store(status);
    }
    panic!("the status does not settle: {:?}", scene.job.status);
}

fn begins(scene: &Scene, second: i64) -> Vec<usize> {
    let plan = scene.plan(second);
    plan.begin.iter().map(|begin| begin.index).collect()
}

/// These devices end, well or not, and the status says so.
fn end(scene: &mut Scene, second: i64, succeeded: &str, failed: &str) {
    scene.stored(|status| {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        status.completed_indexes = text(succeeded);
        status.failed_indexes = text(failed);
    });
    settle(scene, second);
}

fn reserve(scene: &mut Scene, index: usize) {
    let who = identity(index, &format!("a{index}"));
    let record = record(&who, Status::PendingInstall, false);
    take_in(
        &mut scene.ledger,
        Some(record),
        Some(service(&who, address())),
        None,
    );
}

fn fly(scene: &mut Scene, index: usize) {
    let who = identity(index, &format!("a{index}"));
    let record = record(&who, Status::Deployed, true);
    take_in(
        &mut scene.ledger,
        Some(record),
        Some(service(&who, address())),
        Some(running(&who)),
    );
}

fn reason(status: &FlashJobStatus) -> &str {
    status.reason.as_deref().unwrap()
}

fn condition(scene: &Scene, kind: ConditionType) -> (bool, String) {
    let conditions = &scene.job.status.conditions;
    let found = conditions
        .iter()
        .find(|known| known.type_ == kind.as_str())
        .unwrap();
    (conditions::holds(conditions, kind), found.reason.clone())
}

#[test]
fn nothing_starts_before_the_status_names_the_step() {
    let mut spec = spec(3);
    spec["steps"] = json!([{"devices": 1}]);
    let mut scene = Scene::of(&spec);
    assert!(begins(&scene, 0).is_empty());
    settle(&mut scene, 0);
    assert_eq!(begins(&scene, 0), [0]);
}

#[test]
fn devices_start_step_by_step_and_the_rest_follows() {
    let mut scene = scene(5, &json!({"steps": [{"devices": 1}, {"devices": "60%"}]}));
    assert_eq!(begins(&scene, 1), [0]);
    end(&mut scene, 1, "0", "");
    assert_eq!(begins(&scene, 1), [1, 2]);
    end(&mut scene, 2, "0-1", "");
    assert_eq!(begins(&scene, 2), [2]);
    end(&mut scene, 3, "0-2", "");
    assert_eq!(begins(&scene, 3), [3, 4]);
    end(&mut scene, 4, "0-4", "");
    assert!(conditions::holds(
        &scene.job.status.conditions,
        ConditionType::Complete
    ));
}

#[test]
fn a_step_that_soaks_says_until_when_and_the_plan_looks_again_then() {
    let mut scene = scene(2, &json!({"steps": [{"devices": 1, "soakSeconds": 60}]}));
    end(&mut scene, 100, "0", "");
    assert_eq!(reason(&scene.job.status), "StepSoaking");
    assert!(begins(&scene, 159).is_empty());
    assert_eq!(scene.plan(101).wake_at, Some(at(160)));
    assert_eq!(
        scene.status(101).next_time.map(|time| time.0),
        Some(at(160))
    );
    settle(&mut scene, 160);
    assert_eq!(begins(&scene, 160), [1]);
    assert_eq!(reason(&scene.job.status), "InProgress");
}

#[test]
fn a_step_that_waits_for_approval_says_how_to_give_it() {
    let mut scene = scene(
        2,
        &json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]}),
    );
    end(&mut scene, 1, "0", "");
    let status = &scene.job.status;
    assert_eq!(reason(status), "AwaitingApproval");
    let message = status.message.as_deref().unwrap();
    assert!(
        message.ends_with("kubectl flashjob approve lamps -n lab --step 1.1"),
        "{message}"
    );
    assert!(message.contains("1.1 (canary)"), "{message}");
    assert!(begins(&scene, 9_999).is_empty());
    scene.edit(|spec| spec.approved_step = Some("1.1".into()));
    assert!(begins(&scene, 2).is_empty(), "it is stored first");
    settle(&mut scene, 2);
    assert_eq!(begins(&scene, 2), [1]);
}

#[test]
fn an_approval_of_another_round_is_ignored_and_said() {
    let steps = json!([{"devices": 1, "requireApproval": true}]);
    let mut scene = scene(2, &json!({"steps": steps, "approvedStep": "2.1"}));
    end(&mut scene, 1, "0", "");
    assert_eq!(reason(&scene.job.status), "AwaitingApproval");
    let accepted = condition(&scene, ConditionType::Accepted);
    assert_eq!(accepted, (true, "ApprovalForOtherRound".to_owned()));
    scene.edit(|spec| spec.approved_step = Some("1.1".into()));
    settle(&mut scene, 2);
    assert_eq!(condition(&scene, ConditionType::Accepted).1, "SpecAccepted");
}

fn decides(scene: &mut Scene, step: &str, decision: Decision, reason: Option<&str>) {
    let approval = Approval {
        step: step.into(),
        decision,
        id: None,
        reason: reason.map(str::to_owned),
    };
    scene.edit(|spec| spec.approval = Some(approval));
}

#[test]
fn a_denied_step_stops_the_round_whatever_else_approves_it_until_it_is_approved_after_all() {
    let steps = json!([{"devices": 1, "requireApproval": true}]);
    let mut scene = scene(3, &json!({ "steps": steps }));
    end(&mut scene, 1, "0", "");
    scene.edit(|spec| spec.approved_step = Some("1.1".into()));
    decides(&mut scene, "1.1", Decision::Deny, Some("it hums\u{7}"));
    settle(&mut scene, 2);
    let status = &scene.job.status;
    assert_eq!(reason(status), "StepDenied");
    let stop = status.stop.clone().unwrap();
    assert_eq!(stop.message, "step 1.1 was denied: it hums\\u{7}");
    assert_eq!(
        condition(&scene, ConditionType::Failed),
        (true, "StepDenied".to_owned())
    );
    assert!(begins(&scene, 9_999).is_empty());
    // Another rerun does not undo what somebody decided.
    scene.edit(|spec| {
        spec.rerun = Some(crate::api::Rerun {
            id: "again".into(),
            devices: None,
        });
    });
    settle(&mut scene, 3);
    assert_eq!(reason(&scene.job.status), "StepDenied");
    decides(&mut scene, "1.1", Decision::Approve, None);
    settle(&mut scene, 4);
    assert_eq!(scene.job.status.stop, None);
    assert_eq!(begins(&scene, 4), [1, 2]);
}

/// A job whose first step waits, under a class that asks this of approvals, as the API server stamps these users.
fn asked_of_people(approvals: &Value, stamps: &[(&str, &str)]) -> Scene {
    let steps = json!([{"devices": 1, "requireApproval": true}]);
    let mut scene = scene(2, &json!({ "steps": steps }));
    let object = json!({"metadata": {"name": "locked"}, "spec": {"approvals": approvals}});
    let classes = crate::flashjob::fixtures::classes(&[object]);
    scene.terms.classes = vec![std::sync::Arc::clone(classes.get("locked").unwrap())];
    scene.world.stamping = Stamping::Since(at(-1_000));
    stamped(&mut scene, stamps);
    end(&mut scene, 1, "0", "");
    scene
}

fn stamped(scene: &mut Scene, stamps: &[(&str, &str)]) {
    let key = |name: &str| format!("flashjob.nbfc.io/{name}");
    let stamps = stamps
        .iter()
        .map(|(name, by)| (key(name), (*by).to_owned()));
    let meta = &mut scene.job.object.metadata;
    meta.annotations.get_or_insert_default().extend(stamps);
    meta.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)));
}

#[test]
fn the_approval_of_the_requester_is_ignored_and_said_and_another_person_s_lets_the_job_go_on() {
    let rules = json!({"notRequester": true});
    let mut scene = asked_of_people(&rules, &[("requested-by", "ann")]);
    assert_eq!(reason(&scene.job.status), "AwaitingApproval");
    decides(&mut scene, "1.1", Decision::Approve, None);
    stamped(
        &mut scene,
        &[("requested-by", "ann"), ("approved-by", "ann")],
    );
    settle(&mut scene, 2);
    assert!(begins(&scene, 2).is_empty());
    let accepted = condition(&scene, ConditionType::Accepted);
    assert_eq!(accepted, (true, "ApprovalByRequester".to_owned()));
    let message = scene.job.status.message.clone().unwrap();
    assert!(
        message.contains("the approval of ann does not count"),
        "{message}"
    );
    assert!(
        message.ends_with("approve lamps -n lab --step 1.1"),
        "{message}"
    );
    stamped(&mut scene, &[("approved-by", "ben")]);
    settle(&mut scene, 3);
    assert_eq!(begins(&scene, 3), [1]);
    assert_eq!(condition(&scene, ConditionType::Accepted).1, "SpecAccepted");
}

#[test]
fn nothing_goes_on_where_the_api_server_does_not_say_who_approves() {
    let mut scene = asked_of_people(&json!({"required": 1}), &[]);
    decides(&mut scene, "1.1", Decision::Approve, None);
    stamped(
        &mut scene,
        &[("requested-by", "ann"), ("approved-by", "made-up")],
    );
    for (stamping, says) in [
        (Stamping::Absent, "needs Kubernetes 1.36 or newer"),
        (Stamping::NotAsked, "has not been asked yet"),
        (Stamping::Since(at(0)), "the job is older than the policy"),
    ] {
        scene.world.stamping = stamping;
        settle(&mut scene, 2);
        let status = &scene.job.status;
        assert_eq!(reason(status), "ApproverUnknown");
        let message = status.message.as_deref().unwrap();
        assert!(
            message.contains(says) && !message.contains("kubectl flashjob approve"),
            "{message}"
        );
        assert!(begins(&scene, 2).is_empty());
    }
    scene.world.stamping = Stamping::Since(at(-1_000));
    settle(&mut scene, 3);
    assert_eq!(begins(&scene, 3), [1]);
}

#[test]
fn a_decision_about_another_round_is_ignored_and_said() {
    let steps = json!([{"devices": 1, "requireApproval": true}]);
    let approval = json!({"step": "2.1", "decision": "Deny"});
    let mut scene = scene(2, &json!({"steps": steps, "approval": approval}));
    end(&mut scene, 1, "0", "");
    assert_eq!(reason(&scene.job.status), "AwaitingApproval");
    let accepted = condition(&scene, ConditionType::Accepted);
    assert_eq!(accepted, (true, "ApprovalForOtherRound".to_owned()));
    decides(&mut scene, "1.1", Decision::Approve, None);
    settle(&mut scene, 2);
    assert_eq!(begins(&scene, 2), [1]);
}

#[test]
fn a_failed_canary_stops_the_job_in_two_moves() {
    let mut scene = scene(6, &json!({"steps": [{"devices": 2}]}));
    fly(&mut scene, 1);
    end(&mut scene, 10, "", "0");
    assert_eq!(
        condition(&scene, ConditionType::FailureTarget),
        (true, "StepFailed".to_owned())
    );
    assert!(!condition(&scene, ConditionType::Finished).0);
    assert!(begins(&scene, 10).is_empty());
    let message = scene.job.status.message.clone().unwrap();
    assert!(message.contains("1 in flight end first"), "{message}");
    // The flash in progress ends.
    scene.ledger = crate::flashjob::observe::ledger::Ledger::default();
    end(&mut scene, 20, "1", "0");
    let status = &scene.job.status;
    assert_eq!(
        condition(&scene, ConditionType::Failed),
        (true, "StepFailed".to_owned())
    );
    assert_eq!(status.progress.as_deref(), Some("2/6"));
    let counts = status.counts.unwrap();
    assert_eq!(
        (
            counts.selected,
            counts.pending,
            counts.succeeded,
            counts.failed
        ),
        (6, 4, 1, 1)
    );
    assert!(
        status
            .message
            .as_deref()
            .unwrap()
            .contains("4 never started")
    );
    assert!(begins(&scene, 9_999).is_empty());
}

#[test]
fn a_failure_that_is_found_holds_all_starts_until_it_is_stored() {
    let mut scene = scene(4, &json!({"maxFailedDevices": 0}));
    reserve(&mut scene, 1);
    assert!(!begins(&scene, 1).is_empty());
    scene.memory.verdicts.insert(
        "a0".into(),
        found(Some(0), Outcome::Failed, Reason::TransferFailed),
    );
    let plan = scene.plan(1);
    assert!(
        plan.begin.is_empty() && plan.actions.is_empty() && plan.release.is_empty(),
        "{plan:?}"
    );
    let status = scene.status(1);
    assert_eq!(
        status.stop.as_ref().unwrap().reason,
        "MaxFailedDevicesExceeded"
    );
    assert_eq!(status.failed_indexes.as_deref(), Some("0"));
    scene.store(status);
    let plan = scene.plan(2);
    assert_eq!(
        plan.release[0].2.reason,
        Reason::MaxFailedDevicesExceeded,
        "what was reserved goes"
    );
}

#[test]
fn who_fails_before_its_start_counts_before_anybody_else_starts() {
    let mut scene = scene(
        3,
        &json!({
            "maxFailedDevices": 0, "mismatchPolicy": "Fail", "device": "esp32s3", "parallelism": 2,
        }),
    );
    let odd = json!({"HOST_ENDPOINT": "192.0.2.1:80", "DEVICE": "esp8266"});
    scene
        .inventory
        .apply(&crate::flashjob::fixtures::instance_with("uuid-0", &odd));
    let plan = scene.plan(1);
    assert_eq!(plan.refuse.len(), 1);
    assert!(plan.begin.is_empty());
    let (index, refused) = plan.refuse[0].clone();
    scene.memory.refused.insert(index, refused);
    assert!(begins(&scene, 1).is_empty());
    assert_eq!(
        scene.status(1).stop.unwrap().reason,
        "MaxFailedDevicesExceeded"
    );
}

#[test]
fn a_stopped_job_goes_on_with_a_raised_limit_and_not_with_a_larger_selection() {
    let mut scene = scene(10, &json!({"maxFailedDevices": "10%", "parallelism": 2}));
    end(&mut scene, 1, "", "0-1");
    assert!(condition(&scene, ConditionType::Failed).0);
    scene.edit(|spec| spec.parallelism = Some(1));
    settle(&mut scene, 2);
    assert!(
        begins(&scene, 2).is_empty(),
        "an edit of something else changes nothing"
    );
    assert!(condition(&scene, ConditionType::Failed).0);
    scene.edit(|spec| spec.max_failed_devices = Some(crate::api::Amount::Percent("20%".into())));
    settle(&mut scene, 3);
    assert_eq!(scene.job.status.stop, None);
    assert_eq!(scene.job.status.completion_time, None);
    assert_eq!(begins(&scene, 3), [2]);
}

#[test]
fn a_suspended_job_starts_nothing_uninstalls_what_is_reserved_and_ends_what_flashes() {
    let mut scene = scene(3, &json!({}));
    reserve(&mut scene, 0);
    fly(&mut scene, 1);
    scene.edit(|spec| spec.suspend = Some(true));
    let plan = scene.plan(5);
    assert!(plan.begin.is_empty());
    let [(key, Some(0), waiting)] = plan.release.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (key.id.as_str(), waiting.tries, waiting.until),
        ("a0", 0, at(5)),
        "no try is lost"
    );
    assert!(
        plan.actions
            .iter()
            .all(|(_, action)| !matches!(action, Action::Launch { .. }))
    );
    settle(&mut scene, 5);
    assert_eq!(
        condition(&scene, ConditionType::Suspended),
        (true, "Suspended".to_owned())
    );
    let message = scene.job.status.message.as_deref().unwrap();
    assert!(message.ends_with("kubectl flashjob resume lamps -n lab"));
    scene.edit(|spec| spec.suspend = None);
    settle(&mut scene, 6);
    assert!(!condition(&scene, ConditionType::Suspended).0);
    assert_eq!(begins(&scene, 6), [2]);
}

#[test]
fn a_suspended_job_without_a_round_says_so() {
    let mut spec = spec(2);
    spec["suspend"] = json!(true);
    let mut scene = Scene::of(&spec);
    scene.store(FlashJobStatus::default());
    settle(&mut scene, 1);
    assert_eq!(reason(&scene.job.status), "Suspended");
    assert!(condition(&scene, ConditionType::Suspended).0);
    assert!(!condition(&scene, ConditionType::Failed).0);
}

#[test]
fn a_suspended_job_is_suspended_whatever_else_keeps_it() {
    let mut scene = scene(1, &json!({"suspend": true}));
    scene.world.akri_installed = false;
    settle(&mut scene, 1);
    assert_eq!(reason(&scene.job.status), "AkriNotInstalled");
    assert!(condition(&scene, ConditionType::Suspended).0);
}

#[rstest]
#[case::too_early(json!({"notBefore": "1970-01-01T00:10:00Z"}), 0, Some((Reason::NotBefore, Some(600))))]
#[case::at_its_time(json!({"notBefore": "1970-01-01T00:10:00Z"}), 600, None)]
#[case::it_can_still_end(json!({"notAfter": "1970-01-01T01:00:00Z"}), 3_000, None)]
#[case::it_could_still_run(json!({"notAfter": "1970-01-01T01:00:00Z"}), 3_001, Some((Reason::Expired, None)))]
#[case::its_window_is_open(json!({"windows": [{"start": "00:00", "durationSeconds": 3600}]}), 3_000, None)]
#[case::its_window_closes_too_soon(json!({"windows": [{"start": "00:00", "durationSeconds": 3600}]}), 3_001, Some((Reason::WindowClosed, Some(86_400))))]
#[case::its_window_is_shorter_than_a_device(json!({"windows": [{"start": "00:00", "durationSeconds": 599}]}), 0, Some((Reason::WindowTooShort, None)))]
#[case::suspended_outranks_the_clock(json!({"suspend": true, "notBefore": "1970-01-01T00:10:00Z"}), 0, Some((Reason::Suspended, None)))]
fn nothing_starts_outside_its_time(
    #[case] more: Value,
    #[case] second: i64,
    #[case] holds: Option<(Reason, Option<i64>)>,
) {
    let scene = scene(1, &more);
    let plan = scene.plan(second);
    let hold = plan.pace.hold.as_ref();
    let said = hold.map(|hold| (hold.reason, hold.until.map(Timestamp::as_second)));
    assert_eq!(said, holds, "{hold:?}");
    assert_eq!(plan.begin.is_empty(), holds.is_some());
    if let Some((_, Some(until))) = holds {
        assert_eq!(plan.wake_at, Some(at(until)));
    }
}

#[test]
fn windows_of_the_class_count_as_well() {
    let scene = scene(1, &json!({}));
    let list = [Window {
        start: "12:00".into(),
        duration_seconds: 3_600,
        ..Window::default()
    }];
    let class = ClassPace {
        windows: vec![&list],
        ..ClassPace::default()
    };
    let pace = pace(&scene.observed(), &scene.job.finals, &class, at(0));
    assert_eq!(pace.hold.unwrap().reason, Reason::WindowClosed);
}

#[test]
fn the_class_bounds_the_first_step_of_a_job_without_steps() {
    let scene = scene(5, &json!({}));
    let class = ClassPace {
        steps: ClassSteps {
            max_first: Some(2),
            ..ClassSteps::default()
        },
        ..ClassPace::default()
    };
    let pace = pace(&scene.observed(), &scene.job.finals, &class, at(0));
    let step = pace.step.unwrap();
    assert_eq!(
        (step.id.as_str(), step.of, step.devices, step.reached.len()),
        ("1.1", 2, 2, 0)
    );
}

#[test]
fn a_job_whose_time_has_passed_expires_once_nothing_is_in_flight() {
    let mut scene = scene(3, &json!({"notAfter": "1970-01-01T01:00:00Z"}));
    fly(&mut scene, 0);
    settle(&mut scene, 3_001);
    assert_eq!(
        condition(&scene, ConditionType::FailureTarget),
        (true, "Expired".to_owned())
    );
    assert!(!condition(&scene, ConditionType::Failed).0);
    scene.ledger = crate::flashjob::observe::ledger::Ledger::default();
    end(&mut scene, 3_100, "0", "");
    assert_eq!(
        condition(&scene, ConditionType::Failed),
        (true, "Expired".to_owned())
    );
    scene.edit(|spec| spec.not_after = None);
    settle(&mut scene, 3_200);
    assert_eq!(begins(&scene, 3_200), [1, 2]);
}

#[test]
fn a_job_whose_last_devices_are_in_flight_does_not_expire() {
    let mut scene = scene(1, &json!({"notAfter": "1970-01-01T01:00:00Z"}));
    fly(&mut scene, 0);
    settle(&mut scene, 3_001);
    assert_eq!(scene.job.status.stop, None);
    assert_eq!(reason(&scene.job.status), "InProgress");
}

#[test]
fn an_edited_step_is_refused_once_it_has_begun_and_nothing_starts_until_it_is_put_back() {
    let mut scene = scene(
        4,
        &json!({"steps": [{"devices": 1}, {"devices": 3}], "parallelism": 1}),
    );
    scene.edit(|spec| spec.steps[0].soak_seconds = Some(7));
    assert!(
        begins(&scene, 1).is_empty(),
        "what was edited in time is stored first"
    );
    settle(&mut scene, 1);
    assert_eq!(begins(&scene, 1), [0]);
    fly(&mut scene, 0);
    scene.edit(|spec| spec.steps[0].soak_seconds = None);
    settle(&mut scene, 2);
    assert_eq!(
        condition(&scene, ConditionType::Accepted),
        (false, "StepAlreadyStarted".to_owned())
    );
    assert_eq!(
        condition(&scene, ConditionType::Stalled),
        (true, "StepAlreadyStarted".to_owned())
    );
    assert!(!condition(&scene, ConditionType::Failed).0);
    scene.edit(|spec| {
        spec.steps[0].soak_seconds = Some(7);
        spec.steps[1].devices = crate::api::Amount::Count(2);
    });
    scene.ledger = crate::flashjob::observe::ledger::Ledger::default();
    end(&mut scene, 3, "0", "");
    settle(&mut scene, 10);
    assert_eq!(condition(&scene, ConditionType::Accepted).1, "SpecAccepted");
    let step = scene.job.status.step.clone().unwrap();
    assert_eq!((step.id.as_str(), step.devices), ("1.2", 2));
}

#[test]
fn steps_that_do_not_grow_are_refused_before_anything_starts() {
    let mut scene = scene(5, &json!({"steps": [{"devices": 1}, {"devices": "20%"}]}));
    assert!(begins(&scene, 1).is_empty());
    assert_eq!(
        condition(&scene, ConditionType::Failed),
        (true, "InvalidSpec".to_owned())
    );
    let message = scene.job.status.message.clone().unwrap();
    assert!(
        message.starts_with("spec.steps[1].devices: 20% of 5"),
        "{message}"
    );
    scene.edit(|spec| spec.steps[1].devices = crate::api::Amount::Count(3));
    settle(&mut scene, 2);
    assert_eq!(begins(&scene, 2), [0]);
}

#[rstest]
#[case::a_step(json!({"steps": [{"devices": 2}, {"devices": 2}]}), "spec.steps[1].devices")]
#[case::a_limit(json!({"maxFailedDevices": "lots"}), "spec.maxFailedDevices")]
#[case::a_window(json!({"windows": [{"start": "9:00", "durationSeconds": 3600, "timeZone": "Mars/Olympus"}]}), "spec.windows[0].timeZone")]
fn what_cannot_be_read_is_invalid(#[case] more: Value, #[case] field: &str) {
    let scene = scene(3, &more);
    let message = scene.job.invalid.clone().unwrap_or_default();
    assert!(message.starts_with(field), "{message}");
    assert!(begins(&scene, 1).is_empty());
}

#[test]
fn thousands_of_devices_that_wait_for_their_step_are_counted_and_not_listed() {
    let mut scene = scene(
        5_000,
        &json!({"steps": [{"devices": 1, "requireApproval": true}], "parallelism": 5}),
    );
    end(&mut scene, 1, "0", "");
    let status = &scene.job.status;
    assert_eq!(status.counts.unwrap().pending, 4_999);
    assert!(status.devices.is_empty());
    assert_eq!(scene.plan(2).queued, 4_999);
}
