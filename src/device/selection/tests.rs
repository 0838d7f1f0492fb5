//! A selection survives its way through `ControllerRevisions`, or is refused as a whole.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    api::{Instance, InstanceSpec},
    identifiers::Uuid,
    names::LABEL_ATTEMPT,
};

fn job(name: &str) -> JobRef {
    JobRef {
        name: name.into(),
        namespace: "lab".into(),
        uid: "5d4e0b51-job".into(),
    }
}

fn devices(range: std::ops::Range<usize>) -> Vec<SelectedDevice> {
    let endpoint = |place: usize| (!place.is_multiple_of(3)).then(|| "192.0.2.1:80".to_owned());
    range
        .map(|place| SelectedDevice {
            uuid: format!("u-{place}").into(),
            endpoint: endpoint(place),
            ..SelectedDevice::default()
        })
        .collect()
}

fn revisions(
    job: &JobRef,
    round: i64,
    first: usize,
    devices: &[SelectedDevice],
) -> Vec<ControllerRevision> {
    super::revisions(job, round, first, devices).collect()
}

/// Reads back what these objects store.
fn gather(
    revisions: &[ControllerRevision],
    round: i64,
) -> Result<Vec<SelectedDevice>, SelectionError> {
    let mut revisions = revisions.to_vec();
    let slices = revisions.iter_mut().filter_map(StoredSlice::take);
    super::gather(slices, round)
}

fn is_subdomain(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().copied().is_some_and(inner)
                && bytes.last().copied().is_some_and(inner)
                && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
        })
}

