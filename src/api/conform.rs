//! What the API server would say of a spec in a file, by the schema of its CRD: field, what was found, what is expected. Pure.
//!
//! Called by the subcommands that read files; what the API server stored has passed it.

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

/// Most characters of a value that are shown.
const MAX_SHOWN: usize = 60;

/// Everything that is wrong with a value at a path.
#[must_use]
pub fn problems(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, path, &mut found);
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let mut say = |problem: String| {
        found.push(format!(
            "{path}: Invalid value: {}: {problem}",
            shown(value)
        ));
    };
    let expected = kind_of_schema(schema);
    if !is_of(expected, value) {
        say(format!("must be {expected}, not {}", kind_of(value)));
        return;
    }
    if let Some(problem) = breaks_rule(schema, value).or_else(|| out_of_bounds(schema, value)) {
        say(problem);
        return;
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(fields) => check_fields(schema, fields, path, found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if fields.get(name).is_none_or(Value::is_null) {
            found.push(format!("{path}.{name}: Required value"));
        }
    }
    for (name, value) in fields {
        let below = format!("{path}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (known @ Value::Object(_), _) if !is_required_null(schema, name, value) => {
                check(known, value, &below, found);
            }
            (Value::Object(_), _) => {}
            (_, values @ Value::Object(_)) => check(values, value, &below, found),
            _ if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
            _ => found.push(format!("{below}: unknown field")),
        }
    }
}

/// Whether that was said already.
fn is_required_null(schema: &Value, name: &str, value: &Value) -> bool {
    let required = schema["required"].as_array();
    value.is_null() && required.is_some_and(|names| names.iter().any(|known| known == name))
}

fn kind_of_schema(schema: &Value) -> &'static str {
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => "a time such as 2026-03-01T22:00:00Z",
        Some("string") => "a string",
        Some("integer") => "an integer",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        Some(_) => "a map",
        None => "an integer or a percentage such as \"10%\"",
    }
}

fn is_of(expected: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) => expected == "true or false",
        Value::Number(number) if number.is_f64() => expected == "a number",
        Value::Number(_) => expected.starts_with("an integer") || expected == "a number",
        Value::String(_) => {
            expected == "a string"
                || expected.starts_with("a time")
                || expected.starts_with("an integer or")
        }
        Value::Array(_) => expected == "a list",
        Value::Object(_) => expected == "a map",
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false; write it in quotes if it is meant as a text",
        Value::Number(number) if number.is_f64() => {
            "a number with a fraction; write it in quotes if it is meant as a text"
        }
        Value::Number(_) => "a number; write it in quotes if it is meant as a text",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Numbers, lengths and words.
fn out_of_bounds(schema: &Value, value: &Value) -> Option<String> {
    let bound = |name: &str| schema[name].as_f64();
    // Sizes are far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let (size, unit, names) = match value {
        Value::Number(number) => (number.as_f64()?, "", ["minimum", "maximum"]),
        Value::String(text) => (
            text.chars().count() as f64,
            " characters",
            ["minLength", "maxLength"],
        ),
        Value::Array(items) => (items.len() as f64, " items", ["minItems", "maxItems"]),
        Value::Object(fields) => (
            fields.len() as f64,
            " fields",
            ["minProperties", "maxProperties"],
        ),
        Value::Null | Value::Bool(_) => return None,
    };
    let [least, most] = names.map(bound);
    if let Some(least) = least.filter(|least| size < *least) {
        return Some(format!("must be at least {least}{unit}"));
    }
    if let Some(most) = most.filter(|most| size > *most) {
        return Some(format!("must be at most {most}{unit}, not {size}"));
    }
    let words = schema["enum"].as_array()?;
    (!words.contains(value)).then(|| {
        let words: Vec<String> = words.iter().map(Value::to_string).collect();
        format!("must be one of {}", words.join(", "))
    })
}

/// The rules of [`super::rule`] and [`super::schema`], as they are written for the API server.
fn breaks_rule(schema: &Value, value: &Value) -> Option<String> {
    let rules = schema["x-kubernetes-validations"].as_array()?;
    let broken = rules.iter().find(|rule| {
        let text = rule["rule"].as_str().unwrap_or_default();
        !keeps(text, value)
    })?;
    Some(broken["message"].as_str().unwrap_or_default().to_owned())
}

