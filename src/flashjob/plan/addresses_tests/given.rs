//! Addresses that values or chart give beforehand.

use std::sync::Arc;

use serde_json::Value;

use super::*;

const GIVEN: &str = "198.51.100.7";

/// A record of an attempt that is not launched, with these values and those of its chart.
fn recorded(who: &Identity, config: Value, chart: Value, proven: bool) -> ObservedRecord {
    let mut record = numbered(who, 1, Status::PendingInstall);
    let stored = Arc::make_mut(record.stored.as_mut().unwrap());
    stored.record.config = config;
    stored.record.chart.values = chart.into();
    record.chart_proven = proven;
    record.has_pod = false;
    record
}

#[rstest]
#[case::nobody(json!({}), json!({}), true, None)]
#[case::the_values(json!({"externalIP": GIVEN}), json!({"externalIP": "198.51.100.8"}), true, Some(GIVEN))]
#[case::the_chart(json!({}), json!({"externalIP": GIVEN}), true, Some(GIVEN))]
#[case::a_chart_that_is_not_proven(json!({}), json!({"externalIP": GIVEN}), false, None)]
#[case::values_that_take_it_back(json!({"externalIP": ""}), json!({"externalIP": GIVEN}), true, None)]
fn an_address_is_given_by(
    #[case] config: Value,
    #[case] chart: Value,
    #[case] proven: bool,
    #[case] address: Option<&str>,
) {
    let record = recorded(&identity(0, "a"), config, chart, proven);
    let attempt = attempt(Some(record), None, None);
    assert_eq!(attempt.given_address().as_deref(), address);
}

#[test]
fn a_flash_whose_given_address_its_service_lost_has_it_all_the_same() {
    let who = identity(0, "a");
    let record = recorded(&who, json!({"externalIP": GIVEN}), json!({}), true);
    let pod = ObservedPod {
        address: Some(GIVEN.into()),
        ..running(&who)
    };
    let served = service(&who, Address::None);
    let flashing = attempt(Some(record), Some(served), Some(pod));
    assert_eq!(lost(&flashing), None);
}

#[test]
fn of_attempts_that_are_given_one_address_one_is_launched_at_a_time() {
    let (own, who) = (identity(0, "a"), elsewhere());
    let mut ledger = Ledger::default();
    for who in [&own, &who] {
        let record = recorded(who, json!({"externalIP": GIVEN}), json!({}), true);
        take_in(
            &mut ledger,
            Some(record),
            Some(service(who, Address::None)),
            None,
        );
    }
    let waits = |who: &Identity| in_use(&ledger, ledger.attempt(&who.key).unwrap()).is_some();
    assert_eq!([waits(&own), waits(&who)], [false, true]);
}

/// A chart need not render a Service: one is missing only if the manifest has it.
#[rstest]
#[case::of_a_service("Service", true)]
#[case::of_something_else("ConfigMap", false)]
fn a_flash_says_that_an_object_of_its_manifest_is_gone(#[case] kind: &str, #[case] said: bool) {
    let who = identity(0, "a");
    let mut record = recorded(&who, json!({}), json!({}), true);
    let stored = Arc::make_mut(record.stored.as_mut().unwrap());
    stored.record.manifest =
        format!("---\napiVersion: v1\nkind: {kind}\nmetadata:\n  name: flash-a\n");
    let flashing = attempt(Some(record), None, Some(told(GIVEN)));
    let found = lost(&flashing);
    assert_eq!(found.is_some(), said, "{found:?}");
}

#[rstest]
#[case::seen(false)]
#[case::recorded(true)]
fn a_flash_that_was_launched_comes_before_what_began_earlier(#[case] has_pod: bool) {
    let (mut ledger, ours) = ledger(15, address(), false);
    assert_eq!(in_use(&ledger, &ours), None);
    let mut record = reserved_at(&elsewhere(), 15);
    record.has_pod = has_pod;
    record.sight.version = 50;
    ledger.see_record(record);
    if !has_pod {
        let pod = running(&elsewhere());
        let uid = pod.sight.uid.clone();
        ledger.see_pod(pod);
        ledger.see_gone(&uid);
    }
    assert!(in_use(&ledger, &ours).is_some());
}

#[test]
fn what_is_launched_waits_for_no_address() {
    let (mut ledger, _) = ledger(5, address(), true);
    let own = identity(0, "a");
    ledger.see_pod(running(&own));
    assert_eq!(in_use(&ledger, ledger.attempt(&own.key).unwrap()), None);
}
