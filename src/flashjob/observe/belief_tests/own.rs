//! What is believed of the operator's own objects, whatever became of their labels and annotations.

use super::*;
use crate::flashjob::observe::ledger::Attempt;
use crate::identifiers::AttemptId;

fn only(cache: &Cache) -> &Attempt {
    cache.ledger.all().next().unwrap().1
}

/// The object as another one: with this uid, at this version.
fn as_another(mut object: Value, uid: &str, version: &str) -> Value {
    object["metadata"]["uid"] = json!(uid);
    object["metadata"]["resourceVersion"] = json!(version);
    object
}

#[test]
fn a_record_tells_its_device_by_its_name_alone() {
    let (labels, annotations) = marks(
        &seals(1, None),
        ObjectKind::Secret,
        "name",
        &identity(0, "a0"),
    );
    assert!(!labels.contains_key(LABEL_UUID), "{labels:?}");
    assert!(annotations.is_empty(), "helm drops them: {annotations:?}");
    let mut secret = record(1, |_| ());
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.insert(LABEL_UUID.into(), uuid(7).to_string());
    let mut cache = cache();
    assert!(cache.see_secret(&secret).is_some());
    assert_eq!(only(&cache).identity.uuid, uuid(0));
}

#[test]
fn an_older_event_of_a_record_that_is_known_asks_for_no_repair() {
    let mut cache = cache();
    let secret = record(1, |_| ());
    cache.see_secret(&secret);
    let mut bare = secret;
    bare.metadata.labels = None;
    bare.metadata.resource_version = Some("4".into());
    assert_eq!(cache.see_secret(&bare), None);
    assert_eq!(cache.repairs, []);
    bare.metadata.resource_version = Some("6".into());
    cache.see_secret(&bare);
    assert_eq!(cache.repairs.len(), 1, "its labels were taken off");
}

#[test]
fn a_record_whose_labels_could_not_be_put_back_asks_for_them_again() {
    let mut cache = cache();
    let mut bare = record(1, |_| ());
    cache.see_secret(&bare);
    bare.metadata.labels = None;
    bare.metadata.resource_version = Some("6".into());
    cache.see_secret(&bare);
    cache.repairs.clear();
    cache.see_secret_again(&bare);
    assert_eq!(cache.repairs.len(), 1);
}

#[test]
fn what_the_original_operator_made_is_not_marked_before_it_is_taken_over() {
    let mut cache = cache();
    let mut bare = object(ObjectKind::Pod, 1);
    bare["metadata"]["labels"] = json!({});
    bare["metadata"]["annotations"] = json!({});
    cache.see_own_pod(&pod(&bare), &identity(0, ""));
    bare["metadata"]["resourceVersion"] = json!("6");
    assert!(cache.see_pod(&pod(&bare)).is_some(), "its uid is known");
    assert_eq!(cache.repairs, []);
}

#[test]
fn a_late_event_of_the_pod_before_under_its_name_is_not_taken_for_a_foreign_one() {
    let mut cache = cache();
    let whole = object(ObjectKind::Pod, 1);
    cache.see_pod(&pod(&whole));
    let own = as_another(whole.clone(), "uid-own", "9");
    cache.see_own_pod(&pod(&own), &identity(0, "a0"));
    let late = as_another(whole, "uid-Pod", "7");
    assert_eq!(cache.see_pod(&pod(&late)), None);
    assert_eq!(only(&cache).pod.as_ref().unwrap().sight.uid, "uid-own");
    assert_eq!(cache.met, []);
}

#[test]
fn a_pod_that_is_found_whole_by_its_name_needs_no_repair() {
    let mut cache = cache();
    let found = pod(&object(ObjectKind::Pod, 1));
    assert!(cache.see_pod_of(&found, &identity(0, "a0")));
    assert!(only(&cache).pod.is_some());
    assert_eq!(cache.repairs, []);
}

