use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{Refusal, conditions},
    flashjob::{
        fixtures::{
            Scene, address, at, effective_of, ended, endpoint, found, identity, record,
            refused_trial, running, service, spec, take_in, uuid,
        },
        observe::memory::{Found, Waiting},
        verdict::Outcome,
    },
};
use helm_release::Status;

fn fly(scene: &mut Scene, index: usize, over: bool) {
    let who = identity(index, &format!("a{index}"));
    let pod = if over { ended(&who) } else { running(&who) };
    let record = record(&who, Status::Deployed, true);
    take_in(
        &mut scene.ledger,
        Some(record),
        Some(service(&who, address())),
        Some(pod),
    );
}

fn judged(scene: &mut Scene, index: usize, outcome: Outcome, reason: Reason) {
    fly(scene, index, true);
    scene.memory.verdicts.insert(
        format!("a{index}").into(),
        found(Some(index), outcome, reason),
    );
}

fn condition_of<'a>(status: &'a FlashJobStatus, kind: &str) -> &'a Condition {
    let mut conditions = status.conditions.iter();
    conditions.find(|known| known.type_ == kind).unwrap()
}

fn said<'a>(status: &'a FlashJobStatus, kind: &str) -> &'a str {
    &condition_of(status, kind).message
}

fn condition<'a>(status: &'a FlashJobStatus, kind: &str) -> (&'a str, &'a str) {
    let found = condition_of(status, kind);
    (found.status.as_str(), found.reason.as_str())
}

fn sums(status: &FlashJobStatus) -> (i64, i64) {
    let counts = status.counts.unwrap();
    let parts = [
        counts.pending,
        counts.in_flight,
        counts.verifying,
        counts.waiting,
        counts.succeeded,
        counts.failed,
        counts.skipped,
    ];
    (counts.selected, parts.iter().sum())
}

/// One device of every kind.
fn everything() -> Scene {
    let mut scene = Scene::new(7);
    fly(&mut scene, 0, false);
    judged(&mut scene, 1, Outcome::Succeeded, Reason::FirmwareSent);
    judged(&mut scene, 2, Outcome::Failed, Reason::AttestationRefused);
    scene.stored(|status| status.skipped_indexes = Some("3".into()));
    let waiting = Waiting {
        reason: Reason::AddressPending,
        message: "m".into(),
        until: at(500),
        tries: 1,
    };
    scene.memory.waiting.insert(4, waiting);
    scene.inventory.delete(&uuid(5));
    scene.memory.missing_since.insert(5, at(60));
    scene
}

#[test]
fn selected_is_the_sum_of_all_other_counts() {
    let status = everything().status(60);
    assert_eq!(sums(&status), (7, 7));
    let counts = status.counts.unwrap();
    assert_eq!(
        (counts.pending, counts.in_flight, counts.waiting),
        (2, 1, 1)
    );
    assert_eq!((counts.succeeded, counts.failed, counts.skipped), (1, 1, 1));
    assert_eq!(status.progress.as_deref(), Some("3/7"));
}

#[test]
fn devices_that_the_spec_names_no_more_are_counted_only_where_they_began() {
    let mut scene = everything();
    scene.edit(|spec| spec.uuid = vec![uuid(1).to_string()]);
    let status = scene.status(60);
    assert_eq!(sums(&status).0, sums(&status).1);
    assert_eq!(
        status.counts.unwrap().selected,
        4,
        "flashing, succeeded, failed, skipped"
    );
}

#[test]
fn a_flash_whose_record_was_deleted_by_hand_is_in_flight_and_shown() {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    take_in(&mut scene.ledger, None, None, Some(running(&who)));
    let status = scene.status(1);
    assert_eq!(
        (
            status.counts.unwrap().in_flight,
            status.devices[0].phase.as_str()
        ),
        (1, "Flashing")
    );
    assert_eq!(status.devices[0].start_time, Some(Time(at(0))));
}

