//! How long a job can take: an upper bound, what is reckoned into it, and what nobody can know. Pure.
//!
//! Called by `forecast`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Asked, Fate, Prospect, StepForecast, bounds::Times};
use crate::flashjob::explain::span;

/// How long it takes: an upper bound, as far as it can be known.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Duration {
    /// Seconds, if everything that is counted takes as long as it may.
    pub seconds_at_most: i64,
    /// Devices in flight at the same time that this is reckoned with.
    pub in_flight: usize,
    /// What is counted.
    pub counted: Vec<String>,
    /// What is not counted, because nobody can know it.
    pub not_counted: Vec<String>,
}

pub(super) fn duration(
    asked: &Asked<'_>,
    times: &Times,
    (steps, devices): (&[StepForecast], &[Prospect]),
    in_flight: usize,
) -> Duration {
    let seconds = steps.iter().fold(0_i64, |sum, step| {
        let whole = step.seconds_at_most.saturating_add(step.soak_seconds);
        sum.saturating_add(whole)
    });
    Duration {
        seconds_at_most: seconds,
        in_flight,
        counted: counted(times, steps, devices),
        not_counted: not_counted(asked, steps, devices),
    }
}

fn counted(times: &Times, steps: &[StepForecast], devices: &[Prospect]) -> Vec<String> {
    let mut counted = vec![format!("flashes of {} each", span(times.deadline))];
    if times.retries > 0 {
        let tries = times.retries.saturating_add(1);
        counted.push(format!(
            "{tries} tries of every device, with the waits between them"
        ));
    }
    if times.verification > 0 {
        let each = span(times.verification);
        counted.push(format!("{each} of reading back the version after each try"));
    }
    if times.cool_down > 0 {
        let each = span(times.cool_down);
        counted.push(format!(
            "{each} of cool-down after each try, as if each were cut off"
        ));
    }
    if devices.iter().any(|device| device.fate == Fate::Awaited) {
        counted.push("the time in which devices may be discovered".into());
    }
    if steps.iter().any(|step| step.soak_seconds > 0) {
        counted.push("the watching of steps".into());
    }
    counted
}

fn not_counted(asked: &Asked<'_>, steps: &[StepForecast], devices: &[Prospect]) -> Vec<String> {
    let spec = asked.observed.job.spec.as_ref().ok();
    let mut not_counted = vec!["waits for addresses and for Pods to start and to end".to_owned()];
    if steps.iter().any(|step| step.require_approval) {
        not_counted.push("waits for approvals".into());
    }
    if spec.is_some_and(|spec| !spec.windows.is_empty() || spec.not_before.is_some()) {
        not_counted.push("times in which no device may start (windows, notBefore)".into());
    }
    if devices.iter().any(|device| device.fate == Fate::Flashed) {
        not_counted.push(
            "other FlashJobs, which share the operator's slots and the limits of classes".into(),
        );
    }
    not_counted
}
