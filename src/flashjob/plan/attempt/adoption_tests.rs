use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{DevicePhase, FlashJobStatus},
    flashjob::{
        fixtures::{self, BOUNDS, JOB, Scene, at, effective_of, job_of, spec, uuid},
        observe::{memory::Memory, objects::AttemptKey},
        plan::{
            Plan,
            attempt::{PodRemoval, state_machine::JobState},
        },
        verdict::Outcome,
    },
    identifiers::AttemptId,
};

/// A Pod as the original makes it, running since second 100.
fn original_pod(index: usize) -> Pod {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("lamps-flashing-pod-{}", uuid(index)), "namespace": "lab", "uid": format!("pod-{index}"),
            "resourceVersion": "20", "creationTimestamp": "1970-01-01T00:01:30Z",
            "labels": {"app": "lamps", "uuid": uuid(index)},
            "ownerReferences": [{
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "name": "lamps", "uid": JOB,
            }],
        },
        "spec": {"nodeName": "node-a", "restartPolicy": "Never", "containers": [{
            "name": "flash-container", "image": "harbor.example.com/flashjob:1",
            "env": [
                {"name": "FIRMWARE", "value": "registry/esp32:1"}, {"name": "UUID", "value": uuid(index)},
                {"name": "HOST_ENDPOINT", "value": format!("192.0.2.{}", index + 1)},
                {"name": "DEVICE", "value": "esp32s3"}, {"name": "APPLICATION_TYPE", "value": "lamp"},
                {"name": "VERSION", "value": "0.2.0"}, {"name": "EXTERNAL_IP", "value": "198.51.100.7"},
            ],
        }]},
        "status": {
            "phase": "Running", "startTime": "1970-01-01T00:01:40Z",
            "containerStatuses": [{
                "name": "flash-container", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "1970-01-01T00:01:41Z"}},
            }],
        },
    }))
    .unwrap()
}

fn original_service(index: usize) -> Service {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": format!("lamps-service-{}", uuid(index)), "namespace": "lab", "uid": format!("service-{index}"),
            "resourceVersion": "19", "labels": {"app": "lamps", "uuid": uuid(index)},
        },
        "spec": {
            "type": "LoadBalancer", "ports": [{"port": 4433, "targetPort": 4433, "protocol": "TCP"}],
            "selector": {"app": "lamps", "uuid": uuid(index)},
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}},
    }))
    .unwrap()
}

fn ended(mut pod: Pod) -> Pod {
    let status = pod.status.get_or_insert_default();
    status.phase = Some("Succeeded".into());
    let containers = status.container_statuses.iter_mut().flatten();
    containers.for_each(|container| {
        container.state =
            serde_json::from_value(json!({"terminated": {"exitCode": 0, "reason": "Completed"}}))
                .unwrap();
    });
    pod
}

fn job() -> Job {
    let mut job = job_of(&spec(3), None);
    job.object.metadata.creation_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(60)));
    job
}

fn change(change: impl FnOnce(&mut Pod)) -> Pod {
    let mut pod = original_pod(0);
    change(&mut pod);
    pod
}

fn label(pod: &mut Pod, key: &str, value: &str) {
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(key.into(), value.into());
}

fn set_env(pod: &mut Pod, name: &str, value: &str) {
    let containers = &mut pod.spec.as_mut().unwrap().containers;
    let mut env = containers[0].env.iter_mut().flatten();
    env.find(|env| env.name == name).unwrap().value = Some(value.into());
}

#[test]
fn a_pod_of_the_original_is_an_attempt_with_its_device_s_endpoint_and_no_watch_yet() {
    let sight = pod(&original_pod(1), Some(&job())).unwrap();
    let identity = &sight.sight.identity;
    assert_eq!(identity.key.job_uid, JOB.into());
    assert_eq!(identity.key.id, attempt_id(&uuid(1)));
    assert_eq!(
        (
            identity.round,
            identity.uuid.as_str(),
            identity.endpoint.as_deref()
        ),
        (1, "uuid-1", Some("192.0.2.2:80"))
    );
    assert_eq!(identity.job_name.as_deref(), Some("lamps"));
    assert!(!sight.sight.watched && !sight.tracked() && sight.may_have_run());
}