#[test]
fn a_flash_that_no_status_showed_still_leaves_a_full_record() {
    let mut scene = Scene::new(1);
    judged(&mut scene, 0, Outcome::Failed, Reason::TransferFailed);
    let status = scene.status(60);
    let device = &status.devices[0];
    assert_eq!(
        (device.phase.as_str(), device.reason.as_deref()),
        ("Failed", Some("TransferFailed"))
    );
    assert_eq!(device.host_endpoint, Some(endpoint(0)));
    assert_eq!(
        (device.release.as_deref(), device.pod.as_deref()),
        (Some("flash-uuid-0"), Some("flash-uuid-0-a0"))
    );
    assert_eq!(
        (device.attempts, &device.start_time, &device.completion_time),
        (1, &Some(Time(at(0))), &Some(Time(at(50))))
    );
}

#[test]
fn a_verdict_once_stored_is_not_taken_back_by_what_memory_says() {
    let mut scene = Scene::new(1);
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    scene.memory.verdicts.insert(
        "a0".into(),
        found(Some(0), Outcome::Succeeded, Reason::FirmwareSent),
    );
    let status = scene.status(60);
    assert_eq!(
        (status.completed_indexes, status.failed_indexes.as_deref()),
        (None, Some("0"))
    );
}

#[rstest]
#[case::flashing("Flashing")]
#[case::failed("Failed")]
fn ten_thousand_devices_fit_into_the_bound_and_the_important_ones_come_first(#[case] first: &str) {
    let mut scene = Scene::new(0);
    // A job without devices has failed.
    scene.stored(|status| status.conditions.clear());
    let devices: Vec<crate::api::SelectedDevice> = (0..10_000)
        .map(|index| crate::api::SelectedDevice {
            uuid: uuid(index),
            endpoint: Some(format!("192.0.2.1:{index}")),
            ..Default::default()
        })
        .collect();
    let mut edited = spec(10_000);
    edited["parallelism"] = json!(50);
    edited["device"] = json!("something-else");
    scene.roster = Some(Selection::new(1, devices));
    let status = scene.job.status.clone();
    scene.job = crate::flashjob::fixtures::job_of(&edited, Some(&status));
    // So many cannot be named, but a later release may select them: the bound is one of bytes.
    scene.job.invalid = None;
    if first == "Flashing" {
        // Everything else is missing, and each says so with a message of its own.
        (9_000..9_050).for_each(|index| fly(&mut scene, index, false));
    } else {
        for index in 0..10_000 {
            let failed = found(Some(index), Outcome::Failed, Reason::DeviceNotFound);
            scene.memory.refused.insert(
                index,
                Found {
                    uuid: uuid(index),
                    ..failed
                },
            );
        }
    }
    let status = scene.status(60);
    let bytes = serde_json::to_vec(&status.devices).unwrap().len();
    assert!(bytes <= 128 * 1024 + 2, "{bytes}");
    let kept = if first == "Flashing" {
        50
    } else {
        status.devices.len()
    };
    assert!(
        status.devices.len() > 100
            && status.devices[..kept]
                .iter()
                .all(|device| device.phase == first)
    );
    assert_eq!(sums(&status), (10_000, 10_000));
    assert!(serde_json::to_vec(&status).unwrap().len() < 1_000_000);
}

#[test]
fn one_device_is_one_device_however_many_attempts_of_it_are_left() {
    let mut scene = Scene::new(1);
    fly(&mut scene, 0, false);
    let other = identity(0, "b0");
    scene
        .ledger
        .see_record(record(&other, Status::PendingInstall, false));
    assert_eq!(sums(&scene.status(1)), (1, 1));
}

