//! The steps of a job laid over its selected devices: which places each step has. Pure; called by `steps` and `pace`.
//!
//! Devices are counted by their place among those that are selected now, so percentages and places follow the selection.

use crate::api::{Amount, RequireFor, RolloutStep};
use crate::flashclass::ClassSteps;
use crate::flashjob::spec::int_or_percent;

/// What the step is called that a class puts before the first device.
const START: &str = "start";

/// The steps of a job, as its class lets them be, over so many devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    steps: Vec<RolloutStep>,
    /// Steps that the class puts before those of the job: one without devices, where the first has to be approved.
    lead: usize,
    /// Steps that the job itself gives.
    given: usize,
    /// Steps that begin only once the one before is approved, whatever the job says.
    require_for: RequireFor,
    /// Place after the last device of each step, and of each repetition.
    ends: Vec<usize>,
    selected: usize,
}

/// Which repetition of how many a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// Its number, from 1.
    pub number: usize,
    /// How many there are, with the devices that are selected now.
    pub of: usize,
}

impl Ladder {
    /// Lays the steps over the selected devices. The class may bound the first step; a job without steps then begins with as
    /// many. Where the class has the first step approved, one without devices comes before it. A step that reaches no further than
    /// the one before has no devices of its own. A last step that repeats goes on by its size to the end.
    #[must_use]
    pub fn new(steps: &[RolloutStep], selected: usize, class: ClassSteps) -> Self {
        let ClassSteps {
            max_first,
            require_for,
        } = class;
        let given = steps.len();
        let first = max_first.filter(|_| steps.is_empty()).map(first_of);
        let steps: Vec<_> = steps.iter().cloned().chain(first).collect();
        let start = (require_for != RequireFor::None).then(start);
        let lead = usize::from(start.is_some());
        let mut ends = vec![0; lead];
        let mut end = 0_usize;
        for (index, step) in steps.iter().enumerate() {
            // What cannot be read was refused before; here it lets nothing through.
            let size = int_or_percent::at_least_one(&step.devices, selected).unwrap_or(0);
            let from = if step.repeats() { end } else { 0 };
            let mut reaches = from.saturating_add(size);
            if index == 0 {
                reaches = reaches.min(max_first.unwrap_or(usize::MAX));
            }
            end = reaches.max(end).min(selected);
            ends.push(end);
            while step.repeats() && size > 0 && end < selected {
                end = end.saturating_add(size).min(selected);
                ends.push(end);
            }
        }
        Self {
            steps: start.into_iter().chain(steps).collect(),
            lead,
            given,
            require_for,
            ends,
            selected,
        }
    }

    /// Number of steps and repetitions, the rest not included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Steps that the class puts before those of the job.
    #[must_use]
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// The steps up to this number that the job itself gives.
    #[must_use]
    pub fn given(&self, number: usize) -> &[RolloutStep] {
        let own = number.saturating_sub(self.lead).min(self.given);
        &self.steps[self.lead..self.lead + own]
    }

    /// Whether somebody has to approve the step with this number before the next one begins: because the job asks for it, or the class.
    #[must_use]
    pub fn asks_approval(&self, number: usize) -> bool {
        let asks = |step: &RolloutStep| {
            self.require_for == RequireFor::EveryStep || step.require_approval == Some(true)
        };
        self.step(number).is_some_and(asks)
    }

    /// The step with this number, from 1; none for the rest. A step that repeats has every number from its own on.
    #[must_use]
    pub fn step(&self, number: usize) -> Option<&RolloutStep> {
        let step = self.steps.get(number.checked_sub(1)?);
        step.or(self.steps.last().filter(|last| last.repeats()))
    }

    /// Which repetition the step with this number is, where it is one.
    #[must_use]
    pub fn repetition(&self, number: usize) -> Option<Repetition> {
        self.step(number).filter(|step| step.repeats())?;
        let before = self.steps.len() - 1;
        let number = number.checked_sub(before)?;
        let of = self.len().saturating_sub(before).max(number);
        Some(Repetition { number, of })
    }

    /// Places of the step's own devices; those of the rest go to the end.
    #[must_use]
    pub fn own(&self, number: usize) -> std::ops::Range<usize> {
        let from = number
            .checked_sub(2)
            .and_then(|before| self.ends.get(before))
            .or(self.ends.last().filter(|_| number > 1));
        from.copied().unwrap_or(0)..self.end(number)
    }

    /// Place after the last device of the step with this number, and of all before it.
    #[must_use]
    pub fn end(&self, number: usize) -> usize {
        let end = number.checked_sub(1).map(|index| self.ends.get(index));
        match end {
            None => 0,
            Some(end) => end.copied().unwrap_or(self.selected),
        }
    }

    /// Number of steps, the rest after the last one included where there is one.
    #[must_use]
    pub fn of(&self) -> usize {
        self.len() + usize::from(self.end(self.len()) < self.selected)
    }
}

fn first_of(devices: usize) -> RolloutStep {
    step_of(devices, None, None)
}

/// The step whose approval lets the first device begin.
fn start() -> RolloutStep {
    step_of(0, Some(START.to_owned()), Some(true))
}

fn step_of(devices: usize, name: Option<String>, require_approval: Option<bool>) -> RolloutStep {
    RolloutStep {
        name,
        devices: Amount::Count(i64::try_from(devices).unwrap_or(i64::MAX)),
        repeat: None,
        soak_seconds: None,
        require_approval,
        max_failed_devices: None,
    }
}

#[cfg(test)]
#[path = "step_layout_tests.rs"]
mod tests;