#[rstest]
#[case::its_name_is_another(change(|pod| pod.metadata.name = Some("lamps-0".into())), NotTheOriginals::Name)]
#[case::its_name_is_of_another_device(change(|pod| label(pod, "uuid", "uuid-1")), NotTheOriginals::Name)]
#[case::it_names_no_device(change(|pod| label(pod, "uuid", "")), NotTheOriginals::Name)]
#[case::it_names_another_job(change(|pod| label(pod, "app", "other")), NotTheOriginals::NoJob)]
#[case::it_is_elsewhere(change(|pod| pod.metadata.namespace = Some("other".into())), NotTheOriginals::NoJob)]
#[case::its_container_is_another(change(|pod| pod.spec.as_mut().unwrap().containers[0].name = "web".into()), NotTheOriginals::Container)]
#[case::it_knows_no_device(change(|pod| pod.spec.as_mut().unwrap().containers[0].env = None), NotTheOriginals::Container)]
fn a_pod_that_the_original_would_not_have_made_is_left_alone(
    #[case] stranger: Pod,
    #[case] why: NotTheOriginals,
) {
    assert_eq!(pod(&stranger, Some(&job())), Err(why));
}

#[test]
fn without_a_flashjob_of_that_name_nothing_is_taken() {
    assert_eq!(pod(&original_pod(0), None), Err(NotTheOriginals::NoJob));
    let taken = service(&original_service(0), None);
    assert_eq!(taken, Err(NotTheOriginals::NoJob));
}

#[test]
fn a_service_is_found_by_its_name_and_belongs_to_the_attempt_of_its_pod() {
    let sight = service(&original_service(2), Some(&job())).unwrap();
    assert_eq!(sight.sight.identity.key.id, attempt_id(&uuid(2)));
    assert!(!sight.sight.watched && !sight.restricted);
    let mut stranger = original_service(2);
    stranger.metadata.name = Some("lamps".into());
    let taken = service(&stranger, Some(&job()));
    assert_eq!(taken, Err(NotTheOriginals::Name));
}

#[rstest]
#[case::of_this_job(original_pod(0), 1)]
#[case::without_an_owner(change(|pod| pod.metadata.owner_references = None), 1)]
#[case::of_another_firmware(change(|pod| set_env(pod, "FIRMWARE", "registry/esp32:0")), 0)]
#[case::of_another_version(change(|pod| set_env(pod, "VERSION", "0.1.0")), 0)]
#[case::owned_by_an_older_job_of_that_name(
    change(|pod| pod.metadata.owner_references.as_mut().unwrap()[0].uid = "job-0".into()), 0
)]
#[case::older_than_the_job(
    change(|pod| pod.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(59)))), 0
)]
fn a_flash_counts_for_the_round_only_if_it_is_this_job_s_and_flashes_the_same(
    #[case] flash: Pod,
    #[case] round: i64,
) {
    assert_eq!(round_of(&flash, &job()), round);
    let sight = pod(&flash, Some(&job())).unwrap();
    assert_eq!(
        sight.sight.identity.round, round,
        "it locks its device in any case"
    );
    let mut deleting = job();
    deleting.deleting = true;
    assert_eq!(round_of(&flash, &deleting), NO_ROUND);
}

#[test]
fn a_pod_that_runs_gets_the_finalizer_and_a_whole_deadline_from_now_on() {
    let marks = marks(&job(), &"uuid-0".into(), 1);
    let patch = pod_patch(&original_pod(0), Some("192.0.2.1:80"), &marks, 600, at(150));
    assert_eq!(
        patch,
        json!({
            "metadata": {
                "uid": "pod-0", "resourceVersion": "20",
                "labels": {
                    "flashjob.nbfc.io/job-uid": JOB, "flashjob.nbfc.io/attempt": attempt_id(&"uuid-0".into()),
                    "flashjob.nbfc.io/round": "1",
                },
                "annotations": {"flashjob.nbfc.io/job": "lamps", "flashjob.nbfc.io/endpoint": "192.0.2.1:80"},
                "finalizers": ["flashjob.nbfc.io/tracking"],
            },
            "spec": {"activeDeadlineSeconds": 650},
        })
    );
}