#[rstest]
#[case::nothing_began("InProgress", &[], &[], None, false)]
#[case::all_succeeded("Completed", &[0, 1], &[], Some("AllSucceeded"), true)]
#[case::one_failed("Failed", &[0], &[1], Some("DevicesFailed"), false)]
#[case::one_is_left("InProgress", &[0], &[], None, false)]
fn the_end_of_a_job_is_told_by_phase_and_conditions(
    #[case] phase: &str,
    #[case] succeeded: &[usize],
    #[case] failed: &[usize],
    #[case] end: Option<&str>,
    #[case] complete: bool,
) {
    let mut scene = Scene::new(2);
    for index in succeeded {
        judged(&mut scene, *index, Outcome::Succeeded, Reason::FirmwareSent);
    }
    for index in failed {
        judged(&mut scene, *index, Outcome::Failed, Reason::FlashFailed);
    }
    let status = scene.status(60);
    let word = |holds: bool| if holds { "True" } else { "False" };
    assert_eq!(status.phase.as_deref(), Some(phase));
    for (kind, holds) in [
        ("Accepted", true),
        ("Ready", complete),
        ("Complete", complete),
        ("Failed", end.is_some() && !complete),
        ("FailureTarget", end.is_some() && !complete),
        ("Finished", end.is_some()),
        ("Stalled", end.is_some() && !complete),
        ("Draining", false),
        ("Suspended", false),
    ] {
        assert_eq!(condition(&status, kind).0, word(holds), "{kind}");
    }
    assert_eq!(
        condition(&status, "Finished").1,
        end.unwrap_or("NotFinished")
    );
    assert_eq!(status.completion_time.is_some(), end.is_some());
    assert_eq!(status.conditions.len(), 9, "the whole closed set");
}

#[test]
fn phase_is_running_while_something_is_in_flight() {
    let mut scene = Scene::new(2);
    fly(&mut scene, 0, false);
    assert_eq!(scene.status(1).phase.as_deref(), Some("Running"));
}

#[test]
fn the_failure_message_ends_with_the_command_that_shows_more() {
    let mut scene = Scene::new(1);
    judged(&mut scene, 0, Outcome::Failed, Reason::FlashFailed);
    let message = scene.status(60).message.unwrap();
    assert!(
        message.starts_with("0 of 1 succeeded, 1 failed")
            && message.contains("kubectl get flashjob lamps -n lab"),
        "{message}"
    );
}

#[test]
fn a_device_that_was_skipped_did_not_succeed_in_anything() {
    let mut scene = Scene::new(2);
    scene.stored(|status| status.skipped_indexes = Some("0-1".into()));
    let status = scene.status(60);
    assert_eq!(
        status.message.as_deref(),
        Some("0 succeeded, 2 skipped of 2")
    );
    assert_eq!(condition(&status, "Complete").0, "True");
    let counts = status.counts.unwrap();
    assert_eq!((counts.succeeded, counts.skipped), (0, 2));
}

#[rstest]
#[case::akri_is_missing(Reason::AkriNotInstalled, "True", "False")]
#[case::the_chart_is_invalid(Reason::ChartInvalid, "True", "False")]
#[case::the_status_is_too_large(Reason::StatusTooLarge, "True", "False")]
#[case::the_selection_is_lost(Reason::SelectionLost, "True", "False")]
#[case::the_values_are_refused(Reason::ValueNotAllowed, "False", "True")]
fn what_can_heal_stalls_the_job_and_what_cannot_fails_it(
    #[case] why: Reason,
    #[case] accepted: &str,
    #[case] failed: &str,
) {
    let mut scene = Scene::new(2);
    let refusal = Refusal {
        reason: why,
        message: "file, key".into(),
    };
    match why {
        Reason::AkriNotInstalled => scene.world.akri_installed = false,
        Reason::ChartInvalid => scene.world.chart = Some(refusal),
        Reason::StatusTooLarge => scene.memory.too_large = true,
        _ => scene.memory.trial = Some(refused_trial(refusal)),
    }
    let status = scene.status(1);
    assert_eq!(status.reason.as_deref(), Some(why.as_str()));
    assert_eq!(
        (
            condition(&status, "Stalled").0,
            condition(&status, "Failed").0
        ),
        ("True", failed)
    );
    assert_eq!(
        condition(&status, "Accepted").0,
        accepted,
        "refused values are not accepted"
    );
    assert_eq!(sums(&status).0, sums(&status).1);
}

