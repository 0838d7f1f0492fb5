//! What stops a whole job is said before it is created.

use serde_json::{Value, json};

use super::{Answer, Cluster, Fate, Forecast, NotSeen, Part, imagine, text};
use crate::{
    api::SelectedDevice,
    device::Inventory,
    flashclass::Classes,
    flashjob::{
        blueprint::{FlashPod, Settings},
        fixtures::{self, at, classes, instance_with, uuid},
        observe::selection::Selection,
        spec::job::Job,
    },
    identifiers::Uuid,
    operator::flash_chart,
};

const DEVICES: usize = 2;

fn default_class() -> Classes {
    let annotations = json!({"flashjob.nbfc.io/is-default-class": "true"});
    classes(&[json!({"metadata": {"name": "default", "annotations": annotations}, "spec": {}})])
}

/// Two devices, and an open class.
fn cluster() -> Cluster {
    let mut inventory = Inventory::default();
    for index in 0..DEVICES {
        let endpoint = format!("192.0.2.{index}");
        let properties =
            json!({"HOST_ENDPOINT": endpoint, "DEVICE": "esp32s3", "VERSION": "0.1.0"});
        inventory.apply(&instance_with(uuid(index).as_str(), &properties));
    }
    Cluster {
        inventory,
        akri_installed: true,
        max_in_flight: 100,
        cool_down_seconds: 90,
        classes: default_class(),
        namespaces: std::iter::once(("lab".to_owned(), std::collections::BTreeMap::new()))
            .collect(),
        own_namespace: "sys".into(),
        operator: fixtures::operator_defaults(),
        not_seen: Vec::new(),
    }
}

fn foretold(more: &Value, before: Option<&Selection>, cluster: &Cluster) -> Forecast {
    let uuids: Vec<Uuid> = (0..DEVICES).map(uuid).collect();
    let mut spec = json!({"uuid": uuids, "firmware": "registry.example.com/f:1", "version": "1"});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let object = json!({
        "metadata": {"name": "lamps", "namespace": "lab", "uid": "u-1", "resourceVersion": "1"}, "spec": spec,
    });
    let job = Job::parse(&serde_json::from_value(object).unwrap()).unwrap();
    let settings = Settings {
        policy: crate::flash_pod::guard::Policy {
            images: vec!["*".parse().unwrap()],
            service_accounts: vec!["default".into()],
            ..Default::default()
        },
        ..Settings::default()
    };
    let flash_pod = FlashPod::load(flash_chart(None).unwrap(), &settings, 0).unwrap();
    imagine(job, before, cluster, &flash_pod, at(1000))
}

#[test]
fn a_job_that_nothing_stops_would_run() {
    let foretold = foretold(&json!({}), None, &cluster());
    assert_eq!(foretold.answer(), Answer::WouldRun, "{}", text(&foretold));
}

#[rstest::rstest]
#[case::past(json!({"notAfter": "1970-01-01T00:00:00Z"}), "Expired", "past spec.notAfter (1970-01-01T00:00:00Z)")]
#[case::turned_round(
    json!({"notBefore": "2026-12-02T00:00:00Z", "notAfter": "2026-12-01T00:00:00Z"}),
    "InvalidSpec",
    "must be after spec.notBefore"
)]
#[case::short_window(
    json!({"windows": [{"start": "22:00", "durationSeconds": 60}]}),
    "WindowTooShort",
    "it is open for 60 s, a device may take 600 s"
)]
#[case::window_without_duration(json!({"windows": [{"start": "22:00"}]}), "WindowTooShort", "it is open for 0 s")]
#[case::steps_that_do_not_grow(
    json!({"steps": [{"devices": 1}, {"devices": "10%"}]}),
    "InvalidSpec",
    "spec.steps[1].devices: 10% of 2 selected devices, which is 1, does not go beyond the 1 of the step before"
)]
#[case::suspended(json!({"suspend": true}), "Suspended", "spec.suspend")]
#[case::no_such_class(json!({"flashClassName": "nobody"}), "FlashClassNotFound", "nobody does not exist")]
#[case::nothing_selected(json!({"uuid": []}), "NoDevicesSelected", "selects no device")]
fn what_stops_the_whole_job_is_its_refusal(
    #[case] more: Value,
    #[case] reason: &str,
    #[case] words: &str,
) {
    let foretold = foretold(&more, None, &cluster());
    assert_eq!(foretold.answer(), Answer::Refused);
    let refusal = foretold.refusal.as_ref().expect("a refusal");
    assert_eq!(refusal.reason, reason, "{refusal:?}");
    assert!(refusal.message.contains(words), "{refusal:?}");
    assert!(text(&foretold).contains("Nothing of it would start\n"));
}

#[test]
fn without_any_class_nothing_would_start() {
    let cluster = Cluster {
        classes: classes(&[]),
        ..cluster()
    };
    let refusal = foretold(&json!({}), None, &cluster).refusal.unwrap();
    assert_eq!(refusal.reason, "FlashClassNotFound");
}

