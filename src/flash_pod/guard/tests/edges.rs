//! The edges of what is allowed: what is just inside, and which part of a rule decides.

use super::*;

fn is_allowed(objects: &[Value], policy: &Policy) -> bool {
    found(objects, policy).is_empty()
}

#[rstest]
#[case::a_port_of_the_node_that_is_none("/spec/containers/0/ports/0/hostPort", json!(0))]
#[case::a_prefix_of_its_own("/spec/containers/0/envFrom", json!([{"prefix": "X_", "configMapRef": {"name": "flash-settings"}}]))]
#[case::a_profile_of_the_node("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1x", json!("localhost/flash"))]
#[case::the_shortest_deadline("/spec/activeDeadlineSeconds", json!(1))]
#[case::a_whole_number_as_helm_writes_it("/spec/activeDeadlineSeconds", json!(900.0))]
#[case::the_largest_whole_number("/spec/activeDeadlineSeconds", json!(u64::MAX))]
#[case::a_container_that_is_not_privileged("/spec/containers/0/securityContext/privileged", json!(false))]
#[case::nothing_where_anything_may_be("/spec/affinity", json!({"nodeAffinity": null}))]
#[case::another_kind_of_volume_that_is_absent("/spec/volumes/1", json!({"name": "v", "emptyDir": {}, "secret": null}))]
#[case::a_directory_of_the_node_that_is_absent("/spec/volumes/1", json!({"name": "v", "emptyDir": {}, "hostPath": null}))]
#[case::a_variable_that_is_set_twice("/spec/containers/0/env", json!([
    {"name": "HOST_ENDPOINT", "value": "192.0.2.31:8080"}, {"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"},
]))]
fn a_pod_at_the_edge_is_allowed(#[case] path: &str, #[case] value: Value) {
    assert_eq!(found(&changed(POD, path, value), &policy()), [""; 0]);
}

#[rstest]
#[case::part_of_a_number("/spec/activeDeadlineSeconds", json!(900.5), "/spec/activeDeadlineSeconds")]
#[case::nothing_in_a_list_of_texts("/spec/containers/0/args", json!([null]), "/spec/containers/0/args/0")]
#[case::a_volume_whose_kind_is_absent("/spec/volumes/1", json!({"name": "v", "emptyDir": null}), "/spec/volumes/1")]
#[case::a_name_that_is_not_a_text("/metadata/name", json!([]), "/metadata/name")]
fn a_pod_beyond_the_edge_is_refused_once(
    #[case] path: &str,
    #[case] value: Value,
    #[case] place: &str,
) {
    assert_eq!(found(&changed(POD, path, value), &policy()), [place]);
}

#[test]
fn a_rule_is_asked_though_a_field_inside_is_not_allowed() {
    let mut objects = changed(POD, "/spec/nodeName", json!("master"));
    set(&mut objects[POD], "/spec/containers/0/env", json!([]));
    let found = found(&objects, &policy());
    assert_eq!(found, ["/spec/nodeName", "/spec/containers"]);
}

#[rstest]
#[case::longest(63, true)]
#[case::too_long(64, false)]
fn a_name_is_as_long_as_that_of_a_service(#[case] length: usize, #[case] allowed: bool) {
    let (begins, ends) = ("flash-d95c7c2d-", "-k3v9x0q2ab");
    let name = format!(
        "{begins}{}{ends}",
        "x".repeat(length - begins.len() - ends.len())
    );
    let objects = changed(POD, "/metadata/name", json!(name));
    assert_eq!(is_allowed(&objects, &policy()), allowed);
}

#[rstest]
#[case("apiVersion", json!("batch/v1"))]
#[case("kind", json!("Job"))]
#[case("name", json!("another"))]
#[case("uid", json!("another"))]
#[case("controller", json!(false))]
fn an_owner_that_differs_in_one_field_is_another_one(#[case] field: &str, #[case] value: Value) {
    let path = format!("/metadata/ownerReferences/0/{field}");
    for index in [SERVICE, POD] {
        let found = found(&changed(index, &path, value.clone()), &policy());
        assert_eq!(found, ["/metadata/ownerReferences"]);
    }
}

#[test]
fn what_has_no_owner_is_allowed_only_where_there_is_none() {
    let unowned = Policy {
        owner: None,
        ..policy()
    };
    let mut objects = attempt();
    assert!(!is_allowed(&objects, &unowned));
    for object in &mut objects {
        set(object, "/metadata/ownerReferences", json!([]));
    }
    assert_eq!(found(&objects, &unowned), [""; 0]);
}

#[test]
fn a_variable_that_was_listed_admits_no_other() {
    let proxy = json!({"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"});
    let objects = changed(POD, "/spec/containers/0/env/7", proxy);
    let listed = Policy {
        variables: vec!["NO_PROXY".into()],
        ..policy()
    };
    assert_eq!(found(&objects, &listed), ["/spec/containers/0/env/7/name"]);
}

#[rstest]
#[case::listed("default", true)]
#[case::not_listed("flasher", false)]
fn the_default_service_account_is_mounted_only_where_it_is_listed(
    #[case] listed: &str,
    #[case] allowed: bool,
) {
    let objects = changed(POD, "/spec/automountServiceAccountToken", json!(true));
    let policy = Policy {
        service_accounts: vec![listed.into()],
        ..policy()
    };
    assert_eq!(is_allowed(&objects, &policy), allowed);
}

#[rstest]
#[case::the_one("v1", "ConfigMap", true)]
#[case::of_another_group("example.org/v1", "ConfigMap", false)]
#[case::another_of_its_group("v1", "Secret", false)]
fn a_kind_that_was_added_admits_no_other(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] allowed: bool,
) {
    let added = Kind {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
    };
    let policy = Policy {
        extra_kinds: vec![added],
        ..policy()
    };
    let mut objects = attempt();
    let mut metadata = objects[SERVICE]["metadata"].clone();
    metadata.as_object_mut().unwrap().remove("finalizers");
    objects.push(json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}));
    assert_eq!(is_allowed(&objects, &policy), allowed);
}

#[rstest]
#[case::another_one("persistentVolumeClaim", json!({"name": "v", "nfs": {"server": "192.0.2.1", "path": "/"}}))]
#[case::one_that_is_read_anyway("secret", json!({"name": "v", "secret": {"secretName": "not-listed"}}))]
fn a_kind_of_volume_that_was_added_admits_nothing_else(#[case] added: &str, #[case] volume: Value) {
    let policy = Policy {
        volume_kinds: vec![added.into()],
        ..policy()
    };
    let objects = changed(POD, "/spec/volumes/1", volume);
    assert!(!is_allowed(&objects, &policy));
}