#[test]
fn a_finished_job_stays_finished_whatever_becomes_of_akri_and_chart() {
    let mut scene = Scene::new(1);
    judged(&mut scene, 0, Outcome::Succeeded, Reason::FirmwareSent);
    let done = scene.status(60);
    scene.store(done.clone());
    scene.world.akri_installed = false;
    scene.world.chart = Some(Refusal {
        reason: Reason::ChartInvalid,
        message: "no".into(),
    });
    let later = scene.status(90);
    assert_eq!(
        (&later.phase, &later.completion_time),
        (&done.phase, &Some(Time(at(60))))
    );
    assert!(conditions::same_but_times(&later, &done));
}

#[test]
fn a_lost_selection_takes_nothing_back() {
    let mut scene = Scene::new(3);
    judged(&mut scene, 0, Outcome::Succeeded, Reason::FirmwareSent);
    let before = scene.status(60);
    scene.store(before.clone());
    scene.roster = Some(Selection::new(1, Vec::new()));
    let refusal = Refusal {
        reason: Reason::SelectionLost,
        message: "altered".into(),
    };
    scene.memory = crate::flashjob::observe::memory::Memory {
        trial: Some(refused_trial(refusal)),
        ..Default::default()
    };
    let after = scene.status(61);
    assert_eq!(after.completed_indexes, before.completed_indexes);
    assert_eq!(after.completed_uuids, before.completed_uuids);
    assert_eq!(
        (sums(&after), after.progress.as_deref()),
        ((3, 3), Some("1/3"))
    );
}

#[test]
fn a_finished_job_is_reopened_by_a_new_generation_that_asks_for_more() {
    let mut scene = Scene::new(1);
    judged(&mut scene, 0, Outcome::Succeeded, Reason::FirmwareSent);
    let done = scene.status(60);
    scene.store(done);
    assert!(scene.job.finished_at().is_some());
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
    assert_eq!(
        scene.job.finished_at(),
        None,
        "the end was of an older generation"
    );
    let status = scene.status(70);
    assert_eq!(
        (status.observed_generation, &status.completion_time),
        (Some(2), &None)
    );
    assert_eq!(
        (
            condition(&status, "Finished").0,
            condition(&status, "Ready").0
        ),
        ("False", "False")
    );
    let finished = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Finished")
        .unwrap();
    assert_eq!(finished.last_transition_time, Time(at(70)));
}

#[test]
fn a_new_round_keeps_of_the_old_one_its_result_and_nothing_else() {
    let mut scene = Scene::new(3);
    judged(&mut scene, 0, Outcome::Succeeded, Reason::FirmwareSent);
    judged(&mut scene, 1, Outcome::Failed, Reason::FlashFailed);
    let stored = scene.status(60);
    scene.store(stored);
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
    let roster = Selection::new(2, scene.roster.as_ref().unwrap().devices().to_vec());
    let status = open_round(&scene.job, &roster, "h2", effective_of(&scene.job), at(80));
    let previous = status.previous_round.unwrap();
    assert_eq!(
        (previous.number, previous.succeeded, previous.failed),
        (1, 1, 1)
    );
    assert_eq!(
        (previous.firmware.as_str(), &previous.completion_time),
        ("registry/esp32:1", &Some(Time(at(80))))
    );
    let round = status.round.unwrap();
    assert_eq!(
        (round.number, round.firmware.as_str()),
        (2, "registry/esp32:2")
    );
    assert_eq!(
        (
            status.completed_indexes,
            status.failed_indexes,
            status.devices.len()
        ),
        (None, None, 0)
    );
    assert_eq!(
        (status.start_time, status.selection.unwrap().hash.as_str()),
        (Some(Time(at(0))), "h2")
    );
    assert_eq!(
        (status.progress.as_deref(), status.completion_time),
        (Some("0/3"), None)
    );
}

