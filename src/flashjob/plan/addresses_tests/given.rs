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
#[case::a_mode_without_a_service_to_dial(json!({"service": {"mode": "HostPort"}}), json!({"externalIP": ""}), true, Some("node/"))]
#[case::a_node(json!({"service": {"mode": "HostPort", "node": "edge-1"}}), json!({"service": {"node": ""}}), true, Some("node/edge-1"))]
#[case::a_node_once_the_pod_is_there(json!({"service": {"mode": "HostPort", "node": "edge-1"}, "externalIP": "node"}), json!({}), true, Some("node/edge-1"))]
#[case::a_node_without_the_mode(json!({"service": {"node": "edge-1"}}), json!({"service": {"mode": "PerDevice"}}), true, None)]
#[case::an_address_beside_the_mode(json!({"service": {"mode": "HostPort"}, "externalIP": GIVEN}), json!({}), true, Some(GIVEN))]
#[case::the_mode_of_the_chart(json!({}), json!({"service": {"mode": "HostPort"}}), true, Some("node/"))]
#[case::the_mode_of_a_chart_that_is_not_proven(json!({}), json!({"service": {"mode": "HostPort"}}), false, None)]
#[case::values_against_the_mode_of_the_chart(json!({"service": {"mode": "PerDevice"}}), json!({"service": {"mode": "HostPort"}}), true, None)]
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
fn a_flash_that_is_dialled_at_its_node_loses_no_address_with_its_service() {
    let who = identity(0, "a");
    let values = json!({"service": {"mode": "HostPort"}, "externalIP": "node"});
    let mut record = recorded(&who, values, json!({}), true);
    let stored = Arc::make_mut(record.stored.as_mut().unwrap());
    stored.record.manifest =
        "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: flash-a\n".into();
    let pod = ObservedPod {
        address: None,
        ..running(&who)
    };
    assert_eq!(lost(&attempt(Some(record), None, Some(pod))), None);
}

#[rstest]
#[case::different_nodes(["a", "b"], None)]
#[case::one_node(["a", "a"], Some("port 4433 of node a is in use"))]
#[case::nodes_that_the_scheduler_chooses(["", ""], Some("where service.node of the flash chart names no node"))]
fn one_flash_is_launched_at_a_node_at_a_time(
    #[case] nodes: [&str; 2],
    #[case] waits: Option<&str>,
) {
    let (own, who) = (identity(0, "a"), elsewhere());
    let mut ledger = Ledger::default();
    for (who, node) in [&own, &who].into_iter().zip(nodes) {
        let values = json!({"service": {"mode": "HostPort", "node": node}});
        let record = recorded(who, values, json!({}), true);
        take_in(
            &mut ledger,
            Some(record),
            Some(service(who, Address::None)),
            None,
        );
    }
    let waiting = |who: &Identity| in_use(&ledger, ledger.attempt(&who.key).unwrap());
    assert_eq!(waiting(&own), None);
    let message = waiting(&who).map(|(_, message)| message);
    assert_eq!(message.is_some(), waits.is_some(), "{message:?}");
    assert!(message.unwrap_or_default().contains(waits.unwrap_or("")));
}

#[test]
fn a_node_is_another_ones_only_once_the_service_of_its_flash_is_gone() {
    let (own, who) = (identity(0, "a"), elsewhere());
    let mut ledger = Ledger::default();
    let values = json!({"service": {"mode": "HostPort", "node": "a"}});
    let mut launched = recorded(&who, values.clone(), json!({}), true);
    launched.has_pod = true;
    let cooling = service(&who, Address::None);
    let uid = cooling.sight.uid.clone();
    take_in(&mut ledger, Some(launched), Some(cooling), None);
    let record = recorded(&own, values, json!({}), true);
    let reserved = service(&own, Address::None);
    take_in(&mut ledger, Some(record), Some(reserved), None);
    let waits = |ledger: &Ledger| in_use(ledger, ledger.attempt(&own.key).unwrap()).is_some();
    assert!(waits(&ledger));
    ledger.see_gone(&uid);
    let record = ledger.attempt(&who.key).unwrap().record().unwrap();
    let uid = record.sight.uid.clone();
    ledger.see_gone(&uid);
    assert!(!waits(&ledger));
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
