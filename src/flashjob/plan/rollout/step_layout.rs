//! The steps of a job laid over its selected devices: which places each step has, and how the devices there stand. Pure;
//! called by `steps` and `pace`.
//!
//! Devices are counted by their place among those that are selected now, so percentages and places follow the selection.

use crate::api::{Amount, RequireFor, RolloutStep};
use crate::flashclass::ClassSteps;
use crate::flashjob::spec::int_or_percent;

/// What the step is called that a class puts before the first device.
const START: &str = "start";

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

/// How the selected devices stand, in order, so that any first part of them can be counted at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Devices before each place that are final.
    done: Vec<usize>,
    /// Devices before each place that failed.
    failed: Vec<usize>,
}

impl Course {
    /// Counts them.
    #[must_use]
    pub fn new(fates: impl IntoIterator<Item = Fate>) -> Self {
        let (mut done, mut failed) = (vec![0], vec![0]);
        for (place, fate) in fates.into_iter().enumerate() {
            done.push(done[place] + usize::from(fate != Fate::Open));
            failed.push(failed[place] + usize::from(fate == Fate::Failed));
        }
        Self { done, failed }
    }

    /// Number of selected devices.
    #[must_use]
    pub fn selected(&self) -> usize {
        self.done.len() - 1
    }

    /// Final devices among the first `end`.
    #[must_use]
    pub fn done(&self, end: usize) -> usize {
        self.done[end.min(self.selected())]
    }

