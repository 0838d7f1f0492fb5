//! What the spec's steps have to be, before anything starts and once they were reached. Pure; called by `pace` and `job`.

use crate::api::rule::{REPEAT_LAST, STEPS_GROW, TIMES_ORDER};
use crate::api::{FlashJobSpec, RolloutStep, StepState, StepStatus};
use crate::flashjob::spec::{
    int_or_percent::{self, Share},
    step_state::number_of,
    windows,
};

/// Why steps cannot be carried out; the text names the field.
pub type StepsError = String;

/// What today's rules refuse in the order and pace of a spec, whatever it selects.
#[must_use]
pub fn invalid(spec: &FlashJobSpec) -> Option<String> {
    if let Err(message) = check(&spec.steps) {
        return Some(message);
    }
    if let (Some(from), Some(until)) = (&spec.not_before, &spec.not_after)
        && until.0 <= from.0
    {
        return Some(format!("spec.notAfter: {} {TIMES_ORDER}", until.0));
    }
    if let Err(message) = windows::check(&spec.windows) {
        return Some(format!("spec.windows{message}"));
    }
    let limit = spec.max_failed_devices.as_ref()?;
    let error = int_or_percent::rounded_down(limit, 1).err()?;
    Some(format!("spec.maxFailedDevices: {error}"))
}

/// Checks the steps as far as the spec alone tells: amounts can be read, counts and percentages each grow, and only the last
/// step repeats.
///
/// # Errors
/// The first step that cannot be carried out.
pub fn check(steps: &[RolloutStep]) -> Result<(), StepsError> {
    let (mut count, mut percent) = (None, None);
    for (index, step) in steps.iter().enumerate() {
        let wrong = |text| format!("spec.steps[{index}].devices: {text}");
        int_or_percent::at_least_one(&step.devices, 1).map_err(wrong)?;
        if step.repeats() && index + 1 < steps.len() {
            return Err(format!("spec.steps[{index}].repeat: {REPEAT_LAST}"));
        }
        let (size, before) = match int_or_percent::share(&step.devices).map_err(wrong)? {
            Share::Count(size) => (size, count.replace((index, size))),
            Share::Percent(size) => (size, percent.replace((index, size))),
        };
        let before = before.filter(|(_, before)| *before >= size && !step.repeats());
        if let Some((earlier, _)) = before {
            let text = int_or_percent::text(&steps[earlier].devices);
            return Err(wrong(grow(
                &int_or_percent::text(&step.devices),
                &format!("{text} of spec.steps[{earlier}]"),
            )));
        }
        if let Some(limit) = &step.max_failed_devices {
            int_or_percent::rounded_down(limit, 1)
                .map_err(|text| format!("spec.steps[{index}].maxFailedDevices: {text}"))?;
        }
    }
    Ok(())
}

/// Checks that every step has devices of its own in a selection of this size: before anything starts. A step that repeats has
/// those that are left.
///
/// # Errors
/// The first step that does not grow.
pub fn check_growth(steps: &[RolloutStep], selected: usize) -> Result<(), StepsError> {
    let mut before = 0;
    for (index, step) in steps.iter().enumerate() {
        let wrong = |text| format!("spec.steps[{index}].devices: {text}");
        let size = int_or_percent::at_least_one(&step.devices, selected).map_err(wrong)?;
        if size <= before && !step.repeats() {
            let here = format!(
                "{} of {selected} selected devices, which is {size},",
                int_or_percent::text(&step.devices)
            );
            return Err(wrong(grow(
                &here,
                &format!("the {before} of the step before"),
            )));
        }
        before = size;
    }
    Ok(())
}

fn grow(here: &str, before: &str) -> String {
    format!("{here} does not go beyond {before}; {STEPS_GROW}")
}

/// What of a step decides, as it is remembered once the step was reached. Its name does not.
#[must_use]
pub fn remembered(step: &RolloutStep) -> String {
    let limit = step.max_failed_devices.as_ref();
    format!(
        "devices={}{} soakSeconds={} requireApproval={} maxFailedDevices={}",
        int_or_percent::text(&step.devices),
        // Nothing where it does not: so it was remembered before steps could repeat.
        if step.repeats() { " repeat=true" } else { "" },
        step.soak_seconds.unwrap_or(0),
        step.require_approval.unwrap_or(false),
        limit.map_or_else(|| "0".to_owned(), int_or_percent::text),
    )
}

