//! How an attempt whose verdict is stored, or whose job is leaving, comes off the cluster.

use super::*;

#[test]
fn a_stored_success_goes_pod_service_record() {
    let wish = ending(true, Reason::FirmwareSent, 50);
    let first = removal_of(&deciding(&with_pod(an_ended()), &wish, 51));
    let want = Removal {
        pod: Some(PodRemoval::Ended),
        untrack: true,
        free: true,
        service: true,
        record: RecordRemoval::Keep,
    };
    assert_eq!(first, want);
    let mut leaving = an_ended();
    leaving.sight.deleting = Some(at(52));
    let again = removal_of(&deciding(&with_pod(leaving), &wish, 52));
    assert_eq!(
        (again.pod, again.untrack),
        (None, true),
        "no second DELETE of what is being deleted"
    );
    let serviced = removal_of(&deciding(
        &attempt(deployed(), served(address()), None),
        &wish,
        53,
    ));
    assert_eq!(
        serviced,
        Removal {
            free: true,
            service: true,
            ..Removal::default()
        }
    );
    let last = removal_of(&deciding(&attempt(deployed(), None, None), &wish, 54));
    assert_eq!(last.record, RecordRemoval::Delete);
}

/// The attempt's Service is one of a pool.
fn of_pool(attempt: &Attempt) -> Attempt {
    let mut attempt = attempt.clone();
    if let Some(service) = &mut attempt.service {
        service.sight.name = "flash-pool-0".to_owned();
    }
    attempt
}

#[test]
fn the_service_of_a_pool_is_given_back_once_the_pod_is_gone() {
    let wish = ending(true, Reason::FirmwareSent, 50);
    let first = removal_of(&deciding(&of_pool(&with_pod(an_ended())), &wish, 51));
    assert_eq!(
        (first.free, first.service, first.record),
        (false, false, RecordRemoval::Keep)
    );
    let bare = attempt(deployed(), served(address()), None);
    let last = removal_of(&deciding(&of_pool(&bare), &wish, 52));
    let expected = Removal {
        free: true,
        service: true,
        record: RecordRemoval::Delete,
        ..Removal::default()
    };
    assert_eq!(last, expected);
}

#[test]
fn the_service_of_a_pool_stays_with_a_device_that_may_still_dial_it() {
    let wish = ending(false, Reason::TransferFailed, 50);
    let bare = of_pool(&attempt(deployed(), served(address()), None));
    let early = deciding(&bare, &wish, 51);
    assert_eq!((&early.action, early.cools_until.is_some()), (&None, true));
    let late = removal_of(&deciding(&bare, &wish, 500));
    assert!(late.free && late.service, "{late:?}");
}

#[test]
fn a_flash_beside_a_sidecar_that_runs_on_has_ended_and_its_pod_goes_and_locks_until_it_is_gone() {
    let mut beside = ObservedPod {
        phase: "Running".into(),
        ..an_ended()
    };
    let attempt = with_pod(beside.clone());
    assert_eq!(
        deciding(&attempt, &wish(), 50).action,
        Some(Action::ReadVerdict)
    );
    let wish = ending(true, Reason::FirmwareSent, 50);
    let first = removal_of(&deciding(&attempt, &wish, 51));
    assert_eq!((first.pod, first.untrack), (Some(PodRemoval::Ended), true));
    beside.sight.deleting = Some(at(52));
    beside.finalizers.clear();
    let attempt = with_pod(beside);
    assert!(attempt.locks() && attempt.holds_slot());
    let again = deciding(&attempt, &wish, 53);
    let record = again.action.as_ref().map(|_| removal_of(&again).record);
    assert_eq!(record.unwrap_or_default(), RecordRemoval::Keep, "{again:?}");
}

#[test]
fn a_stored_failure_stays_as_a_failed_record_and_then_nothing_is_left_to_do() {
    let wish = ending(false, Reason::AttestationRefused, 50);
    let last = removal_of(&deciding(&attempt(deployed(), None, None), &wish, 51));
    assert_eq!(
        last.record,
        RecordRemoval::Fail("AttestationRefused: said so".into())
    );
    let failed = Some(record(&identity(0, "a"), Status::Failed, true));
    assert_eq!(
        deciding(&attempt(failed, None, None), &wish, 52).action,
        None
    );
}

