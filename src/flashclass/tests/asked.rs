//! What classes ask of a round: digests, platforms, registries, approvals, words of the log.

use super::*;
use crate::flashclass::rules::layer;

/// A job that began with one class and names another now is under both.
fn both(of_the_round: &Value, named: &Value) -> Terms {
    let classes = classes(&[class("c", of_the_round), class("d", named)]);
    terms_of(&classes, &json!({"flashClassName": "d"}), Some("c"))
}

#[rstest]
#[case::no_class(json!({}), json!({}), false)]
#[case::that_of_the_round(json!({"requireFirmwareDigest": true}), json!({}), true)]
#[case::that_of_the_job(json!({}), json!({"requireFirmwareDigest": true}), true)]
#[case::no_class_that_says_false(json!({"requireFirmwareDigest": false}), json!({}), false)]
fn a_round_begins_only_with_a_digest_where_a_class_asks_for_one(
    #[case] of_the_round: Value,
    #[case] named: Value,
    #[case] expected: bool,
) {
    assert_eq!(both(&of_the_round, &named).requires_digest(), expected);
}

#[rstest]
#[case::no_class(json!({}), json!({"firmwareVerification": {}}), false)]
#[case::that_of_the_round(json!({"firmwareVerification": {"requirePlatform": true}}), json!({}), true)]
#[case::that_of_the_job(json!({}), json!({"firmwareVerification": {"requirePlatform": true}}), true)]
#[case::no_class_that_says_false(json!({"firmwareVerification": {"requirePlatform": false}}), json!({}), false)]
fn a_round_begins_only_with_an_image_for_each_platform_where_a_class_asks_for_it(
    #[case] of_the_round: Value,
    #[case] named: Value,
    #[case] expected: bool,
) {
    assert_eq!(both(&of_the_round, &named).requires_platform(), expected);
}

#[rstest]
#[case::of_the_round(json!({"firmwareVerification": {"registry": {"mirror": "a.example.com"}}}), Some("a.example.com"))]
#[case::of_the_job(json!({"firmwareVerification": {}}), Some("b.example.com"))]
#[case::of_no_other(json!({}), Some("b.example.com"))]
fn the_registry_is_reached_as_the_first_class_says(
    #[case] of_the_round: Value,
    #[case] mirror: Option<&str>,
) {
    let named = json!({"firmwareVerification": {"registry": {"mirror": "b.example.com"}}});
    let terms = both(&of_the_round, &named);
    assert_eq!(terms.registry().unwrap().mirror.as_deref(), mirror);
    assert_eq!(both(&json!({}), &json!({})).registry(), None);
}

#[test]
fn words_of_the_log_are_those_with_which_the_round_began() {
    let rules = json!({"verdictMarkers": {"refused": ["attestation refused"]}});
    let terms = Terms {
        frozen: Some(Arc::new(frozen(&rules, 1))),
        ..both(&json!({}), &json!({"verdictMarkers": {"refused": ["no"]}}))
    };
    let markers = terms.verdict_markers().unwrap();
    assert_eq!(markers.refused, ["attestation refused"]);
    assert_eq!(
        both(&rules, &json!({})).verdict_markers(),
        None,
        "no round has begun"
    );
}

#[rstest]
#[case::nobody(json!({"approvals": {}}), json!({}), None)]
#[case::one_class(json!({"approvals": {"required": 3}}), json!({}), Some(("c", 3, false)))]
#[case::one_that_only_excludes_the_requester(json!({"approvals": {"notRequester": true}}), json!({}), Some(("c", 1, true)))]
#[case::the_most_of_both(json!({"approvals": {"required": 1}}), json!({"approvals": {"required": 2, "notRequester": true}}), Some(("c", 2, true)))]
#[case::the_other_way_round(json!({"approvals": {"required": 2, "notRequester": true}}), json!({"approvals": {"required": 1}}), Some(("c", 2, true)))]
fn the_strictest_approvals_hold_where_two_classes_ask(
    #[case] of_the_round: Value,
    #[case] named: Value,
    #[case] expected: Option<(&str, usize, bool)>,
) {
    let asked = both(&of_the_round, &named).approvals();
    let asked = asked.map(|asked| (asked.class, asked.required, asked.not_requester));
    assert_eq!(
        asked,
        expected.map(|(class, required, not)| (class.to_owned(), required, not))
    );
}