/// Whether the steps that were reached are still as they were. The step in progress may be edited until a device of it has
/// `started`. Before the steps of the job, its class may have put a `lead`.
///
/// # Errors
/// Which step was edited, and what it was.
pub fn check_edits(
    steps: &[RolloutStep],
    stored: Option<&StepStatus>,
    lead: usize,
    started: bool,
) -> Result<(), StepsError> {
    let Some(stored) = stored else { return Ok(()) };
    let fixed = if started || stored.state != StepState::Running {
        stored.reached.len()
    } else {
        let before = number_of(stored).saturating_sub(lead + 1);
        stored.reached.len().min(before)
    };
    for (index, was) in stored.reached.iter().take(fixed).enumerate() {
        if steps.get(index).map(remembered).as_ref() != Some(was) {
            return Err(format!(
                "spec.steps[{index}] was edited after it had been reached: put it back ({was}), or open a new round"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{api::Amount, flashjob::plan::rollout::fixtures::steps};

    #[rstest]
    #[case::in_order("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", None)]
    #[case::at_once("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", Some(()))]
    #[case::turned_round("2026-12-02T00:00:00Z", "2026-12-01T00:00:00Z", Some(()))]
    fn times_between_which_nothing_can_start_are_invalid(
        #[case] from: &str,
        #[case] until: &str,
        #[case] refused: Option<()>,
    ) {
        let spec = serde_json::json!({"firmware": "f", "version": "1", "notBefore": from, "notAfter": until});
        let found = invalid(&serde_json::from_value(spec).expect("a spec"));
        let expected = refused.map(|()| {
            format!(
                "spec.notAfter: {until} must be after spec.notBefore: no device could ever start"
            )
        });
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::counts_and_percentages(&["1", "10%", "50%", "100%"], None)]
    #[case::a_count_after_a_percentage(&["1", "10%", "60", "80%"], None)]
    #[case::equal_counts(&["2", "2"], Some("spec.steps[1].devices"))]
    #[case::a_smaller_percentage(&["1", "50%", "10%"], Some("spec.steps[2].devices"))]
    #[case::a_smaller_count_behind_a_percentage(&["5", "50%", "4"], Some("spec.steps[2].devices"))]
    #[case::no_device(&["0"], Some("spec.steps[0].devices"))]
    #[case::no_percentage(&["1", "0%"], Some("spec.steps[1].devices"))]
    fn the_spec_alone_tells(#[case] sizes: &[&str], #[case] field: Option<&str>) {
        let error = check(&steps(sizes)).err();
        assert_eq!(error.is_some(), field.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.starts_with(field.unwrap())));
    }

    #[rstest]
    #[case::smaller_than_the_step_before(&["9", "5"], 1, None)]
    #[case::as_large(&["5", "5"], 1, None)]
    #[case::not_the_last(&["5", "9"], 0, Some("spec.steps[0].repeat: only the last step may repeat"))]
    fn the_last_step_alone_may_repeat_and_its_size_is_its_own(
        #[case] sizes: &[&str],
        #[case] repeats: usize,
        #[case] says: Option<&str>,
    ) {
        let mut list = steps(sizes);
        list[repeats].repeat = Some(true);
        let error = check(&list).err();
        assert_eq!(error.is_some(), says.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.starts_with(says.unwrap())));
        if says.is_none() {
            assert_eq!(check_growth(&list, 20), Ok(()));
        }
    }

    #[test]
    fn whether_a_step_repeats_cannot_be_edited_once_it_began() {
        let mut list = steps(&["1", "5"]);
        let stored = at(2, StepState::Running, &["1", "5"]);
        list[1].repeat = Some(false);
        assert_eq!(check_edits(&list, Some(&stored), 0, true), Ok(()));
        list[1].repeat = Some(true);
        let error = check_edits(&list, Some(&stored), 0, true).unwrap_err();
        assert!(error.starts_with("spec.steps[1] was edited"), "{error}");
    }

    #[test]
    fn a_limit_of_failures_has_to_be_readable() {
        let mut list = steps(&["1"]);
        list[0].max_failed_devices = Some(Amount::Percent("lots".into()));
        let error = check(&list).unwrap_err();
        assert!(
            error.starts_with("spec.steps[0].maxFailedDevices: \"lots\""),
            "{error}"
        );
    }

    #[rstest]
    #[case::all_grow(&["1", "10%", "50%", "100%"], 500, None)]
    #[case::more_than_there_are(&["1", "50"], 20, None)]
    #[case::a_percentage_of_few(&["1", "10%"], 10, Some("spec.steps[1].devices: 10% of 10 selected devices, which is 1,"))]
    #[case::percentages_that_round_to_the_same(&["1%", "2%"], 40, Some("spec.steps[1].devices"))]
    #[case::a_count_behind_a_percentage(&["50%", "4"], 100, Some("spec.steps[1].devices"))]
    fn every_step_has_to_grow_before_anything_starts(
        #[case] sizes: &[&str],
        #[case] selected: usize,
        #[case] says: Option<&str>,
    ) {
        let error = check_growth(&steps(sizes), selected).err();
        assert_eq!(error.is_some(), says.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.starts_with(says.unwrap())));
    }

    fn at(number: usize, state: StepState, sizes: &[&str]) -> StepStatus {
        StepStatus {
            id: format!("3.{number}"),
            state: state.as_str().into(),
            reached: steps(sizes).iter().take(number).map(remembered).collect(),
            ..StepStatus::default()
        }
    }

    #[rstest]
    #[case::as_they_were(&["1", "5", "9"], StepState::Running, true, None)]
    #[case::a_step_to_come(&["1", "5", "50%"], StepState::Running, true, None)]
    #[case::a_step_to_come_is_removed(&["1", "5"], StepState::Running, true, None)]
    #[case::a_step_is_added(&["1", "5", "9", "20"], StepState::Running, true, None)]
    #[case::a_step_that_is_over(&["2", "5", "9"], StepState::Running, false, Some("spec.steps[0]"))]
    #[case::the_step_in_progress(&["1", "6", "9"], StepState::Running, true, Some("spec.steps[1]"))]
    #[case::the_step_in_progress_before_its_first_device(&["1", "6", "9"], StepState::Running, false, None)]
    #[case::the_step_that_is_watched(&["1", "6", "9"], StepState::Soaking, false, Some("spec.steps[1]"))]
    #[case::the_step_that_waits_for_approval(&["1", "6", "9"], StepState::AwaitingApproval, false, Some("spec.steps[1]"))]
    #[case::all_steps_are_removed(&[], StepState::Running, true, Some("spec.steps[0]"))]
    fn edits_apply_to_steps_not_yet_reached(
        #[case] edited: &[&str],
        #[case] state: StepState,
        #[case] started: bool,
        #[case] refused: Option<&str>,
    ) {
        let stored = at(2, state, &["1", "5", "9"]);
        let error = check_edits(&steps(edited), Some(&stored), 0, started).err();
        assert_eq!(error.is_some(), refused.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.starts_with(refused.unwrap())));
    }

    #[rstest]
    #[case::the_step_of_the_class(1, StepState::AwaitingApproval, &["2", "6"], None)]
    #[case::the_first_one_before_its_first_device(2, StepState::Running, &["2", "5"], None)]
    #[case::the_first_one_that_is_over(3, StepState::Running, &["2", "5"], Some("spec.steps[0]"))]
    fn the_step_that_a_class_puts_first_is_none_of_those_that_may_be_edited(
        #[case] number: usize,
        #[case] state: StepState,
        #[case] edited: &[&str],
        #[case] refused: Option<&str>,
    ) {
        let mut stored = at(number, state, &["1", "5"]);
        stored.reached.truncate(number - 1);
        let error = check_edits(&steps(edited), Some(&stored), 1, false).err();
        assert_eq!(error.is_some(), refused.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.starts_with(refused.unwrap())));
    }

    #[test]
    fn what_decides_is_remembered_and_a_name_does_not() {
        let mut list = steps(&["1", "5"]);
        let stored = at(1, StepState::Soaking, &["1", "5"]);
        list[0].name = Some("canary".into());
        list[0].soak_seconds = Some(0);
        list[0].require_approval = Some(false);
        list[0].max_failed_devices = Some(Amount::Count(0));
        assert_eq!(check_edits(&list, Some(&stored), 0, true), Ok(()));
        list[0].soak_seconds = Some(5);
        let error = check_edits(&list, Some(&stored), 0, true).unwrap_err();
        assert!(
            error.contains("(devices=1 soakSeconds=0 requireApproval=false maxFailedDevices=0)"),
            "{error}"
        );
    }
}
