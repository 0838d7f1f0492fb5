//! The stored step of a rollout: its number within its round, and what it is doing. Pure.

use crate::api::StepStatus;

/// What a step is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its devices are flashed.
    Running,
    /// They are final; it is watched.
    Soaking,
    /// It waits for somebody to approve it.
    AwaitingApproval,
}

impl State {
    /// The word as the API shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Soaking => "Soaking",
            Self::AwaitingApproval => "AwaitingApproval",
        }
    }

    /// The stored word; anything else runs.
    #[must_use]
    pub fn of(stored: &StepStatus) -> Self {
        [Self::Soaking, Self::AwaitingApproval]
            .into_iter()
            .find(|state| state.as_str() == stored.state)
            .unwrap_or(Self::Running)
    }
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
