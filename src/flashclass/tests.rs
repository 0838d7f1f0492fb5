//! The rules of a class, one table each.

mod asked;
mod kept;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{api::apps::v1::ControllerRevision, apimachinery::pkg::apis::meta::v1::Time};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    Asks, Class, Classes, Facts, Frozen, Namespaces, OperatorDefaults, Terms, freeze,
    is_frozen_class, revision, store_beside, terms, thaw,
};
use crate::flashjob::controller::classes::{observe::Observed, plan::plan};
use crate::{
    api::{
        FlashClassRef, FlashImage, FlashJobSpec, Provenance, Reason, RequireFor, SelectedDevice,
    },
    device::{Device, JobRef, SelectionError, StoredSlice},
    flash_pod::guard::{ImagePattern, Policy},
    flashjob::fixtures::{classes, instance_with},
    names::ANNOTATION_DEFAULT_CLASS,
};
use helm_chart::pointer::Pointer;

const DIGEST: &str = "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";

fn class(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

fn marked(name: &str, created: &str) -> Value {
    json!({
        "metadata": {"name": name, "creationTimestamp": created, "annotations": {ANNOTATION_DEFAULT_CLASS: "true"}}, "spec": {},
    })
}

fn spec(more: &Value) -> FlashJobSpec {
    let mut spec =
        json!({"uuid": ["a"], "firmware": "registry.example.com/esp32:1", "version": "1"});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn namespaces() -> Namespaces {
    let labels = |team: &str| [("team".to_owned(), team.to_owned())].into();
    [
        ("lab".to_owned(), labels("blue")),
        ("plant".to_owned(), labels("red")),
    ]
    .into()
}

fn stamp(name: &str) -> FlashClassRef {
    FlashClassRef {
        name: name.into(),
        ..FlashClassRef::default()
    }
}

fn terms_of(classes: &Classes, job: &Value, stamped: Option<&str>) -> Terms {
    let (spec, stamp, namespaces) = (spec(job), stamped.map(stamp), namespaces());
    let asks = Asks {
        namespace: "lab",
        spec: &spec,
        stamped: stamp.as_ref(),
    };
    let facts = Facts {
        classes,
        namespaces: &namespaces,
        own_namespace: "flashjob-system",
    };
    terms(&asks, None, &facts)
}

fn names(terms: &Terms) -> Vec<&str> {
    terms.classes.iter().map(|class| class.name()).collect()
}

#[rstest]
#[case::named(json!({"flashClassName": "b"}), None, &["b"])]
#[case::newest_default(json!({}), None, &["new-a"])]
#[case::round(json!({}), Some("b"), &["b"])]
#[case::renamed_in_the_round(json!({"flashClassName": "new-b"}), Some("b"), &["b", "new-b"])]
#[case::named_as_the_round(json!({"flashClassName": "b"}), Some("b"), &["b"])]
fn a_job_is_under_the_class_it_names_else_the_newest_default_and_within_a_round_under_both(
    #[case] job: Value,
    #[case] stamped: Option<&str>,
    #[case] expected: &[&str],
) {
    let classes = classes(&[
        marked("old", "2026-01-01T00:00:00Z"),
        class("b", &json!({})),
        marked("new-b", "2026-02-01T00:00:00Z"),
        marked("new-a", "2026-02-01T00:00:00Z"),
    ]);
    let terms = terms_of(&classes, &job, stamped);
    assert_eq!(names(&terms), expected);
    assert_eq!(terms.refusal, None);
}

#[test]
fn an_annotation_that_does_not_say_true_marks_nothing() {
    let mut object = marked("a", "2026-01-01T00:00:00Z");
    object["metadata"]["annotations"][ANNOTATION_DEFAULT_CLASS] = json!("false");
    assert!(classes(&[object]).default_one().is_none());
}

#[rstest]
#[case::none_marked(json!({}), json!({}), Reason::FlashClassNotFound, "kubectl annotate flashclass")]
#[case::vanished(json!({"flashClassName": "gone"}), json!({}), Reason::FlashClassNotFound, "FlashClass gone does not exist")]
#[case::invalid(json!({"flashClassName": "c"}), json!({"allowedFirmware": ["a", "a*b"]}), Reason::FlashClassInvalid, "spec.allowedFirmware[1]")]
#[case::own_namespace_only(json!({"flashClassName": "c"}), json!({"allowedJobNamespaces": {"from": "Same"}}), Reason::NamespaceNotAllowed, "namespace lab")]
#[case::other_labels(
    json!({"flashClassName": "c"}),
    json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "red"}}}}),
    Reason::NamespaceNotAllowed,
    "spec.allowedJobNamespaces"
)]
#[case::image(
    json!({"flashClassName": "c", "flashjobPodImage": "registry.example.com/other/flash:1"}),
    json!({"allowedFlashImages": ["registry.example.com/fleet/*"]}),
    Reason::ImageNotAllowed,
    "registry.example.com/other/flash:1"
)]
#[case::firmware(json!({"flashClassName": "c"}), json!({"allowedFirmware": ["registry.example.org/*"]}), Reason::FirmwareNotAllowed, "spec.allowedFirmware")]
#[case::tag_only(json!({"flashClassName": "c"}), json!({"requireFirmwareDigest": true}), Reason::FirmwareNotAllowed, "NAME@sha256:DIGEST")]
#[case::short_digest(json!({"flashClassName": "c", "firmware": "x@sha256:12"}), json!({"requireFirmwareDigest": true}), Reason::FirmwareNotAllowed, "digest")]
fn nothing_starts_and_the_message_says_why(
    #[case] job: Value,
    #[case] rules: Value,
    #[case] reason: Reason,
    #[case] words: &str,
) {
    let refusal = terms_of(&classes(&[class("c", &rules)]), &job, None)
        .refusal
        .expect("a refusal");
    assert_eq!(refusal.reason, reason);
    assert!(refusal.message.contains(words), "{}", refusal.message);
}

