//! A status that somebody else edited: nothing is started by it, nothing of it is lost, and it costs no more than another.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        fixtures::{self, Scene, identity, running},
        spec::job::Job,
    },
};

/// The stored status of a job of two devices, with this put into it.
fn edited(edit: &Value) -> Scene {
    let mut scene = Scene::new(2);
    scene.stored(|status| {
        let mut json = serde_json::to_value(&*status).unwrap();
        merge(&mut json, edit);
        *status = serde_json::from_value(json).unwrap();
    });
    scene
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[rstest]
#[case::far_too_many(json!({"completedIndexes": "0-99999999999999"}), "status.completedIndexes: index set item \"0-99999999999999\" is not below 2 (devices of the selection: 2)")]
#[case::one_too_many(json!({"failedIndexes": "0,2"}), "status.failedIndexes: index set item \"2\" is not below 2")]
#[case::no_set(json!({"skippedIndexes": "all of them"}), "status.skippedIndexes: index set item \"all of them\" is neither an index")]
#[case::no_number(json!({"completedIndexes": "0-99999999999999999999999"}), "status.completedIndexes: index set item \"0-99999999999999999999999\" is neither")]
#[case::an_endless_one(json!({"completedIndexes": "0,".repeat(500_000)}), "status.completedIndexes: an index set of 1000000 bytes is longer than one may be")]
#[case::chosen(json!({"selection": {"selectorIndexes": "7"}}), "status.selection.selectorIndexes: index set item \"7\" is not below 2")]
#[case::both_ways(json!({"completedIndexes": "0", "failedIndexes": "0-1"}), "status.completedIndexes and status.failedIndexes name the same device")]
#[case::a_round_that_none_follows(json!({"round": {"number": i64::MAX}}), "status.round.number is 9223372036854775807")]
#[case::round_zero(json!({"round": {"number": 0}}), "status.round.number is 0")]
#[case::a_negative_selection(json!({"selection": {"count": -1}}), "status.selection.count is -1")]
#[case::an_endless_selection(json!({"selection": {"count": i64::MAX}}), "status.selection.count is 9223372036854775807")]
#[case::a_device_that_is_not_selected(json!({"devices": [{"index": 1, "uuid": "b", "phase": "Flashing"}, {"index": 7, "uuid": "x", "phase": "Flashing", "pod": "flash-x-a"}]}), "status.devices[1].index is 7, and the selection has 2 devices")]
#[case::a_negative_device(json!({"devices": [{"index": -1, "phase": "Succeeded"}]}), "status.devices[0].index is -1")]
fn what_the_operator_cannot_have_written_is_named_and_nothing_starts_or_is_overwritten(
    #[case] edit: Value,
    #[case] says: &str,
) {
    let scene = edited(&edit);
    let found = scene.job.tampered.clone().unwrap();
    assert!(found.starts_with(says), "{found}");
    let plan = scene.plan(60);
    assert!(plan.begin.is_empty() && plan.actions.is_empty(), "{plan:?}");
    let status = scene.status(60);
    assert_eq!(status.reason.as_deref(), Some("SelectionLost"));
    let message = status.message.clone().unwrap();
    assert!(message.contains(says), "{message}");
    assert!(
        message.contains("kubectl delete flashjob lamps -n lab"),
        "{message}"
    );
    assert_eq!(status.completed_indexes, scene.job.status.completed_indexes);
    assert_eq!(status.failed_indexes, scene.job.status.failed_indexes);
    assert_eq!(status.skipped_indexes, scene.job.status.skipped_indexes);
    assert_eq!(status.round, scene.job.status.round);
    assert_ne!(status.phase.as_deref(), Some("Completed"));
    let counts = status.counts.unwrap();
    assert!(
        counts.succeeded <= 2 && counts.selected <= 1_000_000,
        "{counts:?}"
    );
    let stalled = status
        .conditions
        .iter()
        .find(|known| known.type_ == "Stalled");
    assert_eq!(stalled.unwrap().status, "True");
}

#[test]
fn devices_that_stand_in_two_lists_are_not_more_than_the_selection_has() {
    let scene = edited(&json!({
        "selection": {"count": 1_000_000}, "completedIndexes": "0-660000", "failedIndexes": "0-340000",
    }));
    assert!(scene.job.tampered.is_some());
    assert_eq!(scene.status(60).counts.unwrap().selected, 1_000_000);
}

#[test]
fn a_flash_in_progress_goes_on_under_a_status_that_was_edited_and_its_verdict_is_kept_for_a_mended_one()
 {
    let mut scene = edited(&json!({"completedIndexes": "1-99"}));
    let who = identity(0, "a");
    fixtures::take_in(&mut scene.ledger, None, None, Some(running(&who)));
    let views = scene.plan(1).views;
    assert_eq!(views[0].phase, DevicePhase::Flashing);
    scene.memory.verdicts.insert(
        "a".into(),
        crate::flashjob::fixtures::found(
            Some(0),
            crate::flashjob::verdict::Outcome::Succeeded,
            Reason::FirmwareSent,
        ),
    );
    assert_eq!(scene.status(2).completed_indexes.as_deref(), Some("1-99"));
    scene.stored(|status| status.completed_indexes = Some("1".into()));
    assert_eq!(scene.job.tampered, None);
    assert_eq!(scene.status(3).completed_indexes.as_deref(), Some("0-1"));
}

#[rstest]
#[case::counts(json!({"counts": {"inFlight": i64::MAX, "verifying": i64::MAX, "waiting": i64::MAX, "selected": i64::MIN, "pending": 0, "succeeded": 0, "failed": 0, "skipped": 0}}))]
#[case::words(json!({"message": "\u{1b}[2J".repeat(50_000), "stop": {"reason": "x", "message": "y".repeat(200_000), "limit": "1"}}))]
#[case::examples(json!({"selection": {"notSelectable": {"count": i64::MAX, "examples": vec!["\u{1b}[2J".repeat(5_000); 50]}}}))]
#[case::deadline(json!({"effective": {"activeDeadlineSecondsPerDevice": i64::MAX, "parallelism": i64::MIN}}))]
#[case::conditions(json!({"conditions": vec![json!({"type": "Odd", "status": "True", "reason": "Odd", "message": "m".repeat(5_000), "lastTransitionTime": "2026-01-01T00:00:00Z"}); 100]}))]
#[case::a_step_of_nowhere(json!({"step": {"id": "1.18446744073709551615", "of": i64::MAX, "devices": i64::MIN, "approvedThrough": i64::MAX, "state": "Odd"}}))]
#[case::attempts(json!({"devices": [{"index": 0, "phase": "Waiting", "attempts": i64::MAX, "earlierFailures": vec!["FlashFailed"; 50_000]}]}))]
fn what_is_only_said_is_bounded_and_the_job_goes_on(#[case] edit: Value) {
    let mut scene = edited(&edit);
    assert_eq!(scene.job.tampered, None);
    let size = crate::flashjob::status::json_size(&scene.job.status);
    assert!(size < 48 * 1024, "{size}");
    for deleting in [false, true] {
        scene.job.deleting = deleting;
        let status = scene.status(60);
        let size = crate::flashjob::status::json_size(&status);
        assert!(size < 48 * 1024, "{size}");
        let message = status.message.unwrap();
        assert!(
            !message.contains('\u{1b}') && message.len() <= 1024,
            "{message}"
        );
    }
}

/// Anything that the schema of the status admits in what is read back.
fn garbage() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        Just(i64::MIN),
        Just(-1),
        0_i64..4,
        Just(i64::from(u32::MAX)),
        Just(i64::MAX)
    ];
    let set = "[0-9,\\-]{0,12}|0-[0-9]{1,20}";
    let phase = proptest::sample::select(vec!["Flashing", "Verifying", "Waiting", "Succeeded", ""]);
    let device = (number.clone(), phase, "[a-z\\-]{0,12}").prop_map(|(index, phase, pod)| {
        json!({"index": index, "phase": phase, "pod": pod, "earlierFailures": ["FlashFailed"], "hostEndpoint": "192.0.2.1:80"})
    });
    let devices = proptest::collection::vec(device, 0..6);
    ((number.clone(), number), (set, set, set), devices).prop_map(
        |((round, count), (completed, failed, skipped), devices)| {
            json!({
                "round": {"number": round}, "selection": {"count": count}, "completedIndexes": completed,
                "failedIndexes": failed, "skippedIndexes": skipped, "devices": devices,
            })
        },
    )
}

