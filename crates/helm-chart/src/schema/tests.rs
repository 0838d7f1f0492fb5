use rstest::rstest;
use serde_json::json;

use super::*;

fn schema() -> Schema {
    let document = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": false,
        "required": ["firmware"],
        "properties": {
            "firmware": {"type": "string", "pattern": "^[a-zA-Z0-9./:@_-]*$"},
            "replicas": {"type": "integer", "minimum": 1},
            "mode": {"enum": ["a", "b"]},
            "list": {"type": "array", "items": {"$ref": "#/definitions/item"}},
            "address": {"type": "string", "format": "ipv4"},
        },
        "definitions": {"item": {"type": "object", "properties": {"name": {"maxLength": 3}}}},
    });
    Schema::compile(document.to_string().as_bytes()).unwrap()
}

#[rstest]
#[case(json!({"firmware": "registry.example.org/a:1"}))]
#[case(json!({"firmware": "", "replicas": 1.0, "mode": "a", "list": [{"name": "abc"}], "address": "192.0.2.1"}))]
fn values_that_keep_to_the_schema_pass(#[case] values: Value) {
    assert_eq!(schema().validate(&values), Ok(()));
}

#[rstest]
#[case(json!({"firmware": "x\n  hostNetwork: true"}), "/firmware")]
#[case(json!({"firmware": 1}), "/firmware")]
#[case(json!({}), "")]
#[case(json!({"firmware": "", "more": 1}), "")]
#[case(json!({"firmware": "", "replicas": 0}), "/replicas")]
#[case(json!({"firmware": "", "mode": "c"}), "/mode")]
#[case(json!({"firmware": "", "list": [{"name": "abc"}, {"name": "abcd"}]}), "/list/1/name")]
#[case(json!({"firmware": "", "address": "::1"}), "/address")]
#[case(json!([]), "")]
fn values_that_do_not_are_refused_with_their_place(#[case] values: Value, #[case] path: &str) {
    let broken = schema().validate(&values).unwrap_err();
    assert_eq!(broken.violations[0].path, path, "{broken}");
}

#[test]
fn a_message_reads_as_helms_and_shows_no_values() {
    let values =
        json!({"firmware": "hunter 2", "replicas": 0, "mode": "hunter 3", "list": "hunter 4"});
    insta::assert_snapshot!(schema().validate(&values).unwrap_err(), @r#"
    values don't meet the specifications of the chart's values.schema.json:
    - at '/firmware': value does not match "^[a-zA-Z0-9./:@_-]*$"
    - at '/list': value is not of type "array"
    - at '/mode': value is not one of "a" or "b"
    - at '/replicas': value is less than the minimum of 1
    "#);
}

#[test]
fn violations_are_bounded() {
    let items: Vec<_> = (0..100)
        .map(|_| json!({"name": "x".repeat(10_000)}))
        .collect();
    let broken = schema()
        .validate(&json!({"firmware": "", "list": items}))
        .unwrap_err();
    assert_eq!((broken.violations.len(), broken.more), (MAX_REPORTED, 80));
    assert!(broken.to_string().len() < 8000);
}

#[rstest]
#[case::a_flag(json!({"pattern": "(?i)^ABC$"}), "abc", "abd")]
#[case::a_named_group(json!({"pattern": "^(?P<n>a)$"}), "a", "b")]
#[case::a_quotation(json!({"pattern": r"\Qa.b\E"}), "a.b", "axb")]
#[case::a_posix_class(json!({"pattern": "^[[:alpha:]]$"}), "x", "1")]
#[case::white_space_of_go(json!({"pattern": r"^\s$"}), " ", "\u{b}")]
#[case::a_host_name(json!({"format": "hostname"}), "example.", "a_b.")]
#[case::a_time(json!({"format": "time"}), "23:59:60Z", "22:59:60Z")]
#[case::an_address(json!({"format": "uri"}), "x://a:1/%41", "//a")]
#[case::what_a_draft_brought_beside_a_reference(json!({"$ref": "int.json", "const": "a", "maxLength": 0}), "a", "b")]
#[case::a_version(json!({"format": "semver"}), "1.2.3-a", "1.2")]
#[case::a_pattern(json!({"format": "regex"}), r"\Qa", "(?=a)")]
#[case::a_reference_by_id(json!({"$ref": "int.json"}), "text", "")]
fn patterns_formats_and_references_are_those_of_helms_library(
    #[case] of: Value,
    #[case] good: &str,
    #[case] bad: &str,
) {
    let document = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"v": of},
        "definitions": {"i": {"$id": "int.json", "minLength": 1}},
    });
    let schema = Schema::compile(document.to_string().as_bytes()).unwrap();
    assert_eq!(schema.validate(&json!({"v": good})), Ok(()));
    assert!(schema.validate(&json!({"v": bad})).is_err());
}

