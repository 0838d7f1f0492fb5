//! What a device shares with others while it is in flight: the Configurations that found it, the nodes that see it and the values
//! of its properties, over all Instances of its endpoint. Pure.
//!
//! Frozen with an attempt, so that it is known for as long as the attempt lasts; limits of classes are counted by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Device;

/// See the module's documentation. What is empty is left out: a device without a property shares nothing by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Footprint {
    /// Akri Configurations.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub configurations: BTreeSet<String>,
    /// Nodes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub nodes: BTreeSet<String>,
    /// Values of each property.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, BTreeSet<String>>,
}

impl Footprint {
    /// Whether it shares nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what one Instance of the device says.
    pub fn add<'a>(
        &mut self,
        configuration: &str,
        nodes: impl IntoIterator<Item = &'a str>,
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let known = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        self.configurations.extend(known(configuration));
        self.nodes.extend(nodes.into_iter().filter_map(known));
        for (property, value) in properties {
            if let Some(value) = known(value) {
                let values = self.properties.entry(property.to_owned()).or_default();
                values.insert(value);
            }
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        self.configurations
            .extend(other.configurations.iter().cloned());
        self.nodes.extend(other.nodes.iter().cloned());
        for (property, values) in &other.properties {
            let own = self.properties.entry(property.clone()).or_default();
            own.extend(values.iter().cloned());
        }
    }
}

impl<'a> FromIterator<&'a Device> for Footprint {
    fn from_iter<T: IntoIterator<Item = &'a Device>>(devices: T) -> Self {
        let mut footprint = Self::default();
        for device in devices {
            let configuration = device.configuration.as_deref().unwrap_or_default();
            let nodes = device.nodes.iter().map(AsRef::as_ref);
            footprint.add(configuration, nodes, device.properties.iter());
        }
        footprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(node: &str, rack: &str) -> Footprint {
        let mut footprint = Footprint::default();
        footprint.add("lamps", [node, " "], [("RACK", rack), ("HALL", "")]);
        footprint
    }

    #[test]
    fn a_footprint_is_what_all_instances_of_a_device_say_and_blank_texts_say_nothing() {
        let mut both = footprint("node-a", "1");
        assert!(!both.is_empty());
        both.merge(&footprint(" node-b", "2"));
        both.merge(&footprint("node-a", "2"));
        let set = |texts: &[&str]| {
            texts
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(both.configurations, set(&["lamps"]));
        assert_eq!(both.nodes, set(&["node-a", "node-b"]));
        assert_eq!(
            both.properties,
            [("RACK".to_owned(), set(&["1", "2"]))].into()
        );
    }

    #[test]
    fn a_footprint_that_says_nothing_is_empty() {
        let mut footprint = Footprint::default();
        footprint.add(" ", [""], [("RACK", " ")]);
        assert!(footprint.is_empty());
    }
}
