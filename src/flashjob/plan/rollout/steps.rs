//! When the next step of a rollout begins. Pure; called by `pace`.
//!
//! The step that was reached stands in the status and never goes back within a round. A step ends when all its devices are
//! final; then it is watched for its soak; then somebody approves it, where that is asked for; then the next one begins.

use crate::flashjob::spec::step_state::parse_id;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{StepApproval, StepState, StepStatus};
use crate::display;
use crate::flashjob::{
    plan::rollout::{approvals::Approvals, members::Members, step_layout::Ladder},
    spec::{
        step_state::{number_of, state_of},
        steps::remembered,
    },
};

/// A step for messages: `1.2`, `1.2 (tenth)`, or `1.3 (batch 2 of 3)`.
#[must_use]
pub fn title(step: &StepStatus) -> String {
    let part = step.repetition.zip(step.repetitions);
    let part = part.map(|(number, of)| format!("{number} of {of}"));
    let words: Vec<&str> = [step.name.as_deref(), part.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    if words.is_empty() {
        return step.id.clone();
    }
    format!("{} ({})", step.id, words.join(" "))
}

/// A step among all: `1.2 (tenth) of 4`. The number of repetitions says it already where the step repeats.
#[must_use]
pub fn place_of(step: &StepStatus) -> String {
    match step.repetition {
        Some(_) => title(step),
        None => format!("{} of {}", title(step), step.of),
    }
}

/// Who approved which step of the round, and why; none where nobody is known.
#[must_use]
pub fn approvers(step: &StepStatus) -> Option<String> {
    let named = |person: &StepApproval| {
        let by = display::prose(&person.by, display::NAME);
        let step = &person.step;
        let why = person.reason.as_deref();
        match why.map(|why| display::prose(why, display::NAME)) {
            Some(why) => format!("{step} by {by} ({why})"),
            None => format!("{step} by {by}"),
        }
    };
    let people: Vec<String> = step.approvals.iter().map(named).collect();
    (!people.is_empty()).then(|| people.join(", "))
}

/// What decides how far the steps go now.
#[derive(Clone, Copy, Debug)]
pub struct Advance<'a> {
    /// The steps.
    pub ladder: &'a Ladder,
    /// The devices.
    pub members: &'a Members,
    /// Number of the round.
    pub round: i64,
    /// What is approved.
    pub approvals: &'a Approvals,
    /// The job was stopped: what is counted goes on, no step ends.
    pub stopped: bool,
    /// The current time.
    pub now: Timestamp,
}

/// The step that the round has reached now. None where there are no steps.
#[must_use]
pub fn advance(stored: Option<&StepStatus>, by: &Advance<'_>) -> Option<StepStatus> {
    if by.ladder.is_empty() {
        return None;
    }
    let stored =
        stored.filter(|stored| parse_id(&stored.id).is_some_and(|(round, _)| round == by.round));
    let mut place = Place::of(stored, by.now);
    place.approved = place.approved.max(by.approvals.through);
    while !by.stopped && place.ends(by) {
        place = Place {
            number: place.number + 1,
            ..Place::begun(place.approved, by.now)
        };
    }
    Some(place.status(by))
}

struct Place {
    number: usize,
    state: StepState,
    since: Timestamp,
    ends_at: Option<Timestamp>,
    approved: usize,
}

impl Place {
    fn of(stored: Option<&StepStatus>, now: Timestamp) -> Self {
        let Some(stored) = stored else {
            return Self::begun(0, now);
        };
        let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
        let approved = stored.approved_through.unwrap_or(0);
        Self {
            number: number_of(stored),
            state: state_of(stored),
            since: time(&stored.since).unwrap_or(now),
            ends_at: time(&stored.ends_at),
            approved: usize::try_from(approved).unwrap_or(0),
        }
    }

    const fn begun(approved: usize, now: Timestamp) -> Self {
        Self {
            number: 1,
            state: StepState::Running,
            since: now,
            ends_at: None,
            approved,
        }
    }

    fn turn(&mut self, state: StepState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    /// Goes on as far as this step lets it; whether the next step begins.
    fn ends(&mut self, by: &Advance<'_>) -> bool {
        let Some(step) = by.ladder.step(self.number) else {
            self.turn(StepState::Running, by.now);
            return false;
        };
        let own = by.ladder.own(self.number);
        let nothing_follows = by.members.done.len() == by.members.selected();
        if by.members.done(own.end) < own.end || nothing_follows {
            self.turn(StepState::Running, by.now);
            self.ends_at = None;
            return false;
        }
        if self.state == StepState::Running {
            // A step without devices of its own has nothing to be watched.
            let soak = step.soak_seconds.filter(|_| !own.is_empty()).unwrap_or(0);
            self.turn(StepState::Soaking, by.now);
            let until = by.now.checked_add(SignedDuration::from_secs(soak));
            self.ends_at = Some(until.unwrap_or(Timestamp::MAX));
        }
        if self.state == StepState::Soaking && self.ends_at.is_some_and(|at| by.now < at) {
            return false;
        }
        if by.ladder.asks_approval(self.number) && self.approved < self.number {
            self.turn(StepState::AwaitingApproval, by.now);
            self.ends_at = None;
            return false;
        }
        true
    }

    fn status(&self, by: &Advance<'_>) -> StepStatus {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let end = by.ladder.end(self.number);
        let step = by.ladder.step(self.number);
        let repetition = by.ladder.repetition(self.number);
        StepStatus {
            id: format!("{}.{}", by.round, self.number),
            name: step.and_then(|step| step.name.clone()),
            of: count(by.ladder.of().max(self.number)),
            repetition: repetition.map(|repetition| count(repetition.number)),
            repetitions: repetition.map(|repetition| count(repetition.of)),
            devices: count(end),
            done: count(by.members.done(end)),
            failed: count(by.members.failed(&(0..end))),
            state: self.state.into(),
            since: Some(Time(self.since)),
            ends_at: self
                .ends_at
                .filter(|_| self.state == StepState::Soaking)
                .map(Time),
            approved_through: Some(count(self.approved)).filter(|approved| *approved > 0),
            approvals: by.approvals.people.clone(),
            reached: by
                .ladder
                .given(self.number)
                .iter()
                .map(remembered)
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