#[test]
fn names_are_matched_by_gos_patterns_and_content_is_not_looked_at() {
    let document = json!({
        "additionalProperties": false,
        "patternProperties": {
            "(?i)^host$": {"contentEncoding": "base64"},
            "^[[:digit:]]+$": {"type": "integer"},
        },
    });
    let schema = Schema::compile(document.to_string().as_bytes()).unwrap();
    assert_eq!(schema.validate(&json!({"Host": "%", "12": 1})), Ok(()));
    let broken = schema.validate(&json!({"hosts": 1, "3": "x"})).unwrap_err();
    assert_eq!(
        (broken.violations[0].path.as_str(), broken.violations.len()),
        ("", 2)
    );
}

#[rstest]
#[case::a_class_that_the_crate_reads_otherwise(json!({"patternProperties": {r"\p{Greek}": {}}}))]
#[case::the_name_of_the_file(json!({"$ref": "values.schema.json#/$defs/a", "$defs": {"a": {}}}))]
#[case::a_cycle_of_anchors(json!({"$ref": "#a", "$defs": {"a": {"$anchor": "a", "allOf": [{"$ref": "#a"}]}}}))]
#[case::a_name_that_is_there_twice(json!({"$defs": {"a": {"$anchor": "a"}, "b": {"$anchor": "a"}}}))]
#[case::a_cycle(json!({"properties": {"v": {"$ref": "#/properties/v"}}}))]
#[case::an_enum_that_the_draft_refuses(json!({"$schema": "http://json-schema.org/draft-07/schema#", "enum": [1, 1.0]}))]
#[case::a_pattern_that_becomes_too_large(json!({"pattern": r"(\pL{100}){10}"}))]
fn what_only_helm_can_check_is_left_to_it_by_name(#[case] document: Value) {
    let error = Schema::compile(document.to_string().as_bytes()).unwrap_err();
    assert!(error.leaves_it_to_helm(), "{error}");
    assert!(
        error.to_string().contains("only the helm engine checks it"),
        "{error}"
    );
}

#[rstest]
#[case(
    r#"{"$ref": "http://example.org/schema.json"}"#,
    "$ref to http://example.org"
)]
#[case(
    r#"{"properties": {"a": {"$ref": "file:///etc/passwd"}}}"#,
    "/properties/a: $ref to file:"
)]
#[case(
    r#"{"allOf": [{"$ref": "other.json#/a"}]}"#,
    "/allOf/0: $ref to other.json"
)]
#[case(r##"{"$ref": "#/definitions/nope"}"##, "nope")]
#[case(r#"{"type": "strin"}"#, "/type")]
#[case(r#"{"pattern": "("}"#, "")]
#[case(r#"{"pattern": "(?=x)"}"#, "")]
#[case::a_pattern_that_becomes_too_large(r#"{"pattern": "((a{100}){100}){100}"}"#, "")]
#[case::subschemas_that_never_end(r##"{"anyOf": [{"$ref": "#"}]}"##, "leads back to itself")]
#[case(r#"{"$schema": "http://example.org/meta.json"}"#, "example.org")]
#[case(
    "nope",
    "cannot be read as JSON: line 1, column 2: expected ident, at \"nope\"; "
)]
#[case(
    "{\n  \"type\": \"object\",\n}",
    "cannot be read as JSON: line 3, column 1: trailing comma, at \"}\"; JSON has no comments"
)]
fn a_schema_that_cannot_be_used_is_refused(#[case] text: &str, #[case] why: &str) {
    let message = Schema::compile(text.as_bytes()).unwrap_err().to_string();
    assert!(message.contains(why), "{message}");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let tree = r##"{"properties": {"child": {"$ref": "#"}}, "required": ["n"]}"##;
    let schema = Schema::compile(tree.as_bytes()).unwrap();
    assert!(
        schema
            .validate(&json!({"n": 1, "child": {"child": {"n": 1}}}))
            .is_err()
    );
}
