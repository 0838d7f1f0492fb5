use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::flash_pod::intent::{FrozenDevice, JobRef, attempt_id};

fn values(more: &Value) -> Value {
    let mut values = json!({
        "externalIP": "",
        "device": {"address": "", "endpoint": "192.0.2.7:80"},
        "service": {
            "mode": "Pool", "type": "LoadBalancer", "restrictToDevice": true, "loadBalancerIP": "", "loadBalancerClass": "",
            "allocateLoadBalancerNodePorts": false, "externalTrafficPolicy": "Cluster", "annotations": {}, "labels": {},
            "pool": {"name": "pool", "size": 2},
        },
        "operator": {"app": "lamps", "annotations": {"flashjob.nbfc.io/endpoint": "192.0.2.7:80"}},
    });
    json_patch::merge(&mut values, more);
    values
}

#[rstest]
#[case::a_pool(json!({}), Ok(Some(vec!["flash-pool-0", "flash-pool-1"])))]
#[case::another_name(json!({"service": {"pool": {"name": "line-a", "size": 1}}}), Ok(Some(vec!["flash-line-a-0"])))]
#[case::another_mode(json!({"service": {"mode": "PerDevice", "restrictToDevice": false}}), Ok(None))]
#[case::no_mode(json!({"service": {"mode": null}}), Ok(None))]
#[case::whoever_dials(json!({"service": {"restrictToDevice": false}}), Err("service.restrictToDevice has to be true"))]
#[case::no_restriction(json!({"service": {"restrictToDevice": null}}), Err("service.restrictToDevice has to be true"))]
#[case::no_load_balancer(json!({"service": {"type": "ClusterIP"}}), Err("service.type has to be LoadBalancer"))]
#[case::one_address(json!({"externalIP": "198.51.100.1"}), Err("externalIP has to be empty"))]
#[case::one_address_asked_for(json!({"service": {"loadBalancerIP": "198.51.100.1"}}), Err("service.loadBalancerIP has to be empty"))]
#[case::no_services(json!({"service": {"pool": {"size": 0}}}), Err("service.pool.size has to be a whole number from 1 to 1000"))]
#[case::too_many(json!({"service": {"pool": {"size": 1001}}}), Err("service.pool.size"))]
#[case::no_name(json!({"service": {"pool": {"name": ""}}}), Err("service.pool.name has to be a name"))]
#[case::a_name_that_is_none(json!({"service": {"pool": {"name": "-a"}}}), Err("service.pool.name has to be a name"))]
#[case::a_long_name(json!({"service": {"pool": {"name": "a".repeat(41)}}}), Err("at most 40 characters"))]
fn values_name_a_pool_and_nothing_that_contradicts_it(
    #[case] more: Value,
    #[case] expected: Result<Option<Vec<&str>>, &str>,
) {
    let pool = Pool::of(&values(&more));
    match expected {
        Ok(names) => {
            let found = pool
                .unwrap()
                .map(|pool| pool.services().collect::<Vec<_>>());
            assert_eq!(
                found,
                names.map(|names| names.into_iter().map(str::to_owned).collect())
            );
        }
        Err(words) => {
            let message = pool.unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }
}

fn intent() -> Intent {
    Intent {
        job: JobRef {
            name: "lamps".into(),
            namespace: "lab".into(),
            uid: "u".into(),
        },
        round: 3,
        attempt: 1,
        nonce: "n".into(),
        attempt_id: attempt_id(&"u".into(), 3, 1, "n"),
        index: 0,
        firmware: "r.example/fw:1".into(),
        version: "1".into(),
        device: FrozenDevice {
            uuid: "d".into(),
            endpoint: "192.0.2.7:80".into(),
            address: "192.0.2.7".into(),
            ..FrozenDevice::default()
        },
        pool_service: Some("flash-pool-1".into()),
        seal: None,
    }
}

#[test]
fn a_leased_service_leads_to_its_attempt_and_admits_its_device_alone() {
    let service = leased(&values(&json!({})), &intent(), "flash-pool-1").unwrap();
    let id = attempt_id(&"u".into(), 3, 1, "n");
    let expected = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "flash-pool-1", "namespace": "lab", "finalizers": ["flashjob.nbfc.io/tracking"],
            "labels": {
                "app": "lamps", "uuid": "d", "flashjob.nbfc.io/job-uid": "u", "flashjob.nbfc.io/attempt": id,
                "flashjob.nbfc.io/round": "3", "flashjob.nbfc.io/pool": "pool", "app.kubernetes.io/component": "flash",
                "app.kubernetes.io/part-of": "flashjob", "app.kubernetes.io/managed-by": "flashjob-operator",
            },
            "annotations": {"flashjob.nbfc.io/endpoint": "192.0.2.7:80", "flashjob.nbfc.io/job": "lamps"},
        },
        "spec": {
            "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "externalTrafficPolicy": "Cluster",
            "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "loadBalancerSourceRanges": ["192.0.2.7/32"],
            "selector": {"flashjob.nbfc.io/job-uid": "u", "flashjob.nbfc.io/attempt": id},
            "ports": [{"name": "flash", "port": 4433, "targetPort": 4433, "protocol": "TCP"}],
        },
    });
    assert_eq!(service, expected);
}

#[test]
fn a_leased_service_is_what_the_values_say_of_services_and_the_marks_of_the_attempt_are_the_operators()
 {
    let more = json!({
        "device": {"address": "192.0.2.99"},
        "service": {
            "loadBalancerClass": "metallb.io/metallb", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": true,
            "annotations": {"metallb.io/address-pool": "flash", "flashjob.nbfc.io/job": "forged"},
            "labels": {"team": "iot", "flashjob.nbfc.io/attempt": "forged"},
        },
    });
    let service = leased(&values(&more), &intent(), "flash-pool-1").unwrap();
    let at = |path: &str| service.pointer(path).cloned().unwrap_or_default();
    assert_eq!(
        at("/spec/loadBalancerSourceRanges"),
        json!(["192.0.2.99/32"])
    );
    assert_eq!(at("/spec/loadBalancerClass"), "metallb.io/metallb");
    assert_eq!(at("/spec/externalTrafficPolicy"), "Local");
    assert_eq!(at("/spec/allocateLoadBalancerNodePorts"), true);
    assert_eq!(
        at("/metadata/annotations/metallb.io~1address-pool"),
        "flash"
    );
    assert_eq!(at("/metadata/annotations/flashjob.nbfc.io~1job"), "lamps");
    assert_eq!(at("/metadata/labels/team"), "iot");
    let attempt = at("/metadata/labels/flashjob.nbfc.io~1attempt");
    assert_eq!(attempt, intent().attempt_id.as_str());
}

#[rstest]
#[case::from_where_it_dials(json!({"device": {"address": "device.example"}}), "device.address: \"device.example\" is not an IPv4 address")]
#[case::the_mode(json!({"service": {"mode": "PerDevice"}}), "service.mode is not Pool")]
fn a_service_is_not_leased_where_the_values_do_not_say_to_whom(
    #[case] more: Value,
    #[case] words: &str,
) {
    let message = leased(&values(&more), &intent(), "flash-pool-1").unwrap_err();
    assert!(message.contains(words), "{message}");
}
