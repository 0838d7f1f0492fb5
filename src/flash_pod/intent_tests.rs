//! The golden record of the operator, and laws of its ids.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use helm_chart::{Chart, File, Metadata};
use helm_release::{ApplyMethod, Info, Stamp, Status, decode, encode, secret};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const UUID: &str = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15";
const JOB_UID: &str = "5f0c7a52-8a51-4bb3-9d0e-2b8f1a2c3d4e";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn intent() -> Intent {
    Intent {
        job: JobRef {
            name: "nightly".into(),
            namespace: "lab".into(),
            uid: JOB_UID.into(),
        },
        round: 3,
        attempt: 2,
        nonce: "n0nce".into(),
        attempt_id: attempt_id(&JOB_UID.into(), 3, 2, "n0nce"),
        index: 17,
        firmware: "registry.example/esp32:2".into(),
        version: "2.0.0".into(),
        device: FrozenDevice {
            uuid: UUID.into(),
            endpoint: "192.0.2.7:8080".into(),
            address: "192.0.2.7".into(),
            device_type: "esp32s3".into(),
            application_type: "thermo".into(),
            version: "1.0.0".into(),
            instance: InstanceRef {
                name: "http-range-75dbd4".into(),
                namespace: "akri".into(),
            },
            configuration: "http-range".into(),
            nodes: vec!["n1".into()],
            properties: BTreeMap::from([("DEVICE".into(), "esp32s3".into())]),
            shared: Footprint::default(),
        },
        pool_service: None,
        seal: None,
    }
}

fn record() -> Record {
    Record {
        name: release_name(&UUID.into()).unwrap(),
        namespace: "lab".into(),
        version: 4,
        apply_method: ApplyMethod::ServerSide,
        config: json!({"firmware": "registry.example/esp32:2"}),
        manifest:
            "---\n# Source: flash-pod/templates/service.yaml\napiVersion: v1\nkind: Service\n"
                .into(),
        info: Info {
            first_deployed: Some(at(0)),
            last_deployed: Some(at(90)),
            deleted: None,
            status: Status::PendingInstall,
            description: "waiting for an address".into(),
            notes: "look at the Pod's log".into(),
        },
        chart: Chart {
            metadata: Metadata {
                name: "flash-pod".into(),
                version: "0.1.0".into(),
                api_version: "v2".into(),
                app_version: Some("2.0.0".into()),
                kube_version: None,
                raw: json!({"name": "flash-pod", "version": "0.1.0", "apiVersion": "v2", "appVersion": "2.0.0"}),
            },
            values: json!({"replicas": 1, "image": {"tag": "on"}}).into(),
            schema: Some(br#"{"type":"object"}"#.as_slice().into()),
            templates: Arc::new(vec![File {
                name: "templates/pod.yaml".into(),
                data: b"kind: Pod\n".to_vec(),
            }]),
            files: Arc::new(vec![File {
                name: "device-values.yaml".into(),
                data: vec![0, 159, 146, 150],
            }]),
        },
        hooks: Vec::new(),
        attachment: Some(intent()),
    }
}

fn unpack(bytes: &[u8]) -> Value {
    let packed = STANDARD.decode(bytes).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut json)
        .unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_record_is_written_in_helms_fields() {
    insta::assert_json_snapshot!(unpack(&encode(&record())));
}

fn stored(secret: &Secret) -> Stored {
    let mut secret = secret.clone();
    secret.metadata.uid = Some("secret-uid".into());
    secret.metadata.resource_version = Some("77".into());
    Stored::from_secret(&secret).unwrap()
}

#[test]
fn a_secret_is_named_typed_and_labelled_as_helm_expects() {
    let user = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    let mut secret = secret(&record(), &user, Stamp::Created(at(5))).unwrap();
    secret.data = None;
    insta::assert_json_snapshot!(secret);
}

#[test]
fn a_secret_reads_back_with_user_labels_alone() {
    let user = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    let stored = stored(&secret(&record(), &user, Stamp::Modified(at(5))).unwrap());
    assert_eq!(stored.record, record());
    let keys: Vec<_> = stored.labels.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            LABEL_ATTEMPT,
            LABEL_JOB_UID,
            LABEL_REVISION,
            LABEL_ROUND,
            "team"
        ]
    );
    assert_eq!(stored.modified_at, Some(at(5)));
    assert!(!is_foreign(&stored));
}

#[rstest]
#[case::rollback_or_upgrade(Some("3"), true)]
#[case::never_ours(None, true)]
#[case::ours(Some("4"), false)]
fn a_revision_with_an_older_label_is_foreign(#[case] label: Option<&str>, #[case] foreign: bool) {
    let mut secret = secret(&record(), &BTreeMap::new(), Stamp::Created(at(0))).unwrap();
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.remove(LABEL_REVISION);
    labels.extend(label.map(|label| (LABEL_REVISION.to_owned(), label.to_owned())));
    assert_eq!(is_foreign(&stored(&secret)), foreign);
}

#[test]
fn an_intent_edited_by_hand_is_inconsistent() {
    let mut edited = intent();
    assert!(edited.is_consistent());
    edited.attempt += 1;
    assert!(!edited.is_consistent());
}

#[test]
fn the_same_record_reads_back_as_itself() {
    assert_eq!(decode(&encode(&record())).unwrap(), record());
}

#[test]
fn an_intent_that_cannot_be_read_is_not_taken_for_one() {
    let mut forged = record();
    forged.attachment = None;
    Arc::make_mut(&mut forged.chart.files).push(File {
        name: Intent::FILE.into(),
        data: b"{}".to_vec(),
    });
    let read: Record = decode(&encode(&forged)).unwrap();
    assert_eq!(read, forged);
}

#[test]
fn a_uuid_that_leads_elsewhere_gives_no_release_name() {
    assert_eq!(
        release_name(&"../x".into()),
        Err(NameError::Malformed {
            name: "flash-../x".into()
        })
    );
}

#[test]
fn an_attempt_id_never_changes_between_versions_of_the_operator() {
    assert_eq!(
        attempt_id(
            &"5f0c7a52-8a51-4bb3-9d0e-2b8f1a2c3d4e".into(),
            1,
            2,
            "n0nce"
        ),
        "olb3di6fvb".into()
    );
}

#[test]
fn every_part_of_an_attempt_changes_its_id() {
    let ids = HashSet::from([
        attempt_id(&"a".into(), 1, 1, "n"),
        attempt_id(&"b".into(), 1, 1, "n"),
        attempt_id(&"a".into(), 2, 1, "n"),
        attempt_id(&"a".into(), 1, 2, "n"),
        attempt_id(&"a".into(), 1, 1, "m"),
        attempt_id(&"an".into(), 1, 1, ""),
    ]);
    assert_eq!(ids.len(), 6);
}

proptest! {
    #[test]
    fn an_attempt_id_is_ten_lower_case_letters_and_digits(uid: String, round: u32, attempt: u32, nonce: String) {
        let id = attempt_id(&uid.into(), round, attempt, &nonce);
        let id = id.as_str();
        prop_assert_eq!(id.len(), ID_LENGTH);
        prop_assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }
}
