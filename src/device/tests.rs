//! Instances become devices, and devices are found again by uid and by endpoint.

use rstest::rstest;

use super::*;
use crate::api::{FlashJobSpec, Instance};

fn instance(uid: &str, created: i64, properties: &[(&str, &str)]) -> Instance {
    let created = jiff::Timestamp::from_second(created).unwrap().to_string();
    let properties: std::collections::BTreeMap<_, _> = properties.iter().copied().collect();
    serde_json::from_value(serde_json::json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {"name": format!("lamp-{uid}"), "namespace": "lab", "uid": uid, "creationTimestamp": created},
        "spec": {
            "configurationName": "http-range", "cdiName": "akri.sh/http-range=1", "capacity": 2, "shared": true,
            "nodes": ["n1", "n2"], "deviceUsage": {}, "brokerProperties": properties,
        },
    }))
    .unwrap()
}

fn lamp(uid: &str, created: i64, endpoint: &str) -> Instance {
    instance(
        uid,
        created,
        &[
            ("HOST_ENDPOINT", endpoint),
            ("DEVICE", "esp32s3"),
            ("VERSION", "0.1.0"),
        ],
    )
}

fn deleting(mut instance: Instance) -> Instance {
    instance.metadata.deletion_timestamp = instance.metadata.creation_timestamp.clone();
    instance
}

#[test]
fn an_instance_tells_everything_a_flash_needs() {
    let mut akri = lamp("u-1", 5, "192.0.2.7");
    akri.spec
        .broker_properties
        .insert("APPLICATION_TYPE".into(), "fmnist".into());
    let device = Device::parse(&akri).unwrap();
    assert_eq!((device.uuid.as_str(), &*device.name), ("u-1", "lamp-u-1"));
    assert_eq!(device.endpoint.to_string(), "192.0.2.7:80");
    assert_eq!(&*device.host_endpoint, "192.0.2.7");
    assert_eq!(&*device.device_type, "esp32s3");
    assert_eq!(device.application_type.as_deref(), Some("fmnist"));
    assert_eq!(device.version.as_deref(), Some("0.1.0"));
    assert_eq!(device.configuration.as_deref(), Some("http-range"));
    assert_eq!(*device.nodes, ["n1".into(), "n2".into()]);
    assert_eq!(device.properties.iter().count(), 4);
}

#[rstest]
#[case::no_endpoint(&[("DEVICE", "esp32")], "HOST_ENDPOINT")]
#[case::empty_endpoint(&[("DEVICE", "esp32"), ("HOST_ENDPOINT", "")], "HOST_ENDPOINT")]
#[case::host_name(&[("DEVICE", "esp32"), ("HOST_ENDPOINT", "lamp.local")], "HOST_ENDPOINT")]
#[case::no_type(&[("HOST_ENDPOINT", "192.0.2.7")], "DEVICE")]
#[case::blank_type(&[("HOST_ENDPOINT", "192.0.2.7"), ("DEVICE", " ")], "DEVICE")]
fn an_error_names_the_instance_and_the_property(
    #[case] properties: &[(&str, &str)],
    #[case] property: &str,
) {
    let error = Device::parse(&instance("u-1", 5, properties))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Instance lab/lamp-u-1") && error.contains(property),
        "{error}"
    );
}

