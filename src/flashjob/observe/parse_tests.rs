use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{flash_pod::intent::Record, flashjob::fixtures::at};
use helm_release::{ApplyMethod, Info, Stamp, secret};

fn metadata() -> Value {
    json!({
        "name": "flash-uuid-0-abc", "namespace": "lab", "uid": "u-9", "resourceVersion": "42",
        "creationTimestamp": "1970-01-01T00:00:07Z",
        "labels": {LABEL_JOB_UID: "job-1", LABEL_ATTEMPT: "abc", LABEL_ROUND: "3", LABEL_UUID: "uuid-0"},
        "annotations": {ANNOTATION_ENDPOINT: "192.0.2.1", ANNOTATION_JOB: "lamps"},
    })
}

fn pod_of(spec: &Value, status: &Value) -> Option<ObservedPod> {
    let object = json!({"metadata": metadata(), "spec": spec, "status": status});
    pod(&serde_json::from_value(object).unwrap())
}

fn flash_spec() -> Value {
    json!({"nodeName": "node-a", "restartPolicy": "Never", "activeDeadlineSeconds": 600, "containers": [{"name": FLASH_CONTAINER}]})
}

#[test]
fn a_pod_is_read_with_its_identity() {
    let status = json!({"phase": "Running", "startTime": "1970-01-01T00:00:09Z",
        "containerStatuses": [{"name": FLASH_CONTAINER, "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {}}}]});
    let seen = pod_of(&flash_spec(), &status).unwrap();
    assert_eq!(
        seen.sight.identity,
        Identity {
            key: AttemptKey {
                job_uid: "job-1".into(),
                id: "abc".into()
            },
            job_name: Some("lamps".into()),
            namespace: "lab".into(),
            round: 3,
            uuid: "uuid-0".into(),
            endpoint: Some("192.0.2.1:80".into()),
            footprint: None,
        }
    );
    assert_eq!(
        (seen.sight.version, seen.sight.created, seen.started),
        (42, at(7), Some(at(9)))
    );
    assert_eq!(
        (seen.container.clone(), seen.active_deadline_seconds),
        (ContainerSight::Running, 600)
    );
    assert!(seen.may_have_run() && !seen.ended() && !seen.tracked());
}

#[rstest]
#[case::job_uid(LABEL_JOB_UID)]
#[case::attempt(LABEL_ATTEMPT)]
#[case::round(LABEL_ROUND)]
#[case::uuid(LABEL_UUID)]
fn an_object_without_one_of_our_labels_is_of_no_attempt(#[case] label: &str) {
    let mut metadata = metadata();
    metadata["labels"].as_object_mut().unwrap().remove(label);
    assert_eq!(
        pod(&serde_json::from_value(json!({"metadata": metadata})).unwrap()),
        None
    );
}

#[test]
fn a_pod_that_lost_its_annotation_is_locked_by_the_endpoint_in_its_environment() {
    let mut metadata = metadata();
    metadata["annotations"] = json!({});
    let env = json!([{"name": "HOST_ENDPOINT", "value": "192.0.2.9:8080"}]);
    let spec = json!({"containers": [{"name": FLASH_CONTAINER, "env": env}]});
    let seen =
        pod(&serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()).unwrap();
    assert_eq!(
        seen.sight.identity.endpoint.as_deref(),
        Some("192.0.2.9:8080")
    );
}

#[rstest]
#[case::ended(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), ContainerSight::Terminated { exit_code: 137, reason: Some("OOMKilled".into()) })]
#[case::waiting(json!({"waiting": {"reason": "ErrImagePull", "message": "no"}}), ContainerSight::Waiting { reason: Some("ErrImagePull".into()), message: Some("no".into()) })]
fn only_the_flash_container_counts(#[case] cache: Value, #[case] want: ContainerSight) {
    let container = |name: &str, cache: Value| json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": cache});
    let status = json!({"phase": "Running", "containerStatuses": [container("sidecar", json!({"running": {}})), container(FLASH_CONTAINER, cache)]});
    assert_eq!(pod_of(&flash_spec(), &status).unwrap().container, want);
}

#[test]
fn a_flash_that_waits_for_containers_before_it_says_which_one_failed() {
    let one = |name: &str, code: i32| {
        json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": code}}})
    };
    let flash = json!({"name": FLASH_CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "PodInitializing"}}});
    let status = json!({"phase": "Failed", "startTime": "1970-01-01T00:00:09Z", "containerStatuses": [flash],
        "initContainerStatuses": [one("first", 0), one("mesh-init", 7)]});
    let seen = pod_of(&flash_spec(), &status).unwrap();
    let want = ContainerSight::Waiting {
        reason: Some("PodInitializing".into()),
        message: Some("its container mesh-init ended with exit code 7".into()),
    };
    assert_eq!(seen.container, want);
    assert!(seen.never_started() && seen.ended());
}

/// The kubelet says so of a container that never was, when its Pod is deleted before it started.
#[rstest]
#[case::never_was(json!({"exitCode": 137, "reason": "ContainerStatusUnknown"}), "", false)]
#[case::has_an_id(json!({"exitCode": 137, "reason": "ContainerStatusUnknown"}), "containerd://1", true)]
#[case::has_started(json!({"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": "1970-01-01T00:00:09Z"}), "", true)]
#[case::has_ended(json!({"exitCode": 137, "reason": "Error"}), "", true)]
fn a_container_whose_end_was_made_up_may_have_run_if_it_ever_was(
    #[case] terminated: Value,
    #[case] id: &str,
    #[case] may_have_run: bool,
) {
    let container = json!({"name": FLASH_CONTAINER, "image": "", "imageID": "", "containerID": id, "ready": true,
        "restartCount": 0, "state": {"terminated": terminated}});
    let status = json!({"phase": "Running", "containerStatuses": [container]});
    let seen = pod_of(&flash_spec(), &status).unwrap();
    assert_eq!(seen.may_have_run(), may_have_run, "{:?}", seen.container);
}

#[test]
fn a_device_is_told_what_stands_in_the_flash_container() {
    let env = |value: &str| json!([{"name": "EXTERNAL_IP", "value": value}]);
    let spec = json!({"containers": [
        {"name": "sidecar", "env": env("192.0.2.66")}, {"name": FLASH_CONTAINER, "env": env("198.51.100.7")},
    ]});
    let seen = pod_of(&spec, &json!({})).unwrap();
    assert_eq!(seen.address.as_deref(), Some("198.51.100.7"));
}

#[rstest]
#[case::of_its_device(json!({"loadBalancerSourceRanges": ["192.0.2.1/32"]}), true)]
#[case::of_nobody(json!({"loadBalancerSourceRanges": []}), false)]
#[case::of_everybody(json!({}), false)]
fn a_service_admits_its_own_device_alone_where_it_has_ranges(
    #[case] spec: Value,
    #[case] restricted: bool,
) {
    let object = json!({"metadata": metadata(), "spec": spec});
    let seen = service(&serde_json::from_value(object).unwrap()).unwrap();
    assert_eq!(seen.restricted, restricted);
}

#[rstest]
#[case::another_condition("Ready", "False")]
#[case::that_it_can("PodScheduled", "True")]
fn a_pod_that_can_be_scheduled_says_nothing_of_it(#[case] kind: &str, #[case] is: &str) {
    let status =
        json!({"phase": "Pending", "conditions": [{"type": kind, "status": is, "reason": "Odd"}]});
    let want = ContainerSight::Waiting {
        reason: None,
        message: None,
    };
    assert_eq!(pod_of(&flash_spec(), &status).unwrap().container, want);
}

#[test]
fn a_pod_that_cannot_be_scheduled_says_what_the_scheduler_said() {
    let status = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]});
    let want = ContainerSight::Waiting {
        reason: Some("Unschedulable".into()),
        message: Some("0/3 nodes".into()),
    };
    assert_eq!(
        pod_of(&json!({"containers": []}), &status)
            .unwrap()
            .container,
        want
    );
}

