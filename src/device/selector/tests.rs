//! What a selector means, operator by operator.

use rstest::rstest;

use super::*;

fn properties() -> BTreeMap<String, String> {
    let pairs = [
        ("DEVICE", "esp32s3"),
        ("VERSION", "1.4.2"),
        ("LOOSE", "v1.4"),
        ("CANDIDATE", "1.5.0-rc.1"),
        ("BUILD", "main-7f3a"),
        ("EMPTY", " "),
    ];
    let pairs = pairs.map(|(property, value)| (property.to_owned(), value.to_owned()));
    BTreeMap::from(pairs)
}

fn requirement(property: &str, operator: PropertyOperator, values: &[&str]) -> PropertyRequirement {
    PropertyRequirement {
        property: property.to_owned(),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

#[rstest]
#[case::one_of_them("DEVICE", PropertyOperator::In, &["esp32", "esp32s3"], true)]
#[case::none_of_them("DEVICE", PropertyOperator::In, &["esp32"], false)]
#[case::the_spelling_counts("DEVICE", PropertyOperator::In, &["ESP32S3"], false)]
#[case::an_absent_one_is_in_nothing("ROOM", PropertyOperator::In, &["attic"], false)]
#[case::an_empty_one_is_in_nothing("EMPTY", PropertyOperator::In, &["attic"], false)]
#[case::excluded("DEVICE", PropertyOperator::NotIn, &["esp32s3"], false)]
#[case::not_excluded("DEVICE", PropertyOperator::NotIn, &["esp32"], true)]
#[case::an_absent_one_is_not_excluded("ROOM", PropertyOperator::NotIn, &["attic"], true)]
#[case::an_empty_one_is_not_excluded("EMPTY", PropertyOperator::NotIn, &["attic"], true)]
#[case::present("DEVICE", PropertyOperator::Exists, &[], true)]
#[case::absent("ROOM", PropertyOperator::Exists, &[], false)]
#[case::empty("EMPTY", PropertyOperator::Exists, &[], false)]
#[case::present_although_it_must_not("DEVICE", PropertyOperator::DoesNotExist, &[], false)]
#[case::absent_as_it_must("ROOM", PropertyOperator::DoesNotExist, &[], true)]
#[case::empty_is_absent("EMPTY", PropertyOperator::DoesNotExist, &[], true)]
#[case::within("VERSION", PropertyOperator::VersionIn, &[">=1.2.0, <2.0.0"], true)]
#[case::numbers_not_letters("VERSION", PropertyOperator::VersionIn, &["<1.10.0"], true)]
#[case::outside("VERSION", PropertyOperator::VersionIn, &["<1.4.2"], false)]
#[case::in_the_second_range("VERSION", PropertyOperator::VersionIn, &["<1.0.0", "~1.4.0"], true)]
#[case::exactly("VERSION", PropertyOperator::VersionIn, &["=1.4.2"], true)]
#[case::wildcard("VERSION", PropertyOperator::VersionIn, &["1.4.*"], true)]
#[case::loosely_written("LOOSE", PropertyOperator::VersionIn, &["=1.4.0"], true)]
#[case::a_candidate_is_not_meant_by_a_plain_range("CANDIDATE", PropertyOperator::VersionIn, &[">=1.4.0"], false)]
#[case::a_candidate_is_meant_where_one_is_named("CANDIDATE", PropertyOperator::VersionIn, &[">=1.5.0-rc.0"], true)]
#[case::what_is_no_version_is_in_no_range("BUILD", PropertyOperator::VersionIn, &["*"], false)]
#[case::what_is_absent_is_in_no_range("ROOM", PropertyOperator::VersionIn, &["*"], false)]
fn a_requirement_holds(
    #[case] property: &str,
    #[case] operator: PropertyOperator,
    #[case] values: &[&str],
    #[case] holds: bool,
) {
    let requirements = [requirement(property, operator, values)];
    assert_eq!(matches(&properties(), &requirements).unwrap(), holds);
}

#[test]
fn all_requirements_have_to_hold() {
    let both = [
        requirement("DEVICE", PropertyOperator::Exists, &[]),
        requirement("VERSION", PropertyOperator::VersionIn, &["<1.0.0"]),
    ];
    assert!(!matches(&properties(), &both).unwrap());
    assert!(matches(&properties(), &both[..1]).unwrap());
    assert!(matches(&properties(), &[]).unwrap());
}

#[rstest]
#[case::no_property("", PropertyOperator::In, &["x"], "operator In names no property")]
#[case::nothing_to_compare_with("DEVICE", PropertyOperator::In, &[], "requirement DEVICE In has no values")]
#[case::no_range("VERSION", PropertyOperator::VersionIn, &[], "requirement VERSION VersionIn has no values")]
#[case::too_much("ROOM", PropertyOperator::Exists, &["attic"], "requirement ROOM Exists has values")]
#[case::empty_value("ROOM", PropertyOperator::NotIn, &["attic", ""], "requirement ROOM NotIn names an empty value")]
#[case::not_a_range("VERSION", PropertyOperator::VersionIn, &[">=1.2.0", "newest"], "requirement VERSION VersionIn: \"newest\" is not a range")]
#[case::two_without_a_comma("VERSION", PropertyOperator::VersionIn, &[">=1.2.0 <2.0.0"], "requirement VERSION VersionIn: \">=1.2.0 <2.0.0\" is not a range")]
#[case::which_versions("VERSION", PropertyOperator::VersionIn, &["1.2.0"], "write \"=1.2.0\" or \"^1.2.0\"")]
#[case::which_versions_in_a_list("VERSION", PropertyOperator::VersionIn, &[">1.0.0, 1.2"], "write \"=1.2\" or \"^1.2\"")]
fn an_error_names_the_requirement(
    #[case] property: &str,
    #[case] operator: PropertyOperator,
    #[case] values: &[&str],
    #[case] says: &str,
) {
    let requirements = [requirement(property, operator, values)];
    let error = matches(&properties(), &requirements).unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
}

fn device() -> Device {
    Device {
        uuid: "u-1".into(),
        name: "lamp-1".into(),
        namespace: "floor-2".into(),
        configuration: Some("lamps".into()),
        endpoint: "192.0.2.7".parse().unwrap(),
        host_endpoint: "192.0.2.7".into(),
        device_type: "esp32s3".into(),
        application_type: None,
        version: Some("1.4.2".into()),
        nodes: Vec::new().into(),
        properties: (&properties()).into(),
        created: None,
        deleting: false,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[rstest]
#[case::both(&["lamps"], &["floor-1", "floor-2"], "esp32s3", true)]
#[case::other_configuration(&["locks"], &["floor-2"], "esp32s3", false)]
#[case::other_namespace(&["lamps"], &["floor-1"], "esp32s3", false)]
#[case::other_property(&["lamps"], &["floor-2"], "esp32", false)]
#[case::what_is_left_out_matches_all(&[], &[], "esp32s3", true)]
fn all_parts_of_a_selector_have_to_match(
    #[case] configurations: &[&str],
    #[case] namespaces: &[&str],
    #[case] device_type: &str,
    #[case] expected: bool,
) {
    let selector = DeviceSelector {
        configurations: names(configurations),
        namespaces: names(namespaces),
        match_properties: BTreeMap::from([("DEVICE".to_owned(), device_type.to_owned())]),
        match_expressions: Vec::new(),
    };
    assert_eq!(selects(&selector, &device()).unwrap(), expected);
}

#[test]
fn a_device_of_no_configuration_is_selected_by_none() {
    let selector = DeviceSelector {
        configurations: names(&["lamps"]),
        ..DeviceSelector::default()
    };
    let orphan = Device {
        configuration: None,
        ..device()
    };
    assert!(!selects(&selector, &orphan).unwrap());
}

#[test]
fn a_selector_that_says_nothing_selects_nothing() {
    let error = selects(&DeviceSelector::default(), &device()).unwrap_err();
    assert!(matches!(error, SelectorError::Empty), "{error}");
}

#[test]
fn an_empty_value_of_match_properties_is_refused() {
    let selector = DeviceSelector {
        match_properties: BTreeMap::from([("ROOM".to_owned(), String::new())]),
        ..DeviceSelector::default()
    };
    let error = selects(&selector, &device()).unwrap_err();
    assert!(error.to_string().contains("requirement ROOM In"), "{error}");
}
