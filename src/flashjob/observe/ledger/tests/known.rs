//! What is kept of what was seen, and what later sights change of it.

use std::sync::Arc;

use super::*;
use crate::{
    device::Footprint,
    flash_pod::intent::ContentSeal,
    flashjob::{
        fixtures::{self, numbered},
        observe::{
            ledger::ObjectKind,
            objects::{Address, ContainerSight},
        },
    },
};

fn key() -> AttemptKey {
    identity("a", "").key
}

fn service(uid: &str, version: u64, address: Address) -> ObservedService {
    ObservedService {
        sight: sight("a", uid, version),
        address,
        restricted: true,
        finalizers: Vec::new(),
    }
}

#[rstest]
#[case::older(4)]
#[case::the_same(5)]
fn what_is_not_newer_than_what_is_known_is_no_news(#[case] version: u64) {
    let mut ledger = Ledger::default();
    let address = Address::Ipv4("198.51.100.7".into());
    assert!(ledger.see_record(record("a", "r", 5, Status::Deployed)));
    assert!(ledger.see_service(service("s", 5, address.clone())));
    assert!(ledger.see_pod(pod("a", "p", 5, "Running")));
    let before = ledger.attempt(&key()).unwrap().clone();
    assert!(!ledger.see_record(record("a", "r", version, Status::Failed)));
    assert!(!ledger.see_service(service("s", version, Address::None)));
    assert!(!ledger.see_pod(pod("a", "p", version, "Failed")));
    assert_eq!(ledger.attempt(&key()), Some(&before));
}

#[test]
fn an_unsealed_object_that_is_gone_does_not_come_back() {
    let mut ledger = Ledger::default();
    let object = unsealed(ObjectKind::Pod, "lab", "p");
    assert!(ledger.see_unsealed(object.clone()));
    ledger.see_gone("p");
    assert!(!ledger.see_unsealed(UnsealedObject {
        version: 9,
        ..object
    }));
    assert_eq!(ledger.unsealed.all().count(), 0);
}

fn unsealed(kind: ObjectKind, namespace: &str, uid: &str) -> UnsealedObject {
    UnsealedObject {
        kind,
        namespace: namespace.into(),
        name: format!("flash-{uid}"),
        uid: uid.into(),
        version: 1,
        job_uid: "job-1".into(),
        uuid: "uuid-a".into(),
        endpoint: None,
        release: None,
        locks: true,
        ended: false,
        deleting: false,
        finalizers: Vec::new(),
    }
}

#[rstest]
#[case::pods("Pod", Some("lab"), &["p"])]
#[case::of_all_namespaces("Pod", None, &["p", "q"])]
#[case::services("Service", Some("lab"), &["s"])]
#[case::of_a_namespace_without_any("Service", Some("attic"), &[])]
fn unsealed_objects_are_listed_by_kind_and_namespace(
    #[case] kind: &str,
    #[case] namespace: Option<&str>,
    #[case] uids: &[&str],
) {
    let mut ledger = Ledger::default();
    ledger.see_unsealed(unsealed(ObjectKind::Pod, "lab", "p"));
    ledger.see_unsealed(unsealed(ObjectKind::Pod, "attic", "q"));
    ledger.see_unsealed(unsealed(ObjectKind::Service, "lab", "s"));
    let mut found: Vec<String> = ledger
        .uids(kind, namespace)
        .into_iter()
        .map(|(_, _, uid)| uid)
        .collect();
    found.sort_unstable();
    assert_eq!(found, uids);
}

#[test]
fn as_many_deleted_objects_are_remembered_as_the_bound_says() {
    let mut ledger = Ledger::default();
    for number in 0..TOMBSTONES {
        ledger.see_gone(&number.to_string());
    }
    assert!(ledger.gone.contains("0"));
    ledger.see_gone("one more");
    assert!(!ledger.gone.contains("0"), "the oldest makes room");
    assert!(ledger.gone.contains("1"));
    assert_eq!(ledger.gone.len(), TOMBSTONES);
}

fn waiting() -> ContainerSight {
    ContainerSight::Waiting {
        reason: None,
        message: None,
    }
}

#[rstest]
#[case::that_ended_before_it_started("Failed", waiting(), true)]
#[case::that_had_not_ended("Pending", waiting(), false)]
#[case::that_ended_after_it_ran("Failed", ContainerSight::Running, false)]
#[case::that_ran("Running", ContainerSight::Running, false)]
fn only_a_pod_that_had_ended_and_never_started_is_known_not_to_have_run(
    #[case] phase: &str,
    #[case] container: ContainerSight,
    #[case] never_ran: bool,
) {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    ledger.see_pod(ObservedPod {
        container,
        ..pod("a", "p", 2, phase)
    });
    ledger.see_gone("p");
    assert_eq!(ledger.attempt(&key()).unwrap().pod_never_ran, never_ran);
}

