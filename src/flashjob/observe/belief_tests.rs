//! Which objects are believed: what each kind of forgery and of damage comes to.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    ByteString,
    api::core::v1::{Pod, Secret, Service},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    flash_pod::intent::{FrozenDevice, Intent, JobRef, Record, attempt_id},
    flashjob::fixtures::{JOB, at, endpoint, identity, uuid},
    identifiers::AttemptId,
    names::LABEL_REVISION,
    seal::{chart_digest, tests::seals},
};
use helm_release::{ApplyMethod, Info, Stamp, secret};

#[path = "belief_tests/foreign.rs"]
mod foreign;
#[path = "belief_tests/own.rs"]
mod own;
#[path = "belief_tests/unlabelled.rs"]
mod unlabelled;

fn cache() -> Cache {
    let mut cache = Cache::default();
    cache.seals = Some(Arc::new(seals(1, None)));
    cache
}

/// The object of an attempt at device 0, sealed by that key.
fn object(kind: ObjectKind, key: u8) -> Value {
    let who = identity(0, "a0");
    let name = format!("flash-{}-a0", uuid(0));
    let (labels, annotations) = marks(&seals(key, None), kind, &name, &who);
    json!({
        "metadata": {
            "name": name, "namespace": "lab", "uid": format!("uid-{}", kind.as_str()), "resourceVersion": "5",
            "labels": labels, "annotations": annotations,
        },
    })
}

fn pod(value: &Value) -> Pod {
    serde_json::from_value(value.clone()).unwrap()
}

fn service(value: &Value) -> Service {
    serde_json::from_value(value.clone()).unwrap()
}

/// A release Secret of that attempt as the operator writes it.
fn record(key: u8, edit: impl FnOnce(&mut Record)) -> Secret {
    let mut secret = written(key);
    let mut stored = Stored::from_secret(&secret).unwrap().record;
    edit(&mut stored);
    let labels = secret.metadata.labels.clone().unwrap();
    let edited = helm_release::encode(&stored);
    secret.data = Some([("release".to_owned(), ByteString(edited))].into());
    secret.metadata.labels = Some(labels);
    secret
}

fn written(key: u8) -> Secret {
    let id = attempt_id(&JOB.into(), 1, 1, "n");
    let who = identity(0, id.as_str());
    let intent = Intent {
        job: JobRef {
            name: "lamps".into(),
            namespace: "lab".into(),
            uid: JOB.into(),
        },
        round: 1,
        attempt: 1,
        nonce: "n".into(),
        attempt_id: id,
        index: 0,
        firmware: "r.example/fw:1".into(),
        version: "1".into(),
        device: FrozenDevice {
            uuid: uuid(0),
            endpoint: endpoint(0),
            ..FrozenDevice::default()
        },
        pool_service: None,
        seal: None,
    };
    let chart = helm_chart::Chart {
        metadata: helm_chart::Metadata {
            name: "flash-pod".into(),
            version: "1.0.0".into(),
            api_version: "v2".into(),
            app_version: Some("1".into()),
            kube_version: None,
            raw: json!({"name": "flash-pod"}),
        },
        values: json!({"a": 1}).into(),
        schema: None,
        templates: Arc::default(),
        files: Arc::default(),
    };
    let keys = seals(key, None);
    let config = json!({"externalIP": "", "n": 1});
    let chart_is = chart_digest(&chart);
    let record = Record {
        name: format!("flash-{}", uuid(0)),
        namespace: "lab".into(),
        version: 1,
        apply_method: ApplyMethod::ServerSide,
        attachment: Some(keys.seal_content(&intent, &config, chart_is, Some("uid-Pod"))),
        config,
        manifest: String::new(),
        info: Info {
            status: Status::PendingInstall,
            ..Info::default()
        },
        chart,
        hooks: Vec::new(),
    };
    let name = format!("sh.helm.release.v1.flash-{}.v1", uuid(0));
    let (labels, _) = marks(&keys, ObjectKind::Secret, &name, &who);
    let mut secret = secret(&record, &labels, Stamp::Created(at(1))).unwrap();
    secret.metadata.uid = Some("uid-Secret".into());
    secret.metadata.resource_version = Some("5".into());
    secret
}