#[rstest]
#[case(json!({"allowedJobNamespaces": {"from": "All"}}), json!({}))]
#[case(json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["blue"]}]}}}), json!({}))]
#[case(json!({"allowedFirmware": ["registry.example.com/*"]}), json!({}))]
#[case(json!({"requireFirmwareDigest": true}), json!({"firmware": format!("registry.example.com/esp32@{DIGEST}")}))]
#[case(json!({"allowedFlashImages": ["registry.example.com/fleet/*"]}), json!({"flashjobPodImage": "registry.example.com/fleet/flash:1"}))]
// The chart's own image is not named by the job: the guard sees it when it is rendered.
#[case(json!({"allowedFlashImages": ["registry.example.com/fleet/*"]}), json!({}))]
fn what_the_class_allows_may_start(#[case] rules: Value, #[case] job: Value) {
    let mut job = job;
    job["flashClassName"] = json!("c");
    assert_eq!(
        terms_of(&classes(&[class("c", &rules)]), &job, None).refusal,
        None
    );
}

#[test]
fn a_cluster_without_the_kind_is_said_and_starts_nothing() {
    let refusal = terms_of(&Classes::default(), &json!({}), None)
        .refusal
        .expect("a refusal");
    assert_eq!(refusal.reason, Reason::FlashClassNotFound);
    assert!(refusal.message.contains("install the CRDs"));
}

#[test]
fn an_edit_of_the_class_name_within_a_round_gives_no_way_past_the_rules_of_its_class() {
    let classes = classes(&[
        class(
            "strict",
            &json!({"maxParallelism": 2, "minMismatchPolicy": "Fail", "requireSkip": true, "suspend": true,
            "allowedFirmware": ["registry.example.com/*"], "maxFirstStepDevices": 1,
            "deviceFilter": {"matchProperties": {"DEVICE": "esp32"}}}),
        ),
        class("open", &json!({})),
    ]);
    let job = json!({"flashClassName": "open", "parallelism": 50, "mismatchPolicy": "Ignore", "alreadyAtVersion": "Flash"});
    let terms = terms_of(&classes, &job, Some("strict"));
    let effective = terms.effective(&spec(&job), &OperatorDefaults::default());
    assert_eq!(effective.parallelism, 2);
    assert_eq!(effective.mismatch_policy, "Fail");
    assert_eq!(effective.already_at_version, "Skip");
    assert_eq!(terms.max_first_step(), Some(1));
    assert!(terms.suspended.as_deref().unwrap().contains("strict"));
    assert!(terms.forbid(&device("esp8266", "lab")).is_some());
    let forbidden = json!({"flashClassName": "open", "firmware": "elsewhere.example.org/x:1"});
    let refusal = terms_of(&classes, &forbidden, Some("strict"))
        .refusal
        .unwrap();
    assert_eq!(refusal.reason, Reason::FirmwareNotAllowed);
}

