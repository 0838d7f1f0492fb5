//! How classes are kept as they come, change and go.

use super::*;

/// A class as the API server would show it.
fn stored(name: &str, version: u64, generation: i64, is_default: bool) -> Class {
    let guard = serde_json::from_value(json!({
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "resourceVersion": version.to_string(), "generation": generation,
            "annotations": {ANNOTATION_DEFAULT_CLASS: is_default.to_string()},
        },
        "spec": {"defaults": {"values": {"a": 1}}},
    }))
    .unwrap();
    Class::parse(&guard).unwrap()
}

#[rstest]
#[case::as_it_was(7, 2, false, false)]
#[case::older_than_what_is_known(6, 3, true, false)]
#[case::with_a_new_status(8, 2, false, false)]
#[case::with_a_new_spec(8, 3, false, true)]
#[case::marked_as_the_default(8, 2, true, true)]
fn a_class_says_something_new_to_jobs_by_its_spec_and_its_mark(
    #[case] version: u64,
    #[case] generation: i64,
    #[case] is_default: bool,
    #[case] news: bool,
) {
    let mut classes = Classes::default();
    assert!(classes.see(stored("c", 7, 2, false)), "it is new itself");
    assert_eq!(
        classes.see(stored("c", version, generation, is_default)),
        news
    );
    let kept = classes.get("c").unwrap();
    assert_eq!(kept.version, version.max(7));
    assert_eq!(kept.is_default, is_default && version > 7);
}

#[test]
fn classes_that_are_gone_are_forgotten_by_uid() {
    let mut classes = Classes::default();
    for name in ["a", "b", "c"] {
        classes.see(stored(name, 7, 2, false));
    }
    let names = |classes: &Classes| -> Vec<String> {
        classes.all().map(|class| class.name().to_owned()).collect()
    };
    classes.see_gone("b");
    assert_eq!(names(&classes), ["a", "b", "c"], "a name is not a uid");
    classes.see_gone("uid-b");
    assert_eq!(names(&classes), ["a", "c"]);
    classes.keep(|uid| uid == "uid-c");
    assert_eq!(names(&classes), ["c"]);
}

#[test]
fn a_class_whose_values_the_chart_refuses_cannot_be_used_until_the_chart_takes_them() {
    let mut classes = Classes::default();
    classes.see(stored("c", 7, 2, false));
    classes.check(|_| Some("a: 1 is not a string".to_owned()));
    let fault = classes.get("c").unwrap().rules.clone().unwrap_err();
    assert_eq!(fault, "spec.defaults.values: a: 1 is not a string");
    classes.check(|_| None);
    assert!(classes.get("c").unwrap().rules.is_ok());
}