#[rstest]
#[case::never("Never", "Running", true)]
#[case::always("Always", "Running", false)]
#[case::on_failure("OnFailure", "Running", false)]
#[case::with_its_pod("OnFailure", "Failed", true)]
fn a_flash_container_has_ended_for_good_where_it_is_not_started_again(
    #[case] policy: &str,
    #[case] phase: &str,
    #[case] ended: bool,
) {
    let mut spec = flash_spec();
    spec["restartPolicy"] = json!(policy);
    let container = |name: &str, cache: Value| json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": cache});
    let status = json!({"phase": phase, "containerStatuses": [
        container(FLASH_CONTAINER, json!({"terminated": {"exitCode": 0}})),
        container("istio-proxy", json!({"running": {}})),
    ]});
    let seen = pod_of(&spec, &status).unwrap();
    assert_eq!((seen.ended(), seen.may_have_run()), (ended, true));
    assert_eq!(seen.phase_is_final(), phase == "Failed");
    let told = matches!(seen.container, ContainerSight::Terminated { .. });
    assert_eq!(told, ended, "how it ended is told where it has");
}

#[test]
fn a_sidecar_s_end_is_not_the_flash_s() {
    let container = |name: &str, cache: Value| json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": cache});
    let status = json!({"phase": "Running", "initContainerStatuses": [
        container("istio-proxy", json!({"running": {}})),
    ], "containerStatuses": [
        container(FLASH_CONTAINER, json!({"running": {}})),
        container("linkerd-proxy", json!({"terminated": {"exitCode": 0}})),
    ]});
    assert!(!pod_of(&flash_spec(), &status).unwrap().ended());
}

