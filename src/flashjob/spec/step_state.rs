//! The stored step of a rollout: its number within its round, and what it is doing. Pure.

use crate::api::{StepState, StepStatus};

/// What the stored step is doing. An unknown word counts as running.
#[must_use]
pub fn state_of(stored: &StepStatus) -> StepState {
    stored.state.known().unwrap_or(StepState::Running)
}

/// Number of the stored step within its round.
#[must_use]
pub fn number_of(stored: &StepStatus) -> usize {
    parse_id(&stored.id).map_or(1, |(_, step)| step)
}

/// `ROUND.STEP`.
#[must_use]
pub fn parse_id(text: &str) -> Option<(i64, usize)> {
    let (round, step) = text.split_once('.')?;
    let step: usize = step.parse().ok().filter(|step| *step > 0)?;
    Some((round.parse().ok()?, step))
}
