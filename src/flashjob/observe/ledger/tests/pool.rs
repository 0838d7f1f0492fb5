//! Services of pools: who has which, and when another may.

use serde_json::json;

use super::*;
use crate::{
    flash_pod::pool::Pool,
    flashjob::{
        fixtures::{address, identity, leasing, sight},
        observe::objects::Address,
    },
    names::TRACKING_FINALIZER,
};

fn pool(size: usize) -> Pool {
    let values = json!({"service": {
        "mode": "Pool", "restrictToDevice": true, "type": "LoadBalancer", "pool": {"name": "pool", "size": size},
    }});
    Pool::of(&values).unwrap().unwrap()
}

/// A Service of the pool that this attempt leased last.
fn leased(who: &Identity, number: usize, version: u64) -> ObservedService {
    let name = format!("flash-pool-{number}");
    let mut sight = sight(who, &name, version, Timestamp::UNIX_EPOCH);
    sight.uid = name;
    ObservedService {
        sight,
        address: address(),
        restricted: true,
        finalizers: vec![TRACKING_FINALIZER.to_owned()],
    }
}

/// The same after the lease.
fn free(who: &Identity, number: usize, version: u64) -> ObservedService {
    ObservedService {
        finalizers: Vec::new(),
        ..leased(who, number, version)
    }
}

fn recorded(who: &Identity, number: usize) -> ObservedRecord {
    leasing(who, &format!("flash-pool-{number}"))
}

fn choose(ledger: &mut Ledger, who: &Identity, size: usize) -> Option<String> {
    ledger.begin_action(who);
    ledger.choose_service(who, &pool(size))
}

fn service_of<'a>(ledger: &'a Ledger, who: &Identity) -> Option<&'a str> {
    let service = ledger.attempt(&who.key)?.service.as_ref()?;
    Some(&service.sight.name)
}

#[test]
fn what_is_chosen_is_nobody_elses_before_anything_is_written() {
    let mut ledger = Ledger::default();
    let attempts = ["a", "b", "c"].map(|id| identity(0, id));
    let chosen = attempts.each_ref().map(|who| choose(&mut ledger, who, 2));
    assert_eq!(
        chosen,
        [
            Some("flash-pool-0".into()),
            Some("flash-pool-1".into()),
            None
        ]
    );
    assert_eq!(ledger.free_services("lab", &pool(2)), 0);
    assert_eq!(ledger.free_services("another", &pool(2)), 2);
    // Nothing came of the first: its Service is free again.
    ledger.end_action(&attempts[0].key);
    assert_eq!(ledger.free_services("lab", &pool(2)), 1);
    assert_eq!(
        choose(&mut ledger, &attempts[2], 2).as_deref(),
        Some("flash-pool-0")
    );
}

#[test]
fn a_service_with_an_address_is_chosen_first_and_one_of_somebody_else_last() {
    let mut ledger = Ledger::default();
    let former = identity(0, "former");
    ledger.note_foreign_service("lab", "flash-pool-0");
    let waiting = ObservedService {
        address: Address::None,
        ..free(&former, 2, 5)
    };
    ledger.see_service(waiting);
    ledger.see_service(free(&former, 3, 6));
    let mut going = free(&former, 4, 7);
    going.sight.deleting = Some(Timestamp::UNIX_EPOCH);
    ledger.see_service(going);
    let order = ["a", "b", "c", "d", "e"].map(|id| choose(&mut ledger, &identity(0, id), 5));
    let expected = [Some("3"), Some("2"), Some("1"), Some("0"), None];
    assert_eq!(
        order,
        expected.map(|number| number.map(|number| format!("flash-pool-{number}")))
    );
}

#[test]
fn a_lease_begins_with_the_service_that_names_the_attempt_and_ends_by_the_ledger_alone() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    ledger.see_record(recorded(&who, 0));
    assert_eq!(service_of(&ledger, &who), None);
    ledger.see_service(leased(&who, 0, 5));
    assert_eq!(service_of(&ledger, &who), Some("flash-pool-0"));
    ledger.see_service(free(&who, 0, 6));
    ledger.take_freed();
    ledger.end_lease(&who.key);
    assert_eq!(service_of(&ledger, &who), None);
    assert!(ledger.take_freed());
    // What is seen of it later is of an attempt that has given it back.
    ledger.see_service(free(&who, 0, 7));
    ledger.see_record(ObservedRecord {
        status: Status::Deployed,
        sight: sight(
            &who,
            "sh.helm.release.v1.flash-uuid-0.v1",
            9,
            Timestamp::UNIX_EPOCH,
        ),
        ..recorded(&who, 0)
    });
    assert_eq!(service_of(&ledger, &who), None);
    assert_eq!(
        choose(&mut ledger, &identity(1, "b"), 1).as_deref(),
        Some("flash-pool-0")
    );
}