#[test]
fn a_closed_value_is_refused_though_no_device_is_discovered() {
    let cluster = Cluster {
        inventory: Inventory::default(),
        ..cluster()
    };
    let values = json!({"values": {"resources": {"limits": {"memory": "1Gi"}}}});
    let refusal = foretold(&values, None, &cluster).refusal.unwrap();
    assert_eq!(refusal.reason, "ValueNotAllowed");
    let words = "/resources/limits/memory: a FlashJob may not set this (the flash chart does)";
    assert!(refusal.message.starts_with(words), "{refusal:?}");
    let open = foretold(&json!({}), None, &cluster);
    assert_eq!(
        (open.refusal.as_ref(), open.answer()),
        (None, Answer::Refused)
    );
    assert!(
        open.devices
            .iter()
            .all(|device| device.fate == Fate::Awaited)
    );
}

#[test]
fn a_job_that_waits_for_its_time_would_run_and_says_when() {
    let foretold = foretold(
        &json!({"notBefore": "2026-12-02T00:00:00Z"}),
        None,
        &cluster(),
    );
    assert_eq!(foretold.answer(), Answer::WouldRun);
    let text = text(&foretold);
    let words = "Nothing of it would start now\n  NotBefore: nothing starts before 2026-12-02T00:00:00Z (spec.notBefore)";
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_device_that_has_another_uid_since_the_round_before_is_found_by_its_endpoint() {
    let frozen: Vec<SelectedDevice> = (0..DEVICES)
        .map(|index| SelectedDevice {
            uuid: format!("before-{index}").into(),
            endpoint: Some(format!("192.0.2.{index}:80")),
            ..SelectedDevice::default()
        })
        .collect();
    let uuids: Vec<&str> = frozen.iter().map(|device| device.uuid.as_str()).collect();
    let of_old = json!({"uuid": uuids});
    let unknown = foretold(&of_old, None, &cluster());
    assert!(
        unknown
            .devices
            .iter()
            .all(|device| device.fate == Fate::Awaited)
    );
    let before = Selection::new(1, frozen.clone());
    let known = foretold(&of_old, Some(&before), &cluster());
    assert_eq!(known.answer(), Answer::WouldRun, "{}", text(&known));
}

#[test]
fn numbers_are_plain() {
    let mut cluster = cluster();
    cluster.inventory.apply(&instance_with(
        uuid(0).as_str(),
        &json!({"HOST_ENDPOINT": "lamp.example", "DEVICE": "esp32s3"}),
    ));
    let one = text(&foretold(
        &json!({"steps": [{"devices": 1}]}),
        None,
        &cluster,
    ));
    for words in [
        "1 is refused beforehand",
        "nothing to flash",
        "It takes at most",
    ] {
        assert!(one.contains(words), "{words} in\n{one}");
    }
    assert!(!one.contains("at most 0 s"), "{one}");
}

fn without(part: Part) -> Cluster {
    let message = format!("you may not read {part:?}");
    Cluster {
        not_seen: vec![NotSeen { part, message }],
        ..cluster()
    }
}

#[rstest::rstest]
#[case::settings(Part::Settings, json!({"values": {"resources": {"limits": {"memory": "1Gi"}}}}))]
#[case::classes(Part::Classes, json!({"flashClassName": "nobody"}))]
#[case::instances(Part::Instances, json!({"uuid": ["00000000-0000-4000-8000-00000000abcd"]}))]
#[case::a_selector_without_instances(Part::Instances, json!({"uuid": [], "deviceSelector": {"matchProperties": {"DEVICE": "other"}}}))]
#[case::the_round_before(Part::Stored, json!({"uuid": ["00000000-0000-4000-8000-00000000abcd"]}))]
fn what_only_seems_refused_because_something_may_not_be_read_is_not_told_as_refused(
    #[case] part: Part,
    #[case] more: Value,
) {
    let certain = foretold(&more, None, &cluster());
    assert_eq!(certain.answer(), Answer::Refused, "{}", text(&certain));
    let unsure = foretold(&more, None, &without(part));
    let words = text(&unsure);
    assert_eq!(unsure.answer(), Answer::CannotTell, "{words}");
    for said in ["Not seen, and so not told", "you may not read"] {
        assert!(words.contains(said), "{said} in\n{words}");
    }
    assert!(!words.contains("would start"), "{words}");
}

#[test]
fn what_is_refused_for_certain_is_refused_whatever_may_not_be_read() {
    let expired = json!({"notAfter": "1970-01-01T00:00:00Z"});
    let foretold = foretold(&expired, None, &without(Part::Classes));
    assert_eq!(foretold.answer(), Answer::Refused, "{}", text(&foretold));
}

#[test]
fn what_a_class_asks_of_signatures_is_told_as_not_checked_where_it_can_stop_a_round() {
    let of = |mode: &str| {
        let authority = json!({"name": "release", "key": {"secretName": "keys"}});
        let rules = json!({"firmwareVerification": {"mode": mode, "authorities": [authority]}});
        let class = json!({"metadata": {"name": "c"}, "spec": rules});
        let cluster = Cluster {
            classes: classes(&[class]),
            ..cluster()
        };
        foretold(&json!({"flashClassName": "c"}), None, &cluster)
    };
    assert_eq!(of("Warn").answer(), Answer::WouldRun);
    let enforced = of("Enforce");
    let words = text(&enforced);
    assert_eq!(enforced.answer(), Answer::CannotTell, "{words}");
    let said = "FlashClass c lets a round begin only with firmware that is signed by release: whether it is was not looked at here";
    assert!(words.replace('\n', " ").contains(said), "{words}");
}