#[rstest]
#[case::before_its_deadline(Some("1970-01-01T00:10:08Z"), 600, Some(true))]
#[case::at_its_deadline(Some("1970-01-01T00:10:09Z"), 600, Some(false))]
#[case::without_an_end(None, 600, None)]
#[case::without_a_deadline(Some("1970-01-01T00:00:10Z"), 0, None)]
#[case::beyond_all_time(Some("1970-01-01T00:00:10Z"), i64::MAX, None)]
fn a_flash_ends_in_time_by_its_node_s_clock(
    #[case] finished: Option<&str>,
    #[case] deadline: i64,
    #[case] in_time: Option<bool>,
) {
    let mut spec = flash_spec();
    spec["activeDeadlineSeconds"] = json!(deadline);
    let cache = finished.map_or_else(
        || json!({"running": {}}),
        |finished| json!({"terminated": {"exitCode": 0, "finishedAt": finished}}),
    );
    let status = json!({"phase": "Running", "startTime": "1970-01-01T00:00:09Z", "containerStatuses": [
        {"name": FLASH_CONTAINER, "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": cache}]});
    let seen = pod_of(&spec, &status).unwrap();
    assert_eq!(seen.ended_in_time(), in_time);
}

#[rstest]
#[case::running(json!({"phase": "Running"}), None, Some("node-a"), false)]
#[case::succeeded(json!({"phase": "Succeeded"}), None, Some("node-a"), true)]
#[case::failed(json!({"phase": "Failed"}), None, Some("node-a"), true)]
#[case::unknown(json!({"phase": "Unknown"}), None, Some("node-a"), false)]
#[case::deleting_on_a_node(json!({"phase": "Running"}), Some("1970-01-01T00:00:08Z"), Some("node-a"), false)]
#[case::deleting_before_a_node(json!({"phase": "Pending"}), Some("1970-01-01T00:00:08Z"), None, true)]
fn a_pod_has_ended_when(
    #[case] status: Value,
    #[case] deleted: Option<&str>,
    #[case] node: Option<&str>,
    #[case] ended: bool,
) {
    let mut metadata = metadata();
    metadata["deletionTimestamp"] = json!(deleted);
    let object = json!({"metadata": metadata, "spec": {"nodeName": node, "containers": []}, "status": status});
    assert_eq!(
        pod(&serde_json::from_value(object).unwrap())
            .unwrap()
            .ended(),
        ended
    );
}

#[rstest]
#[case::nothing_yet(json!([]), Address::None)]
#[case::ipv4(json!([{"ip": "198.51.100.3"}]), Address::Ipv4("198.51.100.3".into()))]
#[case::host_name(json!([{"hostname": "lb.example"}]), Address::Unusable("the host name lb.example".into()))]
#[case::ipv6(json!([{"ip": "2001:db8::1"}]), Address::Unusable("the address 2001:db8::1".into()))]
#[case::ipv4_beside_ipv6(json!([{"ip": "2001:db8::1"}, {"ip": "198.51.100.3"}]), Address::Ipv4("198.51.100.3".into()))]
#[case::ipv4_and_host_name(json!([{"ip": "198.51.100.3", "hostname": "lb.example"}]), Address::Ipv4("198.51.100.3".into()))]
#[case::an_entry_with_nothing_in_it(json!([{}]), Address::None)]
fn a_service_has_the_address_that_a_device_can_use(#[case] ingress: Value, #[case] want: Address) {
    let object = json!({"metadata": metadata(), "status": {"loadBalancer": {"ingress": ingress}}});
    assert_eq!(
        service(&serde_json::from_value(object).unwrap())
            .unwrap()
            .address,
        want
    );
}