proptest! {
    #[test]
    fn no_status_makes_anything_panic_or_a_job_complete_that_has_not_flashed_every_device(edit in garbage()) {
        let scene = edited(&edit);
        let status = scene.status(60);
        prop_assert!(status.counts.unwrap().selected <= 1_000_000);
        let again = Job::of_answer(crate::api::FlashJob {
            status: Some(status.clone()),
            ..scene.job.to_object()
        })
        .unwrap();
        if scene.job.tampered.is_some() {
            prop_assert!(scene.plan(60).begin.is_empty());
            prop_assert_eq!(again.tampered, scene.job.tampered);
        } else {
            prop_assert_eq!(again.tampered, None);
        }
        if status.phase.as_deref() == Some("Completed") {
            prop_assert_eq!(again.finals.len(), 2);
        }
    }
}

#[rstest]
#[case::as_many_as_are_written(MAX_DEVICE_ENTRIES, None)]
#[case::one_more(MAX_DEVICE_ENTRIES + 1, Some("status.devices has 10001 entries, at most 10000 are written"))]
#[case::far_more(MAX_DEVICE_ENTRIES + 9, Some("status.devices has 10009 entries, at most 10000 are written"))]
fn a_status_with_more_entries_than_are_written_is_not_the_operator_s(
    #[case] entries: usize,
    #[case] says: Option<&str>,
) {
    let devices = vec![DeviceStatus::default(); entries];
    assert_eq!(of_devices(&devices, 1).as_deref(), says);
}

