//! How much one device may say of itself, asked where its Instance is parsed: more is not kept. Pure.
//!
//! A device chooses its broker properties. What is kept of it stands in memory, in the frozen selection, in the release record and
//! in the status, beside what other devices need there.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{api::Instance, display};

/// Longest value of a broker property, in bytes.
pub const MAX_PROPERTY: usize = 256;
/// Longest name of a property, node or Configuration, in bytes.
pub(super) const MAX_NAME: usize = 253;
/// Most properties of one device.
pub const MAX_PROPERTIES: usize = 64;
/// Most nodes that see one device.
pub const MAX_NODES: usize = 256;
/// Most bytes of everything that is kept of one device.
pub const MAX_DEVICE: usize = 8 * 1024;

/// Something of an Instance is larger than a device's may be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} has {found} {unit}, at most {limit} are allowed")]
pub struct TooLarge {
    /// What.
    pub what: String,
    /// How large it is.
    pub found: usize,
    /// In what that is counted.
    pub unit: &'static str,
    /// The limit.
    pub limit: usize,
}

/// Checks what an Instance says of its device.
///
/// # Errors
/// The first thing that is too large.
pub(super) fn check(instance: &Instance) -> Result<(), TooLarge> {
    let spec = &instance.spec;
    let properties = &spec.broker_properties;
    let configuration = spec.configuration_name.as_deref().unwrap_or_default();
    count(
        "spec.brokerProperties",
        properties.len(),
        "properties",
        MAX_PROPERTIES,
    )?;
    count("spec.nodes", spec.nodes.len(), "nodes", MAX_NODES)?;
    bytes(
        || "spec.configurationName".to_owned(),
        configuration,
        MAX_NAME,
    )?;
    let mut total = configuration.len();
    for (property, value) in properties {
        let shown = || display::line(property, display::NAME).into_owned();
        bytes(
            || format!("the name of property {}", shown()),
            property,
            MAX_NAME,
        )?;
        bytes(|| format!("property {}", shown()), value, MAX_PROPERTY)?;
        total += property.len() + value.len();
    }
    for (place, node) in spec.nodes.iter().enumerate() {
        bytes(|| format!("spec.nodes[{place}]"), node, MAX_NAME)?;
        total += node.len();
    }
    count("the text of its spec", total, "bytes", MAX_DEVICE)
}

/// The properties that are within their bounds, as many as all together may be.
pub(super) fn within(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = MAX_DEVICE;
    let mut fits = |(property, value): &(&String, &String)| {
        let bytes = property.len() + value.len();
        let fits = property.len() <= MAX_NAME && value.len() <= MAX_PROPERTY && bytes <= room;
        room -= if fits { bytes } else { 0 };
        fits
    };
    let kept = properties.iter().filter(|entry| fits(entry));
    kept.take(MAX_PROPERTIES)
        .map(|(property, value)| (property.clone(), value.clone()))
        .collect()
}

fn bytes(what: impl Fn() -> String, text: &str, limit: usize) -> Result<(), TooLarge> {
    if text.len() <= limit {
        return Ok(());
    }
    count(&what(), text.len(), "bytes", limit)
}