fn patch_of(pod: &Pod) -> Value {
    let marks = marks(&job(), &"uuid-0".into(), 1);
    pod_patch(pod, None, &marks, 600, at(150))
}

#[rstest]
#[case::one_that_has_ended(ended(original_pod(0)), true, None)]
#[case::one_that_was_not_started(change(|pod| pod.status = None), true, Some(600))]
#[case::one_with_a_deadline(change(|pod| pod.spec.as_mut().unwrap().active_deadline_seconds = Some(9)), true, None)]
#[case::one_that_is_being_deleted(
    change(|pod| pod.metadata.deletion_timestamp = pod.metadata.creation_timestamp.clone()), false, None
)]
fn what_the_patch_adds_to_a_pod(
    #[case] pod: Pod,
    #[case] tracked: bool,
    #[case] deadline: Option<i64>,
) {
    let patch = patch_of(&pod);
    assert_eq!(patch["metadata"].get("finalizers").is_some(), tracked);
    assert_eq!(patch["spec"]["activeDeadlineSeconds"].as_i64(), deadline);
    assert!(
        patch["metadata"]["annotations"]
            .get("flashjob.nbfc.io/endpoint")
            .is_none()
    );
}

#[rstest]
#[case::one_that_stays(false, json!(["flashjob.nbfc.io/tracking"]))]
#[case::one_that_is_being_deleted(true, Value::Null)]
fn a_service_is_held_as_one_of_this_operators_own(#[case] leaves: bool, #[case] held: Value) {
    let mut service = original_service(0);
    if leaves {
        service.metadata.deletion_timestamp = original_pod(0).metadata.creation_timestamp;
    }
    let patch = service_patch(&service.metadata, None, &marks(&job(), &"uuid-0".into(), 1));
    assert_eq!(patch["metadata"]["finalizers"], held);
}

#[test]
fn finalizers_of_others_stay() {
    let pod = change(|pod| pod.metadata.finalizers = Some(vec!["example.com/other".into()]));
    let patch = patch_of(&pod);
    assert_eq!(
        patch["metadata"]["finalizers"],
        json!(["example.com/other", "flashjob.nbfc.io/tracking"])
    );
}

#[test]
fn the_id_of_an_attempt_is_the_last_part_of_its_pod_s_name_here_too() {
    let device = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15";
    let pod = pod_name("lamps", &device.into());
    assert_eq!(
        pod.rsplit('-').next(),
        Some(attempt_id(&device.into()).as_str())
    );
    let own = crate::flash_pod::intent::attempt_id(&JOB.into(), 1, 1, "nonce");
    assert_ne!(
        own.as_str().len(),
        attempt_id(&device.into()).as_str().len()
    );
    let identity = |id: &AttemptId| Identity {
        uuid: device.into(),
        ..fixtures::identity(0, id.as_str())
    };
    assert_eq!(pod_of(&identity(&attempt_id(&device.into()))), Some(pod));
    assert_eq!(pod_of(&identity(&own)), None);
}

/// A job of the original with three devices: the first is done, the second in flight, of the third only a Service exists.
struct Upgrade {
    scene: Scene,
}

impl Upgrade {
    fn new(flash: &Pod) -> Self {
        let status = FlashJobStatus {
            phase: Some("InProgress".into()),
            completed_uuids: vec!["gone".into(), uuid(0).to_string()],
            ..FlashJobStatus::default()
        };
        let mut scene = Scene::new(3);
        scene.job = job_of(&spec(3), Some(&status));
        for index in [1, 2] {
            let sight = service(&original_service(index), Some(&scene.job)).unwrap();
            scene.ledger.see_service(sight);
        }
        scene.ledger.see_pod(pod(flash, Some(&scene.job)).unwrap());
        Self { scene }
    }

    /// The status that opens the first round is stored.
    fn begun(flash: &Pod) -> Self {
        let mut upgrade = Self::new(flash);
        let scene = &mut upgrade.scene;
        let roster = scene.roster.as_ref().unwrap();
        let status = crate::flashjob::status::open_round(
            &scene.job,
            roster,
            "hash",
            effective_of(&scene.job),
            at(200),
        );
        scene.store(status);
        upgrade
    }

