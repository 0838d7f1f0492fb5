//! Steps that the tests of this room begin with.

use crate::api::{Amount, RolloutStep};

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