#[rstest]
#[case::interrupted(Reason::Interrupted, true)]
#[case::deadline(Reason::DeadlineExceeded, true)]
#[case::transfer(Reason::TransferFailed, true)]
#[case::node(Reason::NodeLost, true)]
#[case::evicted(Reason::Evicted, true)]
#[case::unknown(Reason::VerdictUnknown, true)]
#[case::refused(Reason::AttestationRefused, false)]
#[case::no_firmware(Reason::FirmwareNotFound, false)]
fn after_an_interrupted_transfer_service_and_record_stay_for_the_cool_down(
    #[case] reason: Reason,
    #[case] cools: bool,
) {
    let wish = ending(false, reason, 50);
    let serviced = attempt(deployed(), served(address()), None);
    let before = deciding(&serviced, &wish, 139);
    if cools {
        assert_eq!((&before.action, before.wake_at), (&None, Some(at(140))));
        assert_eq!(before.cools_until, Some(at(140)), "and it says so");
        let podded = removal_of(&deciding(&with_pod(an_ended()), &wish, 51));
        assert_eq!(
            (podded.untrack, podded.service, podded.record),
            (true, false, RecordRemoval::Keep),
            "the Pod may go"
        );
    } else {
        assert!(removal_of(&before).service);
    }
    let after = deciding(&serviced, &wish, 140);
    assert!(removal_of(&after).service);
    assert_eq!(after.cools_until, None);
}

#[test]
fn the_pod_of_a_lost_node_goes_without_grace_once_its_verdict_is_stored() {
    let memory = Memory {
        lost: ["a".into()].into(),
        ..Memory::default()
    };
    let flashing = with_pod(a_running());
    assert_eq!(
        decide(&flashing, &wish(), &memory, &BOUNDS, at(701)).action,
        Some(Action::ReadVerdict)
    );
    let stored = ending(false, Reason::NodeLost, 701);
    let removal = removal_of(&decide(&flashing, &stored, &memory, &BOUNDS, at(702)));
    assert_eq!(
        (removal.pod, removal.untrack, removal.service),
        (Some(PodRemoval::Lost), true, false)
    );
}

#[test]
fn a_reserved_device_of_a_leaving_job_is_uninstalled_and_a_flash_goes_on() {
    let reserved = attempt(pending(), served(address()), None);
    assert!(removal_of(&deciding(&reserved, &leaving(), 1)).service);
    let last = removal_of(&deciding(&attempt(pending(), None, None), &leaving(), 2));
    assert_eq!(last.record, RecordRemoval::Delete);
    assert_eq!(deciding(&with_pod(a_running()), &leaving(), 1).action, None);
    assert_eq!(
        deciding(&with_pod(an_ended()), &leaving(), 1).action,
        Some(Action::ReadVerdict)
    );
}

#[test]
fn a_leaving_job_keeps_no_failed_record() {
    let wish = AttemptGoal {
        job: JobState::Leaving,
        ..ending(false, Reason::AttestationRefused, 50)
    };
    let failed = Some(record(&identity(0, "a"), Status::Failed, true));
    assert_eq!(
        removal_of(&deciding(&attempt(failed, None, None), &wish, 51)).record,
        RecordRemoval::Delete
    );
}

#[rstest]
#[case::read_back(Stage::Verifying, true, JobState::Exists, DevicePhase::Verifying)]
#[case::read_back_after_an_unknown_end(
    Stage::Verifying,
    false,
    JobState::Exists,
    DevicePhase::Verifying
)]
#[case::read_back_when_its_job_left(
    Stage::Verifying,
    true,
    JobState::Leaving,
    DevicePhase::Succeeded
)]
#[case::succeeded(Stage::Final, true, JobState::Exists, DevicePhase::Succeeded)]
#[case::failed(Stage::Final, false, JobState::Exists, DevicePhase::Failed)]
#[case::failed_and_tried_again(Stage::Retried, false, JobState::Exists, DevicePhase::Failed)]
fn while_an_attempt_is_cleaned_up_its_ending_says_where_the_device_stands(
    #[case] stage: Stage,
    #[case] succeeded: bool,
    #[case] job: JobState,
    #[case] phase: DevicePhase,
) {
    let mut wish = AttemptGoal {
        job,
        ..ending(succeeded, Reason::FlashFailed, 50)
    };
    if let Some(ending) = &mut wish.ending {
        ending.stage = stage;
    }
    let decision = deciding(&with_pod(an_ended()), &wish, 51);
    assert_eq!(
        (decision.phase, decision.reason, decision.message.as_str()),
        (phase, Reason::FlashFailed, "said so")
    );
}