#[rstest]
#[case::the_last_one(1, None)]
#[case::the_one_after_it(
    2,
    Some("status.devices[1].index is 2, and the selection has 2 devices")
)]
fn an_entry_is_of_a_device_that_was_selected(#[case] index: i64, #[case] says: Option<&str>) {
    let entry = |index| DeviceStatus {
        index,
        ..DeviceStatus::default()
    };
    assert_eq!(of_devices(&[entry(0), entry(index)], 2).as_deref(), says);
}

/// A status whose firmware has these images for types of devices, as it is taken in.
fn taken_in(platforms: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut status = FlashJobStatus {
        provenance: Some(Provenance {
            platforms: platforms.into_iter().collect(),
            ..Provenance::default()
        }),
        ..FlashJobStatus::default()
    };
    assert_eq!(take_in(&mut status), None);
    status.provenance.unwrap().platforms.into_iter().collect()
}

#[rstest]
#[case::that_fits(253, 253, true)]
#[case::of_a_type_that_is_too_long(254, 3, false)]
#[case::whose_digest_is_too_long(3, 254, false)]
#[case::of_which_both_are(254, 254, false)]
fn an_image_for_a_type_of_device_is_kept_whole_or_left_out(
    #[case] kind: usize,
    #[case] digest: usize,
    #[case] kept: bool,
) {
    let platform = ("k".repeat(kind), "d".repeat(digest));
    let expected: Vec<_> = kept.then(|| platform.clone()).into_iter().collect();
    assert_eq!(taken_in([platform]), expected);
}

#[rstest]
#[case::as_many_as_are_written(50)]
#[case::one_more(51)]
#[case::far_more(90)]
fn images_for_fifty_types_of_devices_are_kept(#[case] platforms: usize) {
    let all: Vec<_> = (0..platforms)
        .map(|number| (format!("kind-{number:02}"), "sha256:00".to_owned()))
        .collect();
    assert_eq!(taken_in(all.clone()), all[..50]);
}
