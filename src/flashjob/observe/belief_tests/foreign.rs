//! What is kept of objects that are not the operator's.

use super::*;

/// A Pod or a Service of that form without a seal.
fn foreign(kind: ObjectKind) -> Value {
    let mut object = object(kind, 1);
    object["metadata"]["annotations"] = json!({});
    object
}

fn met(state: &State) -> &UnsealedObject {
    let [object] = &state.met[..] else {
        panic!("{:?}", state.met)
    };
    object
}

#[rstest]
#[case::that_runs("Running", false)]
#[case::that_has_ended("Failed", true)]
fn whether_a_foreign_pod_has_ended_is_kept(#[case] phase: &str, #[case] ended: bool) {
    let mut state = state();
    let mut object = foreign(ObjectKind::Pod);
    object["status"] = json!({"phase": phase});
    state.see_pod(&pod(&object));
    assert_eq!(met(&state).ended, ended);
}

#[test]
fn only_a_foreign_pod_can_have_ended() {
    let mut state = state();
    state.see_service(&service(&foreign(ObjectKind::Service)));
    assert!(!met(&state).ended);
    state.met.clear();
    state.see_secret(&record(2, |_| ()));
    assert!(!met(&state).ended);
}

#[rstest]
#[case::that_stays(None, false)]
#[case::that_goes(Some("2026-11-28T12:00:00Z"), true)]
fn whether_a_foreign_object_is_being_deleted_is_kept(
    #[case] at: Option<&str>,
    #[case] deleting: bool,
) {
    let mut state = state();
    let mut object = foreign(ObjectKind::Service);
    object["metadata"]["deletionTimestamp"] = json!(at);
    state.see_service(&service(&object));
    assert_eq!(met(&state).deleting, deleting);
}

#[test]
fn a_foreign_pod_is_not_a_record_whatever_its_name_and_labels_say() {
    let mut state = state();
    let mut object = foreign(ObjectKind::Pod);
    object["metadata"]["name"] = json!(format!("sh.helm.release.v1.flash-{}.v7", uuid(0)));
    object["metadata"]["labels"]["status"] = json!("failed");
    state.see_pod(&pod(&object));
    assert_eq!(met(&state).release, None);
    assert!(
        met(&state).locks,
        "a Pod is not over because a label says so"
    );
    assert_eq!(state.next_revision("lab", &format!("flash-{}", uuid(0))), 1);
}
