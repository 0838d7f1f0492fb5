//! How a selection follows its spec.

use crate::{api::DeviceSelector, flashjob::spec::selector::selector_is_current};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::api::DeviceStatus;
use crate::flashjob::{
    fixtures::{Scene, at, effective_of, endpoint, instance, job_of, uuid},
    status,
};

fn lamps() -> Selector {
    Selector::parse(&DeviceSelector {
        configurations: vec!["lamps".into()],
        ..DeviceSelector::default()
    })
    .unwrap()
}

fn inventory(devices: std::ops::Range<usize>) -> Inventory {
    let mut inventory = Inventory::default();
    devices.for_each(|index| inventory.apply(&instance(uuid(index).as_str(), index)));
    inventory
}

fn listed(indexes: &[usize]) -> Vec<String> {
    indexes
        .iter()
        .map(|index| uuid(*index).to_string())
        .collect()
}

fn uuids(devices: &[SelectedDevice]) -> Vec<&str> {
    devices.iter().map(|device| device.uuid.as_str()).collect()
}

fn indexes(set: &Intervals) -> Vec<usize> {
    set.iter().collect()
}

#[test]
fn listed_devices_come_first_in_their_order_then_the_matches_by_endpoint() {
    let lamps = lamps();
    let choice = choose(
        &Selection::default(),
        None,
        &listed(&[3, 1]),
        Selecting::Anew(Some(&lamps)),
        &inventory(0..5),
    )
    .unwrap();
    assert_eq!(
        uuids(&choice.more),
        ["uuid-3", "uuid-1", "uuid-0", "uuid-2", "uuid-4"]
    );
    assert_eq!(indexes(&choice.chosen), [0, 1, 2, 3, 4]);
    assert_eq!(choice.more[2].endpoint, Some(endpoint(0)));
}

#[test]
fn a_device_that_is_listed_under_another_uid_is_not_selected_again() {
    let mut devices = inventory(0..2);
    // uuid-0 was recreated as fresh; the list still names both.
    devices.apply(&instance("fresh", 0));
    let lamps = lamps();
    let choice = choose(
        &Selection::default(),
        None,
        &["uuid-0".into(), "fresh".into()],
        Selecting::Anew(Some(&lamps)),
        &devices,
    )
    .unwrap();
    assert_eq!(uuids(&choice.more), ["uuid-0", "fresh", "uuid-1"]);
    // Both are as old: that of the higher uid stands for the device.
    assert_eq!(indexes(&choice.chosen), [0, 2]);
}

#[test]
fn a_device_is_found_in_the_selection_by_its_endpoint_after_its_uid_changed() {
    let lamps = lamps();
    let before = choose(
        &Selection::default(),
        None,
        &[],
        Selecting::Anew(Some(&lamps)),
        &inventory(0..2),
    )
    .unwrap();
    let roster = Selection::new(1, before.more);
    let mut now = inventory(1..3);
    now.apply(&instance("fresh", 0));
    let after = choose(&roster, None, &[], Selecting::Anew(Some(&lamps)), &now).unwrap();
    assert_eq!(uuids(&after.more), ["uuid-2"]);
    assert_eq!(indexes(&after.chosen), [0, 1, 2]);
}

#[test]
fn what_the_selector_means_and_cannot_be_flashed_is_stored_and_said_until_it_is_carried_out_anew() {
    let mut devices = inventory(0..2);
    let broken = crate::flashjob::fixtures::instance_with(
        "broken",
        &json!({"HOST_ENDPOINT": "http://192.0.2.9", "DEVICE": "esp32s3"}),
    );
    devices.apply(&broken);
    let lamps = lamps();
    let anew = Selecting::Anew(Some(&lamps));
    let choice = choose(&Selection::default(), None, &[], anew, &devices).unwrap();
    assert_eq!(uuids(&choice.more), ["uuid-0", "uuid-1"]);
    let left_out = choice.not_selectable.clone().unwrap();
    assert_eq!(left_out.count, 1);
    let kept = choose(
        &Selection::new(1, choice.more.clone()),
        None,
        &[],
        Selecting::Keep(&choice.chosen, Some(&left_out)),
        &inventory(0..2),
    );
    assert_eq!(kept.unwrap().not_selectable, Some(left_out));

    let mut scene = Scene::new(2);
    let selection = selection_status(&scene.job, &choice.more, &choice);
    scene.stored(|status| {
        let hash = status.selection.clone();
        status.selection = Some(SelectionStatus {
            selector: hash.and_then(|stored| stored.selector),
            ..selection
        });
    });
    let says = "; 1 Instance that spec.deviceSelector means cannot be flashed: Instance lab/i-broken: property HOST_ENDPOINT cannot be \
                used: \"http://192.0.2.9\" does not begin with an IPv4 address";
    let message = scene.status(1).message.unwrap();
    assert!(message.contains(says), "{message}");
    scene.stored(|status| status.completed_indexes = Some("0-1".into()));
    let status = scene.status(2);
    assert_eq!(status.reason.as_deref(), Some("AllSucceeded"));
    let message = status.message.unwrap();
    assert!(
        message.starts_with("2 of 2 succeeded; 1 Instance"),
        "{message}"
    );
}