#[rstest]
#[case::that_is_annotated(true, Some(endpoint(0)), true)]
#[case::that_only_the_annotation_tells(true, None, true)]
#[case::that_only_the_attempt_tells(false, Some(endpoint(0)), true)]
#[case::that_nobody_tells(false, None, false)]
#[case::of_another_device(false, Some(endpoint(1)), false)]
fn the_seal_of_a_pod_without_labels_must_say_its_endpoint(
    #[case] annotated: bool,
    #[case] known: Option<String>,
    #[case] believed: bool,
) {
    let mut cache = cache();
    let mut found = object(ObjectKind::Pod, 1);
    found["metadata"]["labels"] = json!({});
    if !annotated {
        let annotations = found["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.remove(ANNOTATION_ENDPOINT);
    }
    let who = Identity {
        endpoint: known,
        ..identity(0, "a0")
    };
    assert_eq!(cache.see_pod_of(&pod(&found), &who), believed);
}

#[test]
fn a_copy_of_a_pod_without_labels_is_not_believed_beside_the_one_whose_uid_is_known() {
    let mut cache = cache();
    let whole = object(ObjectKind::Pod, 1);
    cache.see_pod(&pod(&whole));
    let mut copy = as_another(whole, "uid-copy", "9");
    copy["metadata"]["labels"] = json!({});
    assert!(!cache.see_pod_of(&pod(&copy), &identity(0, "a0")));
    assert_eq!(only(&cache).pod.as_ref().unwrap().sight.uid, "uid-Pod");
    assert_eq!(cache.repairs, []);
}

#[test]
fn the_service_that_helm_wrote_is_the_attempts_if_it_is_sealed() {
    let mut cache = cache();
    let whole = object(ObjectKind::Service, 1);
    cache.see_service(&service(&whole));
    let again = as_another(whole.clone(), "uid-again", "8");
    cache.see_service_of(&service(&again), &identity(0, "a0"));
    let uid = |cache: &Cache| only(cache).service.as_ref().unwrap().sight.uid.clone();
    assert_eq!(uid(&cache), "uid-again");
    let mut bare = as_another(whole, "uid-bare", "9");
    bare["metadata"]["annotations"] = json!({});
    cache.see_service_of(&service(&bare), &identity(0, "a0"));
    assert_eq!(uid(&cache), "uid-again");
    assert!(cache.ledger.unsealed.at("lab", &uuid(0), None).is_some());
}

#[rstest]
#[case::with_its_seal(false, None, true)]
#[case::without_its_seal(true, None, false)]
#[case::beside_one_that_is_known(false, Some("uid-own"), false)]
fn a_service_without_labels_that_is_found_by_its_name_is_the_attempts_if_it_is_sealed_for_it(
    #[case] unsealed: bool,
    #[case] known: Option<&str>,
    #[case] taken: bool,
) {
    let mut cache = cache();
    let who = identity(0, "a0");
    if let Some(uid) = known {
        let own = as_another(object(ObjectKind::Service, 1), uid, "8");
        cache.see_own_service(&service(&own), &who);
    }
    let mut bare = object(ObjectKind::Service, 1);
    bare["metadata"]["labels"] = json!({});
    if unsealed {
        bare["metadata"]["annotations"] = json!({});
    }
    cache.see_service_of(&service(&bare), &who);
    let found = cache
        .ledger
        .attempt(&who.key)
        .and_then(|attempt| attempt.service.as_ref());
    let uid = found.map(|service| service.sight.uid.as_str());
    assert_eq!(uid, taken.then_some("uid-Service").or(known));
    assert_eq!(
        cache.repairs.len(),
        usize::from(taken),
        "its labels are put back"
    );
}

#[rstest]
#[case::of_an_attempt_that_is_known(attempt_id(&JOB.into(), 1, 1, "n"), true)]
#[case::of_another_one("a1".into(), false)]
fn a_record_without_its_label_is_of_the_attempt_that_its_seal_says(
    #[case] id: AttemptId,
    #[case] taken: bool,
) {
    let mut cache = cache();
    let mut pod = crate::flashjob::fixtures::running(&identity(0, id.as_str()));
    pod.sight.uid = "uid-Pod".into();
    cache.ledger.see_pod(pod);
    let mut bare = record(1, |_| ());
    bare.metadata.labels.as_mut().unwrap().remove(LABEL_JOB_UID);
    assert_eq!(cache.see_unlabelled_record(&bare).is_some(), taken);
    assert_eq!(only(&cache).record().is_some(), taken);
    assert_eq!(
        cache.repairs.len(),
        usize::from(taken),
        "its label is put back"
    );
}