#[test]
fn what_an_object_tells_of_its_attempt_is_kept_and_no_later_object_changes_it() {
    let mut ledger = Ledger::default();
    let told = |endpoint: Option<&str>, job: Option<&str>, footprint: Option<Footprint>| Identity {
        endpoint: endpoint.map(str::to_owned),
        job_name: job.map(str::to_owned),
        footprint: footprint.map(Arc::new),
        ..identity("a", "")
    };
    let on = |node: &str| Footprint {
        nodes: [node.to_owned()].into(),
        ..Footprint::default()
    };
    ledger.begin_action(&told(None, None, None));
    let first = told(Some("192.0.2.7:80"), Some("lamps"), Some(on("one")));
    ledger.begin_action(&first);
    assert_eq!(ledger.attempt(&key()).unwrap().identity, first);
    ledger.begin_action(&told(Some("192.0.2.8:80"), Some("other"), Some(on("two"))));
    assert_eq!(ledger.attempt(&key()).unwrap().identity, first);
}

#[rstest]
#[case::told("0.1.0", Some("0.1.0"))]
#[case::empty("", None)]
fn the_version_that_a_device_had_is_told_by_its_record(
    #[case] version: &str,
    #[case] told: Option<&str>,
) {
    let mut record = numbered(&identity("a", "192.0.2.7:80"), 1, Status::Deployed);
    let stored = Arc::make_mut(record.stored.as_mut().unwrap());
    stored.record.attachment.as_mut().unwrap().device.version = version.into();
    let mut ledger = Ledger::default();
    ledger.see_record(record);
    assert_eq!(ledger.attempt(&key()).unwrap().from_version(), told);
}

#[test]
fn an_object_in_another_namespace_is_not_admitted_to_an_attempt() {
    let mut ledger = Ledger::default();
    ledger.see_record(record("a", "r", 1, Status::Deployed));
    let mut found = sight("a", "p", 2);
    assert!(ledger.admits(&found, ObjectKind::Pod));
    found.identity.namespace = "attic".into();
    assert!(!ledger.admits(&found, ObjectKind::Pod));
}

#[test]
fn a_record_is_known_up_to_the_version_that_was_taken_in_and_for_good_once_it_is_gone() {
    let mut ledger = Ledger::default();
    assert!(!ledger.knows_record("r", 1));
    ledger.see_record(record("a", "r", 5, Status::Deployed));
    ledger.see_pod(pod("a", "p", 7, "Running"));
    let known = |ledger: &Ledger| [4, 5, 6].map(|version| ledger.knows_record("r", version));
    assert_eq!(known(&ledger), [true, true, false]);
    assert!(!ledger.knows_record("p", 1), "a Pod is not a record");
    // Another Secret took its place under the same name.
    ledger.see_record(record("a", "later", 8, Status::Deployed));
    assert_eq!(known(&ledger), [false; 3], "it is not the one that is kept");
    ledger.see_gone("r");
    assert_eq!(known(&ledger), [true; 3]);
}

#[test]
fn what_the_operator_has_let_go_is_not_let_go_once_more_before_its_event_comes() {
    let mut ledger = Ledger::default();
    let held = vec!["kept".to_owned(), TRACKING_FINALIZER.to_owned()];
    let (mut pod, mut service) = (pod("a", "p", 5, "Failed"), service("s", 5, Address::None));
    pod.finalizers.clone_from(&held);
    service.finalizers.clone_from(&held);
    ledger.see_pod(pod);
    ledger.see_service(service);
    for uid in ["p", "s", "nothing"] {
        ledger.see_untracked(uid);
    }
    let attempt = ledger.attempt(&key()).unwrap();
    assert_eq!(attempt.pod.as_ref().unwrap().finalizers, ["kept"]);
    assert_eq!(attempt.service.as_ref().unwrap().finalizers, ["kept"]);
}

#[test]
fn of_a_record_that_is_history_no_more_is_kept_than_is_asked_of_it() {
    let who = fixtures::identity(0, "a");
    let with_pod = |status| {
        let mut record = fixtures::leasing(&who, "flash-pool-1");
        let mut stored = record.stored.as_deref().cloned().unwrap();
        let intent = stored.record.attachment.as_mut().unwrap();
        intent.attempt = 3;
        intent.seal = Some(ContentSeal {
            pod_uid: Some("uid of the Pod".into()),
            ..ContentSeal::default()
        });
        record.stored = Some(Arc::new(stored));
        record.status = status;
        record
    };
    let mut ledger = Ledger::default();
    ledger.see_record(with_pod(Status::Deployed));
    let asked = |ledger: &Ledger| {
        let attempt = ledger.attempt(&who.key).unwrap();
        let has_all = attempt.record().unwrap().stored.is_some();
        let pool = attempt.pool_service().map(str::to_owned);
        (
            has_all,
            attempt.number(),
            pool,
            attempt.recorded_pod().cloned(),
        )
    };
    let (has_all, number, pool, pod) = asked(&ledger);
    assert_eq!((has_all, number), (true, Some(3)));
    assert_eq!(
        (pool.as_deref(), pod.as_deref()),
        (Some("flash-pool-1"), Some("uid of the Pod"))
    );
    let mut settled = with_pod(Status::Failed);
    settled.settled = Some(settled.revision);
    settled.sight.version += 1;
    assert!(ledger.see_record(settled));
    assert_eq!(asked(&ledger), (false, number, pool, pod));
}