#[test]
fn a_class_of_the_round_that_vanished_starts_nothing_whatever_the_job_names_now() {
    let classes = classes(&[class("open", &json!({}))]);
    let refusal = terms_of(&classes, &json!({"flashClassName": "open"}), Some("gone"))
        .refusal
        .unwrap();
    assert_eq!(refusal.reason, Reason::FlashClassNotFound);
}

#[rstest]
#[case::nothing_said(json!({}), json!({}), "parallelism", json!(10))]
#[case::default(json!({"defaults": {"parallelism": 4}}), json!({}), "parallelism", json!(4))]
#[case::job_wins(json!({"defaults": {"parallelism": 4}}), json!({"parallelism": 6}), "parallelism", json!(6))]
#[case::ceiling(json!({"maxParallelism": 3}), json!({"parallelism": 6}), "parallelism", json!(3))]
#[case::ceiling_over_default(json!({"maxParallelism": 3}), json!({}), "parallelism", json!(3))]
#[case::policy_default(json!({}), json!({}), "mismatchPolicy", json!("Warn"))]
#[case::least_policy(json!({"minMismatchPolicy": "Fail"}), json!({"mismatchPolicy": "Ignore"}), "mismatchPolicy", json!("Fail"))]
#[case::stricter_job(json!({"minMismatchPolicy": "Warn"}), json!({"mismatchPolicy": "Fail"}), "mismatchPolicy", json!("Fail"))]
#[case::default_policy(json!({"defaults": {"mismatchPolicy": "Ignore"}}), json!({}), "mismatchPolicy", json!("Ignore"))]
#[case::image(json!({"defaults": {"flashImage": "x:1"}}), json!({}), "flashImage", json!("x:1"))]
#[case::image_of_the_job(json!({"defaults": {"flashImage": "x:1"}}), json!({"flashjobPodImage": "y:1"}), "flashImage", json!("y:1"))]
#[case::retries(json!({"defaults": {"backoffLimitPerDevice": 3}}), json!({}), "backoffLimitPerDevice", json!(3))]
#[case::no_retries(json!({"defaults": {"backoffLimitPerDevice": 3}}), json!({"backoffLimitPerDevice": 0}), "backoffLimitPerDevice", json!(0))]
#[case::verification(json!({"defaults": {"verification": {"mode": "Version"}}}), json!({}), "verification", json!("Version"))]
#[case::skip_by_mode(json!({"defaults": {"verification": {"mode": "Version"}}}), json!({}), "alreadyAtVersion", json!("Skip"))]
#[case::version_by_field(
    json!({"defaults": {"verification": {"mode": "Version", "timeoutSeconds": 9}}}),
    json!({"verification": {"expectedVersion": "2"}}),
    "verificationTimeoutSeconds",
    json!(9)
)]
#[case::expected(
    json!({"defaults": {"verification": {"expectedVersion": "1"}}}),
    json!({"verification": {"expectedVersion": "2"}}),
    "expectedVersion",
    json!("2")
)]
#[case::already(json!({"defaults": {"alreadyAtVersion": "Skip"}}), json!({}), "alreadyAtVersion", json!("Skip"))]
#[case::flash_anyway(json!({"defaults": {"alreadyAtVersion": "Skip"}}), json!({"alreadyAtVersion": "Flash"}), "alreadyAtVersion", json!("Flash"))]
#[case::required(json!({"requireSkip": true}), json!({"alreadyAtVersion": "Flash"}), "alreadyAtVersion", json!("Skip"))]
#[case::address(json!({"defaults": {"addressTimeoutSeconds": 7}}), json!({}), "addressTimeoutSeconds", json!(7))]
#[case::address_of_the_operator(json!({}), json!({}), "addressTimeoutSeconds", json!(120))]
fn the_job_wins_over_the_class_over_the_operator_and_ceilings_over_all(
    #[case] rules: Value,
    #[case] job: Value,
    #[case] field: &str,
    #[case] expected: Value,
) {
    let mut job = job;
    job["flashClassName"] = json!("c");
    let terms = terms_of(&classes(&[class("c", &rules)]), &job, None);
    let operator = OperatorDefaults {
        address_timeout_seconds: 120,
        ..OperatorDefaults::default()
    };
    let effective = terms.effective(&spec(&job), &operator);
    assert_eq!(serde_json::to_value(effective).unwrap()[field], expected);
}

