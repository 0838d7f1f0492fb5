use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::yaml;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not a map"),
    }
}

/// Chart values, two sources of user values, and what Helm makes of them.
const CASES: &[[&str; 5]] = &[
    ["later wins", "{a: 1}", "{a: 2}", "{a: 3}", "{a: 3}"],
    [
        "maps merge",
        "{m: {a: 1, b: {c: 1}}}",
        "{m: {b: {d: 2}}}",
        "{m: {e: 3}}",
        "{m: {a: 1, b: {c: 1, d: 2}, e: 3}}",
    ],
    [
        "lists are replaced",
        "{l: [1, 2]}",
        "{l: [3]}",
        "{}",
        "{l: [3]}",
    ],
    [
        "an empty list replaces",
        "{l: [1]}",
        "{l: []}",
        "{}",
        "{l: []}",
    ],
    [
        "an empty map changes nothing",
        "{m: {a: 1}}",
        "{m: {}}",
        "{}",
        "{m: {a: 1}}",
    ],
    [
        "a scalar replaces a map",
        "{m: {a: 1}}",
        "{m: 5}",
        "{}",
        "{m: 5}",
    ],
    [
        "a map replaces a scalar",
        "{m: 5}",
        "{m: {a: 1}}",
        "{}",
        "{m: {a: 1}}",
    ],
    [
        "a scalar between two maps cuts off the first, not the chart",
        "{m: {a: 1}}",
        "{m: 5}",
        "{m: {b: 2}}",
        "{m: {a: 1, b: 2}}",
    ],
    [
        "null removes a key",
        "{a: 1, b: 2}",
        "{a: null}",
        "{}",
        "{b: 2}",
    ],
    [
        "null removes a map",
        "{m: {a: 1}, b: 2}",
        "{m: null}",
        "{}",
        "{b: 2}",
    ],
    [
        "null removes a nested key",
        "{m: {a: 1, b: 2}}",
        "{m: {a: null}}",
        "{}",
        "{m: {b: 2}}",
    ],
    [
        "null may empty a map",
        "{m: {a: 1}}",
        "{m: {a: null}}",
        "{}",
        "{m: {}}",
    ],
    [
        "null of an unknown key stays",
        "{}",
        "{a: null, m: {b: null}}",
        "{}",
        "{a: null, m: {b: null}}",
    ],
    [
        "null of an unknown nested key stays",
        "{m: {a: 1}}",
        "{m: {b: null}}",
        "{}",
        "{m: {a: 1, b: null}}",
    ],
    [
        "null of a null",
        "{a: null, m: {a: null}}",
        "{a: null, m: {a: null}}",
        "{}",
        "{m: {a: null}}",
    ],
    [
        "nulls of the chart go",
        "{a: null, m: {b: null, c: {d: null}}}",
        "{}",
        "{}",
        "{m: {c: {}}}",
    ],
    [
        "nulls of the chart are overridden",
        "{a: null, m: {b: null}}",
        "{a: 1}",
        "{m: {b: {c: 2}}}",
        "{a: 1, m: {b: {c: 2}}}",
    ],
    [
        "a later value undoes a null",
        "{m: {a: 1}}",
        "{m: {a: null}}",
        "{m: {a: 3}}",
        "{m: {a: 3}}",
    ],
    [
        "a later map undoes a null but not the chart",
        "{m: {a: 1}}",
        "{m: null}",
        "{m: {b: 2}}",
        "{m: {a: 1, b: 2}}",
    ],
    [
        "nulls in lists stay",
        "{l: [null, {a: null}]}",
        "{}",
        "{k: [null]}",
        "{l: [null, {a: null}], k: [null]}",
    ],
    [
        "a nested null where the chart has a scalar parent",
        "{m: 1}",
        "{m: {a: null}}",
        "{}",
        "{m: {a: null}}",
    ],
    [
        "global is a key as any other",
        "{global: {a: 1}}",
        "{global: {b: null}}",
        "{}",
        "{global: {a: 1, b: null}}",
    ],
];

/// The cases: a rule, the chart's values, two sources of user values, and the outcome.
fn cases() -> impl Iterator<Item = (&'static str, [Value; 4])> {
    CASES
        .iter()
        .map(|[rule, documents @ ..]| (*rule, documents.map(|text| yaml::parse(text).unwrap())))
}

fn merged(chart: &Value, first: &Value, second: &Value) -> Value {
    let mut user = map(first.clone());
    lay_over(&mut user, map(second.clone()));
    Value::Object(coalesce(&map(chart.clone()), user))
}

#[test]
fn values_are_laid_over_each_other_as_helm_does() {
    for (rule, [chart, first, second, expected]) in cases() {
        assert_eq!(merged(&chart, &first, &second), expected, "{rule}");
    }
}

/// Helm's own answer.
fn helm_says(helm: &Path, chart: &Value, first: &Value, second: &Value) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("templates")).unwrap();
    write("Chart.yaml", "{apiVersion: v2, name: c, version: 0.1.0}");
    write("values.yaml", &chart.to_string());
    write("templates/v.yaml", "values: {{ toJson .Values }}\n");
    write("first.yaml", &first.to_string());
    write("second.yaml", &second.to_string());
    let output = Command::new(helm)
        .args([
            "template",
            "r",
            ".",
            "-f",
            "first.yaml",
            "-f",
            "second.yaml",
        ])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("values: "))
        .unwrap();
    serde_json::from_str(line).unwrap()
}

/// The pinned helm: in the directory that `FLASHJOB_TOOLS` names, else built if need be.
fn helm() -> PathBuf {
    let directory = std::env::var("FLASHJOB_TOOLS").unwrap_or_else(|_| {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/control-plane/build.sh"
        );
        let built = Command::new(script).arg("helm").output().unwrap();
        String::from_utf8(built.stdout).unwrap().trim().to_owned()
    });
    Path::new(&directory).join("helm")
}

#[test]
fn helm_itself_gives_the_same_values() {
    let helm = helm();
    for (rule, [chart, first, second, expected]) in cases() {
        assert_eq!(
            helm_says(&helm, &chart, &first, &second),
            expected,
            "{rule}"
        );
    }
}

#[rstest]
#[case(json!({}), &[])]
#[case(json!({"a": {"b": 1, "c": {}}, "d": [{"e": 1}], "f": null}), &["/a/b", "/a/c", "/d", "/f"])]
fn a_list_and_an_empty_map_are_one_leaf_each(#[case] document: Value, #[case] expected: &[&str]) {
    let document = map(document);
    let found: Vec<String> = leaves(&document)
        .iter()
        .map(|(p, _)| p.to_string())
        .collect();
    assert_eq!(found, expected);
}

fn values() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..3_i64).prop_map(Value::from),
        Just(json!([1, null])),
    ];
    let tree = leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[abc]", inner, 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    });
    prop::collection::btree_map("[abc]", tree, 0..3).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn laying_values_over_themselves_changes_nothing(a in values()) {
        let mut twice = a.clone();
        lay_over(&mut twice, a.clone());
        prop_assert_eq!(twice, a);
    }

    #[test]
    fn what_the_user_sets_arrives(chart in values(), user in values()) {
        let result = Value::Object(coalesce(&chart, user.clone()));
        for (place, value) in leaves(&user) {
            if !value.is_null() && *value != json!({}) {
                prop_assert_eq!(place.get(&result), Some(value));
            }
        }
    }
}
