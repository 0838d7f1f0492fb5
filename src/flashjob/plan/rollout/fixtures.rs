//! Steps and devices that the tests of this room begin with.

use super::members::Members;
use crate::{
    api::{Amount, RolloutStep},
    flashjob::spec::intervals::Intervals,
};

/// Where a selected device stands, as far as steps are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not final.
    Open,
    /// Final and not failed.
    Done,
    /// Failed for good.
    Failed,
}

/// Devices that stand like this, in order, all of them selected.
#[must_use]
pub fn members(fates: &[Fate]) -> Members {
    let those = |wanted: fn(Fate) -> bool| -> Intervals {
        let places = fates.iter().enumerate();
        let places = places.filter(|(_, fate)| wanted(**fate));
        places.map(|(place, _)| place).collect()
    };
    let done = those(|fate| fate != Fate::Open);
    Members {
        indexes: Intervals::below(fates.len()),
        failed: those(|fate| fate == Fate::Failed),
        begun: done.clone(),
        done,
    }
}

/// Steps of these sizes, such as `5` or `10%`, with nothing else set.
#[must_use]
pub fn steps(sizes: &[&str]) -> Vec<RolloutStep> {
    let step = |size: &&str| RolloutStep {
        name: None,
        devices: size
            .parse()
            .map_or_else(|_| Amount::Percent((*size).into()), Amount::Count),
        repeat: None,
        soak_seconds: None,
        require_approval: None,
        max_failed_devices: None,
    };
    sizes.iter().map(step).collect()
}

/// The same, the last of which repeats.
#[must_use]
pub fn repeating(sizes: &[&str]) -> Vec<RolloutStep> {
    let mut steps = steps(sizes);
    if let Some(last) = steps.last_mut() {
        last.repeat = Some(true);
    }
    steps
}
