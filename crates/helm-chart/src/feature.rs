//! What a chart can do that reaches beyond its own text, and which of it an administrator allows. Pure.
//!
//! All of it is refused when a chart is loaded, whatever the engine: what the guard read would not be what is applied, or a
//! chart would read what the operator may read. Called by `template`, the settings and the engines.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// Something that a chart may do only where it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Templates that read the cluster or ask the network: `lookup`, `getHostByName`. They read with the operator's rights.
    Lookup,
    /// Objects that helm runs at a point of a release's life and does not keep in it.
    Hooks,
    /// Charts within the chart.
    Subcharts,
    /// Custom resource definitions in `crds/`. They are never installed.
    Crds,
    /// Functions whose result is different each time, or depends on the clock: the guard reads another result than is applied.
    Random,
    /// `tpl` in a chart that only helm can render: what text it runs is not known before.
    Tpl,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Lookup,
        Self::Hooks,
        Self::Subcharts,
        Self::Crds,
        Self::Random,
        Self::Tpl,
    ];

    /// Its name: `lookup`, `hooks`, …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Hooks => "hooks",
            Self::Subcharts => "subcharts",
            Self::Crds => "crds",
            Self::Random => "random",
            Self::Tpl => "tpl",
        }
    }

    /// What it is, in a sentence.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Lookup => {
                "Templates that read the cluster or ask the network: `lookup`, `getHostByName`. They read with the operator's rights"
            }
            Self::Hooks => {
                "Objects that helm runs at a point of a release's life and does not keep in it"
            }
            Self::Subcharts => "Charts within the chart",
            Self::Crds => "Custom resource definitions in `crds/`. They are never installed",
            Self::Random => {
                "Functions whose result is different each time, or depends on the clock: the guard reads another result than is applied"
            }
            Self::Tpl => {
                "`tpl` in a chart that only helm can render: what text it runs is not known before"
            }
        }
    }
}

/// Which features charts may use: none, unless an administrator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(BTreeSet<Feature>);

impl Features {
    /// Whether charts may use it.
    #[must_use]
    pub fn allow(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names, in the order of [`Feature::ALL`].
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|feature| feature.name().to_owned())
            .collect()
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<T: IntoIterator<Item = Feature>>(features: T) -> Self {
        Self(features.into_iter().collect())
    }
}

impl fmt::Display for Features {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(","))
    }
}

/// Not the name of a feature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a feature of charts: expected one of lookup, hooks, subcharts, crds, random, tpl"
)]
pub struct UnknownFeature(String);

impl FromStr for Feature {
    type Err = UnknownFeature;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|feature| feature.name() == name);
        found.ok_or_else(|| UnknownFeature(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_known_by_its_name_and_an_unknown_name_is_refused_with_the_known_ones() {
        for feature in Feature::ALL {
            assert_eq!(feature.name().parse(), Ok(feature));
        }
        let refused = "crd".parse::<Feature>().unwrap_err().to_string();
        for feature in Feature::ALL {
            assert!(refused.contains(feature.name()), "{refused}");
        }
    }
}
