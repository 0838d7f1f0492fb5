//! Single rules of the pace: whom it lets start, what it counts, what stops a round, and of which round an approval is.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{DeviceStatus, Window},
    flashjob::fixtures::{Scene, at, found, spec, uuid},
};

/// A job of three devices with this in its spec, in its first round.
fn scene(more: &Value) -> Scene {
    let mut spec = spec(3);
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    Scene::of(&spec)
}

fn pace_of(scene: &Scene, class: &ClassPace<'_>, second: i64) -> Pace {
    pace(&scene.observed(), &scene.job.finals, class, at(second))
}

fn hold(reason: Reason) -> Hold {
    Hold {
        reason,
        message: String::new(),
        until: None,
    }
}

#[test]
fn a_device_may_start_up_to_the_end_of_its_step_unless_all_wait() {
    let beyond = hold(Reason::StepNotReached);
    let mut pace = Pace {
        beyond: Some(beyond.clone()),
        reach: Some(Intervals::below(2)),
        ..Pace::default()
    };
    assert_eq!(
        [0, 1, 2].map(|index| pace.closed(index)),
        [None, None, Some(&beyond)]
    );
    let all = hold(Reason::Suspended);
    pace.hold = Some(all.clone());
    assert_eq!([0, 2].map(|index| pace.closed(index)), [Some(&all); 2]);
}

#[test]
fn the_first_of_the_times_that_are_to_come_is_when_the_pace_changes() {
    let mut pace = Pace::default();
    let mut wakes = |second: i64| {
        pace.wake(Some(at(second)), at(5));
        pace.wake_at
    };
    let wakes = [4, 5, 9, 6, 7].map(&mut wakes);
    assert_eq!(wakes, [None, None, Some(at(9)), Some(at(6)), Some(at(6))]);
}

fn another_selection(scene: &mut Scene) {
    scene.roster.as_mut().unwrap().round = 2;
}
fn another_firmware(scene: &mut Scene) {
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
}
fn an_invalid_spec(scene: &mut Scene) {
    scene.job.invalid = Some("no".into());
}

#[rstest]
#[case::the_selection_is_of_another_round(another_selection)]
#[case::another_round_is_asked_for(another_firmware)]
#[case::the_spec_cannot_be_carried_out(an_invalid_spec)]
fn no_step_is_reached_and_nothing_is_counted_where(#[case] change: fn(&mut Scene)) {
    let mut scene = scene(&json!({"steps": [{"devices": 1}]}));
    let class = ClassPace::default();
    assert_eq!(pace_of(&scene, &class, 1).step.unwrap().id, "1.1");
    change(&mut scene);
    assert_eq!(pace_of(&scene, &class, 1), Pace::default());
}

fn nothing(_: &mut Scene) {}
fn that_is_final(scene: &mut Scene) {
    scene.stored(|status| status.failed_indexes = Some("0".into()));
}
fn that_is_tried_again(scene: &mut Scene) {
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            pod: Some("flash-uuid-0-a0".into()),
            phase: "Waiting".into(),
            earlier_failures: vec!["ContactFailed".into()],
            ..DeviceStatus::default()
        }];
    });
}

#[rstest]
#[case::that_is_not_stored_yet(Some(0), nothing, true)]
#[case::whose_device_is_final(Some(0), that_is_final, false)]
#[case::whose_device_is_tried_again(Some(0), that_is_tried_again, false)]
#[case::of_an_older_round(None, nothing, false)]
fn a_failure_is_being_counted(
    #[case] index: Option<usize>,
    #[case] store: fn(&mut Scene),
    #[case] counting: bool,
) {
    let mut scene = scene(&json!({}));
    store(&mut scene);
    let failed = found(index, Outcome::Failed, Reason::ContactFailed);
    scene.memory.verdicts.insert("a0".into(), failed);
    assert_eq!(is_counting(&scene.observed()), counting);
}

