use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::flash_pod::device_values::{DeviceFacts, JobFacts};
use crate::flash_pod::explain::explain;

struct Case {
    chart: Value,
    operator: DeviceValues,
    class: DeviceValues,
    job: Value,
    device: DeviceValues,
    owned: Value,
    allowed: Vec<Pointer>,
}

fn compile(document: Value) -> DeviceValues {
    DeviceValues::from_document(document, "values.yaml").unwrap()
}

fn case(job: Value, allowed: &[&str]) -> Case {
    Case {
        chart: json!({
            "firmware": "", "image": {"repository": "r", "tag": ""}, "tolerations": [], "nodeSelector": {},
            "resources": {"requests": {"cpu": "20m"}, "limits": {"memory": "256Mi"}},
            "device": {"uuid": "", "address": ""}, "operator": {"attempt": "", "labels": {}},
        }),
        operator: compile(
            json!({"image": {"tag": "7"}, "resources": {"limits": {"memory": "64Mi"}}}),
        ),
        class: compile(
            json!({"nodeSelector": {"zone": "{{ device.version }}"}, "image": {"tag": "8"}}),
        ),
        job,
        device: compile(
            json!({"firmware": "{{ job.firmware }}", "device": {"uuid": "{{ device.uuid }}"}}),
        ),
        owned: json!({"operator": {"attempt": "k3v9", "labels": {}}}),
        allowed: allowed.iter().map(|path| path.parse().unwrap()).collect(),
    }
}

impl Case {
    fn layers(&self) -> Layers<'_> {
        Layers {
            chart: &self.chart,
            operator: Some(&self.operator),
            class: Some(&self.class),
            job: Some(&self.job),
            device: Some(&self.device),
            owned: &self.owned,
            allowed: &self.allowed,
            opens: "spec.allowedValuePaths of FlashClass lab",
        }
    }

    fn merge(&self) -> Result<Merged, LayersError> {
        merge(&self.layers(), &context())
    }
}

fn context() -> DeviceContext {
    DeviceContext {
        device: DeviceFacts {
            uuid: "d95c".into(),
            version: "0.1.0".into(),
            ..DeviceFacts::default()
        },
        job: JobFacts {
            firmware: "fw:1".into(),
            ..JobFacts::default()
        },
        ..DeviceContext::default()
    }
}

#[test]
fn each_layer_wins_over_those_before_it() {
    let job = json!({"resources": {"limits": {"memory": "32Mi"}}, "tolerations": [{"key": "x"}]});
    let case = case(job, &["/resources", "/tolerations"]);
    let merged = case.merge().unwrap();
    assert_eq!(
        merged.values,
        json!({
            "firmware": "fw:1", "image": {"repository": "r", "tag": "8"}, "tolerations": [{"key": "x"}],
            "nodeSelector": {"zone": "0.1.0"},
            "resources": {"requests": {"cpu": "20m"}, "limits": {"memory": "32Mi"}},
            "device": {"uuid": "d95c", "address": ""}, "operator": {"attempt": "k3v9", "labels": {}},
        })
    );
    assert_eq!(
        merged.overrides,
        json!({
            "firmware": "fw:1", "image": {"tag": "8"}, "tolerations": [{"key": "x"}], "nodeSelector": {"zone": "0.1.0"},
            "resources": {"limits": {"memory": "32Mi"}}, "device": {"uuid": "d95c"},
            "operator": {"attempt": "k3v9", "labels": {}},
        })
    );
    let origin: Vec<_> = merged
        .origin
        .iter()
        .map(|(path, layer)| format!("{path} {layer}"))
        .collect();
    assert_eq!(
        origin,
        [
            "/device/address chart",
            "/device/uuid device-values",
            "/firmware device-values",
            "/image/repository chart",
            "/image/tag class",
            "/nodeSelector/zone class",
            "/operator/attempt attempt",
            "/operator/labels attempt",
            "/resources/limits/memory job",
            "/resources/requests/cpu chart",
            "/tolerations job",
        ]
    );
}