fn keeps(rule: &str, value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            let least = rule
                .split_once("self >= ")
                .and_then(|(_, rest)| rest.split(' ').next()?.parse::<i64>().ok());
            least.is_none_or(|least| number.as_i64().is_some_and(|number| number >= least))
        }
        Value::String(text) if rule.contains("timestamp(") => text
            .parse::<Timestamp>()
            .is_ok_and(|time| (1..9999).contains(&time.to_zoned(jiff::tz::TimeZone::UTC).year())),
        Value::String(text) => {
            (text.is_empty() && rule.starts_with("self == ''"))
                || pattern(rule).is_none_or(|pattern| {
                    Regex::new(&pattern).is_ok_and(|regex| regex.is_match(text))
                })
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

/// The pattern of a rule that has one.
#[must_use]
pub fn pattern(rule: &str) -> Option<String> {
    let (_, rest) = rule.split_once("self.matches('")?;
    let (pattern, _) = rest.rsplit_once("')")?;
    Some(pattern.replace(r"\\", r"\"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::api::crd;

    fn of_job(more: &Value) -> Vec<String> {
        let mut spec = json!({"firmware": "f", "version": "1", "uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"]});
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        problems(&crd::spec_schema(crd::Kind::FlashJob), &spec, "spec")
    }

    #[rstest]
    #[case::nothing(json!({}), &[])]
    #[case::a_number_as_version(
        json!({"version": 0.2}),
        &["spec.version: Invalid value: 0.2: must be a string, not a number with a fraction; write it in quotes if it is meant as a text"]
    )]
    #[case::a_fraction_of_a_device(
        json!({"steps": [{"devices": 1.5}]}),
        &["spec.steps[0].devices: Invalid value: 1.5: must be an integer or a percentage such as \"10%\", not a number with a \
           fraction; write it in quotes if it is meant as a text"]
    )]
    #[case::a_switch_as_amount(
        json!({"maxFailedDevices": true}),
        &["spec.maxFailedDevices: Invalid value: true: must be an integer or a percentage such as \"10%\", not true or false; write \
           it in quotes if it is meant as a text"]
    )]
    #[case::amounts(
        json!({"steps": [{"devices": 0}, {"devices": "many"}]}),
        &["spec.steps[0].devices: Invalid value: 0: must be a number of devices from 1, or a percentage from \"1%\" to \"100%\"",
          "spec.steps[1].devices: Invalid value: \"many\": must be a number of devices from 1, or a percentage from \"1%\" to \"100%\""]
    )]
    #[case::a_word(
        json!({"mismatchPolicy": "Maybe"}),
        &["spec.mismatchPolicy: Invalid value: \"Maybe\": must be one of \"Ignore\", \"Warn\", \"Fail\""]
    )]
    #[case::a_day(
        json!({"windows": [{"days": ["Monday"], "start": "22:00", "durationSeconds": 60}]}),
        &["spec.windows[0].days[0]: Invalid value: \"Monday\": must be one of \"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\""]
    )]
    #[case::times(
        json!({"notBefore": "tomorrow", "notAfter": "9999-12-31T23:59:59Z"}),
        &["spec.notAfter: Invalid value: \"9999-12-31T23:59:59Z\": must be a time such as 2026-03-01T22:00:00Z, before the year 9999; \
           leave the field out where there is no limit",
          "spec.notBefore: Invalid value: \"tomorrow\": must be a time such as 2026-03-01T22:00:00Z, before the year 9999; \
           leave the field out where there is no limit"]
    )]
    #[case::the_last_year(
        json!({"notBefore": "9999-01-01T00:00:00Z"}),
        &["spec.notBefore: Invalid value: \"9999-01-01T00:00:00Z\": must be a time such as 2026-03-01T22:00:00Z, before the year 9999; \
           leave the field out where there is no limit"]
    )]
    #[case::a_time_as_number(
        json!({"notBefore": 1}),
        &["spec.notBefore: Invalid value: 1: must be a time such as 2026-03-01T22:00:00Z, not a number; write it in quotes if it is \
           meant as a text"]
    )]
    #[case::a_deadline_in_which_no_flash_ends(
        json!({"activeDeadlineSecondsPerDevice": 5}),
        &[&*format!("spec.activeDeadlineSecondsPerDevice: Invalid value: 5: {}", crate::api::rule::DEADLINE_TOO_SHORT)]
    )]
    #[case::bounds(
        json!({"parallelism": 0, "device": "x".repeat(254), "deviceSelector": {}}),
        &[&format!("spec.device: Invalid value: \"{}…: must be at most 253 characters, not 254", "x".repeat(59)),
          "spec.deviceSelector: Invalid value: {}: must be at least 1 fields",
          "spec.parallelism: Invalid value: 0: must be at least 1"]
    )]
    #[case::text_as_number(
        json!({"parallelism": "5", "suspend": "yes"}),
        &["spec.parallelism: Invalid value: \"5\": must be an integer, not a string",
          "spec.suspend: Invalid value: \"yes\": must be true or false, not a string"]
    )]
    #[case::lists_and_maps(
        json!({"uuid": "a", "windows": {"start": "1"}, "deviceSelector": ["x"], "values": []}),
        &["spec.deviceSelector: Invalid value: [\"x\"]: must be a map, not a list",
          "spec.uuid: Invalid value: \"a\": must be a list, not a string",
          "spec.values: Invalid value: []: must be a map, not a list",
          "spec.windows: Invalid value: {\"start\":\"1\"}: must be a list, not a map"]
    )]
    #[case::unknown_and_missing(
        json!({"paralelism": 5, "firmware": null, "steps": [{"soak": 1}], "verification": {"modes": "None"}}),
        &["spec.firmware: Required value", "spec.paralelism: unknown field", "spec.steps[0].devices: Required value",
          "spec.steps[0].soak: unknown field", "spec.verification.modes: unknown field"]
    )]
    #[case::nulls(json!({"parallelism": null, "mismatchPolicy": null, "windows": null, "values": {"a": null}}), &[])]
    #[case::a_null_item(
        json!({"uuid": [null]}),
        &["spec.uuid[0]: Invalid value: null: must be a string, not null"]
    )]
    #[case::map_values(
        json!({"deviceSelector": {"matchProperties": {"DEVICE": 5}}}),
        &["spec.deviceSelector.matchProperties.DEVICE: Invalid value: 5: must be a string, not a number; write it in quotes if it is \
           meant as a text"]
    )]
    fn what_is_wrong_is_said_with_its_field_what_was_found_and_what_is_expected(
        #[case] more: Value,
        #[case] expected: &[&str],
    ) {
        assert_eq!(of_job(&more), expected);
    }

    #[test]
    fn a_reference_is_refused_by_the_rule_of_its_field() {
        let found = of_job(&json!({"firmware": "oci://r.io/x:1"}));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(
                "spec.firmware: Invalid value: \"oci://r.io/x:1\": must be an OCI reference such as"
            ),
            "{found:?}"
        );
    }
}
