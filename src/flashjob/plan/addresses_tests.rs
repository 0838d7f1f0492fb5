use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    flash_pod::intent::Stored,
    flashjob::{
        fixtures::{
            Scene, address, at, attempt, ended, identity, numbered, pod, record, running, service,
            take_in,
        },
        observe::objects::{Identity, ObservedRecord},
    },
};
use helm_release::Status;

#[path = "addresses_tests/given.rs"]
mod given_beforehand;

fn other() -> Address {
    Address::Ipv4("198.51.100.8".into())
}

/// Another device, of another job in another namespace.
fn elsewhere() -> Identity {
    let mut who = identity(1, "b");
    who.key.job_uid = "job-2".into();
    who.namespace = "field".into();
    who.job_name = Some("heaters".into());
    who
}

fn reserved_at(who: &Identity, second: i64) -> ObservedRecord {
    let mut record = record(who, Status::PendingInstall, false);
    record.sight.created = at(second);
    record
}

/// Two attempts at their addresses: ours began at second 10, the other one at `second`, and has a Pod if it is `launched`.
fn ledger(second: i64, theirs: Address, launched: bool) -> (Ledger, Attempt) {
    let (own, who) = (identity(0, "a"), elsewhere());
    let mut ledger = Ledger::default();
    let told = match &theirs {
        Address::Ipv4(told) => Some(told.clone()),
        Address::None | Address::Unusable(_) => None,
    };
    let pod = launched.then(|| ObservedPod {
        address: told,
        ..running(&who)
    });
    let theirs = service(&who, theirs);
    take_in(
        &mut ledger,
        Some(reserved_at(&who, second)),
        Some(theirs),
        pod,
    );
    let ours = service(&own, address());
    take_in(&mut ledger, Some(reserved_at(&own, 10)), Some(ours), None);
    let attempt = ledger.attempt(&own.key).unwrap().clone();
    (ledger, attempt)
}

#[rstest]
#[case::that_began_before(5, address(), false, true)]
#[case::that_began_later(15, address(), false, false)]
#[case::that_began_later_and_flashes(15, address(), true, true)]
#[case::that_has_another_address(5, other(), true, false)]
#[case::that_has_none_yet(5, Address::None, false, false)]
fn an_attempt_waits_for_an_address_of_another_one(
    #[case] second: i64,
    #[case] theirs: Address,
    #[case] launched: bool,
    #[case] waits: bool,
) {
    let (ledger, attempt) = ledger(second, theirs, launched);
    let found = in_use(&ledger, &attempt);
    assert_eq!(found.is_some(), waits, "{found:?}");
    if let Some((reason, message)) = found {
        assert_eq!(reason, Reason::AddressInUse);
        for word in ["198.51.100.7", "uuid-1", "FlashJob field/heaters"] {
            assert!(message.contains(word), "{message}");
        }
    }
}

#[test]
fn of_two_attempts_at_one_address_exactly_one_may_be_launched() {
    for second in [5, 10, 15] {
        let (ledger, ours) = ledger(second, address(), false);
        let theirs = ledger.attempt(&elsewhere().key).unwrap();
        let waiting = [in_use(&ledger, &ours), in_use(&ledger, theirs)];
        assert_eq!(waiting.iter().flatten().count(), 1, "{waiting:?}");
    }
}

#[test]
fn an_attempt_that_is_being_launched_has_its_address_and_one_that_is_over_gives_it_back() {
    let (mut ledger, ours) = ledger(15, address(), false);
    assert_eq!(in_use(&ledger, &ours), None);
    ledger.begin_action(&elsewhere());
    assert!(in_use(&ledger, &ours).is_some());
    ledger.end_action(&elsewhere().key);
    ledger.see_pod(running(&elsewhere()));
    assert!(in_use(&ledger, &ours).is_some());
    let theirs = ledger.attempt(&elsewhere().key).unwrap().clone();
    ledger.see_gone(&theirs.pod.unwrap().sight.uid);
    assert!(in_use(&ledger, &ours).is_some(), "its Service cools down");
    ledger.see_gone(&theirs.service.unwrap().sight.uid);
    assert_eq!(in_use(&ledger, &ours), None);
}

#[test]
fn the_second_device_of_a_job_is_launched_once_the_first_has_ended_and_says_whom_it_waits_for() {
    let mut scene = Scene::new(2);
    let (first, second) = (identity(0, "a"), identity(1, "b"));
    for who in [&first, &second] {
        let served = service(who, address());
        take_in(
            &mut scene.ledger,
            Some(reserved_at(who, 1)),
            Some(served),
            None,
        );
    }
    let plan = scene.plan(2);
    let launched: Vec<_> = plan.actions.iter().map(|(who, _)| &who.uuid).collect();
    assert_eq!(launched, [&first.uuid]);
    let view = plan
        .views
        .iter()
        .find(|view| view.index == Some(1))
        .unwrap();
    assert_eq!(view.reason, Reason::AddressInUse);
    assert!(
        view.message.contains(first.uuid.as_str()),
        "{}",
        view.message
    );
    let plan = scene.plan(1_000);
    assert!(plan.release.is_empty(), "it is not given up: {plan:?}");
    let holder = scene.ledger.attempt(&first.key).unwrap().clone();
    scene.ledger.see_gone(&holder.service.unwrap().sight.uid);
    let plan = scene.plan(1_001);
    let launched: Vec<_> = plan.actions.iter().map(|(who, _)| &who.uuid).collect();
    assert!(launched.contains(&&second.uuid), "{launched:?}");
}

#[test]
fn an_address_that_a_device_was_told_is_in_use_whatever_its_service_has_now() {
    let (mut ledger, ours) = ledger(5, other(), false);
    assert_eq!(in_use(&ledger, &ours), None);
    ledger.see_pod(running(&elsewhere()));
    assert!(in_use(&ledger, &ours).is_some());
}

