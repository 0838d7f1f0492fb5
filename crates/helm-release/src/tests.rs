//! Golden tests, records written by the real Helm 3 and 4, and laws of the encoder and decoder.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::encode::metadata_json;
use super::*;
use helm_chart::{Chart, File, Metadata};

/// What somebody keeps in their records.
#[derive(Clone, Debug, PartialEq)]
struct Note {
    text: String,
}

impl Attachment for Note {
    const FILE: &'static str = "example.com/note.txt";

    fn to_bytes(&self) -> Vec<u8> {
        format!("note: {}", self.text).into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix("note: ")?;
        Some(Self { text: text.into() })
    }

    fn labels(note: Option<&Self>, revision: u32) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([(REVISION.to_owned(), revision.to_string())]);
        labels.extend(note.map(|note| (NOTE.to_owned(), note.text.clone())));
        labels
    }
}

const NOTE: &str = "example.com/note";
const REVISION: &str = "example.com/revision";

/// `data.release` of a Secret that the real Helm 4 wrote, and of one by Helm 3.
const HELM4: &[u8] = include_bytes!("testdata/helm.b64");
const HELM3: &[u8] = include_bytes!("testdata/helm3.b64");

type Record = super::Record<Note>;
type Stored = super::Stored<Note>;

fn note() -> Note {
    Note {
        text: "mine".into(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn record() -> Record {
    Record {
        name: "greeting".into(),
        namespace: "lab".into(),
        version: 4,
        apply_method: ApplyMethod::ServerSide,
        config: json!({"who": "world"}),
        manifest: "---\n# Source: greeting/templates/service.yaml\napiVersion: v1\nkind: Service\n"
            .into(),
        info: Info {
            first_deployed: Some(at(0)),
            last_deployed: Some(at(90)),
            deleted: None,
            status: Status::PendingInstall,
            description: "Install complete".into(),
            notes: "look at the Pod's log".into(),
        },
        chart: Chart {
            metadata: Metadata {
                name: "greeting".into(),
                version: "0.1.0".into(),
                api_version: "v2".into(),
                app_version: Some("2.0.0".into()),
                kube_version: None,
                raw: json!({"name": "greeting", "version": "0.1.0", "apiVersion": "v2", "appVersion": "2.0.0"}),
            },
            values: json!({"replicas": 1, "image": {"tag": "on"}}).into(),
            schema: Some(br#"{"type":"object"}"#.as_slice().into()),
            templates: Arc::new(vec![File {
                name: "templates/pod.yaml".into(),
                data: b"kind: Pod\n".to_vec(),
            }]),
            files: Arc::new(vec![File {
                name: "greeting.txt".into(),
                data: vec![0, 159, 146, 150],
            }]),
        },
        hooks: Vec::new(),
        attachment: Some(note()),
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

fn pack(json: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(json).unwrap();
    STANDARD.encode(gzip.finish().unwrap()).into_bytes()
}

fn decoded(document: &Value) -> Record {
    decode(&pack(document.to_string().as_bytes())).unwrap()
}

#[test]
fn a_record_is_written_in_helms_fields() {
    insta::assert_json_snapshot!(unpack(&encode(&record())));
}

#[test]
fn the_same_record_gives_the_same_bytes_and_reads_back_as_itself() {
    let bytes = encode(&record());
    assert_eq!(bytes, encode(&record()));
    assert_eq!(decode(&bytes).unwrap(), record());
}

#[test]
fn the_gzip_header_bears_no_time() {
    assert_eq!(
        STANDARD.decode(encode(&record())).unwrap()[..8],
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
    );
}

#[test]
fn info_and_chart_metadata_are_written_even_when_nothing_is_known() {
    let empty = decoded(&json!({}));
    let document = unpack(&encode(&empty));
    assert_eq!(document["info"]["status"], "unknown");
    assert_eq!(
        document["chart"]["metadata"],
        json!({"name": "", "version": "", "apiVersion": ""})
    );
    assert_eq!(document["config"], json!({}));
}

#[test]
fn chart_metadata_is_written_in_helms_types_whatever_the_chart_file_held() {
    let mut record = record();
    record.chart.metadata.raw = json!({
        "description": 7, "appVersion": 1.5, "keywords": ["a", 2, {}], "sources": "no list", "icon": ["x"],
        "annotations": {"n": 1, "list": []}, "deprecated": "yes", "maintainers": [{"name": 3, "x": 1}, "me"],
        "dependencies": [{"name": "sub", "version": 1, "tags": ["t", 2], "enabled": "?"}], "unknown": 1,
    });
    assert_eq!(
        unpack(&encode(&record))["chart"]["metadata"],
        json!({
            "name": "greeting", "version": "0.1.0", "apiVersion": "v2", "appVersion": "2.0.0", "description": "7",
            "keywords": ["a", "2"], "annotations": {"n": "1"}, "maintainers": [{"name": "3"}, {}],
            "dependencies": [{"name": "sub", "version": "1", "tags": ["t", "2"]}],
        })
    );
}

#[test]
fn a_chart_cannot_bring_its_own_attachment() {
    let mut record = record();
    Arc::make_mut(&mut record.chart.files).push(File {
        name: Note::FILE.into(),
        data: b"forged".to_vec(),
    });
    let back: Record = decode(&encode(&record)).unwrap();
    assert_eq!(back.attachment, Some(note()));
    assert!(back.chart.files.iter().all(|file| file.name != Note::FILE));
}

#[test]
fn an_attachment_that_cannot_be_read_stays_a_file_of_the_chart() {
    let forged = json!({"chart": {"files": [{"name": Note::FILE, "data": STANDARD.encode("{}")}]}});
    let record = decoded(&forged);
    assert_eq!(record.attachment, None);
    assert_eq!(
        decode::<Note>(&encode(&record)).unwrap().chart.files[0].data,
        b"{}"
    );
}

#[rstest]
#[case::helm4(HELM4, "fx-helm", ApplyMethod::ServerSide)]
#[case::helm3(HELM3, "fx-helm3", ApplyMethod::ClientSide)]
fn a_record_of_real_helm_is_read(
    #[case] bytes: &[u8],
    #[case] name: &str,
    #[case] apply_method: ApplyMethod,
) {
    let record: Record = decode(bytes).unwrap();
    assert_eq!(
        (record.name.as_str(), record.version, record.apply_method),
        (name, 1, apply_method)
    );
    assert_eq!(record.info.status, Status::Deployed);
    assert_eq!(record.info.description, format!("by {}", &name[3..]));
    assert!(
        record.info.notes.starts_with(&format!("noted {name}")),
        "{:?}",
        record.info.notes
    );
    assert!(record.info.first_deployed.is_some());
    assert_eq!(record.info.deleted, None);
    assert_eq!(record.config, json!({"a": "c"}));
    assert_eq!(*record.chart.values, json!({"a": "b", "false": 1_000_000}));
    assert_eq!(record.chart.metadata.app_version.as_deref(), Some("2"));
    assert_eq!(
        record.chart.schema.as_deref(),
        Some(&b"{\"type\":\"object\"}\n"[..])
    );
    assert_eq!(
        *record.chart.files,
        [File {
            name: "extra.txt".into(),
            data: b"extra\n".to_vec()
        }]
    );
    assert_eq!(record.chart.templates.len(), 3);
    assert_eq!(record.hooks.len(), 1);
    assert_eq!(record.attachment, None);
    assert_eq!(
        objects(&record.manifest).unwrap()[0].name,
        format!("{name}-cm")
    );
    assert_eq!(decode(&encode(&record)).unwrap(), record);
}

/// The Secret in which helm stored a record, with a label that a person gave it.
fn secret_of_helm(bytes: &[u8], name: &str) -> Secret {
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("sh.helm.release.v1.{name}.v1"), "namespace": "lab", "uid": "u", "resourceVersion": "7",
            "labels": {
                "owner": "helm", "name": name, "status": "deployed", "version": "1", "modifiedAt": "1767225600", "team": "x",
            },
        },
        "type": SECRET_TYPE,
        "data": {"release": STANDARD.encode(bytes)},
    }))
    .unwrap()
}

#[test]
fn releases_of_helm_3_and_4_are_listed_and_what_holds_none_is_passed_over() {
    let mut others = secret_of_helm(HELM3, "fx-helm3");
    others.metadata.name = Some("token".into());
    let secrets = [
        secret_of_helm(HELM3, "fx-helm3"),
        others,
        secret_of_helm(HELM4, "fx-helm"),
    ];
    let found = secrets
        .iter()
        .filter_map(|secret| Stored::from_secret(secret).ok());
    let listed: Vec<_> = found
        .map(|stored| {
            let Record { name, version, .. } = stored.record;
            (name, version, stored.labels, stored.modified_at)
        })
        .collect();
    let user = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    assert_eq!(
        listed,
        [
            ("fx-helm3".into(), 1, user.clone(), Some(at(0))),
            ("fx-helm".into(), 1, user, Some(at(0)))
        ]
    );
}

#[rstest]
#[case::helm4(HELM4, "fx-helm")]
#[case::helm3(HELM3, "fx-helm3")]
fn a_release_of_helm_that_is_written_back_keeps_all_but_what_was_changed(
    #[case] bytes: &[u8],
    #[case] name: &str,
) {
    let before = Stored::from_secret(&secret_of_helm(bytes, name)).unwrap();
    let mut record = before.record.clone();
    record.info.status = Status::Superseded;
    let after = before.replace(&record, at(9)).unwrap();
    let read = Stored::from_secret(&after).unwrap();
    assert_eq!(read.record, record);
    assert_eq!(after.metadata.labels.unwrap()["status"], "superseded");
}

#[rstest]
#[case::empty(json!({}))]
#[case::wrong_types(json!({"name": 1, "version": "x", "info": [], "chart": "c", "config": 3, "hooks": {}, "manifest": null}))]
#[case::wrong_times(json!({"info": {"first_deployed": "yesterday", "last_deployed": "", "deleted": "0001-01-01T00:00:00Z"}}))]
#[case::wrong_files(json!({"chart": {"templates": [1, {"name": 2}, {"name": "x", "data": "%"}], "schema": "%", "files": null}}))]
#[case::negative(json!({"version": -1}))]
#[case::huge(json!({"version": 1_u64 << 40}))]
fn a_field_of_another_type_is_taken_for_missing(#[case] document: Value) {
    let record = decoded(&document);
    assert_eq!((record.name.as_str(), record.version), ("", 0));
    assert_eq!(record.info, Info::default());
    assert!(record.chart.templates.is_empty() && record.chart.schema.is_none());
}

#[rstest]
#[case("2026-01-01T00:00:00.5Z")]
#[case("2026-01-01T02:00:00.500000000+02:00")]
fn a_time_is_read_with_fraction_and_offset(#[case] time: &str) {
    let record = decoded(&json!({"info": {"last_deployed": time}}));
    assert_eq!(
        record.info.last_deployed,
        Some("2026-01-01T00:00:00.5Z".parse().unwrap())
    );
}

#[test]
fn a_record_without_gzip_is_plain_json() {
    let bytes = STANDARD.encode(r#"{"name":"plain","info":{"status":"failed"}}"#);
    let record: Record = decode(bytes.as_bytes()).unwrap();
    assert_eq!(
        (record.name.as_str(), record.info.status),
        ("plain", Status::Failed)
    );
}

#[test]
fn base64_broken_into_lines_is_read() {
    let bytes = String::from_utf8(encode(&record())).unwrap();
    let lines: Vec<_> = bytes
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line))
        .collect();
    assert_eq!(decode(lines.join("\r\n").as_bytes()).unwrap(), record());
}

#[test]
fn a_record_that_unpacks_beyond_the_limit_is_refused() {
    let bomb = pack(&vec![b' '; MAX_RECORD_BYTES + 1]);
    assert!(bomb.len() < 100_000);
    assert!(matches!(decode::<Note>(&bomb), Err(DecodeError::TooLarge)));
}

#[rstest]
#[case::not_base64(b"***".to_vec(), "not base64")]
#[case::empty(Vec::new(), "not JSON")]
#[case::text(STANDARD.encode("hello").into_bytes(), "not JSON")]
#[case::list(STANDARD.encode("[]").into_bytes(), "not a JSON object")]
#[case::cut(STANDARD.encode([0x1f, 0x8b, 8, 0, 0]).into_bytes(), "not gzip")]
#[case::deep(STANDARD.encode("[".repeat(100_000)).into_bytes(), "not JSON")]
fn what_is_no_record_says_which_layer_failed(#[case] bytes: Vec<u8>, #[case] expected: &str) {
    let error = decode::<Note>(&bytes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[rstest]
#[case::every_status(Status::ALL.map(Status::as_str).to_vec())]
fn helms_words_for_a_status_are_read_back(#[case] words: Vec<&str>) {
    for word in words {
        assert_eq!(Status::parse(word).as_str(), word);
    }
    assert_eq!(Status::parse("Flashing"), Status::Unknown);
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
    assert_eq!(keys, [NOTE, REVISION, "team"]);
    assert_eq!(stored.modified_at, Some(at(5)));
}

#[test]
fn a_replacement_keeps_user_labels_and_bears_uid_and_resource_version() {
    let user = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    let before = stored(&secret(&record(), &user, Stamp::Created(at(5))).unwrap());
    let mut next = before.record.clone();
    next.info.status = Status::Failed;
    let after = before.replace(&next, at(9)).unwrap();
    let labels = after.metadata.labels.unwrap();
    assert_eq!(
        (labels["status"].as_str(), labels["team"].as_str()),
        ("failed", "x")
    );
    assert_eq!(
        (
            labels.contains_key("createdAt"),
            labels["modifiedAt"].as_str()
        ),
        (false, "1767225609")
    );
    assert_eq!(after.metadata.uid.as_deref(), Some("secret-uid"));
    assert_eq!(after.metadata.resource_version.as_deref(), Some("77"));
}

#[test]
fn a_minimal_record_takes_name_and_revision_from_its_secret() {
    let mut secret = secret(&record(), &BTreeMap::new(), Stamp::Created(at(0))).unwrap();
    secret.data = Some(BTreeMap::from([(
        "release".to_owned(),
        ByteString(pack(b"{}")),
    )]));
    let stored = stored(&secret);
    assert_eq!(
        (
            stored.record.name,
            stored.record.version,
            stored.record.namespace
        ),
        (record().name, 4, "lab".into())
    );
}

#[test]
fn what_was_written_is_what_would_be_read() {
    let mut answer = secret(&record(), &BTreeMap::new(), Stamp::Modified(at(0))).unwrap();
    answer.metadata.uid = Some("secret-uid".into());
    answer.metadata.resource_version = Some("78".into());
    let read = Stored::from_secret(&answer).unwrap();
    assert_eq!(Stored::written(&answer, record()), read);
}

#[rstest]
#[case::copied(|secret: &mut Secret| secret.metadata.name = Some("sh.helm.release.v1.other.v4".into()), "somebody copied it")]
#[case::unnamed(|secret: &mut Secret| secret.metadata.name = Some("token".into()), "is not named")]
#[case::empty(|secret: &mut Secret| secret.data = None, "has no data.release")]
#[case::broken(|secret: &mut Secret| { secret.data.get_or_insert_default().insert("release".into(), ByteString(b"*".to_vec())); }, "no readable")]
fn a_secret_that_is_no_release_says_why(#[case] spoil: fn(&mut Secret), #[case] expected: &str) {
    let mut secret = secret(&record(), &BTreeMap::new(), Stamp::Created(at(0))).unwrap();
    spoil(&mut secret);
    let error = Stored::from_secret(&secret).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let stamp = Stamp::Created(at(0));
    let reserved = BTreeMap::from([("owner".to_owned(), "me".to_owned())]);
    assert!(matches!(
        secret(&record(), &reserved, stamp),
        Err(SecretError::ReservedLabel { .. })
    ));
    let mut unnamed = record();
    unnamed.name = "Bad".into();
    assert!(matches!(
        secret(&unnamed, &BTreeMap::new(), stamp),
        Err(SecretError::Name(_))
    ));
    let mut large = record();
    let mut seed = 1_u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_le_bytes()[7]
    });
    Arc::make_mut(&mut large.chart.files).push(File {
        name: "noise".into(),
        data: noise.take(2 << 20).collect(),
    });
    assert!(matches!(
        secret(&large, &BTreeMap::new(), stamp),
        Err(SecretError::TooLarge { .. })
    ));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        "name|info|chart|config|version|hooks|manifest|metadata|files|templates|data|status|schema|deleted".prop_map(String::from),
        ".{0,4}".prop_map(String::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _ = decode::<Note>(&bytes);
        let _ = decode::<Note>(STANDARD.encode(&bytes).as_bytes());
        let _ = decode::<Note>(&pack(&bytes));
    }

    #[test]
    fn any_json_object_is_a_record_that_encodes_to_itself(document in any_json()) {
        if let Ok(record) = decode::<Note>(&pack(document.to_string().as_bytes())) {
            prop_assert_eq!(&decode(&encode(&record)).unwrap(), &normal(record));
        }
    }

    #[test]
    fn damage_to_a_record_never_panics(place in 0..2000_usize, byte: u8) {
        let mut bytes = encode(&record());
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = decode::<Note>(&bytes);
    }
}

/// What encoding tidies: chart metadata loses fields and types that Helm does not have.
fn normal(mut record: Record) -> Record {
    record.chart.metadata.raw = metadata_json(&record.chart.metadata);
    record.chart.metadata.app_version = record.chart.metadata.raw["appVersion"]
        .as_str()
        .map(str::to_owned);
    record.chart.metadata.kube_version = record.chart.metadata.raw["kubeVersion"]
        .as_str()
        .map(str::to_owned);
    record
}