fn device(kind: &str, namespace: &str) -> Device {
    let properties = json!({"HOST_ENDPOINT": "192.0.2.1:80", "DEVICE": kind, "VERSION": "1.4.0"});
    let mut instance = instance_with("uid-1", &properties);
    instance.metadata.namespace = Some(namespace.into());
    Device::parse(&instance).unwrap()
}

#[rstest]
#[case::all(json!({}), true)]
#[case::same(json!({"deviceNamespaces": {"from": "Same"}}), false)]
#[case::labels(json!({"deviceNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "red"}}}}), true)]
#[case::other_labels(json!({"deviceNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}}), false)]
#[case::property(json!({"deviceFilter": {"matchProperties": {"DEVICE": "esp32"}}}), true)]
#[case::other_property(json!({"deviceFilter": {"matchProperties": {"DEVICE": "esp32s3"}}}), false)]
#[case::range(json!({"deviceFilter": {"matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": [">=1.2, <2"]}]}}), true)]
#[case::out_of_range(json!({"deviceFilter": {"matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": [">=2"]}]}}), false)]
fn devices_outside_namespaces_and_filter_are_forbidden(
    #[case] rules: Value,
    #[case] allowed: bool,
) {
    let classes = classes(&[class("c", &rules)]);
    let terms = terms_of(&classes, &json!({"flashClassName": "c"}), None);
    let forbidden = terms.forbid(&device("esp32", "plant"));
    assert_eq!(forbidden.is_none(), allowed, "{forbidden:?}");
    if let Some(message) = forbidden {
        assert!(message.contains("FlashClass c does not allow device 192.0.2.1:80"));
    }
}

#[rstest]
#[case::authorities(json!({"firmwareVerification": {"mode": "Warn"}}), "spec.firmwareVerification.authorities: mode Warn or Enforce needs authorities")]
#[case::flash_image(json!({"flashImageVerification": {}}), "spec.flashImageVerification: needs defaults.flashImage")]
#[case::flash_image_authorities(
    json!({"defaults": {"flashImage": "r.example/flash:1"}, "flashImageVerification": {"mode": "Enforce"}}),
    "spec.flashImageVerification.authorities: mode Warn or Enforce needs authorities"
)]
#[case::means(json!({"firmwareVerification": {"authorities": [{"name": "a"}]}}), "spec.firmwareVerification.authorities[0]: an authority has either key or keyless")]
#[case::identity(
    json!({"firmwareVerification": {"authorities": [{"name": "a", "keyless": {"trustedRootSecretName": "root", "identities": [{"issuer": "a", "subjectRegExp": "("}]}}]}}),
    "spec.firmwareVerification.authorities[0].keyless.identities[0]: subjectRegExp \"(\": unclosed group"
)]
#[case::pattern(json!({"allowedFlashImages": ["a b"]}), "spec.allowedFlashImages[0]")]
#[case::pointer(json!({"allowedValuePaths": ["resources"]}), "spec.allowedValuePaths[0]")]
#[case::kind(json!({"workload": {"kinds": ["ConfigMap"]}}), "spec.workload.kinds[0]")]
#[case::volume(json!({"workload": {"volumeTypes": ["emptyDir", "hostPath"]}}), "spec.workload.volumeTypes[1]")]
#[case::selector_missing(json!({"deviceNamespaces": {"from": "Selector"}}), "spec.deviceNamespaces.selector")]
#[case::selector_unused(json!({"deviceNamespaces": {"from": "All", "selector": {}}}), "spec.deviceNamespaces.selector")]
#[case::selector(
    json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "Maybe"}]}}}),
    "spec.allowedJobNamespaces.selector"
)]
#[case::filter(json!({"deviceFilter": {"matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": ["1.2"]}]}}), "spec.deviceFilter")]
#[case::window_start(json!({"windows": [{"start": "24:00", "durationSeconds": 60}]}), "spec.windows[0].start")]
#[case::window_zone(json!({"windows": [{"start": "22:00", "durationSeconds": 60, "timeZone": "Mars/Base"}]}), "spec.windows[0].timeZone")]
#[case::template(json!({"defaults": {"values": {"a": "{{ device.colour }}"}}}), "spec.defaults.values")]
#[case::too_many_values(
    json!({"defaults": {"values": {"a": "x".repeat(1_000_000)}}}),
    "spec.defaults.values: 1000008 bytes as JSON, at most 65536 are allowed"
)]
#[case::own_image(json!({"allowedFlashImages": ["x/*"], "defaults": {"flashImage": "y:1"}}), "spec.defaults.flashImage")]
#[case::limit(json!({"inFlightLimits": [{"by": "Node", "max": 1}, {"by": "Property", "max": 1}]}), "spec.inFlightLimits[1]: by: Property needs property")]
#[case::unreadable(json!({"suspend": "yes"}), "the FlashClass cannot be read: spec.suspend: invalid type: string \"yes\", expected a boolean")]
fn a_class_that_cannot_be_used_is_not_accepted_and_its_status_names_the_field(
    #[case] rules: Value,
    #[case] field: &str,
) {
    let classes = classes(&[class("c", &rules)]);
    let found = classes.get("c").unwrap();
    let problem = found.rules.as_ref().expect_err("a problem");
    assert!(problem.starts_with(field), "{problem}");
    if found.stored.is_some() {
        let status = status_of(found, 0, 1).expect("a status");
        assert_eq!(status.conditions[0].status, "False");
        assert_eq!(status.conditions[0].reason, "FlashClassInvalid");
        assert_eq!(&status.conditions[0].message, problem);
    }
}