fn key_of(cache: &Cache) -> Vec<AttemptId> {
    cache.ledger.all().map(|(key, _)| key.id.clone()).collect()
}

#[test]
fn what_bears_its_seal_is_taken_in() {
    let mut cache = cache();
    assert!(cache.see_pod(&pod(&object(ObjectKind::Pod, 1))).is_some());
    let service = service(&object(ObjectKind::Service, 1));
    assert!(cache.see_service(&service).is_some());
    let (_, attempt) = cache.ledger.all().next().unwrap();
    assert!(attempt.pod.is_some() && attempt.service.is_some());
    assert_eq!(cache.met, []);
}

#[rstest]
#[case::no_seal(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["annotations"] = json!({}))]
#[case::another_operators_key(ObjectKind::Pod, 2, |_: &mut Value| ())]
#[case::copied_to_another_namespace(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["namespace"] = json!("evil"))]
#[case::copied_to_another_name(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["name"] = json!("flash-x-a0"))]
#[case::copied_to_another_round(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["labels"]["flashjob.nbfc.io/round"] = json!("2"))]
#[case::copied_to_another_attempt(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["labels"]["flashjob.nbfc.io/attempt"] = json!("a1"))]
#[case::copied_to_another_device(ObjectKind::Pod, 1, |object: &mut Value| object["metadata"]["annotations"]["flashjob.nbfc.io/endpoint"] = json!("192.0.2.66:80"))]
#[case::copied_from_the_service(ObjectKind::Pod, 1, |to: &mut Value| {
    let from = object(ObjectKind::Service, 1);
    to["metadata"]["annotations"]["flashjob.nbfc.io/pod-seal"] = from["metadata"]["annotations"]["flashjob.nbfc.io/service-seal"].clone();
})]
#[case::a_service_without_a_seal(ObjectKind::Service, 1, |object: &mut Value| object["metadata"]["annotations"] = json!({}))]
fn what_bears_no_seal_of_its_own_is_no_attempt_and_keeps_its_device_in_its_namespace(
    #[case] kind: ObjectKind,
    #[case] key: u8,
    #[case] edit: fn(&mut Value),
) {
    let mut cache = cache();
    let mut object = object(kind, key);
    edit(&mut object);
    let seen = match kind {
        ObjectKind::Pod => cache.see_pod(&pod(&object)),
        _ => cache.see_service(&service(&object)),
    };
    assert_eq!((seen, key_of(&cache)), (None, Vec::new()));
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let kept = cache.ledger.unsealed.at(namespace, &uuid(0), None);
    assert_eq!(kept.map(|object| object.kind), Some(kind));
    assert!(
        namespace == "lab" || cache.ledger.unsealed.at("lab", &uuid(0), None).is_none(),
        "it means nothing elsewhere"
    );
    assert_eq!(cache.met.len(), 1, "it is spoken of once");
    assert_eq!(cache.ledger.slots(), 0, "it holds no slot");
}

#[test]
fn a_pod_with_a_copied_seal_is_not_believed_beside_the_one_whose_uid_is_known() {
    let mut cache = cache();
    cache.see_pod(&pod(&object(ObjectKind::Pod, 1)));
    cache.ledger.see_gone("uid-Pod");
    // The attempt lives on in its Service.
    cache.see_service(&service(&object(ObjectKind::Service, 1)));
    cache.see_own_pod(&pod(&object(ObjectKind::Pod, 1)), &identity(0, "a0"));
    let mut copy = object(ObjectKind::Pod, 1);
    copy["metadata"]["uid"] = json!("uid-copy");
    copy["metadata"]["resourceVersion"] = json!("9");
    copy["status"] = json!({"phase": "Succeeded"});
    let mut known = cache;
    known.see_pod(&pod(&{
        let mut again = object(ObjectKind::Pod, 1);
        again["metadata"]["uid"] = json!("uid-own");
        again
    }));
    let before: Vec<_> = known
        .ledger
        .all()
        .map(|(_, attempt)| attempt.pod.clone())
        .collect();
    assert_eq!(known.see_pod(&pod(&copy)), None);
    let after: Vec<_> = known
        .ledger
        .all()
        .map(|(_, attempt)| attempt.pod.clone())
        .collect();
    assert_eq!(before, after);
    assert!(known.ledger.unsealed.at("lab", &uuid(0), None).is_some());
}