fn count(what: &str, found: usize, unit: &'static str, limit: usize) -> Result<(), TooLarge> {
    if found <= limit {
        return Ok(());
    }
    Err(TooLarge {
        what: what.to_owned(),
        found,
        unit,
        limit,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::api::InstanceSpec;

    fn instance(spec: InstanceSpec) -> Instance {
        Instance::new("lamp", spec)
    }

    fn properties(count: usize, value: usize) -> BTreeMap<String, String> {
        (0..count)
            .map(|number| (format!("P{number:03}"), "x".repeat(value)))
            .collect()
    }

    fn with(broker_properties: BTreeMap<String, String>) -> InstanceSpec {
        InstanceSpec {
            broker_properties,
            ..InstanceSpec::default()
        }
    }

    fn seen_by(nodes: Vec<String>) -> InstanceSpec {
        InstanceSpec {
            nodes,
            ..InstanceSpec::default()
        }
    }

    fn found_by(configuration: String) -> InstanceSpec {
        InstanceSpec {
            configuration_name: Some(configuration),
            ..InstanceSpec::default()
        }
    }

    #[rstest]
    #[case::a_value(with([("VERSION".into(), "1".repeat(200_000))].into()), "property VERSION has 200000 bytes, at most 256 are allowed")]
    #[case::a_value_by_one_byte(with([("VERSION".into(), "1".repeat(257))].into()), "property VERSION has 257 bytes, at most 256 are allowed")]
    #[case::bytes_not_letters(with([("VERSION".into(), "ä".repeat(129))].into()), "property VERSION has 258 bytes, at most 256 are allowed")]
    #[case::a_name(with([("N".repeat(254), String::new())].into()), &format!("the name of property {}… has 254 bytes, at most 253 are allowed", "N".repeat(77)))]
    #[case::a_name_that_cannot_be_seen(with([("\u{1b}[2J".into(), "1".repeat(257))].into()), "property \\u{1b}[2J has 257 bytes, at most 256 are allowed")]
    #[case::their_number(
        with(properties(65, 1)),
        "spec.brokerProperties has 65 properties, at most 64 are allowed"
    )]
    #[case::all_together(
        with(properties(40, 201)),
        "the text of its spec has 8200 bytes, at most 8192 are allowed"
    )]
    #[case::nodes(seen_by(vec![String::new(); 257]), "spec.nodes has 257 nodes, at most 256 are allowed")]
    #[case::a_node(seen_by(vec!["n".into(), "n".repeat(254)]), "spec.nodes[1] has 254 bytes, at most 253 are allowed")]
    #[case::nodes_together(seen_by(vec!["n".repeat(253); 33]), "the text of its spec has 8349 bytes, at most 8192 are allowed")]
    #[case::a_configuration(found_by("c".repeat(254)), "spec.configurationName has 254 bytes, at most 253 are allowed")]
    fn what_is_too_large_is_named_with_its_size_and_the_limit(
        #[case] spec: InstanceSpec,
        #[case] says: &str,
    ) {
        let error = check(&instance(spec)).unwrap_err();
        assert_eq!(error.to_string(), says);
    }

    #[test]
    fn properties_that_are_too_large_are_left_out_and_the_others_kept_while_there_is_room() {
        let kept = |given: BTreeMap<String, String>| -> Vec<String> {
            within(&given)
                .into_keys()
                .map(|name| name.chars().take(4).collect())
                .collect()
        };
        let long = "x".repeat(MAX_PROPERTY);
        let mut given = properties(2, 1);
        given.insert("LONG".into(), long.clone() + "x");
        given.insert("N".repeat(MAX_NAME + 1), "x".into());
        given.insert("FULL".into(), long);
        assert_eq!(kept(given), ["FULL", "P000", "P001"]);
        // 260 bytes each: 31 of them are 8060, and what has 132 bytes is the last that fits.
        let mut given = properties(40, 256);
        given.insert("Q000".into(), "x".repeat(129));
        given.insert("Q001".into(), "x".repeat(128));
        given.insert("Q002".into(), String::new());
        let names = kept(given);
        assert_eq!(names.len(), 32);
        assert_eq!(names[30..], ["P030", "Q001"]);
        assert_eq!(within(&properties(70, 1)).len(), MAX_PROPERTIES);
    }

    #[rstest]
    #[case::the_longest_value(with([("VERSION".into(), "1".repeat(256))].into()))]
    #[case::the_most_properties(with(properties(64, 124)))]
    #[case::the_most_nodes(seen_by(vec!["n".repeat(32); 256]))]
    #[case::nothing(InstanceSpec::default())]
    fn what_is_at_its_limit_is_allowed(#[case] spec: InstanceSpec) {
        assert_eq!(check(&instance(spec)), Ok(()));
    }
}