fn status_of(
    class: &Class,
    active_jobs: usize,
    second: i64,
) -> Option<crate::api::FlashClassStatus> {
    let observed = Observed {
        class: std::sync::Arc::new(class.clone()),
        active_jobs,
        warning: None,
    };
    plan(&observed, Timestamp::from_second(second).unwrap())
}

#[test]
fn a_status_that_says_nothing_new_is_not_written() {
    let mut class = classes(&[class("c", &json!({}))])
        .get("c")
        .unwrap()
        .as_ref()
        .clone();
    let status = status_of(&class, 3, 1).expect("a status");
    assert_eq!(
        (status.active_jobs, status.observed_generation),
        (Some(3), Some(2))
    );
    class.stored.as_mut().unwrap().status = status;
    assert_eq!(status_of(&class, 3, 9), None);
    assert_eq!(status_of(&class, 4, 9).unwrap().active_jobs, Some(4));
}

/// The devices that these objects store for round 1.
fn gather(stored: &[ControllerRevision]) -> Result<Vec<SelectedDevice>, SelectionError> {
    let mut stored = stored.to_vec();
    crate::device::gather(stored.iter_mut().filter_map(StoredSlice::take), 1)
}

fn job_ref() -> JobRef {
    JobRef {
        name: "lamps".into(),
        namespace: "lab".into(),
        uid: "job-1".into(),
    }
}

fn frozen(rules: &Value, round: i64) -> Frozen {
    let classes = classes(&[class("c", rules)]);
    freeze(classes.get("c").unwrap(), round).unwrap()
}

#[test]
fn frozen_defaults_are_read_back_only_if_they_are_what_the_status_says() {
    let rules = json!({"defaults": {"parallelism": 4, "values": {"b": 1.0, "a": {"z": [1, "{{ device.type }}"]}}}});
    let (one, other) = (frozen(&rules, 1), frozen(&json!({}), 1));
    let stored = [revision(&job_ref(), &other), revision(&job_ref(), &one)];
    assert!(stored.iter().all(is_frozen_class));
    assert_ne!(stored[0].metadata.name, stored[1].metadata.name);
    let read = thaw(&stored, &one.stamp(), 1).unwrap();
    assert_eq!(read.stored, one.stored);
    assert!(thaw(&stored, &one.stamp(), 2).is_err(), "of another round");
    let mut altered = stored[1].clone();
    altered.data.as_mut().unwrap().0["defaults"]["parallelism"] = json!(400);
    let error = thaw(&[altered], &one.stamp(), 1).unwrap_err();
    assert!(error.contains("FlashClass c"), "{error}");
    assert!(thaw(&stored[..1], &one.stamp(), 1).is_err(), "deleted");
}