#[test]
fn before_the_next_round_is_stored_what_its_devices_came_to_goes_to_the_lists_of_this_one() {
    let mut scene = Scene::new(2);
    judged(&mut scene, 0, Outcome::Succeeded, Reason::FirmwareSent);
    let stored = scene.status(60);
    scene.store(stored);
    scene.edit(|spec| spec.version = "0.3.0".into());
    judged(&mut scene, 1, Outcome::Succeeded, Reason::FirmwareSent);
    let status = scene.status(61);
    assert_eq!(status.completed_indexes.as_deref(), Some("0-1"));
    assert_eq!(status.round.unwrap().version, "0.2.0");
}

#[test]
fn the_smallest_status_keeps_what_cannot_be_found_again() {
    let mut scene = everything();
    let stored = scene.status(60);
    scene.store(stored);
    let full = scene.status(61);
    let small = minimal(&full);
    assert_eq!(
        (&small.round, &small.selection, &small.counts),
        (&full.round, &full.selection, &full.counts)
    );
    assert_eq!(
        (&small.completed_indexes, &small.failed_indexes),
        (&full.completed_indexes, &full.failed_indexes)
    );
    let phases: Vec<&str> = small
        .devices
        .iter()
        .map(|device| device.phase.as_str())
        .collect();
    assert_eq!(phases, ["Flashing", "Waiting"]);
    assert!(
        small.devices.iter().all(|device| device.message.is_none())
            && small.completed_uuids.is_empty()
    );
}

#[test]
fn a_job_without_devices_fails_and_says_so() {
    let scene = Scene::new(0);
    let status = scene.status(1);
    assert_eq!(
        (status.phase.as_deref(), status.reason.as_deref()),
        (Some("Failed"), Some("NoDevicesSelected"))
    );
}

#[test]
fn a_spec_that_cannot_be_read_says_how_to_mend_it() {
    let mut scene = Scene::new(2);
    scene.job.spec = Err("uuid: not a list".into());
    let status = scene.status(1);
    assert_eq!(
        (status.reason.as_deref(), condition(&status, "Accepted").0),
        (Some("InvalidSpec"), "False")
    );
    assert!(
        status
            .message
            .unwrap()
            .ends_with("kubectl edit flashjob lamps")
    );
    assert_eq!(status.counts.unwrap().selected, 2);
}

#[test]
fn explicit_nulls_change_nothing() {
    let mut with_nulls = spec(2);
    for key in [
        "device",
        "applicationType",
        "hostEndpoint",
        "externalIP",
        "flashjobPodImage",
    ] {
        with_nulls[key] = json!(null);
    }
    assert_eq!(Scene::of(&with_nulls).status(1), Scene::new(2).status(1));
}

#[test]
fn a_job_that_is_deleted_says_what_it_waits_for() {
    let mut scene = Scene::new(2);
    fly(&mut scene, 0, false);
    scene.job.deleting = true;
    let status = scene.status(1);
    assert_eq!(condition(&status, "Draining"), ("True", "Deleting"));
    assert_eq!(
        said(&status, "Draining"),
        "1 device in flight, at most 10 min"
    );
}

#[test]
fn a_job_that_is_deleted_while_devices_cool_down_says_until_when_and_what_frees_them() {
    let mut scene = Scene::new(3);
    judged(&mut scene, 0, Outcome::Failed, Reason::TransferFailed);
    judged(&mut scene, 1, Outcome::Failed, Reason::AttestationRefused);
    let ended = scene.status(60);
    scene.store(ended);
    assert_eq!(
        condition(&scene.status(61), "Draining"),
        ("False", "NotRequested")
    );
    scene.job.deleting = true;
    let status = scene.status(61);
    assert_eq!(condition(&status, "Draining"), ("True", "CoolingDown"));
    let says = said(&status, "Draining");
    assert!(says.starts_with("1 device cooling down until "), "{says}");
    assert!(
        says.ends_with("kubectl flashjob cleanup lamps -n lab"),
        "{says}"
    );
    assert!(
        says.contains(&status.next_time.as_ref().unwrap().0.to_string()),
        "{says}"
    );
}

