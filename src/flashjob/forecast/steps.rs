//! The steps of a job laid over its devices: how many each has, what may fail, how long each can take. Pure.
//!
//! Called by `forecast`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Asked, Fate, Prospect, Rung,
    bounds::{Times, longest_turns},
    limits,
    prospects::footprints,
    sharing::turns,
};

/// One step.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StepForecast {
    /// Number, from 1.
    pub number: usize,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its own devices.
    pub devices: usize,
    /// These and those of the steps before.
    pub total: usize,
    /// Devices of it that may fail; none where only the job's own limit counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_devices: Option<usize>,
    /// Devices of it that would fail before anything is created for them.
    pub foreseen: usize,
    /// Seconds that it is watched after its last device.
    pub soak_seconds: i64,
    /// Somebody has to approve it.
    pub require_approval: bool,
    /// Seconds that its devices take at most.
    pub seconds_at_most: i64,
}

/// Number of the step that the device at this place is in.
pub(super) fn step_of(rungs: &[Rung], index: usize) -> usize {
    let before = rungs.iter().take_while(|rung| rung.end <= index).count();
    (before + 1).min(rungs.len().max(1))
}

pub(super) fn steps(
    asked: &Asked<'_>,
    devices: &[Prospect],
    times: &Times,
    in_flight: usize,
) -> Vec<StepForecast> {
    let mut from = 0;
    let rungs = asked.rungs.iter().enumerate().map(|(place, rung)| {
        let number = place + 1;
        let own = rung.end.saturating_sub(from);
        from = from.max(rung.end);
        let of_step = |fate: Fate| {
            let mut count = 0;
            for device in devices {
                count += usize::from(device.step == number && device.fate == fate);
            }
            count
        };
        let own_devices = footprints(asked, devices, |device| device.step == number);
        let turns = turns(&limits(asked), &own_devices, in_flight);
        let discovery = if of_step(Fate::Awaited) > 0 {
            asked.effective.device_discovery_timeout_seconds
        } else {
            0
        };
        StepForecast {
            number,
            name: rung.name.clone(),
            devices: own,
            total: rung.end,
            max_failed_devices: rung.limit,
            foreseen: of_step(Fate::Refused),
            soak_seconds: rung.soak_seconds,
            require_approval: rung.approval,
            seconds_at_most: longest_turns(turns, times).saturating_add(discovery),
        }
    });
    rungs.collect()
}
