//! Steps that wait for a person, with what speaks for and against them. Pure.

use flashjob_operator::{
    api::{DevicePhase, StepState},
    display,
    flashjob::{
        explain::span,
        plan::rollout::steps::{approvers, title},
        spec::{job::Job, step_state::state_of},
    },
};
use jiff::Timestamp;
use serde::Serialize;

/// A step that waits for somebody to approve it.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WaitingStep {
    /// Namespace of the job.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The step: `1.1 (canary)`.
    pub step: String,
    /// Since when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How long that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// Devices of the step and of those before it.
    pub devices: i64,
    /// How many of them are final.
    pub done: i64,
    /// How many of them failed.
    pub failed: i64,
    /// Why devices of the job failed, as far as its status says: `2 TransferFailed`.
    pub reasons: Vec<String>,
    /// Who has approved steps of the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<String>,
    /// Version that the round flashes.
    pub version: String,
    /// What the job says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What waits of this job for a person, if anything.
#[must_use]
pub fn waiting(job: &Job, now: Timestamp) -> Option<WaitingStep> {
    let status = &job.status;
    let step = status.step.as_ref()?;
    let stopped = job.deleting || status.stop.is_some();
    if stopped || state_of(step) != StepState::AwaitingApproval {
        return None;
    }
    let since = step.since.as_ref().map(|time| time.0);
    let version = status.round.as_ref().map(|round| round.version.clone());
    Some(WaitingStep {
        namespace: job.namespace.clone(),
        name: job.name.clone(),
        step: title(step),
        since: since.map(display::time),
        waits: since.map(|since| span(now.duration_since(since).as_secs())),
        devices: step.devices,
        done: step.done,
        failed: step.failed,
        reasons: reasons(job),
        approvals: approvers(step),
        version: version.unwrap_or_default(),
        message: status.message.clone(),
    })
}

fn reasons(job: &Job) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    let devices = job.status.devices.iter();
    for device in devices.filter(|device| device.is(DevicePhase::Failed)) {
        let reason = device.reason.clone().unwrap_or_default().to_string();
        match counted.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, devices)) => *devices += 1,
            None => counted.push((reason, 1)),
        }
    }
    counted.sort_by(|(a, left), (b, right)| (right, a).cmp(&(left, b)));
    let words = counted.into_iter();
    words
        .map(|(reason, devices)| format!("{devices} {reason}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::view::fixtures::job_of;

    fn status(state: &str, more: &Value) -> Value {
        let failed = |index: i64| json!({"index": index, "uuid": format!("u-{index}"), "phase": "Failed", "reason": "TransferFailed", "attempts": 1});
        let mut status = json!({
            "round": {"number": 1, "firmware": "f:1", "version": "1.2.0"}, "selection": {"count": 10, "hash": "00"},
            "counts": {"selected": 10, "succeeded": 3, "failed": 2, "pending": 5}, "devices": [failed(0), failed(1)],
            "step": {"id": "1.1", "name": "canary", "of": 2, "devices": 5, "done": 5, "failed": 2, "state": state,
                "since": "2026-11-30T00:00:00Z"},
        });
        for (field, value) in more.as_object().unwrap() {
            status[field] = value.clone();
        }
        status
    }

    #[test]
    fn what_waits_comes_with_what_speaks_against_it() {
        let now: Timestamp = "2026-11-30T00:05:00Z".parse().unwrap();
        let job = job_of(&json!({}), &status("AwaitingApproval", &json!({})));
        let waits = waiting(&job, now).unwrap();
        assert_eq!(waits.step, "1.1 (canary)");
        assert_eq!(waits.waits.as_deref(), Some("5 min"));
        assert_eq!((waits.done, waits.devices, waits.failed), (5, 5, 2));
        assert_eq!(waits.reasons, ["2 TransferFailed"]);
        assert_eq!(waits.version, "1.2.0");
    }

    #[rstest]
    #[case::a_step_that_runs("Running", json!({}))]
    #[case::what_was_denied("AwaitingApproval", json!({"stop": {"reason": "StepDenied", "message": "", "limit": ""}}))]
    fn what_waits_for_nobody_is_not_listed(#[case] state: &str, #[case] more: Value) {
        let job = job_of(&json!({}), &status(state, &more));
        assert_eq!(waiting(&job, Timestamp::UNIX_EPOCH), None);
    }
}
