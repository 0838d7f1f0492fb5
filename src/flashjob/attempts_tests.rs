use rstest::rstest;

use super::*;
use crate::flashjob::sight::{AttemptKey, Identity, RecordSight, Sight};

const BOUNDS: Bounds =
    Bounds { address_seconds: 60, start_seconds: 60, cool_down_seconds: 90, lost_seconds: 360, helm_seconds: 20 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

fn attempt(status: Status, has_pod: bool, by_helm: bool) -> Attempt {
    let identity = Identity {
        key: AttemptKey { job_uid: "job".into(), id: "a1".into() },
        job_name: Some("demo".into()),
        namespace: "lab".into(),
        round: 1,
        uuid: "device".into(),
        endpoint: Some("198.51.100.7:80".into()),
    };
    let sight = Sight {
        identity: identity.clone(),
        name: "sh.helm.release.v1.flash-device.v2".into(),
        uid: "record".into(),
        version: 5,
        created: at(0),
        deleting: None,
    };
    let record = RecordSight { sight, revision: 2, status, has_pod, foreign: false, by_helm, stored: None };
    Attempt { identity, records: [(2, record)].into(), service: None, pod: None, step: false }
}

fn decided(attempt: &Attempt, memory: &Memory, second: i64) -> Decision {
    let wish = Wish { job: JobState::Exists, ending: None, was_flashing: false, closed: None };
    decide(attempt, &wish, memory, &BOUNDS, at(second))
}

#[rstest]
#[case::while_its_process_may_live(true, 19, None, Some(20))]
#[case::and_taken_over_afterwards(true, 20, Some(Step::ApplyService), None)]
#[case::but_the_operators_own_record_is_taken_over_at_once(false, 1, Some(Step::ApplyService), None)]
fn a_pending_record_of_helms_is_left_alone(
    #[case] by_helm: bool,
    #[case] second: i64,
    #[case] step: Option<Step>,
    #[case] wake: Option<i64>,
) {
    let decision = decided(&attempt(Status::PendingUpgrade, true, by_helm), &Memory::default(), second);
    assert_eq!((decision.step, decision.wake_at), (step, wake.map(at)));
}

#[test]
fn an_attempt_that_helm_failed_before_its_pod_is_given_up_with_helms_reason() {
    let mut memory = Memory::default();
    let message = "helm: exceeded quota".to_owned();
    let trouble = Trouble { reason: Reason::QuotaExceeded, message: message.clone(), until: at(1), tries: 1 };
    memory.trouble.insert("a1".into(), trouble);
    let attempt = attempt(Status::Failed, false, true);
    let decision = decided(&attempt, &memory, 0);
    assert_eq!((decision.release, decision.wake_at), (None, Some(at(1))), "not at once");
    let decision = decided(&attempt, &memory, 1);
    assert_eq!(decision.release, Some((Reason::QuotaExceeded, message)));
    assert_ne!(decision.phase, DevicePhase::Pending, "the device is not free before the release is gone");
    memory.releasing.insert("a1".into());
    memory.trouble.clear();
    let removal = Removal { record: RecordRemoval::Delete, ..Removal::default() };
    assert_eq!(decided(&attempt, &memory, 2).step, Some(Step::Remove(removal)));
}