#[test]
fn an_edit_of_the_list_does_not_carry_the_selector_out_again() {
    let chosen: Intervals = Intervals::parse("0", 1).unwrap();
    let roster = Selection::new(1, device::select(&[uuid(0)], &inventory(0..1)));
    let choice = choose(
        &roster,
        None,
        &listed(&[2]),
        Selecting::Keep(&chosen, None),
        &inventory(0..4),
    )
    .unwrap();
    assert_eq!(
        (uuids(&choice.more), &choice.chosen),
        (vec!["uuid-2"], &chosen)
    );
}

#[test]
fn what_the_round_before_knew_of_a_listed_device_keeps_it_from_being_selected_twice() {
    let before = Selection::new(1, device::select(&[uuid(0)], &inventory(0..1)));
    let mut now = Inventory::default();
    now.apply(&instance("fresh", 0));
    let lamps = lamps();
    let choice = choose(
        &Selection::default(),
        Some(&before),
        &listed(&[0]),
        Selecting::Anew(Some(&lamps)),
        &now,
    )
    .unwrap();
    assert_eq!(uuids(&choice.more), ["uuid-0"]);
    assert_eq!(indexes(&choice.chosen), [0]);
}

fn fleet(devices: usize) -> Inventory {
    let mut inventory = Inventory::default();
    for number in 0..devices {
        let (second, third, fourth) = (number >> 16, (number >> 8) & 255, number & 255);
        let endpoint = format!("10.{second}.{third}.{fourth}");
        inventory.apply(&crate::flashjob::fixtures::instance_with(
            uuid(number).as_str(),
            &json!({"HOST_ENDPOINT": endpoint, "DEVICE": "esp32s3"}),
        ));
    }
    inventory
}

#[rstest]
#[case::as_many_as_may_be(MAX_DEVICES, None)]
#[case::one_more(MAX_DEVICES + 1, Some(MAX_DEVICES + 1))]
fn more_devices_than_a_job_may_have_are_refused_and_counted(
    #[case] devices: usize,
    #[case] refused: Option<usize>,
) {
    let lamps = lamps();
    let choice = choose(
        &Selection::default(),
        None,
        &listed(&[7, 8]),
        Selecting::Anew(Some(&lamps)),
        &fleet(devices),
    );
    assert_eq!(choice.err().map(|too_many| too_many.devices), refused);
}

#[test]
fn a_refusal_for_the_number_of_devices_holds_until_the_spec_is_edited() {
    let spec =
        json!({"firmware": "f", "version": "1", "deviceSelector": {"configurations": ["lamps"]}});
    let fresh = job_of(&spec, None);
    let refusal = refused(TooMany { devices: 12_345 });
    let status = status::refuse(&fresh, refusal, at(5));
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("TooManyDevices"));
    let mut job = job_of(&spec, Some(&status));
    let kept = super::refusal(&job).unwrap();
    assert!(kept.message.contains("12345 devices"), "{}", kept.message);
    job.generation += 1;
    assert_eq!(super::refusal(&job), None);
}

