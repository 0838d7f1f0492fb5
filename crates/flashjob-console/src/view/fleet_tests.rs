use rstest::rstest;

use super::*;
use crate::view::fixtures::{job, selection};

const MARKUP: &str = "<img src=x onerror=alert(1)>\u{1b}[2J";

fn instance(name: &str, uid: &str, endpoint: &str, version: &str) -> Instance {
    serde_json::from_value(json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": name, "namespace": "demo", "uid": uid},
        "spec": {"brokerProperties": {"HOST_ENDPOINT": endpoint, "DEVICE": "esp32", "VERSION": version}},
    }))
    .unwrap()
}

fn phases(devices: &[FleetDevice]) -> Vec<(&str, &str, Option<usize>)> {
    let devices = devices.iter();
    devices
        .map(|device| (device.uuid.as_str(), device.phase.as_str(), device.index))
        .collect()
}

#[test]
fn a_device_stands_where_its_job_says_by_its_endpoint_whatever_its_uuid_is_now() {
    let instances = [
        instance("a", "new", "192.0.2.1:80", "2"),
        instance("b", "u-6", "192.0.2.6:80", "1"),
        instance("c", "other", "198.51.100.1", "1"),
    ];
    let devices = fleet(Some(&instances), &[(job(), Some(selection()))]);
    assert_eq!(
        phases(&devices),
        [
            // Those that failed and that no Instance tells of any more.
            ("u-4", "Failed", Some(4)),
            ("u-5", "Failed", Some(5)),
            ("new", "Succeeded", Some(1)),
            ("u-6", "Flashing", Some(6)),
            ("other", UNUSED, None),
        ]
    );
    assert_eq!(devices[2].job.as_deref(), Some("thermo"));
}

#[test]
fn what_is_done_with_a_device_outweighs_the_selection_of_a_newer_job() {
    let mut newer = job();
    newer.name = "newer".into();
    newer.status.devices.clear();
    newer.finals = flashjob_operator::flashjob::spec::job::Finals::default();
    newer.status.selection.as_mut().unwrap().time =
        serde_json::from_value(json!("2026-11-30T00:00:00Z")).unwrap();
    let instances = [
        instance("a", "u-1", "192.0.2.1:80", "2"),
        instance("b", "u-6", "192.0.2.6:80", "1"),
    ];
    let devices = fleet(
        Some(&instances),
        &[(newer, Some(selection())), (job(), Some(selection()))],
    );
    let jobs: Vec<_> = devices
        .iter()
        .map(|device| (device.job.as_deref().unwrap(), device.phase.as_str()))
        .collect();
    assert_eq!(jobs, [("newer", "Pending"), ("thermo", "Flashing")]);
}

#[test]
fn without_instances_there_is_what_the_jobs_say() {
    let devices = fleet(None, &[(job(), Some(selection()))]);
    assert_eq!(devices.len(), 10);
}

#[test]
fn an_instance_that_says_too_little_is_shown_as_one_that_cannot_be_flashed() {
    let devices = fleet(Some(&[instance("a", "u", "", "1")]), &[]);
    assert_eq!(phases(&devices), [("u", UNFIT, None)]);
}

#[test]
fn hostile_texts_are_bounded_and_nothing_in_them_is_hidden() {
    let long = MARKUP.repeat(100);
    let devices = fleet(Some(&[instance("a", "u", "192.0.2.1", &long)]), &[]);
    assert!(devices[0].version.len() < 200, "{}", devices[0].version);
    assert!(!devices[0].version.contains('\u{1b}'));
}

#[rstest]
#[case::everything("", true)]
#[case::any_of_its_texts("ESP32", true)]
#[case::all_words("esp32 1.2 flashing", true)]
#[case::one_word_is_not_there("esp32 1.3", false)]
fn every_word_of_a_filter_is_found_in_a_device(#[case] filter: &str, #[case] expected: bool) {
    let device = FleetDevice {
        kind: "esp32".into(),
        version: "1.2.0".into(),
        phase: "Flashing".into(),
        ..FleetDevice::default()
    };
    assert_eq!(device.is_meant(&words(filter)), expected);
}

#[test]
fn versions_are_counted_by_type_the_most_frequent_first() {
    let of = |kind: &str, version: &str| FleetDevice {
        kind: kind.into(),
        version: version.into(),
        ..FleetDevice::default()
    };
    let mut devices = vec![
        of("esp32", "1"),
        of("esp32", "2"),
        of("esp32", "2"),
        of("nrf52", "7"),
    ];
    devices.extend((0..20).map(|version| of("many", &format!("v{version:02}"))));
    let devices: Vec<_> = devices.iter().collect();
    let bars = versions(&devices);
    assert_eq!(bars.len(), 3);
    assert_eq!((bars[0].versions.len(), bars[0].others), (BARS, 8));
    assert_eq!(bars[1].versions, [("2", 2), ("1", 1)]);
}

#[test]
fn a_text_that_repeats_is_sent_once() {
    let devices = fleet(None, &[(job(), Some(selection()))]);
    let drawn = drawn(&devices, |_| "good");
    assert_eq!(drawn["kinds"], json!(["esp32"]));
    assert_eq!(drawn["devices"].as_array().unwrap().len(), 10);
    assert_eq!(drawn["devices"][0][3], 0);
}
