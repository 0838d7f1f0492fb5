use flashjob_operator::{
    api::{FlashClass, Guarded, crd},
    cluster::{ApiError, ClusterVersion, ErrorKind},
    flashclass::{Class, Classes},
};
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::{
    show::Line,
    view::fixtures::{at, time},
};

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn forbidden<T>(verb: &str, resource: &str) -> Answer<T> {
    let message = format!(
        "{resource} is forbidden: User \"jane\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"lab\""
    );
    Err(ApiError {
        request: format!("{verb} {resource}"),
        kind: ErrorKind::Forbidden,
        message,
    })
}

fn refused<T>(kind: ErrorKind, message: &str) -> Answer<T> {
    Err(ApiError {
        request: "try a Service in namespace lab".to_owned(),
        kind,
        message: message.to_owned(),
    })
}

fn of_labels(lab: &str) -> Value {
    json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": lab, "operator": "Exists"}]}}})
}

fn pod(labels: &Value) -> Value {
    let waiting = json!({"reason": "ImagePullBackOff", "message": "no such host"});
    json!({
        "metadata": {"name": "p", "namespace": "lab", "labels": labels},
        "status": {"containerStatuses": [{
            "name": "c", "image": "registry.example.com/a:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": waiting},
        }]},
    })
}

fn class(annotations: &Value, spec: &Value, accepted: &str) -> Classes {
    let object = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass",
        "metadata": {
            "name": "bench", "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": time(0),
            "annotations": annotations,
        },
        "spec": spec,
        "status": {"conditions": [{
            "type": "Accepted", "status": accepted, "reason": "Because", "message": "because", "observedGeneration": 3,
            "lastTransitionTime": time(0),
        }]},
    });
    let mut classes = Classes::default();
    classes.installed = true;
    let guard: Guarded<FlashClass> = read(object);
    classes.see(Class::parse(&guard).unwrap());
    classes
}

fn marked() -> Value {
    json!({"flashjob.nbfc.io/is-default-class": "true"})
}

fn service(name: &str, labels: &Value, ip: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "lab", "labels": labels, "creationTimestamp": time(-600)},
        "spec": {"type": "LoadBalancer", "clusterIP": ip},
    })
}

fn deployment(arguments: &[&str], wanted: i32, ready: i32) -> Value {
    json!({
        "metadata": {"name": "flashjob-operator", "namespace": "firmware"},
        "spec": {
            "replicas": wanted, "selector": {},
            "template": {"spec": {"containers": [{"name": "operator", "args": arguments}]}},
        },
        "status": {"readyReplicas": ready},
    })
}