#[test]
fn an_instance_of_an_older_akri_is_an_error_and_no_panic() {
    let bare: Instance = serde_json::from_value(
        serde_json::json!({"apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {}, "spec": {}}),
    )
    .unwrap();
    assert!(Device::parse(&bare).is_err());
    let mut inventory = Inventory::default();
    inventory.apply(&bare);
    assert!(inventory.is_empty());
}

#[test]
fn the_newest_instance_of_an_endpoint_stands_for_it() {
    let mut inventory = Inventory::default();
    inventory.apply(&lamp("new", 9, "192.0.2.7:80"));
    inventory.apply(&lamp("old", 5, "192.0.2.7"));
    assert_eq!(
        inventory.by_endpoint("192.0.2.7:80").unwrap().uuid,
        "new".into()
    );
    inventory.apply(&deleting(lamp("new", 9, "192.0.2.7:80")));
    assert_eq!(
        inventory.by_endpoint("192.0.2.7:80").unwrap().uuid,
        "old".into()
    );
    inventory.delete(&"old".into());
    assert!(inventory.by_endpoint("192.0.2.7:80").is_none());
    assert!(inventory.is_empty());
}

#[test]
fn an_instance_that_is_being_deleted_is_gone() {
    let mut inventory = Inventory::default();
    inventory.apply(&deleting(lamp("u-1", 5, "192.0.2.7")));
    assert!(inventory.by_uuid(&"u-1".into()).is_none());
    inventory.replace_all(vec![
        deleting(lamp("u-1", 5, "192.0.2.7")),
        lamp("u-2", 6, "192.0.2.8"),
    ]);
    assert_eq!(inventory.len(), 1);
}

#[test]
fn a_device_that_moves_leaves_its_old_endpoint() {
    let mut inventory = Inventory::default();
    inventory.apply(&lamp("u-1", 5, "192.0.2.7"));
    inventory.apply(&lamp("u-1", 5, "192.0.2.8"));
    assert!(inventory.by_endpoint("192.0.2.7:80").is_none());
    assert_eq!(
        inventory.by_endpoint("192.0.2.8:80").unwrap().uuid,
        "u-1".into()
    );
    assert_eq!(inventory.len(), 1);
}

#[test]
fn an_unusable_instance_is_known_by_uid_only() {
    let mut inventory = Inventory::default();
    inventory.apply(&instance("u-1", 5, &[("HOST_ENDPOINT", "192.0.2.7")]));
    assert!(matches!(
        inventory.by_uuid(&"u-1".into()),
        Some(Err(DeviceError::MissingProperty { .. }))
    ));
    assert!(inventory.by_endpoint("192.0.2.7:80").is_none());
}

#[rstest]
#[case::an_event(false)]
#[case::a_new_list(true)]
fn a_property_that_akri_empties_between_probes_is_no_news(#[case] listed: bool) {
    let mut inventory = Inventory::default();
    inventory.apply(&lamp("u-1", 5, "192.0.2.7"));
    let emptied = instance(
        "u-1",
        5,
        &[
            ("HOST_ENDPOINT", ""),
            ("DEVICE", "esp32s3"),
            ("VERSION", ""),
        ],
    );
    for _ in 0..2 {
        if listed {
            inventory.replace_all(vec![emptied.clone()]);
        } else {
            inventory.apply(&emptied);
        }
    }
    let device = inventory.by_uuid(&"u-1".into()).unwrap().as_ref().unwrap();
    assert_eq!(device.endpoint.to_string(), "192.0.2.7:80");
    assert_eq!(device.version.as_deref(), Some("0.1.0"));
}

#[test]
fn a_property_that_is_taken_away_is_news() {
    let mut inventory = Inventory::default();
    inventory.apply(&lamp("u-1", 5, "192.0.2.7"));
    inventory.apply(&instance("u-1", 5, &[("DEVICE", "esp32s3")]));
    assert!(inventory.by_uuid(&"u-1".into()).unwrap().is_err());
    assert!(inventory.by_endpoint("192.0.2.7:80").is_none());
}

#[test]
fn no_device_is_at_an_address_of_the_cluster_before_and_after_a_new_list() {
    let own = [std::net::Ipv4Addr::new(192, 0, 2, 1)];
    let mut inventory = Inventory::of(&[], own);
    assert_eq!((inventory.len(), inventory.is_empty()), (0, true));
    inventory.apply(&lamp("u-1", 5, "192.0.2.1:8080"));
    inventory.apply(&lamp("u-2", 5, "192.0.2.2"));
    let says = |inventory: &Inventory| match inventory.by_uuid(&"u-1".into()) {
        Some(Err(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let before = says(&inventory);
    assert!(before.contains("192.0.2.1"), "{before}");
    inventory.replace_all(vec![
        lamp("u-1", 5, "192.0.2.1:8080"),
        lamp("u-2", 5, "192.0.2.2"),
    ]);
    assert_eq!(says(&inventory), before);
    assert_eq!((inventory.len(), inventory.is_empty()), (2, false));
}

#[rstest]
#[case::a_name("lamps", Some("lamps"))]
#[case::none("", None)]
#[case::the_longest(&"c".repeat(253), Some(&*"c".repeat(253)))]
#[case::one_that_is_too_long(&"c".repeat(254), None)]
fn an_unusable_instance_is_selected_by_its_configuration_where_that_is_a_name(
    #[case] configuration: &str,
    #[case] known: Option<&str>,
) {
    let mut akri = lamp("u-1", 5, "not an address");
    akri.spec.configuration_name = Some(configuration.to_owned());
    let mut inventory = Inventory::default();
    inventory.apply(&akri);
    let (traits, _) = inventory.unusable().next().unwrap();
    assert_eq!(traits.configuration.as_deref(), known);
}

#[test]
fn a_list_replaces_what_was_known() {
    let mut inventory = Inventory::default();
    inventory.apply(&lamp("u-1", 5, "192.0.2.7"));
    inventory.replace_all(vec![lamp("u-2", 6, "192.0.2.7")]);
    assert!(inventory.by_uuid(&"u-1".into()).is_none());
    assert_eq!(
        inventory.by_endpoint("192.0.2.7:80").unwrap().uuid,
        "u-2".into()
    );
}

#[rstest]
#[case::nothing_expected(None, None, &[])]
#[case::empty_expects_nothing(Some(""), Some(" "), &[])]
#[case::same(Some("esp32s3"), Some("fmnist"), &[])]
#[case::other_spelling(Some("ESP32-S3"), Some("FMNIST"), &[])]
#[case::other_type(Some("esp32"), None, &["spec.device is esp32", "DEVICE is esp32s3"])]
#[case::other_application(None, Some("resnet8"), &["spec.applicationType is resnet8", "APPLICATION_TYPE is fmnist"])]
#[case::both(Some("esp32"), Some("resnet8"), &["spec.device", "spec.applicationType"])]
fn a_mismatch_names_both_sides(
    #[case] kind: Option<&str>,
    #[case] application: Option<&str>,
    #[case] words: &[&str],
) {
    let mut akri = lamp("u-1", 5, "192.0.2.7");
    akri.spec
        .broker_properties
        .insert("APPLICATION_TYPE".into(), "fmnist".into());
    let spec = FlashJobSpec {
        device: kind.map(String::from),
        application_type: application.map(String::from),
        ..FlashJobSpec::default()
    };
    let message = mismatch(&spec, &Device::parse(&akri).unwrap());
    assert_eq!(message.is_some(), !words.is_empty(), "{message:?}");
    let message = message.unwrap_or_default();
    assert!(
        words.iter().all(|word| message.contains(word)),
        "{message:?}"
    );
}

#[rstest]
#[case::the_type(
    Some("http://192.0.2.7"),
    Some("esp32"),
    Some("fmnist"),
    Some("it differs from the job: spec.device is esp32s3, DEVICE is esp32")
)]
#[case::no_application(
    Some("192.0.2.7"),
    Some("esp32s3"),
    None,
    Some(
        "it differs from the job: spec.applicationType is fmnist, the device reports no APPLICATION_TYPE"
    )
)]
#[case::nothing(Some("192.0.2.7"), Some("ESP32-S3"), Some("FMNIST"), None)]
#[case::one_that_was_not_known(None, None, None, None)]
fn a_selected_device_differs_from_the_job_as_it_was_when_it_was_selected(
    #[case] endpoint: Option<&str>,
    #[case] kind: Option<&str>,
    #[case] application: Option<&str>,
    #[case] says: Option<&str>,
) {
    let spec = FlashJobSpec {
        device: Some("esp32s3".into()),
        application_type: Some("fmnist".into()),
        ..FlashJobSpec::default()
    };
    let selected = crate::api::SelectedDevice {
        endpoint: endpoint.map(String::from),
        device_type: kind.map(String::from),
        application_type: application.map(String::from),
        ..crate::api::SelectedDevice::default()
    };
    assert_eq!(mismatch_selected(&spec, &selected).as_deref(), says);
}

#[test]
fn a_device_that_does_not_tell_is_not_what_the_job_expects() {
    let spec = FlashJobSpec {
        application_type: Some("fmnist".into()),
        ..FlashJobSpec::default()
    };
    let device = Device::parse(&lamp("u-1", 5, "192.0.2.7")).unwrap();
    let message = mismatch(&spec, &device).unwrap();
    assert!(
        message.contains("the device reports no APPLICATION_TYPE"),
        "{message}"
    );
}