/// A slice of a selection of one device.
fn slice(round: i64) -> ControllerRevision {
    let devices = [SelectedDevice::default()];
    crate::device::revisions(&job_ref(), round, 0, &devices)
        .next()
        .unwrap()
}

#[test]
fn defaults_beside_the_selection_are_read_back_and_the_selection_is_what_it_was() {
    let begun = frozen(&json!({"defaults": {"parallelism": 4}}), 1);
    let mut stored = slice(1);
    assert!(store_beside(&mut stored, &begun));
    let mut stored = [stored];
    assert!(!is_frozen_class(&stored[0]));
    assert_eq!(gather(&stored).unwrap(), [SelectedDevice::default()]);
    assert_eq!(
        thaw(&stored, &begun.stamp(), 1).unwrap().stored,
        begun.stored
    );
    let other = frozen(&json!({}), 1);
    assert!(
        thaw(&stored, &other.stamp(), 1).is_err(),
        "of another class"
    );
    stored[0].data.as_mut().unwrap().0["class"]["defaults"]["parallelism"] = json!(400);
    assert!(thaw(&stored, &begun.stamp(), 1).is_err(), "altered");
}

#[test]
fn what_is_as_large_as_a_slice_of_devices_gets_an_object_of_its_own() {
    let mut large = frozen(&json!({}), 1);
    large.stored.name = "x".repeat(crate::device::SLICE_BYTES);
    let mut stored = slice(1);
    assert!(!store_beside(&mut stored, &large));
    assert_eq!(stored, slice(1));
}

#[rstest]
#[case::without_a_digest(None, false)]
#[case::with_a_digest_alone(Some(Provenance::default()), false)]
#[case::with_a_signature(Some(Provenance { verified_at: Some(Time(Timestamp::UNIX_EPOCH)), ..Provenance::default() }), true)]
fn a_class_that_enforces_signatures_lets_only_a_round_go_on_whose_firmware_is_signed(
    #[case] firmware: Option<Provenance>,
    #[case] may: bool,
) {
    let authority = json!({"name": "a", "key": {"secretName": "keys"}});
    let of =
        |mode: &str| json!({"firmwareVerification": {"mode": mode, "authorities": [authority]}});
    let begun = Arc::new(frozen(&json!({}), 1).with_firmware(firmware));
    let (spec, stamp, namespaces) = (spec(&json!({})), stamp("c"), namespaces());
    let asks = Asks {
        namespace: "lab",
        spec: &spec,
        stamped: Some(&stamp),
    };
    let refusal = |mode: &str| {
        let classes = classes(&[class("c", &of(mode))]);
        let facts = Facts {
            classes: &classes,
            namespaces: &namespaces,
            own_namespace: "operator",
        };
        terms(&asks, Some(&begun), &facts).refusal
    };
    assert_eq!(refusal("Warn"), None);
    let refusal = refusal("Enforce");
    assert_eq!(refusal.is_none(), may, "{refusal:?}");
    assert!(refusal.is_none_or(|refusal| refusal.message.ends_with("set spec.rerun")));
}

#[rstest]
#[case::by_tag(None, "Off", false)]
#[case::pinned(Some(FlashImage::default()), "Off", true)]
#[case::pinned_where_a_signature_is_only_wished_for(Some(FlashImage::default()), "Warn", true)]
#[case::unsigned(Some(FlashImage::default()), "Enforce", false)]
#[case::signed(Some(FlashImage { authority: Some("release".into()), ..FlashImage::default() }), "Enforce", true)]
fn a_class_that_asks_about_the_flash_image_lets_only_a_round_go_on_that_began_with_it(
    #[case] flash_image: Option<FlashImage>,
    #[case] mode: &str,
    #[case] may: bool,
) {
    let firmware = Provenance {
        flash_image,
        ..Provenance::default()
    };
    let begun = Arc::new(frozen(&json!({}), 1).with_firmware(Some(firmware)));
    let authority = json!({"name": "a", "key": {"secretName": "keys"}});
    let rules = json!({
        "defaults": {"flashImage": "r.example/flash:1"},
        "flashImageVerification": {"mode": mode, "authorities": [authority]},
    });
    let (spec, stamp, namespaces) = (spec(&json!({})), stamp("c"), namespaces());
    let asks = Asks {
        namespace: "lab",
        spec: &spec,
        stamped: Some(&stamp),
    };
    let classes = classes(&[class("c", &rules)]);
    let facts = Facts {
        classes: &classes,
        namespaces: &namespaces,
        own_namespace: "operator",
    };
    let refusal = terms(&asks, Some(&begun), &facts).refusal;
    assert_eq!(refusal.is_none(), may, "{refusal:?}");
    assert!(refusal.is_none_or(|refusal| refusal.reason == Reason::ImageNotAllowed));
}

