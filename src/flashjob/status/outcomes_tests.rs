use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::FlashJobStatus,
    flashjob::{
        fixtures::{
            Scene, address, at, ended, found, identity, record, service, spec, take_in, uuid,
        },
        observe::memory::Memory,
        plan::attempt::{Action, RecordRemoval},
    },
};
use helm_release::Status;

/// A job of one device with this limit of retries, of which nothing is read back unless a mode is given.
fn scene(retries: i32, mode: &str) -> Scene {
    let mut spec = spec(1);
    spec["backoffLimitPerDevice"] = json!(retries);
    spec["verification"] = json!({"mode": mode, "timeoutSeconds": 200});
    Scene::of(&spec)
}

/// The Pod of this attempt has ended, and its verdict was found at second 50.
fn judged(scene: &mut Scene, id: &str, outcome: Outcome, reason: Reason) {
    let who = identity(0, id);
    let mut pod = ended(&who);
    pod.finished = Some(at(40));
    take_in(
        &mut scene.ledger,
        Some(record(&who, Status::Deployed, true)),
        Some(service(&who, address())),
        Some(pod),
    );
    scene
        .memory
        .verdicts
        .insert(id.into(), found(Some(0), outcome, reason));
}

/// Everything of the attempt is gone but its record, which says that it failed.
fn cleared(scene: &mut Scene, id: &str) {
    let who = identity(0, id);
    let attempt = scene.ledger.attempt(&who.key).unwrap().clone();
    let service = attempt.service.unwrap();
    let pod = attempt.pod.unwrap();
    scene.ledger.see_gone(&service.sight.uid);
    scene.ledger.see_gone(&pod.sight.uid);
    let mut failed = record(&who, Status::Failed, true);
    failed.sight.version = 9;
    scene.ledger.see_record(failed);
}

/// What is stored of the device, and the counts of waiting, verifying and failed ones.
fn stored(status: &FlashJobStatus) -> (&DeviceStatus, [i64; 3]) {
    let counts = status.counts.unwrap();
    (
        &status.devices[0],
        [counts.waiting, counts.verifying, counts.failed],
    )
}

#[test]
fn a_failed_attempt_with_a_retry_left_is_stored_and_the_device_is_not_failed() {
    let mut scene = scene(2, "None");
    judged(&mut scene, "a0", Outcome::Failed, Reason::TransferFailed);
    let status = scene.status(60);
    let (device, counts) = stored(&status);
    assert_eq!(counts, [1, 0, 0]);
    assert_eq!(
        (status.failed_indexes.clone(), &*device.phase),
        (None, "Waiting")
    );
    assert_eq!(device.reason.as_deref(), Some("TransferFailed"));
    assert_eq!((device.attempts, device.earlier_failures.len()), (1, 1));
    assert_eq!(device.next_time, Some(Time(at(140))), "50 + cool-down");
    let message = device.message.as_deref().unwrap();
    assert!(
        message.starts_with("attempt 1 of 3 failed: said so"),
        "{message}"
    );
    assert_eq!(device.pod.as_deref(), Some("flash-uuid-0-a0"));
}

#[test]
fn the_record_of_a_retried_attempt_is_put_to_failed_and_the_next_one_begins_in_its_time() {
    let mut scene = scene(1, "None");
    judged(&mut scene, "a0", Outcome::Failed, Reason::ContactFailed);
    let status = scene.status(50);
    scene.store(status);
    // A crash right after the verdict was stored.
    scene.memory = Memory::default();
    let plan = scene.plan(51);
    let [(_, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert!(removal.pod.is_some() && removal.record == RecordRemoval::Keep);
    let who = identity(0, "a0");
    let attempt = scene.ledger.attempt(&who.key).unwrap().clone();
    scene.ledger.see_gone(&attempt.pod.unwrap().sight.uid);
    scene.ledger.see_gone(&attempt.service.unwrap().sight.uid);
    let plan = scene.plan(70);
    assert!(plan.begin.is_empty(), "its record is the lock");
    let [(_, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert!(matches!(&removal.record, RecordRemoval::Fail(why) if why.contains("ContactFailed")));
    let mut failed = record(&who, Status::Failed, true);
    failed.sight.version = 9;
    scene.ledger.see_record(failed);

    let early = scene.plan(59);
    assert!(
        early.begin.is_empty() && early.actions.is_empty(),
        "{early:?}"
    );
    assert_eq!(early.wake_at, Some(at(60)));
    let plan = scene.plan(60);
    let [begin] = plan.begin.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!((begin.index, begin.number), (0, 2));
    assert!(
        plan.actions.is_empty(),
        "nothing is asked of the attempt that is over"
    );
}

#[test]
fn a_device_whose_turn_has_come_again_keeps_its_entry_until_it_begins() {
    let mut scene = scene(1, "None");
    judged(&mut scene, "a0", Outcome::Failed, Reason::ContactFailed);
    scene.store(scene.status(50));
    cleared(&mut scene, "a0");
    scene.memory = Memory::default();
    scene.world.max_in_flight = 0;
    assert!(scene.plan(100).begin.is_empty());
    let status = scene.status(100);
    assert_eq!(stored(&status), stored(&scene.job.status));
}

#[test]
fn the_next_attempt_is_counted_and_a_second_failure_remembers_the_first() {
    let mut scene = scene(2, "None");
    judged(&mut scene, "a0", Outcome::Failed, Reason::ContactFailed);
    scene.store(scene.status(50));
    cleared(&mut scene, "a0");
    scene.memory = Memory::default();
    scene.memory.retried.insert("a0".into());
    let who = identity(0, "b0");
    take_in(
        &mut scene.ledger,
        Some(record(&who, Status::PendingInstall, false)),
        None,
        None,
    );
    let status = scene.status(80);
    let (device, counts) = stored(&status);
    assert_eq!((&*device.phase, device.attempts), ("Reserved", 2));
    assert_eq!(counts, [0, 0, 0]);
    scene.store(status);

    judged(&mut scene, "b0", Outcome::Failed, Reason::AgentFailed);
    let status = scene.status(90);
    let (device, _) = stored(&status);
    assert_eq!(device.earlier_failures, ["ContactFailed", "AgentFailed"]);
    assert_eq!(device.next_time, Some(Time(at(70))), "50 + 20: doubled");
    let message = device.message.as_deref().unwrap();
    assert!(
        message.ends_with("failed before: ContactFailed"),
        "{message}"
    );
}

#[test]
fn the_last_failure_is_final_and_says_what_went_before() {
    let mut scene = scene(1, "None");
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            uuid: uuid(0).to_string(),
            phase: "Flashing".into(),
            pod: Some("flash-uuid-0-b0".into()),
            earlier_failures: vec!["ContactFailed".into()],
            attempts: 2,
            ..DeviceStatus::default()
        }];
    });
    judged(&mut scene, "b0", Outcome::Failed, Reason::TransferFailed);
    let status = scene.status(60);
    let (device, counts) = stored(&status);
    assert_eq!(counts, [0, 0, 1]);
    assert_eq!((&*device.phase, device.attempts), ("Failed", 2));
    assert_eq!(
        device.message.as_deref(),
        Some("said so; failed before: ContactFailed")
    );
}