    /// The API server's answer to the action that takes everything over.
    fn adopted(mut self, flash: &Pod) -> Self {
        let job = &self.scene.job;
        let mut marked = flash.clone();
        mark(
            &mut marked.metadata,
            &marks(job, &uuid(1), round_of(flash, job)),
        );
        marked.metadata.resource_version = Some("30".into());
        marked.metadata.finalizers = Some(vec![TRACKING_FINALIZER.into()]);
        marked.spec.as_mut().unwrap().active_deadline_seconds = Some(700);
        for index in [1, 2] {
            let mut service = original_service(index);
            mark(&mut service.metadata, &marks(job, &uuid(index), 1));
            service.metadata.resource_version = Some("30".into());
            service.metadata.finalizers = Some(vec![TRACKING_FINALIZER.into()]);
            let sight = parse::service(&service).unwrap();
            assert!(self.scene.ledger.see_service(sight));
        }
        let sight = parse::pod(&marked).unwrap();
        assert!(self.scene.ledger.see_pod(sight));
        self
    }

    fn plan(&self) -> Plan {
        self.scene.plan(210)
    }
}

fn key(index: usize) -> AttemptKey {
    AttemptKey {
        job_uid: JOB.into(),
        id: attempt_id(&uuid(index)),
    }
}

fn action(plan: &Plan, index: usize) -> Option<&Action> {
    let mut actions = plan.actions.iter();
    actions
        .find(|(identity, _)| identity.key == key(index))
        .map(|(_, action)| action)
}

#[test]
fn before_the_round_is_stored_the_device_is_locked_and_nothing_is_written() {
    let upgrade = Upgrade::new(&original_pod(1));
    assert_eq!(upgrade.plan().actions, []);
    let holder = upgrade.scene.ledger.holder("192.0.2.2:80");
    assert_eq!(holder.map(|attempt| &attempt.identity.key), Some(&key(1)));
}

#[test]
fn what_the_original_completed_has_succeeded_in_the_first_round() {
    let upgrade = Upgrade::begun(&original_pod(1));
    let status = &upgrade.scene.job.status;
    assert_eq!(status.completed_indexes.as_deref(), Some("0"));
    assert_eq!(status.completed_uuids, [uuid(0).as_str()]);
    let counts = status.counts.unwrap();
    assert_eq!((counts.selected, counts.succeeded), (3, 1));
    let begun: Vec<_> = upgrade
        .plan()
        .begin
        .iter()
        .map(|begin| begin.index)
        .collect();
    assert_eq!(
        begun,
        Vec::<usize>::new(),
        "one is done, two are being taken over"
    );
}

#[test]
fn a_later_round_does_not_count_what_was_completed_before_it() {
    let upgrade = Upgrade::begun(&original_pod(1));
    let roster = upgrade.scene.roster.as_ref().unwrap();
    assert!(completed(&upgrade.scene.job, roster).is_empty());
}

