//! The steps of a spec laid over so many devices. Pure; called by `imagined`.

use super::Rung;
use crate::api::{Amount, FlashJobSpec};

/// The steps, and the rest after the last one where there is one. A step that reaches no further than the one before has no
/// devices of its own.
#[must_use]
pub fn rungs(spec: &FlashJobSpec, selected: usize) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = Vec::with_capacity(spec.steps.len() + 1);
    let mut from = 0;
    for step in &spec.steps {
        let size = share(&step.devices, selected, Rounding::Up).max(1);
        let end = size.max(from).min(selected);
        let limit = step.max_failed_devices.as_ref();
        rungs.push(Rung {
            name: step.name.clone(),
            end,
            limit: Some(limit.map_or(0, |limit| share(limit, end - from, Rounding::Down))),
            soak_seconds: step.soak_seconds.unwrap_or(0),
            approval: step.require_approval == Some(true),
        });
        from = end;
    }
    if from < selected || rungs.is_empty() {
        rungs.push(Rung {
            end: selected,
            ..Rung::default()
        });
    }
    rungs
}

/// Devices of so many that may fail; none where nothing limits them.
#[must_use]
pub fn limit(spec: &FlashJobSpec, selected: usize) -> Option<usize> {
    let limit = spec.max_failed_devices.as_ref()?;
    Some(share(limit, selected, Rounding::Down))
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

/// A number of devices; 0 where it cannot be read, which the schema refuses.
fn share(amount: &Amount, of: usize, rounding: Rounding) -> usize {
    match amount {
        Amount::Count(count) => usize::try_from(*count).unwrap_or(0),
        Amount::Percent(text) => {
            let percent: usize = text
                .strip_suffix('%')
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0);
            match rounding {
                Rounding::Up => (of * percent).div_ceil(100),
                Rounding::Down => of * percent / 100,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn spec(steps: &serde_json::Value) -> FlashJobSpec {
        let spec = json!({"uuid": [], "firmware": "f", "version": "1", "steps": steps, "maxFailedDevices": "5%"});
        serde_json::from_value(spec).unwrap()
    }

    #[rstest]
    #[case::counts_and_percentages(json!([{"devices": 1}, {"devices": "10%"}, {"devices": "100%"}]), 25, &[1, 3, 25])]
    #[case::the_rest_follows(json!([{"devices": 1}, {"devices": "10%"}]), 25, &[1, 3, 25])]
    #[case::no_more_than_there_are(json!([{"devices": 2}, {"devices": 50}]), 20, &[2, 20])]
    #[case::no_steps(json!([]), 3, &[3])]
    #[case::no_devices(json!([{"devices": 1}]), 0, &[0])]
    fn steps_end_at(
        #[case] steps: serde_json::Value,
        #[case] selected: usize,
        #[case] ends: &[usize],
    ) {
        let rungs = rungs(&spec(&steps), selected);
        assert_eq!(rungs.iter().map(|rung| rung.end).collect::<Vec<_>>(), ends);
    }

    #[test]
    fn limits_round_down_and_a_step_without_one_allows_none() {
        let steps = json!([{"devices": 10}, {"devices": 30, "maxFailedDevices": "19%"}]);
        let rungs = rungs(&spec(&steps), 100);
        let limits: Vec<_> = rungs.iter().map(|rung| rung.limit).collect();
        assert_eq!(limits, [Some(0), Some(3), None]);
        assert_eq!(limit(&spec(&steps), 39), Some(1));
    }
}