fn lease(holder: &str, renewed: i64) -> Value {
    let renewed = at(renewed).strftime("%FT%T.%6fZ").to_string();
    json!({"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}})
}

fn values(text: &str) -> Values {
    Values::of("firmware/values".to_owned(), text)
}

fn asked(purpose: Purpose, verb: &'static str, resource: &'static str) -> Asked {
    Asked {
        purpose,
        verb,
        group: "",
        resource,
        subresource: "",
    }
}

/// A cluster in which everything is in order.
fn healthy() -> Facts {
    let mut attestation = service("dice-auth-service", &json!({}), "10.0.0.7");
    attestation["spec"]["type"] = "ClusterIP".into();
    let kinds = [
        "akri.sh/v0/Instance",
        "application.flashjob.nbfc.io/v1alpha1/FlashClass",
        "application.flashjob.nbfc.io/v1alpha1/FlashJob",
    ];
    Facts {
        namespace: "lab".to_owned(),
        operator_namespace: "firmware".to_owned(),
        server: Ok(ClusterVersion {
            kube_version: "v1.36.3".to_owned(),
            api_versions: kinds.map(str::to_owned).to_vec(),
        }),
        definitions: [Ok(Some(crd::flashjob())), Ok(Some(crd::flashclass()))],
        classes: Ok(class(&marked(), &json!({}), "True")),
        devices: Ok(Devices {
            count: 12,
            unfit: Vec::new(),
        }),
        services: Ok(Vec::new()),
        balanced: Ok(()),
        pods: Ok(Vec::new()),
        labels: Ok([("lab".to_owned(), "yes".to_owned())].into()),
        attestation: Ok(Some(read(attestation))),
        deployment: Ok(Some(read(deployment(&["run"], 1, 1)))),
        values: Some(Ok(Some(values("imagePullSecrets: [{name: pull}]")))),
        secrets: vec![("pull".to_owned(), Ok(true))],
        lease: Ok(Some(read(lease("operator-1", -2)))),
        rights: vec![
            (asked(Purpose::See, "get", "flashjobs"), Ok(true)),
            (asked(Purpose::Steer, "create", "flashjobs"), Ok(true)),
            (asked(Purpose::Steer, "patch", "flashjobs"), Ok(true)),
            (asked(Purpose::Approve, "approve", "flashjobs"), Ok(true)),
            (asked(Purpose::Devices, "list", "instances"), Ok(true)),
            (asked(Purpose::Logs, "get", "pods"), Ok(true)),
        ],
        times: (Ok(Some(at(0))), at(1)),
    }
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = healthy();
    change(&mut facts);
    facts
}

#[test]
fn what_is_in_order_is_said_within_80_columns() {
    let found = findings(&healthy());
    assert!(
        found.iter().all(|one| one.verdict == Verdict::Ok),
        "{found:#?}"
    );
    let lines: Vec<_> = lines(&found, 80).iter().map(Line::text).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_not_in_order_says_what_to_do_below() {
    let facts = with(|facts| {
        facts.lease = Ok(None);
        facts.services = forbidden("list", "services");
    });
    let mut found = findings(&facts);
    found.retain(|one| one.verdict != Verdict::Ok);
    let lines: Vec<_> = lines(&found, 80).iter().map(Line::text).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn where_nobody_answers_nothing_else_is_said() {
    let facts = with(|facts| {
        facts.server = Err(ApiError {
            request: "discover the API".to_owned(),
            kind: ErrorKind::Unreachable,
            message: "connection refused".to_owned(),
        });
    });
    let found = findings(&facts);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].check, found[0].verdict),
        (Check::Server, Verdict::Fail)
    );
}

/// The one thing that is not in order.
#[rstest]
#[case::no_crds(with(|facts| facts.server.as_mut().unwrap().api_versions.retain(|kind| !kind.ends_with("FlashJob"))),
    Check::Kinds, Verdict::Fail, "the cluster does not serve FlashJob")]
#[case::old_crds(with(|facts| drop_field(facts, "rerun")), Check::Kinds, Verdict::Warn, "lacks spec.rerun")]
#[case::new_crds(with(add_field), Check::Kinds, Verdict::Warn, "has spec.ofTomorrow")]
#[case::unseen_crds(with(|facts| facts.definitions[0] = forbidden("get", "customresourcedefinitions")),
    Check::Kinds, Verdict::Unknown, "you may not get customresourcedefinitions")]
#[case::no_class(with(|facts| facts.classes = Ok(Classes::default())), Check::Classes, Verdict::Fail, "there is no FlashClass")]
#[case::no_default_class(with(|facts| facts.classes = Ok(class(&json!({}), &json!({}), "True"))),
    Check::Classes, Verdict::Warn, "no FlashClass is the default one")]
#[case::a_refused_class(with(|facts| facts.classes = Ok(class(&marked(), &json!({}), "False"))),
    Check::Classes, Verdict::Fail, "FlashClass bench is not accepted: because")]
#[case::a_suspended_class(with(|facts| facts.classes = Ok(class(&marked(), &json!({"suspend": true}), "True"))),
    Check::Classes, Verdict::Warn, "FlashClass bench is suspended")]
#[case::no_akri(with(|facts| facts.server.as_mut().unwrap().api_versions.retain(|kind| !kind.contains("akri"))),
    Check::Akri, Verdict::Fail, "does not serve akri.sh/v0/Instance")]
#[case::no_devices(with(|facts| facts.devices = Ok(Devices::default())), Check::Akri, Verdict::Warn, "has no device")]
#[case::an_unfit_device(with(|facts| facts.devices.as_mut().unwrap().unfit.push(("a".into(), "no HOST_ENDPOINT".into()))),
    Check::Akri, Verdict::Warn, "1 of 12 Instances in namespace lab cannot be flashed; a: no HOST_ENDPOINT")]
#[case::a_flash_without_address(with(|facts| facts.services = Ok(vec![read(service("f", &json!({"flashjob.nbfc.io/attempt": "1"}), "10.0.0.8"))])),
    Check::Addresses, Verdict::Fail, "Service lab/f has waited for 10m")]
