//! What gives up a lock or a slot, and what does not.

use super::*;
use crate::flashjob::observe::objects::Address;
use crate::identifiers::AttemptId;

const ENDPOINT: &str = "192.0.2.7:80";

fn key(id: &str) -> AttemptKey {
    identity(id, ENDPOINT).key
}

fn service(id: &str, uid: &str, version: u64) -> ObservedService {
    ObservedService {
        sight: sight(id, uid, version),
        address: Address::Ipv4("198.51.100.7".into()),
        restricted: true,
        finalizers: Vec::new(),
    }
}

#[test]
fn a_lock_and_a_slot_that_are_given_up_one_after_the_other_are_each_noted() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_service(service("a", "s", 2));
    assert!(!ledger.take_freed());
    ledger.see_record(record("a", "r", 3, Status::Failed));
    assert!(ledger.take_freed(), "the lock; the Service keeps the slot");
    ledger.see_gone("s");
    assert!(ledger.take_freed(), "the slot");
}

#[test]
fn what_held_nothing_frees_nothing() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Failed));
    assert!(!ledger.take_freed(), "it is seen for the first time");
    ledger.see_record(record("a", "r", 2, Status::Failed));
    assert!(!ledger.take_freed(), "it held nothing before");
    ledger.see_gone("r");
    assert!(!ledger.take_freed());
}

#[test]
fn a_lock_that_comes_back_frees_nothing() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Failed));
    ledger.see_service(service("a", "s", 2));
    ledger.see_record(record("a", "r", 3, Status::Deployed));
    assert!(!ledger.take_freed());
}

#[test]
fn an_attempt_of_which_nothing_is_left_is_forgotten_and_the_others_at_its_places_are_not() {
    let mut ledger = Ledger::default();
    for (id, pod_uid, service_uid) in [("a", "p", "s"), ("b", "q", "t")] {
        ledger.see_pod(pod(id, pod_uid, 1, "Running"));
        ledger.see_service(service(id, service_uid, 2));
    }
    ledger.see_gone("p");
    assert!(ledger.attempt(&key("a")).is_some(), "its Service is left");
    ledger.see_gone("s");
    assert_eq!(ledger.attempt(&key("a")), None);
    let others = ledger.at_address("198.51.100.7");
    let others: Vec<_> = others.map(|other| other.identity.key.id.as_str()).collect();
    assert_eq!(others, ["b"]);
    let holder = ledger.holder(ENDPOINT).map(|other| &other.identity.key.id);
    assert_eq!(holder.map(AttemptId::as_str), Some("b"), "its lock stays");
    ledger.see_gone("q");
    ledger.see_gone("t");
    assert_eq!(ledger.all().count(), 0);
    assert!(ledger.by_endpoint.is_empty() && ledger.by_address.is_empty());
}

#[test]
fn an_attempt_with_a_pod_alone_is_not_forgotten_with_its_record() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_pod(pod("a", "p", 2, "Running"));
    ledger.see_gone("r");
    assert!(ledger.holder(ENDPOINT).is_some());
}

#[test]
fn an_attempt_for_which_a_step_runs_is_not_forgotten_with_its_last_object() {
    let mut ledger = Ledger::default();
    ledger.begin_action(&identity("a", ENDPOINT));
    ledger.see_pod(pod("a", "p", 1, "Running"));
    ledger.see_gone("p");
    assert!(ledger.holder(ENDPOINT).is_some());
    assert!(!ledger.take_freed());
}

#[rstest]
#[case::that_helm_superseded(None, true)]
#[case::that_is_history(Some(1), false)]
fn a_superseded_record_locks_its_device_unless_its_verdict_is_stored(
    #[case] settled: Option<u32>,
    #[case] locks: bool,
) {
    let mut ledger = Ledger::default();
    ledger.see_record(ObservedRecord {
        settled,
        ..record("a", "r", 1, Status::Superseded)
    });
    assert_eq!(ledger.holder(ENDPOINT).is_some(), locks);
}

#[rstest]
#[case::failed(Status::Failed, Some(1), true)]
#[case::superseded(Status::Superseded, Some(1), true)]
#[case::in_another_revision(Status::Failed, Some(2), false)]
#[case::not_at_all(Status::Failed, None, false)]
#[case::though_it_is_deployed(Status::Deployed, Some(1), false)]
fn a_record_is_history_where_its_own_revision_failed_and_is_stored(
    #[case] status: Status,
    #[case] settled: Option<u32>,
    #[case] history: bool,
) {
    let record = ObservedRecord {
        settled,
        ..record("a", "r", 1, status)
    };
    assert_eq!(record.is_settled(), history);
}

#[test]
fn an_attempt_that_is_read_back_gives_up_its_slot_once_its_pod_is_gone_and_keeps_its_lock() {
    let mut ledger = Ledger::default();
    let mut other = record("b", "q", 2, Status::Deployed);
    other.sight.identity.endpoint = Some("192.0.2.8:80".into());
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_record(other);
    ledger.see_pod(pod("a", "p", 3, "Succeeded"));
    ledger.note_read_back(&"job-1".into(), |id| id.as_str() == "a");
    let standing = |ledger: &Ledger, id| ledger.attempt(&key(id)).unwrap().standing;
    assert_eq!(standing(&ledger, "a"), Standing::ReadBack);
    assert_eq!(
        standing(&ledger, "b"),
        Standing::Open,
        "it is not read back"
    );
    assert_eq!(ledger.slots(), 2, "its Pod is still there");
    assert!(!ledger.take_freed());
    ledger.see_gone("p");
    assert_eq!(ledger.slots(), 1);
    assert!(ledger.take_freed());
    assert!(ledger.holder(ENDPOINT).is_some());
}