fn stored(manifest: &str) -> Secret {
    let metadata = helm_chart::Metadata {
        name: "flash-pod".into(),
        version: "1.0.0".into(),
        api_version: "v2".into(),
        app_version: None,
        kube_version: None,
        raw: json!({"name": "flash-pod", "version": "1.0.0", "apiVersion": "v2"}),
    };
    let record = Record {
        name: "flash-uuid-0".into(),
        namespace: "lab".into(),
        version: 2,
        apply_method: ApplyMethod::ServerSide,
        config: json!({}),
        manifest: manifest.into(),
        info: Info {
            first_deployed: Some(at(1)),
            last_deployed: Some(at(1)),
            deleted: None,
            status: Status::Deployed,
            description: "d".into(),
            notes: String::new(),
        },
        chart: helm_chart::Chart {
            metadata,
            values: json!({}).into(),
            schema: None,
            templates: Arc::default(),
            files: Arc::default(),
        },
        hooks: Vec::new(),
        attachment: None,
    };
    let labels: BTreeMap<String, String> = [
        (LABEL_JOB_UID, "job-1"),
        (LABEL_ATTEMPT, "abc"),
        (LABEL_ROUND, "3"),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .into();
    let mut secret = secret(&record, &labels, Stamp::Created(at(1))).unwrap();
    secret.metadata.uid = Some("u-1".into());
    secret.metadata.resource_version = Some("5".into());
    secret
        .metadata
        .labels
        .get_or_insert_default()
        .extend(labels);
    secret
}

/// A record as it is read once it is known to be the operator's.
fn record(secret: &Secret) -> Option<ObservedRecord> {
    let identity = labelled(&secret.metadata, ObjectKind::Secret)?.identity;
    record_of(&secret.metadata, identity, Stored::from_secret(secret).ok())
}

#[test]
fn a_record_is_read_with_what_its_manifest_holds() {
    let pod = "---\n# Source: flash-pod/templates/pod.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n";
    let seen = record(&stored(pod)).unwrap();
    assert_eq!(
        (seen.revision, seen.status, seen.has_pod),
        (2, Status::Deployed, true)
    );
    assert_eq!(
        seen.sight.identity.uuid,
        "uuid-0".into(),
        "of the release's name"
    );
    assert!(!record(&stored("")).unwrap().has_pod);
}

#[test]
fn an_unreadable_record_still_holds_its_lock_and_may_have_had_a_pod() {
    let mut broken = stored("");
    broken.data.get_or_insert_default().insert(
        "release".into(),
        k8s_openapi::ByteString(b"nonsense".to_vec()),
    );
    let seen = record(&broken).unwrap();
    assert_eq!(
        (seen.status, seen.has_pod, seen.foreign),
        (Status::Unknown, true, true)
    );
    assert!(seen.stored.is_none() && !seen.by_helm);
}

#[rstest]
#[case::the_helm_command(Some(ENGINE_HELM), true)]
#[case::another_engine(Some("native"), false)]
#[case::nobody_says(None, false)]
fn a_record_says_which_engine_wrote_it(#[case] engine: Option<&str>, #[case] by_helm: bool) {
    let mut secret = stored("");
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.extend(engine.map(|engine| (LABEL_ENGINE.to_owned(), engine.to_owned())));
    assert_eq!(record(&secret).unwrap().by_helm, by_helm);
}

#[test]
fn a_revision_that_somebody_else_wrote_is_foreign() {
    let mut theirs = stored("");
    theirs
        .metadata
        .labels
        .get_or_insert_default()
        .insert(crate::names::LABEL_REVISION.into(), "1".into());
    assert!(
        record(&theirs).unwrap().foreign,
        "its label revision is of the revision before"
    );
}

#[test]
fn a_secret_that_is_no_release_of_ours_is_none() {
    let mut other = stored("");
    other.metadata.name = Some("sh.helm.release.v1.web.v1".into());
    assert!(record(&other).is_none());
}