#[test]
fn an_object_of_ours_that_lost_its_marks_is_still_ours_and_gets_them_back() {
    let mut cache = cache();
    let whole = object(ObjectKind::Pod, 1);
    cache.see_pod(&pod(&whole));
    let mut bare = whole.clone();
    bare["metadata"]["labels"] = json!({});
    bare["metadata"]["annotations"] = json!({"flashjob.nbfc.io/endpoint": "192.0.2.66:80"});
    bare["metadata"]["resourceVersion"] = json!("6");
    bare["status"] = json!({"phase": "Running"});
    assert!(cache.see_pod(&pod(&bare)).is_some());
    let (_, attempt) = cache.ledger.all().next().unwrap();
    let seen = attempt.pod.as_ref().unwrap();
    assert_eq!((seen.phase.as_str(), seen.sight.version), ("Running", 6));
    assert_eq!(attempt.identity, identity(0, "a0"), "whatever it says now");
    let [repair] = &cache.repairs[..] else {
        panic!("{:?}", cache.repairs)
    };
    assert_eq!((repair.uid.as_str(), repair.version), ("uid-Pod", 6));
    let texts = |map: &BTreeMap<String, String>| json!(map);
    assert_eq!(texts(&repair.labels), whole["metadata"]["labels"]);
    assert_eq!(texts(&repair.annotations), whole["metadata"]["annotations"]);
}

#[rstest]
#[case::its_labels("labels", true)]
#[case::its_seal("annotations", false)]
fn a_pod_that_is_found_by_its_name_is_ours_by_its_seal_alone(
    #[case] lost: &str,
    #[case] believed: bool,
) {
    let mut cache = cache();
    let mut found = object(ObjectKind::Pod, 1);
    found["metadata"][lost] = json!({});
    assert_eq!(cache.see_pod_of(&pod(&found), &identity(0, "a0")), believed);
    assert_eq!(cache.repairs.len(), usize::from(believed));
}

#[test]
fn a_record_bears_its_content_and_only_the_pod_that_it_names_is_believed() {
    let mut cache = cache();
    assert!(cache.see_secret(&record(1, |_| ())).is_some());
    let (_, attempt) = cache.ledger.all().next().unwrap();
    let id = attempt.identity.key.id.clone();
    assert!(attempt.record().unwrap().chart_proven);
    assert_eq!(attempt.number(), Some(1));
    let who = identity(0, id.as_str());
    let name = format!("flash-{}-{id}", uuid(0));
    let (labels, annotations) = marks(&seals(1, None), ObjectKind::Pod, &name, &who);
    let with_uid = |uid: &str| {
        let meta = json!({
            "name": name, "namespace": "lab", "uid": uid, "resourceVersion": "7", "labels": labels,
            "annotations": annotations,
        });
        pod(&json!({"metadata": meta}))
    };
    assert_eq!(cache.see_pod(&with_uid("another")), None);
    assert!(cache.see_pod(&with_uid("uid-Pod")).is_some());
}

