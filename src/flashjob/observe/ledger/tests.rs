use jiff::Timestamp;
use rstest::rstest;

use super::*;
use crate::flashjob::observe::objects::ContainerSight;
use helm_release::Status;

#[path = "tests/freed.rs"]
mod freed;
#[path = "tests/known.rs"]
mod known;
#[path = "tests/pool.rs"]
mod pool;

fn identity(id: &str, endpoint: &str) -> Identity {
    Identity {
        key: AttemptKey {
            job_uid: "job-1".into(),
            id: id.into(),
        },
        job_name: Some("lamps".into()),
        namespace: "lab".into(),
        round: 1,
        uuid: format!("uuid-{id}").into(),
        endpoint: Some(endpoint.into()),
        footprint: None,
    }
}

fn sight(id: &str, uid: &str, version: u64) -> ObservedObject {
    ObservedObject {
        identity: identity(id, "192.0.2.7:80"),
        name: format!("flash-{id}"),
        uid: uid.into(),
        version,
        created: Timestamp::UNIX_EPOCH,
        deleting: None,
        watched: true,
    }
}

fn pod(id: &str, uid: &str, version: u64, phase: &str) -> ObservedPod {
    ObservedPod {
        sight: sight(id, uid, version),
        phase: phase.into(),
        reason: None,
        message: None,
        node: Some("n".into()),
        started: None,
        finished: None,
        active_deadline_seconds: 600,
        finalizers: Vec::new(),
        address: None,
        container: ContainerSight::Running,
    }
}

fn record(id: &str, uid: &str, version: u64, status: Status) -> ObservedRecord {
    ObservedRecord {
        sight: sight(id, uid, version),
        revision: 1,
        status,
        has_pod: false,
        foreign: false,
        by_helm: false,
        settled: None,
        stored: None,
        history: None,
        chart_proven: false,
    }
}

/// A record whose Pod stands in its manifest was launched: that its Pod is not seen does not mean that it is gone.
#[rstest::rstest]
#[case::pending(Status::PendingInstall, false, true)]
#[case::launched(Status::Deployed, true, true)]
#[case::finished(Status::Failed, true, false)]
#[case::never_launched(Status::Failed, false, false)]
fn a_pod_may_be_unseen_as_long_as_the_record_holds_the_lock(
    #[case] status: Status,
    #[case] has_pod: bool,
    #[case] unseen: bool,
) {
    let mut ledger = Ledger::default();
    let launched = ObservedRecord {
        has_pod,
        ..record("a", "r", 1, status)
    };
    let key = launched.sight.identity.key.clone();
    ledger.see_record(launched);
    assert_eq!(ledger.attempt(&key).unwrap().may_have_unseen_pod(), unseen);
    ledger.see_pod(pod("a", "p", 2, "Running"));
    assert!(!ledger.attempt(&key).unwrap().may_have_unseen_pod());
    ledger.see_gone("p");
    assert!(!ledger.attempt(&key).unwrap().may_have_unseen_pod());
}

#[test]
fn an_older_event_changes_nothing() {
    let mut ledger = Ledger::default();
    assert!(ledger.see_pod(pod("a", "p", 9, "Succeeded")));
    assert!(!ledger.see_pod(pod("a", "p", 8, "Running")));
    let key = AttemptKey {
        job_uid: "job-1".into(),
        id: "a".into(),
    };
    assert_eq!(
        ledger.attempt(&key).unwrap().pod.as_ref().unwrap().phase,
        "Succeeded"
    );
}

#[test]
fn a_deleted_object_never_comes_back() {
    let mut ledger = Ledger::default();
    ledger.see_pod(pod("a", "p", 5, "Running"));
    assert!(ledger.see_gone("p").is_some());
    assert!(
        !ledger.see_pod(pod("a", "p", 6, "Running")),
        "a late event of a deleted uid"
    );
    assert!(ledger.holder("192.0.2.7:80").is_none());
    assert_eq!(ledger.slots(), 0);
}