#[case::others_without_address(with(|facts| facts.services = Ok(vec![read(service("f", &json!({}), "10.0.0.8"))])),
    Check::Addresses, Verdict::Warn, "1 Service of type LoadBalancer got no address")]
#[case::a_quota(with(|facts| facts.balanced = refused(ErrorKind::QuotaExceeded, "exceeded quota: services.loadbalancers=0")),
    Check::Addresses, Verdict::Fail, "takes no Service of type LoadBalancer: exceeded quota")]
#[case::a_policy(with(|facts| facts.balanced = refused(ErrorKind::AdmissionDenied, "denied by policy")),
    Check::Addresses, Verdict::Fail, "takes no Service of type LoadBalancer: denied by policy")]
#[case::no_right_to_try(with(|facts| facts.balanced = forbidden("create", "services")),
    Check::Addresses, Verdict::Unknown, "you may not create services in namespace lab")]
#[case::a_closed_class(with(|facts| facts.classes = Ok(class(&marked(), &json!({"allowedJobNamespaces": {"from": "Same"}}), "True"))),
    Check::Classes, Verdict::Fail, "no FlashClass admits FlashJobs of namespace lab")]
#[case::other_labels(with(|facts| facts.classes = Ok(class(&marked(), &of_labels("attic"), "True"))),
    Check::Classes, Verdict::Fail, "no FlashClass admits FlashJobs of namespace lab")]
#[case::unseen_labels(with(|facts| {
        facts.classes = Ok(class(&marked(), &of_labels("lab"), "True"));
        facts.labels = forbidden("get", "namespaces");
    }), Check::Classes, Verdict::Unknown, "whether a class admits FlashJobs of namespace lab")]
#[case::an_image_that_is_not_had(with(|facts| facts.pods = Ok(vec![read(pod(&json!({})))])),
    Check::Registry, Verdict::Warn, "1 Pod waits for an image; Pod p for registry.example.com/a:1: no such host")]
#[case::a_flash_without_its_image(with(|facts| facts.pods = Ok(vec![read(pod(&json!({}))), read(pod(&json!({"flashjob.nbfc.io/attempt": "1"})))])),
    Check::Registry, Verdict::Fail, "2 Pods wait for an image; Pod p")]
#[case::unseen_pods(with(|facts| facts.pods = forbidden("list", "pods")), Check::Registry, Verdict::Unknown, "you may not list pods in namespace lab")]
#[case::no_attestation(with(|facts| facts.attestation = Ok(None)), Check::Attestation, Verdict::Warn, "has no Service dice-auth-service")]
#[case::headless_attestation(with(|facts| facts.attestation = Ok(Some(read(service("d", &json!({}), "None"))))),
    Check::Attestation, Verdict::Warn, "has no address of the cluster")]
#[case::no_pull_secret(with(|facts| facts.secrets[0].1 = Ok(false)), Check::Secrets, Verdict::Fail, "namespace lab has no Secret pull")]
#[case::an_unseen_secret(with(|facts| facts.secrets[0].1 = forbidden("get", "secrets")),
    Check::Secrets, Verdict::Unknown, "you may not get secrets in namespace lab")]
#[case::broken_values(with(|facts| facts.values = Some(Ok(Some(values("a: ["))))), Check::Secrets, Verdict::Fail, "ConfigMap firmware/values cannot be read")]
#[case::no_values(with(|facts| facts.values = Some(Ok(None))), Check::Secrets, Verdict::Fail, "lacks the ConfigMap")]
#[case::no_ready_pod(with(|facts| facts.deployment = Ok(Some(read(deployment(&["run"], 1, 0))))),
    Check::Operator, Verdict::Fail, "0 of 1 Pods ready")]
#[case::one_pod_of_two(with(|facts| facts.deployment = Ok(Some(read(deployment(&["run"], 2, 1))))),
    Check::Operator, Verdict::Warn, "1 of 2 Pods ready")]
#[case::another_namespace(with(|facts| facts.deployment = Ok(Some(read(deployment(&["run", "--watch-namespaces=attic"], 1, 1))))),
    Check::Namespaces, Verdict::Fail, "does not look at FlashJobs of namespace lab")]
#[case::devices_elsewhere(with(|facts| facts.deployment = Ok(Some(read(deployment(&["run", "--akri-namespaces=attic"], 1, 1))))),
    Check::Namespaces, Verdict::Warn, "does not look at devices of namespace lab")]