#[test]
fn composing_twice_says_nothing_new() {
    let mut scene = everything();
    let first = scene.status(60);
    scene.store(first.clone());
    let second = scene.status(61);
    assert!(
        conditions::same_but_times(&first, &second),
        "{first:#?}\n{second:#?}"
    );
}

#[test]
fn the_original_s_fields_are_filled() {
    let mut scene = Scene::new(2);
    judged(&mut scene, 1, Outcome::Succeeded, Reason::FirmwareSent);
    let status = scene.status(60);
    assert_eq!(
        (&status.completed_uuids, &status.host_endpoint),
        (&vec![uuid(1).to_string()], &Some(endpoint(1)))
    );
    scene.store(status);
    fly(&mut scene, 0, false);
    assert_eq!(
        scene.status(61).host_endpoint,
        Some(endpoint(1)),
        "begun at the same time: the later one of the selection"
    );
}

#[test]
fn a_device_that_akri_has_not_discovered_is_told_at_once_by_message_reason_and_event() {
    let mut scene = Scene::new(2);
    scene.inventory.delete(&uuid(1));
    let before = scene.status(60);
    let message = before.message.unwrap();
    let words = "1 device is not discovered by Akri yet; it fails at 1970-01-01T00:0";
    assert!(message.starts_with(words), "{message}");
    assert_eq!(
        before.reason.as_deref(),
        Some("InProgress"),
        "the other one goes on"
    );
    scene.inventory.delete(&uuid(0));
    let status = scene.status(60);
    assert_eq!(status.reason.as_deref(), Some("DeviceNotFound"));
    let message = status.message.as_deref().unwrap();
    let words = "2 devices are not discovered by Akri yet; the first fails at 1970-01-01T00:0";
    assert!(message.starts_with(words), "{message}");
    let told = |before: &FlashJobStatus| -> Vec<String> {
        let news = super::events::news(before, &status).into_iter();
        news.filter(|news| news.reason == "DeviceNotFound")
            .map(|news| news.note)
            .collect()
    };
    let first = told(&FlashJobStatus::default());
    let words = "device 0 (uuid-0) is not discovered by Akri yet, and 1 more: no Akri Instance has uid uuid-0";
    assert!(first.len() == 1 && first[0].starts_with(words), "{first:?}");
    assert!(told(&status).is_empty(), "said once");
}

/// Where it had one, it would rest until then and be missed anew, again and again.
#[test]
fn a_device_that_is_tried_again_and_not_discovered_has_no_time_of_a_next_attempt() {
    let mut spec = spec(1);
    spec["backoffLimitPerDevice"] = json!(3);
    let mut scene = Scene::of(&spec);
    scene.inventory.delete(&uuid(0));
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            phase: "Waiting".into(),
            earlier_failures: vec!["ContactFailed".into()],
            ..DeviceStatus::default()
        }];
    });
    let plan = scene.plan(60);
    let view = &plan.views[0];
    assert_eq!(view.reason, Reason::DeviceNotFound);
    assert!(plan.missing.contains_key(&0), "{:?}", plan.missing);
    let entry = super::devices::entry_of_view(&scene.job, view, &plan);
    assert_eq!(entry.next_time, None);
    scene.stored(|status| status.devices.clear());
    let entry = super::devices::entry_of_view(&scene.job, view, &plan);
    assert_eq!(entry.next_time, plan.missing.get(&0).copied().map(Time));
}
