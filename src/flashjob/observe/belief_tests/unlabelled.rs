//! What a new leader knows of Pods and Services without labels.

use super::*;
use crate::flashjob::fixtures::{Scene, leasing};

/// An object of an attempt in this round, by its owner a job's; nothing but labels is missing.
fn bare(kind: ObjectKind, round: i64) -> Value {
    let who = Identity {
        round,
        ..identity(0, "a0")
    };
    let mut object = object(kind, 1);
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let (_, annotations) = marks(&seals(1, None), kind, &name, &who);
    let meta = &mut object["metadata"];
    meta["labels"] = json!({});
    meta["annotations"] = json!(annotations);
    meta["ownerReferences"] =
        json!([{"apiVersion": "g/v1", "kind": "FlashJob", "name": "lamps", "uid": JOB}]);
    object
}

fn known(cache: &Cache, kind: ObjectKind, object: &Value) -> Option<Identity> {
    let meta: ObjectMeta = serde_json::from_value(object["metadata"].clone()).unwrap();
    cache.sealed_identity(&meta, kind)
}

/// A new leader that has listed the job, which is in its first round.
fn new_leader() -> Cache {
    let mut cache = cache();
    cache.see_job(Scene::new(1).job);
    cache
}

#[rstest]
fn what_lost_all_labels_is_known_by_its_seal_and_gets_them_back(
    #[values(ObjectKind::Pod, ObjectKind::Service)] kind: ObjectKind,
) {
    let (mut cache, lost) = (new_leader(), bare(kind, 1));
    let who = known(&cache, kind, &lost).unwrap();
    assert_eq!(who, identity(0, "a0"));
    let taken = match kind {
        ObjectKind::Pod => cache.see_pod_of(&pod(&lost), &who),
        _ => cache.see_service_of(&service(&lost), &who),
    };
    assert!(taken);
    assert_eq!(
        cache.ledger.slots_of(&JOB.into()),
        1,
        "it counts against every limit"
    );
    assert_eq!(
        cache.ledger.holder_of(&endpoint(0)).is_some(),
        kind == ObjectKind::Pod
    );
    let [repair] = cache.repairs.as_slice() else {
        panic!("{:?}", cache.repairs)
    };
    assert_eq!(repair.labels[LABEL_JOB_UID], JOB);
    assert_eq!(known(&cache, kind, &lost), None, "its uid is known now");
}

#[rstest]
#[case::without_a_seal("annotations", json!({}))]
#[case::copied_to_another_name("name", json!("flash-uuid-0-a1"))]
#[case::copied_to_another_namespace("namespace", json!("evil"))]
#[case::of_another_job("ownerReferences", json!([{"apiVersion": "g/v1", "kind": "FlashJob", "name": "lamps", "uid": "job-2"}]))]
#[case::owned_by_something_else("ownerReferences", json!([{"apiVersion": "v1", "kind": "Node", "name": "lamps", "uid": JOB}]))]
#[case::owned_by_nobody("ownerReferences", json!([]))]
#[case::of_no_release("name", json!("lamps-0-a0"))]
fn a_seal_that_does_not_fit_proves_nothing(#[case] field: &str, #[case] value: Value) {
    let mut lost = bare(ObjectKind::Pod, 1);
    lost["metadata"][field] = value;
    assert_eq!(known(&new_leader(), ObjectKind::Pod, &lost), None);
}

#[rstest]
#[case::the_round_before(2, 1, None, true)]
#[case::a_round_that_never_was(1, 2, None, false)]
#[case::a_round_that_its_label_tells(1, 2, Some("2"), true)]
#[case::a_label_that_was_changed(1, 1, Some("7"), true)]
#[case::the_oldest_that_is_tried(150, 51, None, true)]
#[case::an_older_one(150, 50, None, false)]
fn the_rounds_of_the_job_are_tried(
    #[case] newest: i64,
    #[case] round: i64,
    #[case] label: Option<&str>,
    #[case] found: bool,
) {
    let mut scene = Scene::new(1);
    scene.stored(|status| status.round.as_mut().unwrap().number = newest);
    let mut cache = cache();
    cache.see_job(scene.job);
    let mut lost = bare(ObjectKind::Pod, round);
    if let Some(label) = label {
        lost["metadata"]["labels"] = json!({LABEL_ROUND: label});
    }
    let who = known(&cache, ObjectKind::Pod, &lost);
    assert_eq!(who.map(|who| who.round), found.then_some(round));
}

#[test]
fn what_is_left_of_a_job_that_is_gone_is_known_by_its_owner_or_its_label() {
    let mut lost = bare(ObjectKind::Pod, 3);
    assert!(known(&cache(), ObjectKind::Pod, &lost).is_some());
    lost["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(known(&cache(), ObjectKind::Pod, &lost), None);
    lost["metadata"]["labels"] = json!({LABEL_JOB_UID: JOB});
    assert!(known(&cache(), ObjectKind::Pod, &lost).is_some());
}

#[test]
fn a_copy_of_a_service_is_not_believed_beside_the_one_whose_uid_is_known() {
    let mut cache = new_leader();
    cache.see_service(&service(&object(ObjectKind::Service, 1)));
    let mut copy = bare(ObjectKind::Service, 1);
    copy["metadata"]["uid"] = json!("uid-copy");
    copy["metadata"]["resourceVersion"] = json!("9");
    let who = known(&cache, ObjectKind::Service, &copy).unwrap();
    assert!(!cache.see_service_of(&service(&copy), &who));
    assert_eq!(cache.repairs, []);
}

#[test]
fn the_service_of_a_pool_that_lost_all_labels_is_known_by_the_record_that_names_it() {
    let mut cache = new_leader();
    let mut lost = bare(ObjectKind::Service, 1);
    lost["metadata"]["name"] = json!("flash-pool-0");
    let who = identity(0, "a0");
    let (_, annotations) = marks(&seals(1, None), ObjectKind::Service, "flash-pool-0", &who);
    lost["metadata"]["annotations"] = json!(annotations);
    lost["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(known(&cache, ObjectKind::Service, &lost), None);
    cache.ledger.see_record(leasing(&who, "flash-pool-0"));
    assert_eq!(
        known(&cache, ObjectKind::Service, &lost).as_ref(),
        Some(&who)
    );
    assert!(cache.see_service_of(&service(&lost), &who));
    let attempt = cache.ledger.attempt(&who.key).unwrap();
    assert!(attempt.service.is_some());
    assert_eq!(cache.repairs.len(), 1);
}
