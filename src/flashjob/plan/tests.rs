// Objects of an attempt are optional everywhere; the helpers say so once.
#![allow(clippy::unnecessary_wraps)]

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{DeviceStatus, FlashJobStatus, Refusal},
    flash_pod::pool::Pool,
    flashjob::{
        fixtures::{
            Scene, address, at, ended, endpoint, found, identity, instance, pod, record,
            refused_trial, running, service, spec, take_in, uuid,
        },
        observe::memory::{Memory, ValuesTrial},
        verdict::Outcome,
    },
};
use helm_release::Status;

#[path = "tests/attempts.rs"]
mod attempts_seen;
#[path = "tests/failures.rs"]
mod failures;
#[path = "tests/history.rs"]
mod history;
#[path = "tests/retries.rs"]
mod retries;

fn record_of(
    index: usize,
    status: Status,
    has_pod: bool,
) -> Option<crate::flashjob::observe::objects::ObservedRecord> {
    Some(record(
        &identity(index, &format!("a{index}")),
        status,
        has_pod,
    ))
}

fn reserve(scene: &mut Scene, index: usize) {
    let who = identity(index, &format!("a{index}"));
    take_in(
        &mut scene.ledger,
        record_of(index, Status::PendingInstall, false),
        Some(service(&who, address())),
        None,
    );
}

fn fly(scene: &mut Scene, index: usize) {
    let who = identity(index, &format!("a{index}"));
    take_in(
        &mut scene.ledger,
        record_of(index, Status::Deployed, true),
        Some(service(&who, address())),
        Some(running(&who)),
    );
}

fn flashing_status(scene: &mut Scene, index: usize) {
    scene.stored(|status| {
        status.devices = vec![DeviceStatus {
            index: i64::try_from(index).unwrap(),
            uuid: uuid(index).to_string(),
            host_endpoint: Some(endpoint(index)),
            pod: Some(format!("flash-{}-a{index}", uuid(index))),
            phase: "Flashing".into(),
            ..DeviceStatus::default()
        }];
    });
}