#[test]
fn a_service_that_was_deleted_before_its_device_was_told_is_leased_once_more() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    ledger.see_record(recorded(&who, 0));
    ledger.see_service(leased(&who, 0, 5));
    ledger.end_lease(&who.key);
    ledger.see_gone("flash-pool-0");
    ledger.begin_lease(&who.key);
    let mut again = leased(&who, 0, 9);
    again.sight.uid = "another".to_owned();
    ledger.see_service(again);
    assert_eq!(service_of(&ledger, &who), Some("flash-pool-0"));
}

#[test]
fn the_next_lease_takes_a_service_from_the_one_before_and_older_news_do_not_bring_it_back() {
    let mut ledger = Ledger::default();
    let (one, other) = (identity(0, "a"), identity(1, "b"));
    ledger.see_record(recorded(&one, 0));
    ledger.see_service(leased(&one, 0, 5));
    ledger.see_record(recorded(&other, 0));
    assert!(ledger.see_service(leased(&other, 0, 7)));
    assert!(!ledger.see_service(leased(&one, 0, 6)));
    assert_eq!(service_of(&ledger, &one), None);
    assert_eq!(service_of(&ledger, &other), Some("flash-pool-0"));
}

#[test]
fn a_held_service_is_leased_though_the_record_of_its_attempt_is_gone() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    ledger.see_service(leased(&who, 0, 5));
    assert_eq!(service_of(&ledger, &who), Some("flash-pool-0"));
    assert_eq!(choose(&mut ledger, &identity(1, "b"), 1), None);
    ledger.see_service(free(&who, 0, 6));
    ledger.end_lease(&who.key);
    assert!(ledger.attempt(&who.key).is_none());
    assert_eq!(ledger.free_services("lab", &pool(1)), 1);
}

#[test]
fn a_service_that_nothing_holds_is_of_no_attempt_that_is_over() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    ledger.see_service(free(&who, 0, 5));
    assert!(ledger.attempt(&who.key).is_none());
    let mut failed = recorded(&who, 0);
    (failed.status, failed.settled) = (Status::Failed, Some(1));
    ledger.see_record(failed);
    assert_eq!(service_of(&ledger, &who), None);
    assert_eq!(ledger.free_services("lab", &pool(1)), 1);
}

#[test]
fn an_attempt_whose_record_cannot_be_read_keeps_the_service_that_names_it() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    let mut unread = recorded(&who, 0);
    unread.stored = None;
    ledger.see_record(unread);
    ledger.see_service(free(&who, 0, 5));
    assert_eq!(choose(&mut ledger, &identity(1, "b"), 1), None);
    assert_eq!(
        ledger
            .other_tenant(&identity(1, "b"), "flash-pool-0")
            .map(|who| &who.uuid),
        Some(&who.uuid)
    );
}

#[test]
fn a_service_that_stays_is_compared_with_lists_and_is_known_by_its_uid() {
    let (mut ledger, who) = (Ledger::default(), identity(0, "a"));
    ledger.see_service(free(&who, 0, 5));
    let known = (
        "lab".to_owned(),
        "flash-pool-0".to_owned(),
        "flash-pool-0".to_owned(),
    );
    assert_eq!(ledger.uids("Service", Some("lab")), [known]);
    assert_eq!(ledger.uids("Service", Some("another")), []);
    assert_eq!(ledger.uids("Pod", None), []);
    assert_eq!(ledger.identity_of("flash-pool-0"), Some(&who));
    assert_eq!(
        ledger.services_of_pools("lab").collect::<Vec<_>>(),
        ["flash-pool-0"]
    );
    ledger.see_gone("flash-pool-0");
    assert_eq!(ledger.uids("Service", None), []);
    assert!(ledger.pool_service("lab", "flash-pool-0").is_none());
    assert!(
        !ledger.see_service(free(&who, 0, 6)),
        "what is gone does not come back"
    );
}

#[test]
fn an_attempt_that_is_history_has_no_service_whichever_of_its_records_is_seen_first() {
    let who = identity(0, "a");
    let older = ObservedRecord {
        status: Status::Superseded,
        ..recorded(&who, 0)
    };
    let mut newer = ObservedRecord {
        revision: 2,
        status: Status::Failed,
        settled: Some(2),
        ..recorded(&who, 0)
    };
    newer.sight.uid = "uid of the newer".into();
    for records in [[&older, &newer], [&newer, &older]] {
        let mut ledger = Ledger::default();
        ledger.see_service(free(&who, 0, 5));
        for record in records {
            ledger.see_record(record.clone());
        }
        assert_eq!(service_of(&ledger, &who), None);
        assert_eq!(
            (ledger.slots(), ledger.free_services("lab", &pool(1))),
            (0, 1)
        );
    }
    // One that is held still has it.
    let mut ledger = Ledger::default();
    ledger.see_service(leased(&who, 0, 5));
    ledger.see_record(older);
    ledger.see_record(newer);
    assert_eq!(service_of(&ledger, &who), Some("flash-pool-0"));
}