#[rstest]
#[case::the_tag(&["r.example/flash:1"], true)]
#[case::a_beginning(&["r.example/*"], true)]
#[case::another_tag(&["r.example/flash:2"], false)]
fn the_digest_of_a_flash_image_is_allowed_where_the_reference_is_that_it_was_resolved_from(
    #[case] patterns: &[&str],
    #[case] allowed: bool,
) {
    let firmware = Provenance {
        flash_image: Some(FlashImage {
            image: "r.example/flash:1".into(),
            reference: format!("r.example/flash@{DIGEST}"),
            ..FlashImage::default()
        }),
        ..Provenance::default()
    };
    let terms = Terms {
        frozen: Some(Arc::new(
            frozen(&json!({}), 1).with_firmware(Some(firmware)),
        )),
        ..Terms::default()
    };
    let images: Vec<ImagePattern> = patterns.iter().map(|text| text.parse().unwrap()).collect();
    let operators = Policy {
        images,
        ..Policy::default()
    };
    let policy = terms.policy(&operators);
    let matches = |image: &str| policy.images.iter().any(|pattern| pattern.matches(image));
    assert_eq!(matches(&format!("r.example/flash@{DIGEST}")), allowed);
    let other = DIGEST.replace('0', "1");
    assert_eq!(
        matches(&format!("r.example/flash@{other}")),
        patterns == ["r.example/*"]
    );
}

#[test]
fn a_frozen_class_is_no_slice_of_the_selection() {
    let stored = [revision(&job_ref(), &frozen(&json!({}), 1))];
    assert_eq!(gather(&stored).unwrap(), []);
}

#[test]
fn defaults_are_those_of_the_round_while_rules_are_those_of_now() {
    let before = std::sync::Arc::new(frozen(&json!({"defaults": {"parallelism": 4}}), 1));
    let now = classes(&[class(
        "c",
        &json!({"defaults": {"parallelism": 9}, "maxParallelism": 3}),
    )]);
    let job = spec(&json!({}));
    let (stamp, namespaces) = (before.stamp(), namespaces());
    let asks = Asks {
        namespace: "lab",
        spec: &job,
        stamped: Some(&stamp),
    };
    let facts = Facts {
        classes: &now,
        namespaces: &namespaces,
        own_namespace: "",
    };
    let terms = terms(&asks, Some(&before), &facts);
    assert_eq!(
        terms
            .effective(&job, &OperatorDefaults::default())
            .parallelism,
        3
    );
    let mut open = terms.clone();
    open.classes.clear();
    assert_eq!(
        open.effective(&job, &OperatorDefaults::default())
            .parallelism,
        4
    );
}

#[test]
fn paths_are_those_of_the_operator_and_those_that_all_classes_open() {
    let classes = classes(&[
        class(
            "a",
            &json!({"allowedValuePaths": ["/resources", "/service/annotations"]}),
        ),
        class(
            "b",
            &json!({"allowedValuePaths": ["/resources/limits", "/service", "/tolerations"]}),
        ),
    ]);
    let paths = |terms: &Terms| -> Vec<String> {
        let operators: Vec<Pointer> = vec!["/nodeSelector".parse().unwrap()];
        let paths = terms.value_paths(&operators);
        paths.iter().map(ToString::to_string).collect()
    };
    let one = terms_of(&classes, &json!({"flashClassName": "a"}), None);
    assert_eq!(
        paths(&one),
        ["/nodeSelector", "/resources", "/service/annotations"]
    );
    let both = terms_of(&classes, &json!({"flashClassName": "b"}), Some("a"));
    assert_eq!(
        paths(&both),
        ["/nodeSelector", "/resources/limits", "/service/annotations"]
    );
}

