//! What is kept of objects that are not the operator's.

use super::*;

/// A Pod or a Service of that form without a seal.
fn foreign(kind: ObjectKind) -> Value {
    let mut object = object(kind, 1);
    object["metadata"]["annotations"] = json!({});
    object
}

fn met(cache: &Cache) -> &UnsealedObject {
    let [object] = &cache.met[..] else {
        panic!("{:?}", cache.met)
    };
    object
}

#[rstest]
#[case::that_runs("Running", false)]
#[case::that_has_ended("Failed", true)]
fn whether_a_foreign_pod_has_ended_is_kept(#[case] phase: &str, #[case] ended: bool) {
    let mut cache = cache();
    let mut object = foreign(ObjectKind::Pod);
    object["status"] = json!({"phase": phase});
    cache.see_pod(&pod(&object));
    assert_eq!(met(&cache).ended, ended);
}

#[test]
fn only_a_foreign_pod_can_have_ended() {
    let mut cache = cache();
    cache.see_service(&service(&foreign(ObjectKind::Service)));
    assert!(!met(&cache).ended);
    cache.met.clear();
    cache.see_secret(&record(2, |_| ()));
    assert!(!met(&cache).ended);
}

#[rstest]
#[case::that_stays(None, false)]
#[case::that_goes(Some("2026-11-28T12:00:00Z"), true)]
fn whether_a_foreign_object_is_being_deleted_is_kept(
    #[case] at: Option<&str>,
    #[case] deleting: bool,
) {
    let mut cache = cache();
    let mut object = foreign(ObjectKind::Service);
    object["metadata"]["deletionTimestamp"] = json!(at);
    cache.see_service(&service(&object));
    assert_eq!(met(&cache).deleting, deleting);
}

#[test]
fn a_foreign_pod_is_not_a_record_whatever_its_name_and_labels_say() {
    let mut cache = cache();
    let mut object = foreign(ObjectKind::Pod);
    object["metadata"]["name"] = json!(format!("sh.helm.release.v1.flash-{}.v7", uuid(0)));
    object["metadata"]["labels"]["status"] = json!("failed");
    cache.see_pod(&pod(&object));
    assert_eq!(met(&cache).release, None);
    assert!(
        met(&cache).locks,
        "a Pod is not over because a label says so"
    );
    assert_eq!(cache.next_revision("lab", &format!("flash-{}", uuid(0))), 1);
}