#[test]
fn where_the_classes_open_values_is_told_with_their_names() {
    let fields = |terms: &Terms| terms.opens_values();
    assert_eq!(fields(&Terms::default()), None);
    let one = classes(&[class("c", &json!({}))]);
    let one = terms_of(&one, &json!({"flashClassName": "c"}), None);
    assert_eq!(
        fields(&one).unwrap(),
        "spec.allowedValuePaths of FlashClass c"
    );
    assert_eq!(
        fields(&both(&json!({}), &json!({}))).unwrap(),
        "spec.allowedValuePaths of the FlashClasses c and d"
    );
    let of_chart = classes(&[marked("default", "2026-01-01T00:00:00Z")]);
    let of_chart = terms_of(&of_chart, &json!({}), None);
    assert_eq!(
        fields(&of_chart).unwrap(),
        "spec.allowedValuePaths of FlashClass default (flashPod.allowedValuePaths of the operator's chart)"
    );
}

#[test]
fn the_version_of_a_chart_changes_with_chart_classes_and_round() {
    let one = both(&json!({}), &json!({}));
    let mut edited = one.clone();
    Arc::make_mut(&mut edited.classes[1]).reference.generation += 1;
    let mut begun = one.clone();
    begun.frozen = Some(Arc::new(frozen(
        &json!({"defaults": {"parallelism": 4}}),
        1,
    )));
    let versions = [
        one.chart_version(1),
        one.chart_version(2),
        edited.chart_version(1),
        begun.chart_version(1),
    ];
    let different: std::collections::BTreeSet<u64> = versions.into();
    assert_eq!(different.len(), versions.len(), "{versions:?}");
    assert_eq!(one.chart_version(1), one.clone().chart_version(1));
}

#[rstest]
#[case::a_tag("registry.example.com/esp32:1", false, true)]
#[case::a_tag_that_the_registry_resolves("registry.example.com/esp32:1", true, false)]
fn firmware_by_tag_is_refused_where_no_digest_of_it_will_be_known(
    #[case] firmware: &str,
    #[case] resolved: bool,
    #[case] refused: bool,
) {
    let mut rules = json!({"requireFirmwareDigest": true});
    if resolved {
        rules["firmwareVerification"] = json!({});
    }
    let classes = classes(&[class("c", &rules)]);
    let job = json!({"flashClassName": "c", "firmware": firmware});
    let refusal = terms_of(&classes, &job, None).refusal;
    assert_eq!(refusal.is_some(), refused, "{refusal:?}");
}

#[rstest]
#[case::no_slash("ConfigMap")]
#[case::no_version("/ConfigMap")]
#[case::no_kind("v1/")]
fn a_kind_of_a_workload_is_a_version_and_a_kind(#[case] kind: &str) {
    let classes = classes(&[class("c", &json!({"workload": {"kinds": [kind]}}))]);
    let fault = classes.get("c").unwrap().rules.clone().unwrap_err();
    assert!(
        fault.starts_with(&format!("spec.workload.kinds[0]: {kind:?} ")),
        "{fault}"
    );
}

#[test]
fn a_flash_image_of_the_defaults_joins_the_image_of_their_values() {
    let image = |defaults: Value| {
        let defaults = serde_json::from_value(defaults).unwrap();
        let (_, values) = layer("c", &defaults).unwrap().unwrap();
        values["image"].clone()
    };
    let of_class =
        json!({"flashImage": "r.example/flash:1", "values": {"image": {"pullPolicy": "Never"}}});
    assert_eq!(
        image(of_class),
        json!({"pullPolicy": "Never", "reference": "r.example/flash:1"})
    );
    let alone = json!({"flashImage": "r.example/flash:1"});
    assert_eq!(image(alone), json!({"reference": "r.example/flash:1"}));
}
