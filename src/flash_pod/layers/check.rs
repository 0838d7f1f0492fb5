//! Where the values of a layer break the chart's schema, as far as that is known without a device. Pure.
//!
//! Called when the administrator's values or a class are loaded: their mistakes are found before a job meets them.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::{Layer, Layers, overlay::Overlay};
use helm_chart::{
    pointer::Pointer,
    schema::{Dependence, Schema, SchemaViolation},
    text::list,
    values::coalesce,
};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    place: Pointer,
    /// The value that the schema was asked about: the place, or for a key what holds it.
    value: Pointer,
    what: String,
    depends: Dependence,
}

impl Layers<'_> {
    /// What a layer of the administrator breaks in the schema that those below it do not, whatever the device and the job; each with
    /// its path.
    #[must_use]
    pub fn fault_of(&self, layer: Layer, schema: &Schema) -> Option<String> {
        let below = match layer {
            Layer::Operator => Self {
                operator: None,
                ..*self
            },
            Layer::Class => Self {
                class: None,
                ..*self
            },
            Layer::Chart | Layer::Job | Layer::DeviceValues | Layer::Attempt => return None,
        };
        let before = below.faults(schema);
        let mut found = self.faults(schema);
        found.retain(|fault| !before.contains(fault));
        let found: Vec<Fault> = found.into_iter().collect();
        (!found.is_empty()).then(|| list(&found))
    }

    /// The values of a device, with an example in the place of what only a device says.
    #[must_use]
    pub fn example(&self) -> Value {
        self.sample().0
    }

    /// What breaks the schema whatever the device is.
    fn faults(&self, schema: &Schema) -> BTreeSet<Fault> {
        let (values, open) = self.sample();
        let violations = schema.violations(&values);
        let faults = violations.iter().flat_map(split);
        faults.filter(|fault| is_certain(fault, &open)).collect()
    }

    /// Values without a device, and the places where one would say more.
    fn sample(&self) -> (Value, Vec<Pointer>) {
        let mut overlay = Overlay::default();
        let mut open = Vec::new();
        for (layer, values) in [
            (Layer::Operator, self.operator),
            (Layer::Class, self.class),
            (Layer::DeviceValues, self.device),
        ] {
            if let Some(values) = values {
                let sample = values.sample();
                open.extend(sample.open);
                overlay.lay(sample.values, layer);
            }
        }
        let owned = self.owned.as_object().cloned().unwrap_or_default();
        overlay.lay(owned, Layer::Attempt);
        let values = match self.chart.as_object() {
            Some(chart) => coalesce(chart, overlay.values()),
            None => overlay.values(),
        };
        (Value::Object(values), open)
    }
}

/// A violation as the single things that are wrong.
fn split(violation: &SchemaViolation) -> Vec<Fault> {
    // What the validator says of a place is a pointer.
    let place: Pointer = violation.path.parse().unwrap_or_default();
    let fault = |at, what| Fault {
        place: at,
        value: place.clone(),
        what,
        depends: violation.depends,
    };
    if violation.unknown_keys.is_empty() {
        return vec![fault(place.clone(), violation.message.clone())];
    }
    let keys = violation.unknown_keys.iter();
    keys.map(|key| {
        let what = "the chart's values.schema.json has no such key".to_owned();
        fault(place.child(key), what)
    })
    .collect()
}

/// Whether neither a device nor a layer above could mend it by more values: no template makes the value, nor a part of it that
/// matters.
fn is_certain(fault: &Fault, open: &[Pointer]) -> bool {
    let mut open = open.iter();
    match fault.depends {
        Dependence::None => open.all(|open| !fault.value.is_within(open)),
        Dependence::OnTexts => {
            open.all(|open| !fault.value.is_within(open) && !open.is_within(&fault.value))
        }
        Dependence::OnOthers => false,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        let place = if place.is_empty() { "/" } else { &place };
        write!(f, "{place}: {}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::flash_pod::device_values::DeviceValues;

    fn schema() -> Schema {
        let document = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["wanted"],
            "properties": {
                "wanted": {"type": "string"},
                "mode": {"enum": ["a", "b"]},
                "number": {"type": "integer"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "device": {"type": "object", "additionalProperties": false, "required": ["type"], "properties": {
                    "type": {"type": "string"}, "line": {"type": "string"},
                }},
                "either": {"oneOf": [{"properties": {"a": {"const": "x"}}, "required": ["a"]}, {"required": ["b"]}]},
                "list": {"type": "array", "items": {"type": "string"}},
                "tls": {"type": "object", "required": ["secret"]},
                "size": {"type": "integer"},
            },
            "if": {"properties": {"mode": {"const": "b"}}},
            "then": {}, "else": {"properties": {"size": {"maximum": 9}}},
        });
        Schema::compile(document.to_string().as_bytes()).unwrap()
    }

    fn fault(values: &str) -> Option<String> {
        let compiled = DeviceValues::compile(values, "test").unwrap();
        let device = DeviceValues::compile("device: {type: '{{ device.type }}'}", "test").unwrap();
        let layers = Layers {
            chart: &json!({"mode": "c"}),
            operator: None,
            class: Some(&compiled),
            job: None,
            device: Some(&device),
            owned: &json!({}),
            allowed: &[],
            opens: "",
        };
        layers.fault_of(Layer::Class, &schema())
    }

    #[rstest]
    #[case::nothing("{}")]
    #[case::good("{mode: a, number: 1, labels: {a: b}}")]
    #[case::what_the_device_completes("device: {line: x}")]
    #[case::a_template_where_a_number_is_wanted("number: '{{ device.properties.LINES }}'")]
    #[case::a_template_where_a_word_is_wanted("mode: '{{ device.type }}'")]
    #[case::a_template_that_decides("either: {a: '{{ device.type }}'}")]
    #[case::what_a_class_or_a_job_completes("tls: {name: x}")]
    #[case::a_template_that_decides_about_another_value("{mode: '{{ device.type }}', size: 10}")]
    #[case::a_map_of_the_device("labels: '{{ device.properties }}'")]
    fn values_that_some_device_could_fit_are_let_through(#[case] values: &str) {
        assert_eq!(fault(values), None);
    }

    #[rstest]
    #[case::unknown_key(
        "{nodeSelectr: {a: b}}",
        "/nodeSelectr: the chart's values.schema.json has no such key"
    )]
    #[case::unknown_key_inside(
        "{device: {lines: x}}",
        "/device/lines: the chart's values.schema.json has no such key"
    )]
    #[case::unknown_key_beside_a_template("{a~b: '{{ device.type }}'}", "/a~0b: the chart's")]
    #[case::another_type("{number: much}", "/number: value is not of type \"integer\"")]
    #[case::another_type_in_a_list(
        "{list: ['{{ device.type }}', 7]}",
        "/list/1: value is not of type \"string\""
    )]
    #[case::another_word("{mode: d, number: much}", "/number")]
    #[case::a_map_with_a_template_where_a_number_is_wanted(
        "{number: {a: '{{ device.type }}'}}",
        "/number"
    )]
    #[case::nothing_that_decides("{either: {c: d}}", "/either")]
    fn values_that_no_device_fits_are_named_by_path(#[case] values: &str, #[case] wanted: &str) {
        let found = fault(values).unwrap_or_default();
        assert!(found.contains(wanted), "{found}");
    }

    #[test]
    fn what_the_layers_below_break_is_not_the_fault_of_this_one() {
        assert_eq!(fault("{labels: {a: b}}"), None, "the chart says mode: c");
    }
}