#[test]
fn uuids_are_frozen_in_order_once_each_with_the_endpoint_of_those_known() {
    let mut instance = Instance::new(
        "lamp",
        InstanceSpec {
            broker_properties: [("HOST_ENDPOINT", "192.0.2.9"), ("DEVICE", "esp32s3")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..InstanceSpec::default()
        },
    );
    instance.metadata.uid = Some("b".into());
    let mut inventory = Inventory::default();
    inventory.apply(&instance);
    let uuids = ["c", "b", "c", "a", "b"].map(Uuid::from);
    let selected = select(&uuids, &inventory);
    let shown: Vec<_> = selected
        .iter()
        .map(|device| (device.uuid.as_str(), device.endpoint.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [("c", None), ("b", Some("192.0.2.9:80")), ("a", None)]
    );
}

#[test]
fn a_revision_is_owned_labelled_and_named_after_its_job() {
    let revisions = revisions(&job("lamps"), 2, 5, &devices(0..3));
    let [revision] = revisions.as_slice() else {
        panic!("one slice")
    };
    let meta = &revision.metadata;
    assert_eq!(meta.namespace.as_deref(), Some("lab"));
    let name = meta.name.as_deref().unwrap();
    assert!(
        name.starts_with("lamps-") && name.ends_with("-r2-5"),
        "{name}"
    );
    let labels = meta.labels.as_ref().unwrap();
    assert_eq!(labels[LABEL_JOB_UID], "5d4e0b51-job");
    assert_eq!(labels[LABEL_ROUND], "2");
    assert!(
        !labels.contains_key(LABEL_ATTEMPT),
        "it is of no attempt: nothing may sweep it away"
    );
    let owner = &meta.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (
            owner.kind.as_str(),
            owner.controller,
            owner.block_owner_deletion
        ),
        ("FlashJob", Some(true), Some(false))
    );
    assert_eq!(owner.api_version, "application.flashjob.nbfc.io/v1alpha1");
}

#[rstest]
#[case::hyphens("a-".repeat(120) + "b")]
#[case::dots("a.".repeat(126) + "b")]
#[case::longest("a".repeat(253))]
#[case::short("lamps".to_owned())]
fn a_name_is_a_dns_subdomain_however_long_the_job_s_is(#[case] name: String) {
    let revisions = revisions(&job(&name), i64::MAX, 0, &devices(0..1));
    let name = revisions[0].metadata.name.as_deref().unwrap();
    assert!(is_subdomain(name), "{name}");
}

#[test]
fn a_name_keeps_as_much_of_the_job_s_as_there_is_room_for() {
    let long = "a".repeat(250);
    let revisions = revisions(&job(&long), 1, 0, &devices(0..1));
    let name = revisions[0].metadata.name.as_deref().unwrap();
    assert_eq!(name.len(), 253);
    assert!(
        name.starts_with(&"a".repeat(239)) && name.ends_with("-r1-0"),
        "{name}"
    );
}

#[test]
fn a_recreated_job_does_not_meet_the_revisions_of_its_predecessor() {
    let other = JobRef {
        uid: "another".into(),
        ..job("lamps")
    };
    let name = |job: &JobRef| {
        revisions(job, 1, 0, &devices(0..1))[0]
            .metadata
            .name
            .clone()
    };
    assert_ne!(name(&job("lamps")), name(&other));
}

#[test]
fn five_thousand_devices_fit_into_five_slices() {
    let revisions = revisions(&job("lamps"), 1, 0, &devices(0..5000));
    assert_eq!(revisions.len(), 5);
    let largest = revisions
        .iter()
        .map(|revision| serde_json::to_vec(revision).unwrap().len())
        .max();
    assert!(
        largest.unwrap() < 200_000,
        "far below what etcd accepts: {largest:?}"
    );
}

/// Devices that say as much of themselves as they may, in characters that JSON has to escape.
fn largest(count: usize) -> Vec<SelectedDevice> {
    let text = |place: usize| Some(format!("{place:04}{}", "\u{1}".repeat(252)));
    let device = |place: usize| SelectedDevice {
        uuid: format!("{place:08}-5d37-4c3a-9a55-3f0a6a1c7b21").into(),
        endpoint: Some("198.51.100.254:65535".into()),
        device_type: text(place),
        application_type: text(place),
        version: text(place),
        instance: Some(format!("{}/{}", "n".repeat(63), "i".repeat(253))),
    };
    (0..count).map(device).collect()
}

#[test]
fn a_slice_fits_into_etcd_however_much_its_devices_say() {
    let devices = largest(1500);
    let revisions = revisions(&job("lamps"), 1, 7, &devices);
    let sizes: Vec<usize> = revisions
        .iter()
        .map(|revision| serde_json::to_vec(revision).unwrap().len())
        .collect();
    assert!(sizes.len() > 2, "{sizes:?}");
    assert!(
        sizes.iter().all(|bytes| *bytes < SLICE_BYTES + 8 * 1024),
        "{sizes:?}"
    );
    let first: Vec<SelectedDevice> = (0..7).map(|_| SelectedDevice::default()).collect();
    let mut stored: Vec<_> = super::revisions(&job("lamps"), 1, 0, &first).collect();
    stored.extend(revisions);
    assert_eq!(gather(&stored, 1).unwrap()[7..], devices);
}

#[test]
fn slices_of_other_rounds_are_ignored_even_unreadable_ones() {
    let mut stored = revisions(&job("lamps"), 2, 0, &devices(0..2));
    let mut old = revisions(&job("lamps"), 1, 0, &devices(7..9)).remove(0);
    stored.push(old.clone());
    old.data = None;
    stored.push(old);
    assert_eq!(gather(&stored, 2).unwrap(), devices(0..2));
    assert_eq!(gather(&stored, 3).unwrap(), []);
}

#[test]
fn a_missing_slice_is_told_by_its_indexes() {
    let mut stored = revisions(&job("lamps"), 1, 0, &devices(0..2500));
    stored.remove(1);
    let error = gather(&stored, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the devices from index 1000 to 1999 are in no ControllerRevision"
    );
}

#[test]
fn a_missing_first_slice_is_a_gap_too() {
    let stored = revisions(&job("lamps"), 1, 1000, &devices(0..2));
    assert!(matches!(
        gather(&stored, 1),
        Err(SelectionError::Gap {
            expected: 0,
            found: 1000
        })
    ));
}

#[test]
fn two_slices_with_the_same_index_are_refused() {
    let mut stored = revisions(&job("lamps"), 1, 0, &devices(0..10));
    stored.extend(revisions(&job("lamps"), 1, 9, &devices(9..12)));
    assert!(matches!(
        gather(&stored, 1),
        Err(SelectionError::Overlap { first: 9, .. })
    ));
}

#[rstest]
#[case::no_data(None)]
#[case::other_data(Some(serde_json::json!({"round": 1})))]
#[case::wrong_type(Some(serde_json::json!("round")))]
fn an_altered_slice_is_refused_by_name(#[case] data: Option<Value>) {
    let mut stored = revisions(&job("lamps"), 1, 0, &devices(0..10));
    stored[0].data = data.map(RawExtension);
    let error = gather(&stored, 1).unwrap_err();
    assert!(
        error.to_string().contains("ControllerRevision lamps-"),
        "{error}"
    );
}

#[test]
fn the_hash_sees_order_fields_and_their_borders() {
    let device = |uuid: &str, endpoint: Option<&str>| SelectedDevice {
        uuid: uuid.into(),
        endpoint: endpoint.map(String::from),
        ..SelectedDevice::default()
    };
    let lists = [
        vec![],
        vec![device("ab", None)],
        vec![device("a", Some("b"))],
        vec![device("a", None), device("b", None)],
        vec![device("b", None), device("a", None)],
    ];
    let hashes: HashSet<String> = lists.iter().map(|list| hash(list)).collect();
    assert_eq!(hashes.len(), lists.len());
    assert!(
        hashes
            .iter()
            .all(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_was_stored_is_read_back_in_any_order(count in 0_usize..3500, appended in 0_usize..1200, turn in 0_usize..8) {
        let all = devices(0..count + appended);
        let mut stored = revisions(&job("lamps"), 3, 0, &all[..count]);
        stored.extend(revisions(&job("lamps"), 3, count, &all[count..]));
        let names: HashSet<_> = stored.iter().map(|revision| revision.metadata.name.clone()).collect();
        prop_assert_eq!(names.len(), stored.len());
        let turn = turn.min(stored.len());
        stored.rotate_left(turn);
        prop_assert_eq!(gather(&stored, 3).unwrap(), all);
    }

    #[test]
    fn selecting_keeps_the_first_of_each_uuid(uuids in proptest::collection::vec("[a-e]{1,2}", 0..40)) {
        let uuids: Vec<Uuid> = uuids.into_iter().map(Uuid::from).collect();
        let selected = select(&uuids, &Inventory::default());
        let mut expected: Vec<Uuid> = Vec::new();
        for uuid in uuids {
            if !expected.contains(&uuid) {
                expected.push(uuid);
            }
        }
        let found: Vec<Uuid> = selected.into_iter().map(|device| device.uuid).collect();
        prop_assert_eq!(found, expected);
    }
}
