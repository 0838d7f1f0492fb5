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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_first("1.1", Some((1, 1)), 1)]
    #[case::a_later_one("3.12", Some((3, 12)), 12)]
    #[case::step_zero("1.0", None, 1)]
    #[case::no_step("1", None, 1)]
    #[case::no_number("1.a", None, 1)]
    fn steps_are_numbered_from_one(
        #[case] id: &str,
        #[case] parsed: Option<(i64, usize)>,
        #[case] number: usize,
    ) {
        assert_eq!(parse_id(id), parsed);
        let stored = StepStatus {
            id: id.into(),
            ..StepStatus::default()
        };
        assert_eq!(number_of(&stored), number);
    }
}