#[test]
fn devices_in_flight_use_slots_and_do_not_begin_again() {
    let mut scene = Scene::new(4);
    scene.edit(|spec| spec.parallelism = Some(2));
    fly(&mut scene, 0);
    let plan = scene.plan(1);
    assert_eq!(
        plan.begin
            .iter()
            .map(|begin| begin.index)
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(plan.actions.is_empty() && plan.queued == 2);
}

#[test]
fn no_more_devices_begin_than_the_pool_has_free_services() {
    let values = json!({"service": {
        "mode": "Pool", "restrictToDevice": true, "type": "LoadBalancer", "pool": {"name": "pool", "size": 2},
    }});
    let pool = Pool::of(&values).unwrap();
    let mut spec = spec(5);
    spec["parallelism"] = json!(4);
    let mut scene = Scene::of(&spec);
    let trial = ValuesTrial {
        refusal: None,
        pool: pool.clone(),
        ..refused_trial(Refusal {
            reason: Reason::ValuesInvalid,
            message: String::new(),
        })
    };
    scene.memory.trial = Some(trial);
    assert_eq!(scene.plan(1).begin.len(), 2);
    let other = identity(9, "other");
    scene.ledger.begin_action(&other);
    let pool = pool.unwrap();
    scene.ledger.choose_service(&other, &pool).unwrap();
    let plan = scene.plan(2);
    assert_eq!((plan.begin.len(), plan.contended), (1, true));
    assert_eq!(plan.pace.crowd, None);
    let another = identity(8, "another");
    scene.ledger.begin_action(&another);
    scene.ledger.choose_service(&another, &pool).unwrap();
    // Both attempts are of other jobs.
    scene.job.uid = "another-job".into();
    let hold = scene.plan(3).pace.crowd.unwrap();
    assert_eq!(hold.reason, Reason::AddressInUse);
    assert!(
        hold.message
            .starts_with("all 2 Services of the pool pool in namespace lab are in use"),
        "{hold:?}"
    );
}

fn no_akri(scene: &mut Scene) {
    scene.world.akri_installed = false;
}
fn no_chart(scene: &mut Scene) {
    scene.world.chart = Some(Refusal {
        reason: Reason::ChartInvalid,
        message: "no".into(),
    });
}
fn refused_values(scene: &mut Scene) {
    let refusal = Refusal {
        reason: Reason::ValuesInvalid,
        message: "no".into(),
    };
    scene.memory.trial = Some(refused_trial(refusal));
}
fn too_large(scene: &mut Scene) {
    scene.memory.too_large = true;
}
fn deleting(scene: &mut Scene) {
    scene.job.deleting = true;
}
fn no_finalizer(scene: &mut Scene) {
    scene.job.has_finalizer = false;
}
fn no_roster(scene: &mut Scene) {
    scene.roster = None;
}
fn another_round(scene: &mut Scene) {
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
}
fn no_round(scene: &mut Scene) {
    scene.store(FlashJobStatus::default());
}
fn unreadable(scene: &mut Scene) {
    scene.job.spec = Err("not a list".into());
}

fn invalid(scene: &mut Scene) {
    scene.job.invalid = Some("no".into());
}
fn too_many_devices(scene: &mut Scene) {
    scene.stored(|status| {
        status.observed_generation = Some(1);
        status.reason = Some(Reason::TooManyDevices.as_str().into());
    });
}
fn tampered(scene: &mut Scene) {
    scene.job.tampered = Some("no".into());
}
fn roster_of_another_round(scene: &mut Scene) {
    scene.roster.as_mut().unwrap().round = 2;
}

fn finished(scene: &mut Scene) {
    scene.stored(|status| {
        conditions::set(
            &mut status.conditions,
            ConditionType::Finished,
            true,
            Reason::ValueNotAllowed,
            String::new(),
            1,
            at(0),
        );
    });
}

#[rstest]
#[case::the_stored_status_still_says_finished(finished)]
#[case::akri_is_not_installed(no_akri)]
#[case::the_chart_is_invalid(no_chart)]
#[case::the_values_are_refused(refused_values)]
#[case::the_status_is_too_large(too_large)]
#[case::the_job_is_being_deleted(deleting)]
#[case::the_finalizer_is_missing(no_finalizer)]
#[case::the_selection_is_not_read(no_roster)]
#[case::the_round_is_not_stored(another_round)]
#[case::no_round_was_opened(no_round)]
#[case::the_spec_cannot_be_read(unreadable)]
#[case::the_spec_cannot_be_carried_out(invalid)]
#[case::too_many_devices_are_named(too_many_devices)]
#[case::the_status_was_tampered_with(tampered)]
#[case::the_selection_is_of_another_round(roster_of_another_round)]
fn nothing_begins_where(#[case] change: fn(&mut Scene)) {
    let mut scene = Scene::new(2);
    assert_eq!(scene.plan(1).begin.len(), 2);
    change(&mut scene);
    assert!(scene.plan(1).begin.is_empty());
}

#[rstest]
#[case::the_job_is_being_deleted(deleting)]
#[case::another_round_is_asked_for(another_round)]
fn what_is_reserved_is_uninstalled_and_what_flashes_goes_on_where(#[case] change: fn(&mut Scene)) {
    let mut scene = Scene::new(2);
    reserve(&mut scene, 0);
    fly(&mut scene, 1);
    change(&mut scene);
    let plan = scene.plan(1);
    let [(who, Action::Remove(removal))] = plan.actions.as_slice() else {
        panic!("{:?}", plan.actions)
    };
    assert_eq!((who.uuid.as_str(), removal.service), ("uuid-0", true));
}

#[test]
fn a_reserved_device_whose_endpoint_is_gone_is_given_up_with_a_wait_that_doubles() {
    let mut scene = Scene::new(1);
    reserve(&mut scene, 0);
    scene.inventory.delete(&uuid(0));
    let mut waits = Vec::new();
    for _ in 0..9 {
        let plan = scene.plan(100);
        let [(key, index, waiting)] = plan.release.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(
            (key.id.as_str(), *index, waiting.reason),
            ("a0", Some(0), Reason::DeviceNotFound)
        );
        waits.push(waiting.until.as_second() - 100);
        scene.memory.waiting.insert(0, waiting.clone());
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
}

#[test]
fn a_reserved_device_that_came_back_under_another_uid_is_launched() {
    let mut scene = Scene::new(1);
    reserve(&mut scene, 0);
    scene.inventory.delete(&uuid(0));
    scene.inventory.apply(&instance("new-uid", 0));
    assert!(matches!(
        scene.plan(1).actions.as_slice(),
        [(_, Action::Launch { .. })]
    ));
}

#[test]
fn a_reserved_device_whose_uid_now_stands_for_another_endpoint_is_given_up() {
    let mut scene = Scene::new(1);
    reserve(&mut scene, 0);
    scene.inventory.apply(&instance(uuid(0).as_str(), 7));
    let plan = scene.plan(1);
    assert!(
        plan.actions.is_empty() && plan.release[0].2.message.contains("192.0.2.8:80"),
        "{plan:?}"
    );
}

#[test]
fn a_reserved_device_that_the_spec_names_no_more_is_given_up() {
    let mut scene = Scene::new(2);
    reserve(&mut scene, 1);
    scene.edit(|spec| spec.uuid.truncate(1));
    assert_eq!(scene.plan(1).release[0].2.reason, Reason::NotRequested);
}

#[test]
fn before_instances_are_known_a_reserved_device_is_neither_launched_nor_given_up() {
    let mut scene = Scene::new(1);
    reserve(&mut scene, 0);
    scene.world.akri_installed = false;
    scene.inventory.delete(&uuid(0));
    let plan = scene.plan(1);
    assert!(
        plan.actions.is_empty() && plan.release.is_empty(),
        "{plan:?}"
    );
}

#[test]
fn a_verdict_waits_to_be_stored_before_anything_is_removed() {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    take_in(
        &mut scene.ledger,
        record_of(0, Status::Deployed, true),
        Some(service(&who, address())),
        Some(ended(&who)),
    );
    assert_eq!(scene.plan(1).actions, [(who.clone(), Action::ReadVerdict)]);
    scene.memory.verdicts.insert(
        "a0".into(),
        found(Some(0), Outcome::Succeeded, Reason::FirmwareSent),
    );
    assert!(scene.plan(2).actions.is_empty());
    let status = scene.status(2);
    assert_eq!(status.completed_indexes.as_deref(), Some("0"));
    scene.store(status);
    assert!(matches!(
        scene.plan(3).actions.as_slice(),
        [(_, Action::Remove(_))]
    ));
}

#[test]
fn a_verdict_of_an_older_round_counts_as_stored_and_stands_in_no_list() {
    let mut scene = Scene::new(1);
    let mut who = identity(0, "a0");
    who.round = 0;
    take_in(
        &mut scene.ledger,
        Some(record(&who, Status::Deployed, true)),
        None,
        Some(ended(&who)),
    );
    let mut memory = Memory::default();
    memory.verdicts.insert(
        "a0".into(),
        found(Some(0), Outcome::Succeeded, Reason::FirmwareSent),
    );
    memory.begin_round();
    scene.memory = memory;
    assert!(matches!(
        scene.plan(1).actions.as_slice(),
        [(_, Action::Remove(_))]
    ));
    assert_eq!(scene.status(1).completed_indexes, None);
}

#[test]
fn a_stored_flash_of_which_nothing_is_left_is_interrupted_and_never_begins_again() {
    let mut scene = Scene::new(1);
    flashing_status(&mut scene, 0);
    let plan = scene.plan(1);
    assert!(plan.begin.is_empty());
    assert_eq!(
        plan.actions,
        [(identity(0, "a0"), Action::ConfirmInterrupted)]
    );
    scene.memory.verdicts.insert(
        "a0".into(),
        found(Some(0), Outcome::Unknown, Reason::Interrupted),
    );
    let plan = scene.plan(2);
    assert!(plan.begin.is_empty() && plan.actions.is_empty());
    assert_eq!(scene.status(2).failed_indexes.as_deref(), Some("0"));
}

/// The Pod was created, its record does not say so yet, and a person took the Pod away.
#[test]
fn a_flash_whose_pod_vanished_keeps_its_pod_in_the_status_until_its_verdict_is_stored() {
    let mut scene = Scene::new(1);
    flashing_status(&mut scene, 0);
    let pending = record_of(0, Status::PendingInstall, false);
    let serving = service(&identity(0, "a0"), address());
    take_in(&mut scene.ledger, pending, Some(serving), None);
    let steps = scene.plan(1).actions;
    assert_eq!(steps, [(identity(0, "a0"), Action::ConfirmInterrupted)]);
    let status = scene.status(1);
    assert_eq!(status.devices[0].pod.as_deref(), Some("flash-uuid-0-a0"));
    scene.store(status);
    assert_eq!(scene.plan(2).actions, steps, "and is not launched again");
}

#[test]
fn a_record_deleted_by_hand_in_mid_flight_changes_nothing_for_its_pod() {
    let mut scene = Scene::new(1);
    let who = identity(0, "a0");
    take_in(
        &mut scene.ledger,
        None,
        Some(service(&who, address())),
        Some(running(&who)),
    );
    let plan = scene.plan(1);
    assert!(plan.actions.is_empty() && plan.begin.is_empty());
    assert_eq!(plan.views[0].since, Some(at(0)), "it has begun");
    assert_eq!(scene.status(1).counts.unwrap().in_flight, 1);
}

#[test]
fn the_next_look_is_at_the_earliest_of_all_times() {
    let mut scene = Scene::new(3);
    let who = identity(0, "a0");
    take_in(
        &mut scene.ledger,
        record_of(0, Status::Deployed, true),
        None,
        Some(pod(&who)),
    );
    scene.inventory.delete(&uuid(1));
    scene.memory.missing_since.insert(1, at(-50));
    scene.memory.waiting.insert(
        2,
        Waiting {
            reason: Reason::ApiError,
            message: String::new(),
            until: at(280),
            tries: 1,
        },
    );
    assert_eq!(
        scene.plan(1).wake_at,
        Some(at(250)),
        "missing until 250, back-off until 280, start deadline at 300"
    );
}