#[test]
fn a_running_flash_is_taken_over_followed_judged_and_cleaned_up() {
    let flash = original_pod(1);
    let upgrade = Upgrade::begun(&flash);
    assert_eq!(action(&upgrade.plan(), 1), Some(&Action::Adopt));
    assert_eq!(action(&upgrade.plan(), 2), Some(&Action::Adopt));

    // It runs on; the Service without a Pod goes, and its device may begin after that.
    let mut upgrade = upgrade.adopted(&flash);
    let plan = upgrade.plan();
    assert_eq!(action(&plan, 1), None);
    let view = plan
        .views
        .iter()
        .find(|view| view.index == Some(1))
        .unwrap();
    assert_eq!(
        (view.phase, view.reason),
        (DevicePhase::Flashing, Reason::Adopted)
    );
    assert!(
        matches!(action(&plan, 2), Some(Action::Remove(removal)) if removal.service && removal.pod.is_none())
    );
    upgrade.scene.ledger.see_gone("service-2");
    let plan = upgrade.plan();
    assert_eq!(
        plan.begin
            .iter()
            .map(|begin| begin.index)
            .collect::<Vec<_>>(),
        [2]
    );
    let device = &upgrade.scene.status(210).devices[0];
    assert_eq!(
        (
            device.index,
            device.reason.as_deref(),
            device.release.as_deref(),
            device.attempts
        ),
        (1, Some("Adopted"), None, 1)
    );

    // Its end is read, stored, and only then removed.
    let mut sight = parse::pod(&ended(original_pod(1)));
    assert_eq!(sight, None, "without the marks it is no attempt's");
    let mut marked = ended(original_pod(1));
    mark(
        &mut marked.metadata,
        &marks(&upgrade.scene.job, &uuid(1), 1),
    );
    marked.metadata.resource_version = Some("40".into());
    marked.metadata.finalizers = Some(vec![TRACKING_FINALIZER.into()]);
    sight = parse::pod(&marked);
    assert!(upgrade.scene.ledger.see_pod(sight.unwrap()));
    assert_eq!(action(&upgrade.plan(), 1), Some(&Action::ReadVerdict));
    let found = fixtures::found(Some(1), Outcome::Succeeded, Reason::FirmwareSent);
    upgrade.scene.memory.verdicts.insert(key(1).id, found);
    let status = upgrade.scene.status(220);
    assert_eq!(status.completed_indexes.as_deref(), Some("0-1"));
    assert_eq!(action(&upgrade.plan(), 1), None, "not before it is stored");
    upgrade.scene.store(status);
    assert!(matches!(
        action(&upgrade.plan(), 1),
        Some(Action::Remove(removal)) if removal.pod == Some(PodRemoval::Ended) && removal.untrack && removal.service
    ));
}

#[test]
fn a_flash_of_another_firmware_is_followed_and_its_device_flashed_after_it() {
    let mut flash = original_pod(1);
    set_env(&mut flash, "FIRMWARE", "registry/esp32:0");
    let mut upgrade = Upgrade::begun(&flash).adopted(&flash);
    let plan = upgrade.plan();
    assert_eq!(action(&plan, 1), None, "it runs");
    let view = plan
        .views
        .iter()
        .find(|view| view.index == Some(1))
        .unwrap();
    assert_eq!(view.reason, Reason::DeviceBusy);
    upgrade.scene.ledger.see_gone("pod-1");
    upgrade.scene.ledger.see_gone("service-1");
    let begun: Vec<_> = upgrade
        .plan()
        .begin
        .iter()
        .map(|begin| begin.index)
        .collect();
    assert_eq!(begun, [1]);
}

#[test]
fn a_flash_that_vanished_before_it_was_taken_over_is_not_repeated() {
    let mut upgrade = Upgrade::begun(&original_pod(1));
    upgrade.scene.ledger.see_gone("pod-1");
    let mut service = original_service(1);
    mark(
        &mut service.metadata,
        &marks(&upgrade.scene.job, &uuid(1), 1),
    );
    service.metadata.resource_version = Some("30".into());
    upgrade
        .scene
        .ledger
        .see_service(parse::service(&service).unwrap());
    assert_eq!(
        action(&upgrade.plan(), 1),
        Some(&Action::ConfirmInterrupted)
    );
}

#[test]
fn a_flash_of_which_a_new_leader_finds_only_the_stored_status_is_asked_for_and_not_repeated() {
    let mut upgrade = Upgrade::begun(&original_pod(1)).adopted(&original_pod(1));
    let status = upgrade.scene.status(210);
    upgrade.scene.store(status);
    upgrade.scene.ledger = crate::flashjob::observe::ledger::Ledger::default();
    let plan = upgrade.plan();
    assert_eq!(action(&plan, 1), Some(&Action::ConfirmInterrupted));
    assert!(!plan.begin.iter().any(|begin| begin.index == 1));
}

#[test]
fn without_a_job_a_flash_is_still_taken_over_so_that_its_end_is_seen() {
    let upgrade = Upgrade::new(&original_pod(1));
    let attempt = upgrade.scene.ledger.attempt(&key(1)).unwrap();
    let wish = AttemptGoal {
        job: JobState::Leaving,
        ending: None,
        was_flashing: false,
        closed: None,
        held: None,
        adopts: true,
    };
    let decision = crate::flashjob::plan::attempt::decide(
        attempt,
        &wish,
        &Memory::default(),
        &BOUNDS,
        at(200).into(),
    );
    assert_eq!(decision.action, Some(Action::Adopt));
}