    /// Failed devices among those from place `from` to before `end`.
    #[must_use]
    pub fn failed(&self, from: usize, end: usize) -> usize {
        let last = self.selected();
        self.failed[end.min(last)].saturating_sub(self.failed[from.min(last)])
    }
}

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
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::flashjob::plan::rollout::fixtures::{repeating, steps};

    fn bounded(max_first: Option<usize>) -> ClassSteps {
        ClassSteps {
            max_first,
            ..ClassSteps::default()
        }
    }

    #[rstest]
    #[case::no_steps(RequireFor::FirstStep, &[], None, &[0], &[true, false])]
    #[case::no_steps_under_every_step(RequireFor::EveryStep, &[], None, &[0], &[true, false])]
    #[case::the_first_step_alone(RequireFor::FirstStep, &["1", "4"], None, &[0, 1, 4], &[true, false, false])]
    #[case::every_step(RequireFor::EveryStep, &["1", "4"], None, &[0, 1, 4], &[true, true, true])]
    #[case::one_step_over_all(RequireFor::FirstStep, &["100%"], None, &[0, 10], &[true, false])]
    #[case::the_class_gives_a_first_step(RequireFor::EveryStep, &[], Some(2), &[0, 2], &[true, true, false])]
    #[case::the_class_caps_the_first_step_of_the_job(RequireFor::FirstStep, &["5"], Some(2), &[0, 2], &[true, false])]
    #[case::none(RequireFor::None, &["1"], None, &[1], &[false, false])]
    fn where_a_class_has_steps_approved_one_without_devices_comes_first(
        #[case] require_for: RequireFor,
        #[case] sizes: &[&str],
        #[case] max_first: Option<usize>,
        #[case] ends: &[usize],
        #[case] asks: &[bool],
    ) {
        let class = ClassSteps {
            max_first,
            require_for,
        };
        let ladder = Ladder::new(&steps(sizes), 10, class);
        assert_eq!(ladder.ends, ends);
        let asked: Vec<bool> = (1..=asks.len())
            .map(|number| ladder.asks_approval(number))
            .collect();
        assert_eq!(asked, asks);
        assert_eq!(ladder.given(99).len(), sizes.len(), "the job's own alone");
        assert_eq!(ladder.given(ladder.lead()).len(), 0);
        assert_eq!(ladder.own(1), 0..ladder.end(1));
    }

    #[test]
    fn each_repetition_of_a_step_is_approved_under_every_step() {
        let class = ClassSteps {
            require_for: RequireFor::EveryStep,
            ..ClassSteps::default()
        };
        let ladder = Ladder::new(&repeating(&["5"]), 12, class);
        assert_eq!(ladder.ends, [0, 5, 10, 12]);
        assert!((1..=4).all(|number| ladder.asks_approval(number)));
        let part = |number| ladder.repetition(number).map(|part| (part.number, part.of));
        assert_eq!([1, 2, 4].map(part), [None, Some((1, 3)), Some((3, 3))]);
    }

    #[rstest]
    #[case::a_count_and_percentages(&["1", "10%", "50%", "100%"], 500, None, &[1, 50, 250, 500], 4)]
    #[case::percentages_round_up(&["1", "10%"], 33, None, &[1, 4], 3)]
    #[case::no_more_than_there_are(&["2", "50"], 20, None, &[2, 20], 2)]
    #[case::a_step_that_does_not_grow_is_empty(&["3", "10%"], 10, None, &[3, 3], 3)]
    #[case::the_class_caps_the_first_step_alone(&["10", "50%"], 100, Some(4), &[4, 50], 3)]
    #[case::the_class_gives_a_first_step(&[], 100, Some(4), &[4], 2)]
    #[case::the_class_allows_all(&[], 3, Some(4), &[3], 1)]
    #[case::no_steps(&[], 100, None, &[], 1)]
    fn steps_end_at(
        #[case] sizes: &[&str],
        #[case] selected: usize,
        #[case] max_first: Option<usize>,
        #[case] ends: &[usize],
        #[case] of: usize,
    ) {
        let ladder = Ladder::new(&steps(sizes), selected, bounded(max_first));
        assert_eq!(ladder.ends, ends);
        assert_eq!(ladder.of(), of);
    }

    #[rstest]
    #[case::fives_to_the_end(&["5"], 12, None, &[5, 10, 12])]
    #[case::fives_that_end_with_the_devices(&["5"], 10, None, &[5, 10])]
    #[case::after_a_canary(&["1", "5"], 12, None, &[1, 6, 11, 12])]
    #[case::as_many_as_the_step_before(&["5", "5"], 12, None, &[5, 10, 12])]
    #[case::a_share_of_all_rounded_up(&["10%"], 25, None, &[3, 6, 9, 12, 15, 18, 21, 24, 25])]
    #[case::everything_at_once(&["100%"], 7, None, &[7])]
    #[case::fewer_than_one_repetition(&["1", "5"], 3, None, &[1, 3])]
    #[case::nothing_is_left_for_it(&["100%", "5"], 7, None, &[7, 7])]
    #[case::no_devices(&["5"], 0, None, &[0])]
    #[case::the_class_bounds_the_first_repetition_alone(&["5"], 12, Some(2), &[2, 7, 12])]
    fn a_last_step_that_repeats_goes_on_to_the_end(
        #[case] sizes: &[&str],
        #[case] selected: usize,
        #[case] max_first: Option<usize>,
        #[case] ends: &[usize],
    ) {
        let ladder = Ladder::new(&repeating(sizes), selected, bounded(max_first));
        assert_eq!(ladder.ends, ends);
        assert_eq!(ladder.of(), ends.len(), "no rest follows");
        assert_eq!(ladder.given(99).len(), sizes.len());
    }

    #[test]
    fn a_repetition_is_numbered_from_the_step_s_first() {
        let ladder = Ladder::new(&repeating(&["1", "5"]), 12, bounded(None));
        let of = |number| {
            let found = ladder.repetition(number);
            found.map(|repetition| (repetition.number, repetition.of))
        };
        assert_eq!(
            [1, 2, 3, 4].map(of),
            [None, Some((1, 3)), Some((2, 3)), Some((3, 3))]
        );
        assert_eq!(of(6), Some((5, 5)), "devices were taken away meanwhile");
        assert_eq!(
            Ladder::new(&steps(&["1"]), 12, bounded(None)).repetition(2),
            None
        );
    }

    proptest! {
        /// Every device is in exactly one step or repetition, in the order of the selection, and no repetition is larger
        /// than its size.
        #[test]
        fn every_device_is_in_one_repetition(
            first in proptest::option::of(1_usize..9),
            size in 1_usize..9,
            percent in proptest::bool::ANY,
            selected in 0_usize..200,
        ) {
            let size = if percent { format!("{size}%") } else { size.to_string() };
            let sizes: Vec<String> = first.map(|first| first.to_string()).into_iter().chain([size]).collect();
            let sizes: Vec<&str> = sizes.iter().map(String::as_str).collect();
            let list = repeating(&sizes);
            let ladder = Ladder::new(&list, selected, bounded(None));
            let most = int_or_percent::at_least_one(&list[sizes.len() - 1].devices, selected).unwrap();
            let places: Vec<usize> = (1..=ladder.of()).flat_map(|number| ladder.own(number)).collect();
            prop_assert_eq!(places, (0..selected).collect::<Vec<_>>());
            for number in sizes.len()..=ladder.of() {
                prop_assert!(ladder.own(number).len() <= most);
                prop_assert_eq!(ladder.repetition(number).map(|part| part.number), Some(number + 1 - sizes.len()));
            }
        }
    }

    #[test]
    fn own_devices_are_those_that_the_steps_before_leave() {
        let ladder = Ladder::new(&steps(&["1", "10%", "50%"]), 100, bounded(None));
        let own: Vec<_> = (1..=4).map(|number| ladder.own(number)).collect();
        assert_eq!(own, [0..1, 1..10, 10..50, 50..100]);
        assert_eq!(ladder.end(4), 100, "the rest follows");
    }

    #[test]
    fn the_step_that_the_class_gives_is_none_of_the_job_s() {
        assert!(Ladder::new(&[], 100, bounded(Some(4))).given(1).is_empty());
        assert_eq!(
            Ladder::new(&steps(&["1", "2"]), 100, bounded(Some(4)))
                .given(9)
                .len(),
            2
        );
    }

    #[test]
    fn any_first_part_of_the_devices_is_counted() {
        let course = Course::new([Fate::Done, Fate::Open, Fate::Failed, Fate::Failed]);
        assert_eq!(course.selected(), 4);
        assert_eq!(
            (0..6).map(|end| course.done(end)).collect::<Vec<_>>(),
            [0, 1, 1, 2, 3, 3]
        );
        assert_eq!(
            (
                course.failed(0, 3),
                course.failed(3, 9),
                course.failed(4, 2)
            ),
            (1, 1, 0)
        );
    }
}