fn told(ip: &str) -> ObservedPod {
    ObservedPod {
        address: Some(ip.into()),
        ..running(&identity(0, "a"))
    }
}

#[rstest]
#[case::its_own(address(), None)]
#[case::another(other(), Some("has address 198.51.100.8 now"))]
#[case::none(Address::None, Some("has lost its address"))]
#[case::no_ipv4(Address::Unusable("the host name x".into()), Some("has the host name x now"))]
fn a_running_flash_says_that_its_service_has_another_address(
    #[case] now: Address,
    #[case] said: Option<&str>,
) {
    let served = service(&identity(0, "a"), now);
    let flashing = attempt(None, Some(served), Some(told("198.51.100.7")));
    let found = lost(&flashing);
    assert_eq!(found.is_some(), said.is_some(), "{found:?}");
    if let (Some((reason, message)), Some(said)) = (found, said) {
        assert_eq!(reason, Reason::AddressLost);
        assert!(message.contains(said), "{message}");
        assert!(message.contains("was told 198.51.100.7"), "{message}");
    }
}

#[rstest]
#[case::held(true, "until the flash has ended")]
#[case::loose(false, "before the operator could hold it")]
fn a_running_flash_says_that_its_service_was_deleted(#[case] tracked: bool, #[case] said: &str) {
    let mut served = service(&identity(0, "a"), address());
    served.sight.deleting = Some(at(1));
    if !tracked {
        served.finalizers.clear();
    }
    let flashing = attempt(None, Some(served), Some(told("198.51.100.7")));
    let (reason, message) = lost(&flashing).unwrap();
    assert_eq!(reason, Reason::ServiceDeleted);
    assert!(message.contains(said), "{message}");
}

/// A flash of which somebody deletes the Service; what is stored of it has this reason.
fn deleted_under(pod: ObservedPod, reason: Option<Reason>) -> Scene {
    let who = identity(0, "a");
    let mut scene = Scene::new(1);
    let mut served = service(&who, address());
    served.sight.deleting = Some(at(1));
    let record = record(&who, Status::Deployed, true);
    take_in(&mut scene.ledger, Some(record), Some(served), Some(pod));
    if let Some(reason) = reason {
        scene.store(scene.status(2));
        scene.stored(|status| status.devices[0].reason = Some(reason.as_str().into()));
    }
    scene
}

#[rstest]
#[case::a_flash_that_runs(running(&identity(0, "a")))]
#[case::a_flash_that_has_ended_meanwhile(ended(&identity(0, "a")))]
#[case::a_pod_that_has_not_started(pod(&identity(0, "a")))]
fn what_becomes_of_the_service_of_a_flash_is_news_until_it_is_told(#[case] pod: ObservedPod) {
    let scene = deleted_under(pod, None);
    let plan = scene.plan(3);
    let news = |told: &[Reason], job: &Job| {
        let told = told.iter().map(|reason| ("a".into(), *reason)).collect();
        let all: Vec<_> = untold(&plan.address_news, &told, job).collect();
        all.iter()
            .map(|news| (news.index, news.reason))
            .collect::<Vec<_>>()
    };
    let of_scene = |told: &[Reason]| news(told, &scene.job);
    assert_eq!(of_scene(&[]), [(Some(0), Reason::ServiceDeleted)]);
    assert_eq!(of_scene(&[Reason::ServiceDeleted]), []);
    assert_eq!(
        of_scene(&[Reason::AddressLost]).len(),
        1,
        "something else was"
    );
    let stored = deleted_under(running(&identity(0, "a")), Some(Reason::ServiceDeleted));
    assert_eq!(news(&[], &stored.job), []);
}

#[test]
fn what_is_given_up_or_has_its_verdict_lets_its_service_go_without_a_word() {
    let mut scene = deleted_under(pod(&identity(0, "a")), None);
    scene.memory.releasing.insert("a".into());
    assert_eq!(scene.plan(3).address_news, []);
    let mut scene = deleted_under(ended(&identity(0, "a")), None);
    scene.stored(|status| status.completed_indexes = Some("0".into()));
    assert_eq!(scene.plan(3).address_news, []);
}

#[test]
fn what_was_never_known_is_not_missed() {
    let unrecorded = attempt(None, None, Some(told("198.51.100.7")));
    assert_eq!(lost(&unrecorded), None);
    let served = service(&identity(0, "a"), address());
    let pod = ObservedPod {
        address: None,
        ..told("")
    };
    let untold = attempt(None, Some(served), Some(pod));
    assert_eq!(lost(&untold), None);
}

#[test]
fn a_failed_release_remembers_its_address_and_does_not_keep_it() {
    let who = elsewhere();
    let (mut ledger, attempt) = ledger(5, address(), true);
    assert!(in_use(&ledger, &attempt).is_some());
    let known = ledger.attempt(&who.key).unwrap().clone();
    let [pod, service] = [
        known.pod.unwrap().sight.uid,
        known.service.unwrap().sight.uid,
    ];
    let mut failed = numbered(&who, 1, Status::Failed);
    let mut stored = Stored::clone(failed.stored.as_ref().unwrap());
    stored.record.config = json!({"externalIP": given_text(&address())});
    failed.stored = Some(std::sync::Arc::new(stored));
    failed.sight.version = 99;
    ledger.see_record(failed);
    ledger.see_gone(&pod);
    ledger.see_gone(&service);
    assert!(ledger.attempt(&who.key).is_some(), "helm list shows it");
    assert_eq!(in_use(&ledger, &attempt), None);
}

fn given_text(address: &Address) -> &str {
    match address {
        Address::Ipv4(text) => text,
        Address::None | Address::Unusable(_) => "",
    }
}