#[case::no_lease(with(|facts| facts.lease = Ok(None)), Check::Lease, Verdict::Fail, "nobody holds the Lease")]
#[case::a_released_lease(with(|facts| facts.lease = Ok(Some(read(lease("", -2))))), Check::Lease, Verdict::Fail, "nobody holds the Lease")]
#[case::a_stale_lease(with(|facts| facts.lease = Ok(Some(read(lease("operator-1", -60))))), Check::Lease, Verdict::Fail, "renewed it 1m ago")]
#[case::a_viewer(with(|facts| facts.rights[2].1 = Ok(false)), Check::Rights, Verdict::Warn, "you lack the right to patch flashjobs")]
#[case::a_stranger(with(|facts| facts.rights[0].1 = Ok(false)), Check::Rights, Verdict::Fail, "you lack the right to get flashjobs")]
#[case::a_slow_clock(with(|facts| facts.times.1 = at(-42)), Check::Clock, Verdict::Warn, "42 s behind the API server's")]
#[case::a_fast_operator(with(|facts| facts.lease = Ok(Some(read(lease("operator-1", 30))))), Check::Clock, Verdict::Warn,
    "the clock of the operator's node is 30 s ahead")]
fn one_thing_is_found(
    #[case] facts: Facts,
    #[case] check: Check,
    #[case] verdict: Verdict,
    #[case] words: &str,
) {
    let mut found = findings(&facts);
    found.retain(|one| one.verdict != Verdict::Ok);
    assert_eq!(found.len(), 1, "{found:#?}");
    let one = &found[0];
    assert_eq!((one.check, one.verdict), (check, verdict), "{one:#?}");
    assert!(one.message.contains(words), "{one:#?}");
    assert!(one.next.is_some(), "{one:#?}");
    assert_eq!(one.right.is_some(), verdict == Verdict::Unknown, "{one:#?}");
}

#[test]
fn an_attestation_service_of_the_values_needs_no_service() {
    let facts = with(|facts| {
        facts.attestation = Ok(None);
        facts.values = Some(Ok(Some(values("diceAuth: {host: dice.lab.example}"))));
        facts.secrets.clear();
    });
    let found = findings(&facts);
    assert!(
        found.iter().all(|one| one.verdict == Verdict::Ok),
        "{found:#?}"
    );
}

fn spec_of(facts: &mut Facts) -> &mut std::collections::BTreeMap<String, Schema> {
    let definition = facts.definitions[0].as_mut().unwrap().as_mut().unwrap();
    let schema = definition.spec.versions[0].schema.as_mut().unwrap();
    let root = schema.open_api_v3_schema.as_mut().unwrap();
    let spec = root.properties.as_mut().unwrap().get_mut("spec").unwrap();
    spec.properties.as_mut().unwrap()
}

type Schema = k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

fn drop_field(facts: &mut Facts, name: &str) {
    spec_of(facts).remove(name).unwrap();
}

fn add_field(facts: &mut Facts) {
    spec_of(facts).insert("ofTomorrow".to_owned(), Schema::default());
}

#[test]
fn a_class_that_admits_the_namespace_by_its_labels_is_named_and_another_than_the_default_one_has_to_be()
 {
    let facts = with(|facts| facts.classes = Ok(class(&marked(), &of_labels("lab"), "True")));
    let said = |facts: &Facts| {
        let found = findings(facts);
        let mut of_classes = found.into_iter().filter(|one| one.check == Check::Classes);
        of_classes.next_back().unwrap()
    };
    let found = said(&facts);
    assert_eq!(
        found.message,
        "FlashJobs of namespace lab are admitted by bench"
    );
    // The same class beside a default one that is closed.
    let facts = with(|facts| {
        let mut classes = class(
            &marked(),
            &json!({"allowedJobNamespaces": {"from": "Same"}}),
            "True",
        );
        let other = class(&json!({}), &json!({}), "True");
        let mut other = Class::clone(other.all().next().unwrap());
        other.reference.name = "open".to_owned();
        classes.see(other);
        facts.classes = Ok(classes);
    });
    let found = said(&facts);
    assert_eq!(found.verdict, Verdict::Warn, "{found:#?}");
    assert!(found.next.unwrap().ends_with(": open"));
}