#[test]
fn the_guard_lets_through_what_operator_and_class_allow_and_every_class_has_its_say_about_images() {
    let classes = classes(&[
        class(
            "a",
            &json!({"allowedFlashImages": ["x/*"],
            "workload": {"kinds": ["v1/ConfigMap"], "serviceAccounts": ["flasher", "a"], "secretNames": ["tls"], "volumeTypes": ["csi"]}}),
        ),
        class(
            "b",
            &json!({"allowedFlashImages": ["x/y/*"], "workload": {"serviceAccounts": ["flasher"]}}),
        ),
    ]);
    let operators = Policy {
        service_accounts: vec!["default".into()],
        secrets: vec!["pull".into()],
        ..Policy::default()
    };
    let one = terms_of(&classes, &json!({"flashClassName": "a"}), None).policy(&operators);
    assert_eq!(one.service_accounts, ["default", "flasher", "a"]);
    assert_eq!(one.secrets, ["pull", "tls"]);
    assert_eq!(
        (one.volume_kinds, one.extra_kinds.len()),
        (vec!["csi".to_owned()], 1)
    );
    assert_eq!(one.further_images.len(), 1);
    let both = terms_of(&classes, &json!({"flashClassName": "b"}), Some("a")).policy(&operators);
    assert_eq!(both.service_accounts, ["default", "flasher"]);
    assert_eq!(both.secrets, ["pull"]);
    assert!(both.extra_kinds.is_empty() && both.volume_kinds.is_empty());
    assert_eq!(both.further_images.len(), 2);
}

#[test]
fn a_class_hands_its_windows_and_its_bound_of_the_first_step_to_the_pace_of_the_job() {
    let window = json!({"start": "22:00", "durationSeconds": 3600});
    let of = |rules: &Value| {
        let classes = classes(&[class("c", rules)]);
        let terms = terms_of(&classes, &json!({"flashClassName": "c"}), None);
        let pace = terms.pace();
        (pace.steps.max_first, pace.windows.len())
    };
    assert_eq!(of(&json!({})), (None, 0));
    let rules = json!({"maxFirstStepDevices": 5, "windows": [window]});
    assert_eq!(of(&rules), (Some(5), 1));
}

/// The numbers of the steps follow from it: what a class asks in the middle of a round is for the next one.
#[rstest]
#[case::as_the_round_began(json!({"requireFor": "FirstStep"}), json!({"requireFor": "EveryStep"}), RequireFor::FirstStep)]
#[case::not_taken_back(json!({"requireFor": "EveryStep"}), json!({}), RequireFor::EveryStep)]
#[case::not_asked_afterwards(json!({}), json!({"requireFor": "FirstStep"}), RequireFor::None)]
#[case::said_to_be_none(json!({"requireFor": "None"}), json!({}), RequireFor::None)]
fn the_steps_that_have_to_be_approved_are_those_that_the_round_began_with(
    #[case] then: Value,
    #[case] now: Value,
    #[case] holds: RequireFor,
) {
    let begun = frozen(&json!({"approvals": then}), 1);
    let stored = [revision(&job_ref(), &begun)];
    let thawed = thaw(&stored, &begun.stamp(), 1).unwrap();
    let classes = classes(&[class("c", &json!({"approvals": now}))]);
    let terms = Terms {
        frozen: Some(Arc::new(thawed)),
        ..terms_of(&classes, &json!({"flashClassName": "c"}), Some("c"))
    };
    assert_eq!(terms.pace().steps.require_for, holds);
}

#[test]
fn a_class_that_asks_for_no_approval_is_frozen_as_it_was_before_classes_could() {
    let stored = serde_json::to_value(frozen(&json!({}), 1).stored).unwrap();
    assert!(stored.get("requireFor").is_none(), "{stored}");
}

#[test]
fn the_classes_of_the_documentation_are_those_of_the_sample_and_can_be_used() {
    let sample = include_str!("../../deploy/samples/flashclasses.yaml");
    let (_, body) = sample.split_once('\n').unwrap();
    assert!(include_str!("../../docs/classes.md").contains(body));
    for text in sample.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let classes = classes(&[object]);
        assert_eq!(classes.get(&name).unwrap().rules.as_ref().err(), None);
    }
}