#[test]
fn a_selection_belongs_to_the_selector_that_it_was_taken_with() {
    let mut scene = Scene::new(1);
    assert!(selector_is_current(&scene.job), "there is none");
    scene.edit(|spec| {
        spec.device_selector = Some(DeviceSelector {
            namespaces: vec!["lab".into()],
            ..DeviceSelector::default()
        });
    });
    assert!(!selector_is_current(&scene.job));
    assert!(
        scene.plan(1).begin.is_empty(),
        "nothing starts before it is carried out"
    );
    let devices = scene.roster.as_ref().unwrap().devices().to_vec();
    let selection = selection_status(&scene.job, &devices, &Choice::default());
    scene.stored(|status| status.selection = Some(selection));
    assert!(selector_is_current(&scene.job));
    assert_eq!(scene.plan(1).begin.len(), 1);
    scene.edit(|spec| spec.device_selector = None);
    assert!(!selector_is_current(&scene.job));
}

#[test]
fn a_device_that_neither_list_nor_selector_names_is_dropped_unless_it_began() {
    let mut scene = Scene::new(3);
    scene.stored(|status| {
        status.completed_indexes = Some("0".into());
        let selection = status.selection.as_mut().unwrap();
        selection.selector_indexes = Some("1".into());
    });
    scene.edit(|spec| spec.uuid.clear());
    let begins: Vec<usize> = scene
        .plan(1)
        .begin
        .iter()
        .map(|begin| begin.index)
        .collect();
    assert_eq!(begins, [1]);
    let counts = scene.status(1).counts.unwrap();
    assert_eq!(
        (counts.selected, counts.succeeded, counts.pending),
        (2, 1, 1)
    );
}

#[test]
fn the_largest_job_is_selected_and_planned_in_one_pass() {
    let spec = json!({"firmware": "f", "version": "1", "parallelism": 10, "deviceSelector": {"configurations": ["lamps"]}});
    let inventory = fleet(MAX_DEVICES);
    let lamps = lamps();
    let clock = std::time::Instant::now();
    let choice = choose(
        &Selection::default(),
        None,
        &[],
        Selecting::Anew(Some(&lamps)),
        &inventory,
    )
    .unwrap();
    let chosen = clock.elapsed();
    let mut scene = Scene::of(&spec);
    scene.inventory = inventory;
    let roster = Selection::new(1, choice.more.clone());
    let fresh = job_of(&spec, None);
    let mut status = status::open_round(&fresh, &roster, "h", effective_of(&fresh), at(0));
    status.selection = Some(selection_status(&scene.job, roster.devices(), &choice));
    scene.roster = Some(roster);
    scene.store(status);
    let clock = std::time::Instant::now();
    let plan = scene.plan(1);
    let planned = clock.elapsed();
    let composed = scene.status(1);
    println!(
        "selected in {chosen:?}, planned in {planned:?}, with status {:?}",
        clock.elapsed()
    );
    assert_eq!((plan.begin.len(), plan.queued), (10, MAX_DEVICES - 10));
    let all = i64::try_from(MAX_DEVICES).unwrap();
    assert_eq!(composed.counts.unwrap().selected, all);

    // Half way, with as many entries of devices as fit.
    scene.stored(|status| {
        status.completed_indexes = Some(format!("0-{}", all / 2 - 1));
        status.devices = (all / 2 - 500..all / 2)
            .map(|index| DeviceStatus {
                index,
                host_endpoint: Some("10.0.0.1:80".into()),
                phase: "Succeeded".into(),
                ..DeviceStatus::default()
            })
            .collect();
    });
    let clock = std::time::Instant::now();
    let plan = scene.plan(2);
    println!("half way planned in {:?}", clock.elapsed());
    assert_eq!((plan.begin.len(), plan.queued), (10, MAX_DEVICES / 2 - 10));
}

/// Two Instances show the device; the list names the one, and the selector finds the other.
#[test]
fn a_device_that_joins_by_the_list_is_chosen_as_what_the_list_calls_it() {
    let mut devices = inventory(0..4);
    devices.apply(&instance("another-2", 2));
    devices.apply(&instance("another-3", 3));
    let roster = Selection::new(1, device::select(&[uuid(0), uuid(1)], &devices));
    let lamps = lamps();
    let choice = choose(
        &roster,
        None,
        &["another-2".into(), "another-3".into()],
        Selecting::Anew(Some(&lamps)),
        &devices,
    )
    .unwrap();
    assert_eq!(uuids(&choice.more), ["another-2", "another-3"]);
    assert_eq!(indexes(&choice.chosen), [0, 1, 2, 3]);
}