#[rstest]
#[case::scalar_on_a_closed_path(json!({"image": {"tag": "9"}}), &["/resources"], &["NotAllowed /image/tag class"])]
#[case::path_nobody_sets(json!({"new": 1}), &["/resources"], &["NotAllowed /new chart"])]
#[case::sibling_with_the_same_prefix(json!({"resourcesExtra": 1}), &["/resources"], &["NotAllowed /resourcesExtra chart"])]
#[case::ancestor_by_scalar(json!({"resources": 1}), &["/resources/limits"], &["NotAllowed /resources operator"])]
#[case::ancestor_by_null(json!({"resources": null}), &["/resources/limits"], &["NotAllowed /resources operator"])]
#[case::ancestor_by_empty_map(json!({"image": {}}), &["/image/tag"], &["NotAllowed /image class"])]
#[case::element_of_a_list(json!({"tolerations": []}), &["/tolerations/0"], &["NotAllowed /tolerations chart"])]
#[case::device_values_own_it(json!({"firmware": "x"}), &[""], &["Conflict /firmware device-values"])]
#[case::null_does_not_help(json!({"firmware": null}), &[""], &["Conflict /firmware device-values"])]
#[case::ancestor_of_what_device_values_own(json!({"device": null}), &[""], &["Conflict /device device-values"])]
#[case::inside_what_device_values_own(json!({"firmware": {"x": 1}}), &[""], &["Conflict /firmware/x device-values"])]
#[case::operator_owns_it(json!({"operator": {"attempt": "x"}}), &[""], &["Conflict /operator/attempt attempt"])]
#[case::inside_an_owned_empty_map(json!({"operator": {"labels": {"x": "y"}}}), &[""], &["Conflict /operator/labels/x attempt"])]
#[case::all_at_once(
    json!({"image": {"tag": "9", "pullPolicy": "Never"}, "firmware": "x", "resources": {"limits": {"cpu": 1}}}),
    &["/resources"],
    &["Conflict /firmware device-values", "NotAllowed /image/pullPolicy chart", "NotAllowed /image/tag class"]
)]
#[case::nothing_is_open(json!({"nodeSelector": {"a": "b"}}), &[], &["NotAllowed /nodeSelector/a chart"])]
fn a_value_that_is_not_the_jobs_is_refused(
    #[case] job: Value,
    #[case] allowed: &[&str],
    #[case] expected: &[&str],
) {
    let Err(LayersError::Refused(refused)) = case(job, allowed).merge() else {
        panic!("accepted")
    };
    let found: Vec<_> = refused
        .iter()
        .map(|refusal| match refusal {
            Refusal::NotAllowed { path, owner, .. } => format!("NotAllowed {path} {owner}"),
            Refusal::Conflict { path, owner } => format!("Conflict {path} {owner}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(found, expected);
}

#[rstest]
#[case(json!(null))]
#[case(json!({}))]
#[case(json!({"device": {"address": "192.0.2.1"}}))]
#[case(json!({"tolerations": null}))]
#[case(json!({"new": {"deep": [1]}}))]
fn what_is_open_and_nobody_elses_is_the_jobs(#[case] job: Value) {
    let merged = case(job.clone(), &[""]).merge().unwrap();
    for (place, value) in job.as_object().map(leaves).unwrap_or_default() {
        if value.is_null() {
            assert_eq!(place.get(&merged.values), None);
        } else {
            assert_eq!(place.get(&merged.values), Some(value));
            assert_eq!(merged.origin[&place], Layer::Job);
        }
    }
}

#[rstest]
#[case(json!([1]), Refusal::NotAMap)]
#[case(json!({"a": "x".repeat(MAX_JOB_VALUES)}), Refusal::TooLarge { bytes: MAX_JOB_VALUES + 8 })]
fn other_job_values_are_refused_as_a_whole(#[case] job: Value, #[case] expected: Refusal) {
    assert_eq!(
        case(job, &[""]).merge(),
        Err(LayersError::Refused(vec![expected]))
    );
}

#[test]
fn a_default_that_was_cut_off_in_between_is_not_named_as_origin() {
    let mut case = case(json!({"image": {"new": 1}}), &["/image"]);
    case.class = compile(json!({"image": 5}));
    let merged = case.merge().unwrap();
    assert_eq!(
        merged.values["image"],
        json!({"repository": "r", "tag": "", "new": 1})
    );
    assert_eq!(merged.origin[&"/image/tag".parse().unwrap()], Layer::Chart);
    assert_eq!(merged.origin[&"/image/new".parse().unwrap()], Layer::Job);
}

#[test]
fn a_template_without_a_result_stops_the_merge() {
    let mut case = case(json!({}), &[]);
    case.operator = compile(json!({"a": "{{ device.properties.NOPE }}"}));
    let message = case.merge().unwrap_err().to_string();
    assert_eq!(
        message,
        "values.yaml: /a: device.properties.NOPE: it is not set for this device"
    );
}

#[test]
fn an_explanation_shows_every_value_with_its_layer_and_every_refusal() {
    let job =
        json!({"image": {"tag": "9"}, "firmware": "x", "resources": {"limits": {"cpu": "1"}}});
    let case = case(job, &["/resources"]);
    insta::assert_snapshot!(explain(&case.layers(), &context()).unwrap(), @r#"
    /device/address "" ← chart
    /device/uuid d95c ← device-values
    /firmware fw:1 ← device-values
    /image/repository r ← chart
    /image/tag "8" ← class
    /nodeSelector/zone 0.1.0 ← class
    /operator/attempt k3v9 ← attempt
    /operator/labels {} ← attempt
    /resources/limits/cpu "1" ← job
    /resources/limits/memory 64Mi ← operator
    /resources/requests/cpu 20m ← chart
    /tolerations [] ← chart
    ValueConflict: /firmware: set by device-values.yaml of the flash chart for each device: remove it from spec.values
    ValueNotAllowed: /image/tag: a FlashJob may not set this (the FlashClass does): remove it from spec.values, or have an administrator add /image/tag to spec.allowedValuePaths of FlashClass lab
    "#);
}

proptest! {
    #[test]
    fn every_leaf_has_an_origin_and_holds_what_that_layer_says(
        job in "[a-c]{1,2}", allowed in prop::sample::select(vec!["", "/resources", "/nope"]), deep in any::<bool>(),
    ) {
        let job = if deep { json!({"resources": {job: null}}) } else { json!({job: {"x": 1}}) };
        let case = case(job, &[allowed]);
        let (merged, _) = resolve(&case.layers(), &context()).unwrap();
        let map = merged.values.as_object().unwrap();
        prop_assert_eq!(leaves(map).len(), merged.origin.len());
        for (place, value) in leaves(map) {
            let expected = match merged.origin[&place] {
                Layer::Chart => place.get(&case.chart),
                Layer::Job => place.get(&case.job),
                Layer::Attempt => place.get(&case.owned),
                Layer::Operator | Layer::Class | Layer::DeviceValues => place.get(&merged.overrides),
            };
            prop_assert_eq!(expected, Some(value));
        }
    }
}
