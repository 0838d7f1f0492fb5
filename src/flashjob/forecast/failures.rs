//! What can fail: the most devices that can, those that would for certain, and whether these alone stop the job. Pure.
//!
//! Called by `forecast`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Asked, Fate, Prospect, StepForecast,
    bounds::{Stage, most_failures},
};

/// What can fail.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// Devices that may fail of all; none where nothing limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_devices: Option<usize>,
    /// The most devices that can fail before the job stops, those in flight at that moment included.
    pub at_most: usize,
    /// Devices that would fail before anything is created for them.
    pub foreseen: usize,
    /// What stops the job by that alone, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<String>,
}

pub(super) fn failures(
    asked: &Asked<'_>,
    steps: &[StepForecast],
    devices: &[Prospect],
    in_flight: usize,
) -> Failures {
    let stages: Vec<Stage> = steps
        .iter()
        .map(|step| Stage {
            devices: step.devices,
            limit: step.max_failed_devices,
            soak_seconds: step.soak_seconds,
        })
        .collect();
    let of = |fate: Fate| devices.iter().filter(|device| device.fate == fate).count();
    let foreseen = of(Fate::Refused);
    let able = devices.len() - of(Fate::Skipped);
    Failures {
        max_failed_devices: asked.limit,
        at_most: most_failures(&stages, asked.limit, in_flight).min(able),
        foreseen,
        stops_at: stops_at(asked, steps),
    }
}

/// Where the failures that are foreseen stop the job.
fn stops_at(asked: &Asked<'_>, steps: &[StepForecast]) -> Option<String> {
    let mut before = 0;
    for step in steps {
        before += step.foreseen;
        if step
            .max_failed_devices
            .is_some_and(|limit| step.foreseen > limit)
        {
            let name = step.name.as_ref().map(|name| format!(" ({name})"));
            return Some(format!("step {}{}", step.number, name.unwrap_or_default()));
        }
        if asked.limit.is_some_and(|limit| before > limit) {
            return Some("spec.maxFailedDevices".into());
        }
    }
    None
}
