//! Which devices a selector means: by Configuration, namespace and what Akri says of the device. Pure.
//!
//! Read once, then asked for every device; called where a round selects its devices, and by a class for those it allows.
//! Akri empties properties between two probes, so an empty property counts as absent, here as elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use thiserror::Error;

use super::{instance::Device, inventory::Traits};
use crate::{
    api::{DeviceSelector, PropertyOperator, PropertyRequirement, rule},
    display,
};

/// Why a selector cannot be carried out.
#[derive(Debug, Error)]
pub enum SelectorError {
    /// It says nothing, which would mean every device there is.
    #[error(
        "the selector is empty, which would select every device in the cluster; name configurations, namespaces or properties"
    )]
    Empty,
    /// A requirement names no property.
    #[error(
        "a requirement with the operator {operator} names no property; name one, such as DEVICE"
    )]
    NoProperty {
        /// Its operator.
        operator: &'static str,
    },
    /// The operator compares with values, and there are none.
    #[error("requirement {requirement} {}", rule::NO_VALUES)]
    NoValues {
        /// The property and the operator.
        requirement: String,
    },
    /// The operator takes no values.
    #[error("requirement {requirement} {}", rule::NEEDLESS_VALUES)]
    NeedlessValues {
        /// The property and the operator.
        requirement: String,
    },
    /// No device has an empty property.
    #[error("requirement {requirement} {}", rule::EMPTY_VALUE)]
    EmptyValue {
        /// The property and the operator.
        requirement: String,
    },
    /// A value is not a range of semantic versions.
    #[error("requirement {requirement}: {range:?} {}", rule::NOT_A_RANGE)]
    NotARange {
        /// The property and the operator.
        requirement: String,
        /// The value.
        range: String,
        /// What the parser says.
        #[source]
        source: semver::Error,
    },
    /// A bare version means this very version to some and everything compatible with it to others.
    #[error(
        "requirement {requirement}: {range:?} {} \"={version}\" or \"^{version}\"",
        rule::BARE_VERSION
    )]
    BareVersion {
        /// The property and the operator.
        requirement: String,
        /// The value.
        range: String,
        /// The part of it that has no operator.
        version: String,
    },
}

/// Whether these properties meet all requirements.
///
/// # Errors
/// Where a requirement cannot be carried out; the error names it.
pub fn matches(
    properties: &BTreeMap<String, String>,
    requirements: &[PropertyRequirement],
) -> Result<bool, SelectorError> {
    Requirements::parse(&BTreeMap::new(), requirements)
        .map(|parsed| parsed.hold(|property| properties.get(property).map(String::as_str)))
}

/// Whether the selector means this device.
///
/// # Errors
/// Where the selector is empty or a requirement cannot be carried out; the error names it.
pub fn selects(selector: &DeviceSelector, device: &Device) -> Result<bool, SelectorError> {
    Selector::parse(selector).map(|parsed| parsed.selects(device))
}

/// A selector that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    configurations: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    requirements: Requirements,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Where it is empty or a requirement cannot be carried out; the error names it.
    pub fn parse(selector: &DeviceSelector) -> Result<Self, SelectorError> {
        // Exhaustive: a part that is added must say here what it means.
        let DeviceSelector {
            configurations,
            namespaces,
            match_properties,
            match_expressions,
        } = selector;
        if configurations.is_empty()
            && namespaces.is_empty()
            && match_properties.is_empty()
            && match_expressions.is_empty()
        {
            return Err(SelectorError::Empty);
        }
        Ok(Self {
            configurations: configurations.iter().cloned().collect(),
            namespaces: namespaces.iter().cloned().collect(),
            requirements: Requirements::parse(match_properties, match_expressions)?,
        })
    }

    /// Whether it means this device.
    #[must_use]
    pub fn selects(&self, device: &Device) -> bool {
        self.is_of(&device.namespace)
            && self.is_found_by(device.configuration.as_deref())
            && self.requirements.hold(|property| device.property(property))
    }

    /// Whether it means this Instance, which is not a device that can be flashed. Of one that cannot be read only the namespace is
    /// known.
    pub(super) fn means(&self, traits: &Traits) -> bool {
        self.is_of(&traits.namespace)
            && traits.properties.as_ref().is_none_or(|properties| {
                self.is_found_by(traits.configuration.as_deref())
                    && self
                        .requirements
                        .hold(|property| properties.get(property).map(String::as_str))
            })
    }

    fn is_of(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }

    fn is_found_by(&self, configuration: Option<&str>) -> bool {
        let found_by = |name: &str| self.configurations.contains(name);
        self.configurations.is_empty() || configuration.is_some_and(found_by)
    }
}