#[rstest]
#[case::no_retries(0, "None", Outcome::Failed, Reason::ContactFailed)]
#[case::refused(5, "Observe", Outcome::Failed, Reason::AttestationRefused)]
#[case::nobody_knows_and_nothing_is_read_back(5, "None", Outcome::Unknown, Reason::Interrupted)]
fn a_verdict_that_nothing_follows_is_final(
    #[case] retries: i32,
    #[case] mode: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let mut scene = scene(retries, mode);
    judged(&mut scene, "a0", outcome, reason);
    assert_eq!(scene.status(60).failed_indexes.as_deref(), Some("0"));
}

#[test]
fn a_job_that_is_being_stopped_tries_nothing_again() {
    let mut scene = scene(5, "None");
    scene.stored(|status| {
        status.stop = Some(crate::api::StopStatus {
            reason: "StepFailed".into(),
            ..Default::default()
        });
    });
    judged(&mut scene, "a0", Outcome::Failed, Reason::ContactFailed);
    assert_eq!(scene.status(60).failed_indexes.as_deref(), Some("0"));
}

#[rstest]
#[case::sent(Outcome::Succeeded, Reason::FirmwareSent, "Verifying")]
#[case::unknown(Outcome::Unknown, Reason::VerdictUnknown, "VerdictUnknown")]
fn what_may_have_been_flashed_is_read_back(
    #[case] outcome: Outcome,
    #[case] reason: Reason,
    #[case] word: &str,
) {
    for mode in ["Observe", "Version"] {
        let mut scene = scene(5, mode);
        judged(&mut scene, "a0", outcome, reason);
        let status = scene.status(60);
        let (device, counts) = stored(&status);
        assert_eq!(counts, [0, 1, 0]);
        assert_eq!(
            (status.completed_indexes.clone(), &*device.phase),
            (None, "Verifying")
        );
        assert_eq!(device.reason.as_deref(), Some(word));
        assert_eq!(
            (&device.completion_time, &device.next_time),
            (&Some(Time(at(40))), &Some(Time(at(250)))),
            "from the end of its container; until the time-out after the verdict"
        );
        assert_eq!(
            (device.attempts, device.from_version.as_deref()),
            (1, Some("0.1.0"))
        );
    }
}

#[test]
fn tracked_entries_are_kept_where_nothing_else_fits_and_in_the_smallest_status() {
    let mut scene = scene(1, "Observe");
    scene.edit(|spec| spec.uuid = (0..2_000).map(|index| format!("{index:036}")).collect());
    scene.stored(|status| {
        status.selection.as_mut().unwrap().count = 2_000;
        status.devices = (0..2_000)
            .map(|index| DeviceStatus {
                index,
                uuid: format!("{index:036}"),
                phase: if index % 2 == 0 {
                    "Waiting"
                } else {
                    "Verifying"
                }
                .into(),
                earlier_failures: vec!["ContactFailed".into()],
                message: Some("m".repeat(500)),
                next_time: Some(Time(at(9_999))),
                ..DeviceStatus::default()
            })
            .collect();
    });
    let status = scene.status(1);
    let tracked = |status: &FlashJobStatus| {
        let kept = status
            .devices
            .iter()
            .filter(|device| stored::is_tracked(device));
        kept.count()
    };
    assert_eq!(tracked(&status), 2_000);
    assert!(serde_json::to_vec(&status.devices).unwrap().len() < 600_000);
    assert_eq!(tracked(&crate::flashjob::status::minimal(&status)), 2_000);
}
