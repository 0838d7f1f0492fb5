//! A limit of a class on devices in flight that share something, checked and ready to be asked. Pure.

use std::{collections::BTreeSet, fmt};

use crate::{
    api::{InFlightLimit, LimitBy, rule},
    device::Footprint,
};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name of the class.
    pub class: String,
    /// What devices share.
    pub by: LimitBy,
    /// Name of the property, where they share one.
    pub property: Option<String>,
    /// Most of them in flight.
    pub max: usize,
}

/// Devices that share something. Those of which it is not known what they share are a group, too: they may all be behind the
/// same gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// What they share.
    pub by: LimitBy,
    /// Name of the property, where they share one.
    pub property: Option<String>,
    /// The Configuration, node or value; none where it is not known.
    pub value: Option<String>,
}

impl Limit {
    /// Checks a limit of the class of this name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(class: &str, limit: &InFlightLimit) -> Result<Self, String> {
        let InFlightLimit { by, property, max } = limit;
        let property = property.as_deref().filter(|name| !name.is_empty());
        match (by, property) {
            (LimitBy::Property, None) => {
                return Err(rule::PROPERTY_NEEDED.into());
            }
            (LimitBy::Configuration | LimitBy::Node, Some(_)) => {
                return Err(rule::PROPERTY_NEEDLESS.into());
            }
            (LimitBy::Property, Some(_)) | (LimitBy::Configuration | LimitBy::Node, None) => {}
        }
        let max = usize::try_from(*max).ok().filter(|max| *max > 0);
        Ok(Self {
            class: class.to_owned(),
            by: *by,
            property: property.map(str::to_owned),
            max: max.ok_or("max has to be at least 1; to stop the class, set spec.suspend")?,
        })
    }

    /// The groups to which a device belongs by this limit: one for each node, Configuration or value.
    #[must_use]
    pub fn groups(&self, footprint: &Footprint) -> Vec<Group> {
        let none = BTreeSet::new();
        let property = self.property.as_deref().unwrap_or_default();
        let values = match self.by {
            LimitBy::Configuration => &footprint.configurations,
            LimitBy::Node => &footprint.nodes,
            LimitBy::Property => footprint.properties.get(property).unwrap_or(&none),
        };
        let group = |value: Option<&String>| Group {
            by: self.by,
            property: self.property.clone(),
            value: value.cloned(),
        };
        if values.is_empty() {
            vec![group(None)]
        } else {
            values.iter().map(|value| group(Some(value))).collect()
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let property = self.property.as_deref().unwrap_or_default();
        match (self.by, &self.value) {
            (LimitBy::Configuration, Some(name)) => write!(f, "of Configuration {name}"),
            (LimitBy::Configuration, None) => write!(f, "of no Configuration"),
            (LimitBy::Node, Some(node)) => write!(f, "seen by node {node}"),
            (LimitBy::Node, None) => write!(f, "seen by no node"),
            (LimitBy::Property, Some(value)) => write!(f, "with {property}={value}"),
            (LimitBy::Property, None) => write!(f, "without {property}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn limit(limit: serde_json::Value) -> Result<Limit, String> {
        Limit::parse("esp32", &serde_json::from_value(limit).unwrap())
    }

    #[rstest]
    #[case::configuration(json!({"by": "Configuration", "max": 2}), None)]
    #[case::node(json!({"by": "Node", "max": 1}), None)]
    #[case::property(json!({"by": "Property", "property": "GATEWAY", "max": 3}), None)]
    #[case::which_property(json!({"by": "Property", "max": 3}), Some("needs property"))]
    #[case::property_without_a_name(json!({"by": "Property", "property": "", "max": 3}), Some("needs property"))]
    #[case::node_has_no_property(json!({"by": "Node", "property": "GATEWAY", "max": 3}), Some("goes with by: Property alone"))]
    #[case::zero(json!({"by": "Node", "max": 0}), Some("at least 1"))]
    #[case::less(json!({"by": "Node", "max": -1}), Some("at least 1"))]
    fn what_a_limit_has_to_say(#[case] spec: serde_json::Value, #[case] wrong: Option<&str>) {
        match (limit(spec), wrong) {
            (Ok(limit), None) => assert_eq!(limit.class, "esp32"),
            (Err(error), Some(words)) => assert!(error.contains(words), "{error}"),
            (other, _) => panic!("{other:?} is not {wrong:?}"),
        }
    }

    #[rstest]
    #[case::configurations(json!({"by": "Configuration", "max": 1}), &["of Configuration lamps", "of Configuration meters"])]
    #[case::nodes(json!({"by": "Node", "max": 1}), &["seen by node n1", "seen by node n2"])]
    #[case::a_property(json!({"by": "Property", "property": "GATEWAY", "max": 1}), &["with GATEWAY=gw-a"])]
    #[case::an_empty_property(json!({"by": "Property", "property": "CELL", "max": 1}), &["without CELL"])]
    #[case::no_such_property(json!({"by": "Property", "property": "ROOM", "max": 1}), &["without ROOM"])]
    fn a_device_counts_on_everything_that_any_of_its_instances_shows(
        #[case] spec: serde_json::Value,
        #[case] groups: &[&str],
    ) {
        let properties = |cell| [("GATEWAY", "gw-a"), ("CELL", cell)];
        let mut footprint = Footprint::default();
        footprint.add("lamps", ["n1"], properties(""));
        footprint.add("meters", ["n2", "n1"], properties(" "));
        let found = limit(spec).unwrap().groups(&footprint);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, groups);
    }
}