#[rstest]
#[case::its_values(|record: &mut Record| record.config["externalIP"] = json!("192.0.2.66"))]
#[case::its_firmware(|record: &mut Record| record.attachment.as_mut().unwrap().firmware = "r.example/evil:1".into())]
#[case::its_intent(|record: &mut Record| record.attachment = None)]
#[case::its_namespace(|record: &mut Record| {
    let mut another = record.attachment.clone().unwrap();
    another.job.namespace = "evil".into();
    let sealed = seals(1, None).seal_content(&another, &record.config, chart_digest(&record.chart), None);
    record.attachment = Some(sealed);
})]
#[case::its_attempt(|record: &mut Record| {
    let another = Intent { attempt: 2, ..record.attachment.clone().unwrap() };
    let sealed = seals(1, None).seal_content(&another, &record.config, chart_digest(&record.chart), None);
    record.attachment = Some(sealed);
})]
fn a_record_that_somebody_edited_keeps_its_lock_and_nothing_is_made_from_it(
    #[case] edit: fn(&mut Record),
) {
    let mut cache = cache();
    assert!(cache.see_secret(&record(1, edit)).is_some());
    let (_, attempt) = cache.ledger.all().next().unwrap();
    assert!(attempt.locks());
    assert_eq!(attempt.record().unwrap().stored, None);
}

#[test]
fn a_record_with_another_chart_is_known_not_to_prove_its_chart() {
    let mut cache = cache();
    cache.see_secret(&record(1, |record| {
        record.chart.values = json!({"externalIP": "192.0.2.66"}).into();
    }));
    let (_, attempt) = cache.ledger.all().next().unwrap();
    let record = attempt.record().unwrap();
    assert!(record.stored.is_some() && !record.chart_proven);
}

#[test]
fn an_unproven_chart_stays_unproven_when_the_operator_writes_its_record_again() {
    let mut cache = cache();
    let altered = record(1, |record| {
        record.chart.values = json!({"externalIP": "192.0.2.66"}).into();
    });
    let written = Stored::from_secret(&altered).unwrap();
    assert!(cache.see_written(&altered, written, false).is_some());
    let (_, attempt) = cache.ledger.all().next().unwrap();
    assert!(!attempt.record().unwrap().chart_proven);
    assert_eq!(attempt.given_address(), None);
}

#[rstest]
#[case::no_seal(|secret: &mut Secret| drop(secret.metadata.labels.as_mut().unwrap().remove(LABEL_SEAL)))]
#[case::copied_to_another_revision(|secret: &mut Secret| {
    secret.metadata.name = Some(format!("sh.helm.release.v1.flash-{}.v2", uuid(0)));
    secret.metadata.labels.as_mut().unwrap().insert(LABEL_REVISION.into(), "2".into());
})]
#[case::copied_to_another_namespace(|secret: &mut Secret| secret.metadata.namespace = Some("evil".into()))]
fn a_record_that_is_not_ours_is_never_unpacked(#[case] edit: fn(&mut Secret)) {
    let mut cache = cache();
    let mut secret = record(1, |_| ());
    edit(&mut secret);
    // What cannot be unpacked is not noticed: nobody tries.
    secret.data = Some([("release".to_owned(), ByteString(b"nonsense".to_vec()))].into());
    assert_eq!(cache.see_secret(&secret), None);
    assert_eq!(key_of(&cache), Vec::<AttemptId>::new());
    let object = &cache.met[0];
    assert_eq!(
        (object.kind, object.uuid.as_str(), object.locks),
        (ObjectKind::Secret, uuid(0).as_str(), true)
    );
}

#[rstest]
#[case::failed("failed", false)]
#[case::superseded("superseded", false)]
#[case::uninstalled("uninstalled", false)]
#[case::deployed("deployed", true)]
#[case::whatever("whatever", true)]
fn an_unsealed_record_keeps_its_device_unless_helm_says_that_it_is_over(
    #[case] status: &str,
    #[case] keeps: bool,
) {
    let mut cache = cache();
    let mut secret = record(2, |_| ());
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.insert("status".into(), status.into());
    cache.see_secret(&secret);
    assert_eq!(
        cache.ledger.unsealed.at("lab", &uuid(0), None).is_some(),
        keeps
    );
    assert_eq!(cache.next_revision("lab", &format!("flash-{}", uuid(0))), 2);
}
