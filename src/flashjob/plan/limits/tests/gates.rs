//! The gate before a Pod is created: who comes before an attempt, and what closes it.

use super::*;
use crate::flashjob::{
    observe::{
        ledger::{Attempt, Ledger},
        objects::ObservedRecord,
    },
    plan::limits::recheck::{closed, crowded},
};

fn at_gateway(gateway: &str) -> Footprint {
    Footprint {
        properties: [("GATEWAY".to_owned(), [gateway.to_owned()].into())].into(),
        ..Footprint::default()
    }
}

/// An attempt at the device of this index, which was at a gateway when it began.
fn who(index: usize, gateway: &str) -> Identity {
    Identity {
        footprint: Some(Arc::new(at_gateway(gateway))),
        ..crate::flashjob::fixtures::identity(index, &format!("a{index}"))
    }
}

fn recorded(who: &Identity, second: i64, has_pod: bool) -> ObservedRecord {
    let mut record = record(who, Status::PendingInstall, has_pod);
    record.sight.created = at(second);
    record
}

/// Where the limit is one device at a gateway: what the gate says of the attempt, which is still where it was.
fn gate(ledger: &Ledger, own: &Identity) -> Option<Reason> {
    let attempt: &Attempt = ledger.attempt(&own.key).unwrap();
    let live = || own.footprint.as_deref().cloned();
    closed(&terms("esp32", &by_gateway(1)), ledger, attempt, live).map(|refusal| refusal.reason)
}

#[rstest]
#[case::that_began_before("gw-a", 5, false, true)]
#[case::that_began_later("gw-a", 15, false, false)]
#[case::that_began_later_and_is_recorded_with_its_pod("gw-a", 15, true, true)]
#[case::elsewhere("gw-b", 5, true, false)]
fn another_attempt_comes_before_it(
    #[case] gateway: &str,
    #[case] second: i64,
    #[case] has_pod: bool,
    #[case] is_before: bool,
) {
    let (own, other) = (who(0, "gw-a"), who(1, gateway));
    let mut ledger = Ledger::default();
    ledger.see_record(recorded(&own, 10, false));
    assert_eq!(
        gate(&ledger, &own),
        None,
        "it does not stand in its own way"
    );
    ledger.see_record(recorded(&other, second, has_pod));
    let reason = is_before.then_some(Reason::GroupFull);
    assert_eq!(gate(&ledger, &own), reason);
}

#[test]
fn an_attempt_of_which_nothing_is_known_comes_before_it_wherever_it_is() {
    let own = who(0, "gw-a");
    let unknown = Identity {
        footprint: None,
        ..who(1, "gw-b")
    };
    let mut ledger = Ledger::default();
    ledger.see_record(recorded(&own, 10, false));
    ledger.see_record(recorded(&unknown, 5, false));
    let attempt = ledger.attempt(&own.key).unwrap();
    let terms = terms("esp32", &by_gateway(1));
    let refusal = closed(&terms, &ledger, attempt, || None).unwrap();
    assert_eq!(refusal.reason, Reason::GroupFull);
    let says =
        "and 1 are, 1 of them counted on everything because their release records cannot be read";
    assert!(refusal.message.contains(says), "{refusal:?}");
}

#[test]
fn an_attempt_whose_pod_was_seen_comes_before_those_that_are_not_launched() {
    let (own, other) = (who(0, "gw-a"), who(1, "gw-a"));
    let mut ledger = Ledger::default();
    ledger.see_record(recorded(&own, 10, false));
    ledger.see_record(recorded(&other, 15, false));
    let pod = running(&other);
    let uid = pod.sight.uid.clone();
    ledger.see_pod(pod);
    assert_eq!(gate(&ledger, &own), Some(Reason::GroupFull));
    ledger.see_gone(&uid);
    assert_eq!(gate(&ledger, &own), Some(Reason::GroupFull));
}

#[test]
fn what_has_a_pod_is_not_stopped_by_a_limit() {
    let (own, other) = (who(0, "gw-a"), who(1, "gw-a"));
    let mut ledger = Ledger::default();
    for who in [&other, &own] {
        ledger.see_record(recorded(who, 5, true));
        ledger.see_pod(running(who));
    }
    assert_eq!((gate(&ledger, &own), gate(&ledger, &other)), (None, None));
}

#[rstest]
#[case::as_it_was(Some(at_gateway("gw-a")), false)]
#[case::elsewhere(Some(at_gateway("gw-b")), true)]
#[case::without_a_gateway(Some(Footprint::default()), false)]
#[case::nowhere(None, false)]
fn an_attempt_whose_device_is_found_elsewhere_is_not_launched(
    #[case] live: Option<Footprint>,
    #[case] refused: bool,
) {
    let own = who(0, "gw-a");
    let mut ledger = Ledger::default();
    ledger.see_record(recorded(&own, 10, false));
    let attempt = ledger.attempt(&own.key).unwrap();
    let terms = terms("esp32", &by_gateway(1));
    let found = closed(&terms, &ledger, attempt, || live);
    assert_eq!(found.is_some(), refused, "{found:?}");
}

/// Somebody had taken the labels off its record while nobody led.
#[rstest]
#[case::of_its_job(
    2,
    10,
    Some("2 devices of this FlashJob, as many as spec.parallelism allows,")
)]
#[case::of_all_jobs(
    3,
    2,
    Some("2 devices of all FlashJobs, as many as the operator flashes at a time,")
)]
#[case::there_is_room(3, 3, None)]
fn a_record_that_is_found_when_others_have_its_slot_waits(
    #[case] parallelism: usize,
    #[case] max_in_flight: usize,
    #[case] refused: Option<&str>,
) {
    let own = who(0, "gw-a");
    let mut ledger = Ledger::default();
    for (index, second) in [(1, 10), (2, 15)] {
        let other = who(index, "gw-b");
        ledger.see_record(recorded(&other, second, false));
        ledger.see_service(service(&other, address()));
    }
    ledger.see_record(recorded(&own, 5, false));
    let attempt = |who: &Identity| ledger.attempt(&who.key).unwrap();
    let found = crowded(&ledger, attempt(&own), parallelism, max_in_flight);
    let message = found.as_ref().map(|refusal| refusal.message.as_str());
    assert_eq!(message.is_some(), refused.is_some());
    assert!(
        message
            .zip(refused)
            .is_none_or(|(message, words)| message.starts_with(words)),
        "{message:?}"
    );
    let other = crowded(&ledger, attempt(&who(1, "gw-b")), 1, 1);
    assert_eq!(other, None, "what has its Service keeps its slot");
}
