//! What happens next to a job, soonest first. Pure.
//!
//! Called by `explain`.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{DeviceLine, Explanation, Known, MOST_LISTED};
use crate::{api::Reason, flashjob::plan::rollout::steps::title};

/// Something that happens next.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// When; none where a person or another device is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// What.
    pub what: String,
}

/// What comes next, soonest first; what has no time comes last.
pub(super) fn next(known: &Known<'_>, explanation: &Explanation) -> Vec<Next> {
    let mut next: Vec<Next> = Vec::new();
    let job = known.job;
    if let Some(finished) = explanation.finished_at {
        let spec = job.spec.as_ref().ok();
        let ttl = spec.and_then(|spec| spec.ttl_seconds_after_finished);
        return ttl
            .and_then(|ttl| finished.checked_add(SignedDuration::from_secs(ttl)).ok())
            .map(|at| Next {
                at: Some(at),
                what: "the FlashJob is deleted (ttlSecondsAfterFinished)".into(),
            })
            .into_iter()
            .collect();
    }
    for device in explanation.waiting.iter().chain(&explanation.in_flight) {
        if let Some(at) = device.until {
            let what = after_wait(device);
            next.push(Next { at: Some(at), what });
        }
    }
    if let Some(step) = &explanation.step {
        let ends = step.ends_at.as_ref().map(|time| time.0);
        next.extend(ends.map(|at| Next {
            at: Some(at),
            what: format!("step {} has been watched long enough", title(step)),
        }));
    }
    for group in &explanation.not_begun {
        if let Some(at) = group.until {
            let what = match group.devices {
                1 => format!("1 device waits until then: {}", group.reason),
                devices => format!("{devices} devices wait until then: {}", group.reason),
            };
            next.push(Next { at: Some(at), what });
        }
    }
    // When the operator looks again does not tell a person when something ends that somebody else has to end.
    let held = [Reason::Suspended, Reason::ClassSuspended];
    let held = held
        .iter()
        .any(|reason| explanation.reason.as_deref() == Some(reason.as_str()));
    let status_next = job.status.next_time.as_ref().filter(|_| !held);
    let status_next = status_next.map(|time| time.0);
    if let Some(at) = status_next.filter(|at| !next.iter().any(|next| next.at == Some(*at))) {
        let what = "the operator looks at the job again".to_owned();
        next.push(Next { at: Some(at), what });
    }
    next.sort_by_key(|next| next.at);
    next.dedup();
    next.truncate(MOST_LISTED);
    if explanation.counts.in_flight > 0 {
        let waits = explanation.counts.pending + explanation.counts.waiting;
        let what = match waits {
            0 => "the flashes in progress end".to_owned(),
            1 => "when a flash ends, the one device that waits may begin".to_owned(),
            _ => format!("when a flash ends, the next of {waits} devices may begin"),
        };
        next.push(Next { at: None, what });
    }
    next
}

fn after_wait(device: &DeviceLine) -> String {
    let who = format!("device {} ({})", device.index, device.uuid);
    let is = |reason: Reason| device.reason == reason.as_str();
    if is(Reason::DeviceNotFound) {
        format!("{who} fails unless it has been discovered")
    } else if is(Reason::BackOff) {
        format!("{who} is tried again")
    } else if is(Reason::Verifying) {
        format!("{who} has to be back with its version")
    } else if is(Reason::AddressPending) || is(Reason::AddressUnusable) {
        format!("{who} is given up for now unless its Service has an address")
    } else {
        format!("{who} goes on")
    }
}