fn too_many_failed(scene: &mut Scene) {
    scene.edit(|spec| spec.max_failed_devices = Some(crate::api::Amount::Count(0)));
    scene.stored(|status| status.failed_indexes = Some("0".into()));
}
fn a_step_denied(scene: &mut Scene) {
    scene.edit(|spec| {
        spec.approval = Some(Approval {
            step: "1.1".into(),
            decision: Decision::Deny,
            id: None,
            reason: None,
        });
    });
}

#[rstest]
#[case::too_many_devices_failed(too_many_failed, Reason::MaxFailedDevicesExceeded)]
#[case::a_step_was_denied(a_step_denied, Reason::StepDenied)]
fn a_round_has_been_stopped_since_it_was_first_found_that(
    #[case] change: fn(&mut Scene),
    #[case] reason: Reason,
) {
    let mut scene = scene(&json!({"steps": [{"devices": 2, "maxFailedDevices": 2}]}));
    change(&mut scene);
    let class = ClassPace::default();
    let stop = pace_of(&scene, &class, 5).stop.unwrap();
    assert_eq!(failure_limits::reason(&stop), reason);
    scene.stored(|status| status.stop = Some(stop.clone()));
    assert_eq!(pace_of(&scene, &class, 9).stop, Some(stop));
}

#[test]
fn another_step_that_is_denied_stops_the_round_anew() {
    let mut scene = scene(&json!({"steps": [{"devices": 2}]}));
    a_step_denied(&mut scene);
    let class = ClassPace::default();
    let stop = pace_of(&scene, &class, 5).stop;
    scene.stored(|status| status.stop = stop);
    scene.edit(|spec| spec.approval.as_mut().unwrap().step = "1.2".into());
    let stop = pace_of(&scene, &class, 9).stop.unwrap();
    let time = stop.time.as_ref().map(|time| time.0);
    assert_eq!((stop.limit.as_str(), time), ("1.2", Some(at(9))));
}

fn window(start: &str) -> Window {
    Window {
        start: start.into(),
        duration_seconds: 3_600,
        ..Window::default()
    }
}

#[rstest]
#[case::are_never_open_together(
    "12:00",
    Reason::WindowTooShort,
    "the windows of job and class are never open together for the 600 s that a device may take"
)]
#[case::cannot_be_read("noon", Reason::FlashClassInvalid, "windows[0].start: ")]
fn nothing_starts_where_the_windows_of_job_and_class(
    #[case] start: &str,
    #[case] reason: Reason,
    #[case] says: &str,
) {
    let scene = scene(&json!({"windows": [{"start": "00:00", "durationSeconds": 3600}]}));
    let windows = [window(start)];
    let class = ClassPace {
        windows: vec![&windows],
        ..ClassPace::default()
    };
    let pace = pace_of(&scene, &class, 1);
    let refusal = pace.refusal.unwrap();
    assert_eq!(refusal.reason, reason);
    assert!(refusal.message.starts_with(says), "{refusal:?}");
    assert_eq!(pace.hold, Some(Hold::refused(&refusal)));
}

fn class_steps(scene: &mut Scene) {
    scene.stored(|status| {
        status.step = Some(StepStatus {
            id: "1.1".into(),
            ..StepStatus::default()
        });
    });
}

#[rstest]
#[case::with_steps_that_are_not_stored_yet(json!({"steps": [{"devices": 1}]}), nothing, true)]
#[case::with_a_step_that_its_class_gives(json!({}), class_steps, true)]
#[case::without_steps(json!({}), nothing, false)]
fn an_approval_of_another_round_is_told_of_a_job(
    #[case] mut more: Value,
    #[case] store: fn(&mut Scene),
    #[case] told: bool,
) {
    more["approvedStep"] = json!("2.1");
    let mut scene = scene(&more);
    store(&mut scene);
    let says = "spec.approvedStep 2.1 is of round 2 and is ignored: this is round 1";
    assert_eq!(
        approval_for_other_round(&scene.job).as_deref(),
        told.then_some(says)
    );
}
