//! The steps of a spec laid over so many devices. Pure; called by `imagined`.

use super::Rung;
use crate::{
    api::FlashJobSpec,
    flashclass::ClassSteps,
    flashjob::{plan::rollout::step_layout::Ladder, spec::int_or_percent},
};

/// The steps, as the class lets them be, and the rest after the last one where there is one.
#[must_use]
pub fn rungs(spec: &FlashJobSpec, selected: usize, class: ClassSteps) -> Vec<Rung> {
    let ladder = Ladder::new(&spec.steps, selected, class);
    let rungs = (1..=ladder.of().max(1)).map(|number| {
        let step = ladder.step(number);
        let limit = step.and_then(|step| step.max_failed_devices.as_ref());
        let own = ladder.own(number).len();
        let allowed = limit.map_or(0, |limit| {
            int_or_percent::rounded_down(limit, own).unwrap_or(0)
        });
        let end = ladder.end(number);
        // Where nothing follows, nothing is waited for.
        let before = step.filter(|_| end < selected);
        Rung {
            name: step.and_then(|step| step.name.clone()),
            end,
            // What follows the last step is held by the job's own limit alone.
            limit: step.map(|_| allowed),
            soak_seconds: before.and_then(|step| step.soak_seconds).unwrap_or(0),
            approval: before.is_some() && ladder.asks_approval(number),
        }
    });
    rungs.collect()
}

/// Devices of so many that may fail; none where nothing limits them.
#[must_use]
pub fn limit(spec: &FlashJobSpec, selected: usize) -> Option<usize> {
    let limit = spec.max_failed_devices.as_ref()?;
    Some(int_or_percent::rounded_down(limit, selected).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::api::RequireFor;

    fn spec(steps: &serde_json::Value) -> FlashJobSpec {
        let spec = json!({"uuid": [], "firmware": "f", "version": "1", "steps": steps, "maxFailedDevices": "5%"});
        serde_json::from_value(spec).unwrap()
    }

    #[rstest]
    #[case::counts_and_percentages(json!([{"devices": 1}, {"devices": "10%"}, {"devices": "100%"}]), 25, &[1, 3, 25])]
    #[case::the_rest_follows(json!([{"devices": 1}, {"devices": "10%"}]), 25, &[1, 3, 25])]
    #[case::no_more_than_there_are(json!([{"devices": 2}, {"devices": 50}]), 20, &[2, 20])]
    #[case::no_steps(json!([]), 3, &[3])]
    #[case::fives_to_the_end(json!([{"devices": 5, "repeat": true}]), 12, &[5, 10, 12])]
    #[case::no_devices(json!([{"devices": 1}]), 0, &[0])]
    fn steps_end_at(
        #[case] steps: serde_json::Value,
        #[case] selected: usize,
        #[case] ends: &[usize],
    ) {
        let rungs = rungs(&spec(&steps), selected, ClassSteps::default());
        assert_eq!(rungs.iter().map(|rung| rung.end).collect::<Vec<_>>(), ends);
    }

    #[test]
    fn a_step_that_repeats_is_watched_and_limited_each_time_but_at_the_end() {
        let steps = json!([{"devices": 1}, {"name": "batch", "devices": 5, "repeat": true, "soakSeconds": 60,
                            "requireApproval": true, "maxFailedDevices": 1}]);
        let rungs = rungs(&spec(&steps), 13, ClassSteps::default());
        let told = |rung: &Rung| {
            (
                rung.end,
                rung.limit,
                rung.soak_seconds,
                rung.approval,
                rung.name.clone(),
            )
        };
        let batch = || Some("batch".to_owned());
        assert_eq!(
            rungs.iter().map(told).collect::<Vec<_>>(),
            [
                (1, Some(0), 0, false, None),
                (6, Some(1), 60, true, batch()),
                (11, Some(1), 60, true, batch()),
                (13, Some(1), 0, false, batch()),
            ]
        );
    }

    #[test]
    fn the_approval_that_a_class_asks_for_comes_before_the_first_device() {
        let class = |require_for| ClassSteps {
            require_for,
            ..ClassSteps::default()
        };
        let told = |steps: &serde_json::Value, require_for| {
            let rungs = rungs(&spec(steps), 5, class(require_for));
            let told = rungs.iter().map(|rung| (rung.end, rung.approval));
            told.collect::<Vec<_>>()
        };
        let steps = json!([{"devices": 1}, {"devices": 5}]);
        let first = [(0, true), (1, false), (5, false)];
        assert_eq!(told(&steps, RequireFor::FirstStep), first);
        let every = [(0, true), (1, true), (5, false)];
        assert_eq!(told(&steps, RequireFor::EveryStep), every);
        let none = [(0, true), (5, false)];
        assert_eq!(told(&json!([]), RequireFor::EveryStep), none);
    }

    #[test]
    fn limits_round_down_and_a_step_without_one_allows_none() {
        let steps = json!([{"devices": 10}, {"devices": 30, "maxFailedDevices": "19%"}]);
        let rungs = rungs(&spec(&steps), 100, ClassSteps::default());
        let limits: Vec<_> = rungs.iter().map(|rung| rung.limit).collect();
        assert_eq!(limits, [Some(0), Some(3), None]);
        assert_eq!(limit(&spec(&steps), 39), Some(1));
    }
}
