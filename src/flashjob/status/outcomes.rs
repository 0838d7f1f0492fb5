//! What follows the verdicts that are not stored yet: a final result, another attempt, or the read-back of a version. Pure.
//!
//! Called by `compose`.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{count, devices::known};
use crate::flashjob::status::counts::found;
use crate::{
    api::{DevicePhase, DeviceStatus, Effective, Reason, VerificationMode},
    display,
    flash_pod::intent::release_name,
    flashjob::{
        observe::{Observed, memory::Found, objects::AttemptKey, stored},
        plan::{
            self, Plan,
            attempt::retry::{Failure, Limits, Retry, retry, retry_untouched},
        },
        verdict::Outcome,
    },
    identifiers::AttemptId,
};

/// Longest message of a tracked entry, in bytes: it is kept whatever else is left out.
const MAX_MESSAGE: usize = 512;

/// Devices of which an attempt ended.
pub(super) struct Aftermath<'a> {
    /// Final verdicts that are not stored yet.
    pub(super) found: Vec<&'a Found>,
    /// Entries of devices that are read back or tried again.
    pub(super) tracked: Vec<DeviceStatus>,
}

/// Sorts verdicts by what follows them.
pub(super) fn aftermath<'a>(
    observed: &'a Observed<'_>,
    plan: &'a Plan,
    now: Timestamp,
) -> Aftermath<'a> {
    let job = observed.job;
    let effective = observed.effective();
    let mut all = Aftermath {
        found: Vec::new(),
        tracked: Vec::new(),
    };
    let mut settled = HashSet::new();
    for (attempt, found) in found(observed, plan) {
        settled.insert(found.index);
        match followed(observed, plan, effective, attempt, found) {
            Some(device) => all.tracked.push(device),
            None => all.found.push(found),
        }
    }
    settled.extend(plan.views.iter().map(|view| view.index));
    let stored = job.status.devices.iter().filter(|device| {
        let index = stored::index_of(device);
        let open = index.is_some_and(|index| !job.finals.contains(index));
        open && stored::is_tracked(device) && !settled.contains(&index)
    });
    all.tracked
        .extend(stored.map(|device| at_rest(device, now)));
    all.tracked.sort_by_key(|device| device.index);
    all
}

/// A stored entry of a device of which nothing is under way.
fn at_rest(device: &DeviceStatus, now: Timestamp) -> DeviceStatus {
    let rests = [DevicePhase::Verifying, DevicePhase::Waiting];
    if rests.into_iter().any(|phase| device.is(phase)) {
        return device.clone();
    }
    DeviceStatus {
        phase: DevicePhase::Waiting.into(),
        reason: Some(Reason::BackOff.into()),
        attempts: count(device.earlier_failures.len()),
        pod: None,
        start_time: None,
        next_time: device.next_time.clone().filter(|time| time.0 > now),
        ..device.clone()
    }
}

/// The entry of a device whose verdict is followed by something; none where it is final.
fn followed(
    observed: &Observed<'_>,
    plan: &Plan,
    effective: &Effective,
    attempt: Option<&AttemptId>,
    found: &Found,
) -> Option<DeviceStatus> {
    let index = found.index?;
    let known = known(observed.job, found, plan);
    let concluded = plan
        .concluded
        .iter()
        .find(|concluded| attempt.is_none() && concluded.found.index == found.index);
    let verifies = attempt.is_some()
        && matches!(found.verdict.outcome, Outcome::Succeeded | Outcome::Unknown)
        && plan::verification(effective) != VerificationMode::None;
    let device = DeviceStatus {
        pod: known
            .pod
            .clone()
            .or_else(|| Some(format!("{}-{}", release_name(&found.uuid).ok()?, attempt?))),
        index: count(index),
        uuid: found.uuid.to_string(),
        log_tail: Some(found.verdict.log_tail.clone()).filter(|tail| !tail.is_empty()),
        ..known
    };
    if verifies {
        let ended = attempt.and_then(|id| finished(observed, id));
        return Some(read_back(device, found, effective, ended));
    }
    let failure = Failure {
        outcome: found.verdict.outcome,
        reason: found.verdict.reason,
        failures: device.earlier_failures.len() + 1,
        at: found.at,
    };
    let limits = Limits {
        retries: plan::retries(observed.job, effective),
        cool_down_seconds: observed.world.bounds.cool_down_seconds,
    };
    let next = if concluded.is_some_and(|concluded| concluded.untouched) {
        retry_untouched(&failure, &limits)
    } else if attempt.is_some() {
        retry(&failure, &limits)
    } else {
        Retry::Final
    };
    match next {
        Retry::Final => None,
        Retry::At(at) => Some(again(device, found, &limits, at)),
    }
}

/// When the flash container of an attempt ended.
fn finished(observed: &Observed<'_>, id: &AttemptId) -> Option<Timestamp> {
    let key = AttemptKey {
        job_uid: observed.job.uid.clone(),
        id: id.clone(),
    };
    observed.ledger.attempt(&key)?.pod.as_ref()?.finished
}

/// The flash ended; the device's version is read back.
fn read_back(
    device: DeviceStatus,
    found: &Found,
    effective: &Effective,
    ended: Option<Timestamp>,
) -> DeviceStatus {
    let wait = SignedDuration::from_secs(effective.verification_timeout_seconds);
    let until = found.at.checked_add(wait).unwrap_or(Timestamp::MAX);
    let version = effective.expected_version.as_deref().unwrap_or("any");
    let by = display::time(until);
    let (reason, message) = match found.verdict.outcome {
        Outcome::Succeeded => (
            Reason::Verifying,
            format!("the firmware was sent; version {version} is awaited until {by}"),
        ),
        Outcome::Skipped | Outcome::Failed | Outcome::Unknown => (
            found.verdict.reason,
            format!(
                "{}; whether it came back with version {version} is read until {by}",
                found.verdict.message
            ),
        ),
    };
    DeviceStatus {
        phase: DevicePhase::Verifying.into(),
        reason: Some(reason.into()),
        message: Some(bounded(message)),
        next_time: Some(Time(until)),
        completion_time: Some(Time(ended.map_or(found.at, |ended| ended.min(found.at)))),
        ..device
    }
}

/// The attempt failed; the device is tried again.
fn again(device: DeviceStatus, found: &Found, limits: &Limits, at: Timestamp) -> DeviceStatus {
    let reason = found.verdict.reason;
    let before = stored::failures_of(&device);
    let mut earlier_failures = device.earlier_failures.clone();
    earlier_failures.push(reason.into());
    let attempt = earlier_failures.len();
    let history = if before.is_empty() {
        String::new()
    } else {
        format!("; failed before: {before}")
    };
    let message = format!(
        "attempt {attempt} of {} failed: {}; it is tried again from {} on{history}",
        limits.retries + 1,
        found.verdict.message,
        display::time(at)
    );
    DeviceStatus {
        phase: DevicePhase::Waiting.into(),
        reason: Some(reason.into()),
        message: Some(bounded(message)),
        attempts: count(attempt),
        earlier_failures,
        next_time: Some(Time(at)),
        completion_time: Some(Time(found.at)),
        ..device
    }
}

fn bounded(mut message: String) -> String {
    display::shorten(&mut message, MAX_MESSAGE);
    message
}

#[cfg(test)]
#[path = "outcomes_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "aftermath_tests.rs"]
mod aftermath_tests;