#[test]
fn a_step_locks_its_device_before_anything_exists() {
    let mut ledger = Ledger::default();
    let who = identity("a", "192.0.2.7:80");
    ledger.begin_action(&who);
    assert_eq!(ledger.holder("192.0.2.7:80").unwrap().identity.key, who.key);
    assert_eq!(ledger.slots_of(&"job-1".into()), 1);
    ledger.end_action(&who.key);
    assert!(
        ledger.holder("192.0.2.7:80").is_none(),
        "an action that made nothing leaves nothing"
    );
}

#[rstest]
#[case::as_it_was_left(Status::Failed)]
// Helm marks it when it writes the revision of the next attempt.
#[case::as_helm_marks_it_later(Status::Superseded)]
fn a_failed_record_holds_neither_lock_nor_slot_and_its_service_holds_a_slot(
    #[case] status: Status,
) {
    let mut ledger = Ledger::default();
    let mut over = record("a", "r", 1, status);
    over.settled = Some(over.revision);
    ledger.see_record(over);
    assert!(ledger.holder("192.0.2.7:80").is_none());
    assert_eq!(ledger.slots(), 0);
    ledger.see_service(ObservedService {
        sight: sight("a", "s", 2),
        address: crate::flashjob::observe::objects::Address::None,
        restricted: true,
        finalizers: Vec::new(),
    });
    assert_eq!(ledger.slots(), 1);
    assert!(ledger.holder("192.0.2.7:80").is_none());
}

#[test]
fn a_deployed_record_locks_its_device_for_every_job() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    assert!(ledger.holder("192.0.2.7:80").is_some());
    assert!(ledger.holder("192.0.2.8:80").is_none());
}

#[test]
fn a_newer_version_of_a_record_replaces_the_older_one() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_record(record("a", "r", 2, Status::Failed));
    assert_eq!(ledger.slots(), 0);
    assert_eq!(ledger.of_job(&"job-1".into()).count(), 1);
    assert_eq!(
        ledger.of_job(&"job".into()).count(),
        0,
        "uids are not matched by prefix"
    );
}

#[test]
fn whatever_gives_up_a_lock_or_a_slot_is_noted_once_for_those_who_wait() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_pod(pod("a", "p", 2, "Succeeded"));
    assert!(!ledger.take_freed());
    ledger.see_gone("p");
    assert!(!ledger.take_freed(), "the record still locks the device");
    ledger.see_record(record("a", "r", 3, Status::Failed));
    assert!(ledger.take_freed());
    assert!(!ledger.take_freed());
    ledger.begin_action(&identity("b", "192.0.2.8:80"));
    ledger.end_action(&identity("b", "192.0.2.8:80").key);
    assert!(ledger.take_freed());
}

#[rstest]
#[case::records("Secret", Some("lab"), &["r-1", "r-2"])]
#[case::services("Service", Some("lab"), &["s"])]
#[case::pods("Pod", Some("lab"), &["p"])]
#[case::of_all_namespaces("Pod", None, &["p", "q"])]
#[case::of_another_namespace("Pod", Some("attic"), &["q"])]
#[case::of_an_empty_namespace("Secret", Some("attic"), &[])]
fn what_is_known_of_a_kind_is_listed_by_namespace_name_and_uid(
    #[case] kind: &str,
    #[case] namespace: Option<&str>,
    #[case] uids: &[&str],
) {
    let mut ledger = Ledger::default();
    let mut later = record("a", "r-2", 2, Status::Deployed);
    later.revision = 2;
    ledger.see_record(record("a", "r-1", 1, Status::Superseded));
    ledger.see_record(later);
    ledger.see_service(ObservedService {
        sight: sight("a", "s", 3),
        address: crate::flashjob::observe::objects::Address::None,
        restricted: true,
        finalizers: Vec::new(),
    });
    ledger.see_pod(pod("a", "p", 4, "Running"));
    let mut other = pod("b", "q", 5, "Running");
    other.sight.identity.namespace = "attic".into();
    ledger.see_pod(other);
    let place = |uid: &&str| match *uid {
        "q" => ("attic".to_owned(), "flash-b".to_owned(), "q".to_owned()),
        uid => ("lab".to_owned(), "flash-a".to_owned(), uid.to_owned()),
    };
    let want: Vec<_> = uids.iter().map(place).collect();
    assert_eq!(ledger.uids(kind, namespace), want);
}