/// What the properties of a device have to meet, all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requirements(Vec<(String, Rule)>);

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
    VersionIn(Vec<VersionReq>),
}

impl Requirements {
    /// Reads `matchProperties` and `matchExpressions`; none of either holds for every device.
    ///
    /// # Errors
    /// Where one of them cannot be carried out; the error names it.
    pub fn parse(
        match_properties: &BTreeMap<String, String>,
        match_expressions: &[PropertyRequirement],
    ) -> Result<Self, SelectorError> {
        let exact = match_properties
            .iter()
            .map(|(property, value)| PropertyRequirement {
                property: property.clone(),
                operator: PropertyOperator::In,
                values: vec![value.clone()],
            });
        let all = exact.chain(match_expressions.iter().cloned());
        let rules = all.map(|requirement| Ok((requirement.property.clone(), rule(requirement)?)));
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether properties with these values meet all of them.
    #[must_use]
    pub fn hold<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|(property, rule)| {
            let value = value_of(property).filter(|value| !value.trim().is_empty());
            rule.holds(value)
        })
    }
}

impl Rule {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::VersionIn(ranges) => value
                .and_then(version)
                .is_some_and(|version| ranges.iter().any(|range| range.matches(&version))),
        }
    }
}

fn rule(requirement: PropertyRequirement) -> Result<Rule, SelectorError> {
    let PropertyRequirement {
        property,
        operator,
        values,
    } = requirement;
    let word = operator.as_str();
    if property.trim().is_empty() {
        return Err(SelectorError::NoProperty { operator: word });
    }
    let requirement = format!("{} {word}", shown(&property));
    let compares = match operator {
        PropertyOperator::In | PropertyOperator::NotIn | PropertyOperator::VersionIn => true,
        PropertyOperator::Exists | PropertyOperator::DoesNotExist => false,
    };
    if compares && values.is_empty() {
        return Err(SelectorError::NoValues { requirement });
    }
    if !compares && !values.is_empty() {
        return Err(SelectorError::NeedlessValues { requirement });
    }
    if values.iter().any(|value| value.trim().is_empty()) {
        return Err(SelectorError::EmptyValue { requirement });
    }
    Ok(match operator {
        PropertyOperator::In => Rule::In(values.into_iter().collect()),
        PropertyOperator::NotIn => Rule::NotIn(values.into_iter().collect()),
        PropertyOperator::Exists => Rule::Exists,
        PropertyOperator::DoesNotExist => Rule::DoesNotExist,
        PropertyOperator::VersionIn => {
            let ranges = values.iter().map(|text| range(&requirement, text));
            Rule::VersionIn(ranges.collect::<Result<_, _>>()?)
        }
    })
}

fn range(requirement: &str, text: &str) -> Result<VersionReq, SelectorError> {
    let range = VersionReq::parse(text).map_err(|source| SelectorError::NotARange {
        requirement: requirement.to_owned(),
        range: shown(text),
        source,
    })?;
    let bare = text.split(',').map(str::trim).find(|part| {
        part.starts_with(|first: char| first.is_ascii_digit()) && !part.contains(['*', 'x', 'X'])
    });
    bare.map_or(Ok(range), |version| {
        Err(SelectorError::BareVersion {
            requirement: requirement.to_owned(),
            range: shown(text),
            version: shown(version),
        })
    })
}

/// The version that a device reports, read as loosely as devices write it: `1.2` and `v1.2.0` count.
fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let missing = 2_usize.saturating_sub(core.matches('.').count());
    Version::parse(&format!("{core}{}{rest}", ".0".repeat(missing))).ok()
}

fn shown(text: &str) -> String {
    display::line(text, display::NAME).into_owned()
}

#[cfg(test)]
mod tests;
