//! Devices whose attempt ended without being final: their version is read back, or they are tried again. Pure.
//!
//! The stored status is all that is known of them. Called by `plan` after the attempts that are known.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Plan, current_roster};
use crate::flashjob::observe::Observed;
use crate::{
    api::{DevicePhase, DeviceStatus, Effective, Reason, VerificationMode},
    flashjob::{
        observe::{memory::Found, objects::AttemptKey, selection::Selection, stored},
        plan::verification::{Conclusion, Flashed, Shown, Transfer, conclude, read_back},
        spec::job::Job,
        verdict::{Outcome, Verdict},
    },
};

/// Devices of a job that may be in flight, read back and tried again at the same time, where its parallelism is not higher:
/// each needs an entry in the status, which has to fit into the object.
const MAX_TRACKED: usize = 250;

/// A device whose flash is judged by what was read back, or that is not tried again any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Concluded {
    /// The verdict.
    pub found: Found,
    /// The version that was read back.
    pub version: Option<String>,
    /// The device is as it was before its flash: another attempt does no harm.
    pub untouched: bool,
}

/// Retries that a device has: none where the job is being stopped.
#[must_use]
pub fn retries(job: &Job, effective: &Effective) -> i64 {
    if job.status.stop.is_some() {
        0
    } else {
        effective.backoff_limit_per_device
    }
}

/// What is read back of the job's devices.
#[must_use]
pub fn verification(effective: &Effective) -> VerificationMode {
    effective.verification.known().unwrap_or_default()
}

/// How many devices more may begin their first attempt.
pub(super) fn room(observed: &Observed<'_>, effective: &Effective, plan: &Plan) -> usize {
    let job = observed.job;
    let tracked = job.status.devices.iter().filter(|device| {
        stored::is_tracked(device)
            && stored::index_of(device).is_some_and(|index| !job.finals.contains(index))
    });
    let tracked: HashSet<Option<usize>> = tracked.map(stored::index_of).collect();
    let under_way = plan
        .views
        .iter()
        .filter(|view| view.since.is_some() && !tracked.contains(&view.index));
    let parallelism = usize::try_from(effective.parallelism).unwrap_or(0);
    MAX_TRACKED
        .max(parallelism)
        .saturating_sub(tracked.len() + under_way.count())
}

/// Reads versions back, and keeps devices that wait for their next attempt from beginning before its time.
pub(super) fn plan_tracked(
    observed: &Observed<'_>,
    active: &mut BTreeMap<usize, AttemptKey>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let job = observed.job;
    let Some(roster) = current_roster(observed) else {
        return;
    };
    let effective = observed.effective();
    for device in &job.status.devices {
        let index = stored::index_of(device).filter(|index| !job.finals.contains(*index));
        let Some(index) = index.filter(|_| stored::is_tracked(device)) else {
            continue;
        };
        let verifying = device.is(DevicePhase::Verifying);
        if !verifying
            && (active.contains_key(&index) || observed.memory.refused.contains_key(&index))
        {
            continue;
        }
        let (concluded, wake_at) = if verifying {
            verify(observed, roster, (index, device), effective, now)
        } else {
            (give_up(observed, index, device, effective, now), None)
        };
        let next = device.next_time.as_ref().map(|time| time.0);
        let rests = next.is_some_and(|next| next > now);
        plan.wake(wake_at.or(next.filter(|_| rests && !verifying && concluded.is_none())));
        if verifying || rests || concluded.is_some() {
            active.entry(index).or_insert_with(|| AttemptKey {
                job_uid: job.uid.clone(),
                id: stored::attempt_id(device).unwrap_or_default(),
            });
        }
        plan.concluded.extend(concluded);
    }
}

/// What the device's read-back makes of its flash, or when it has to end.
fn verify(
    observed: &Observed<'_>,
    roster: &Selection,
    (index, device): (usize, &DeviceStatus),
    effective: &Effective,
    now: Timestamp,
) -> (Option<Concluded>, Option<Timestamp>) {
    let reason = stored::reason(device).unwrap_or(Reason::VerdictUnknown);
    let transfer = if reason == Reason::Verifying {
        Transfer::Sent
    } else {
        Transfer::Unknown(reason)
    };
    let mode = verification(effective);
    if mode == VerificationMode::None {
        let conclusion = unverified(transfer, device);
        return (Some(concluded(index, device, conclusion, now)), None);
    }
    // Where no Instance is known, the absence of one says nothing.
    if !observed.world.akri_installed {
        return (None, None);
    }
    let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let selected = roster.devices().get(index);
    let flashed = Flashed {
        from: device.from_version.as_deref(),
        device_type: selected.and_then(|selected| selected.device_type.as_deref()),
        ended: time(&device.completion_time).unwrap_or(now),
        expected: effective.expected_version.as_deref(),
        until: time(&device.next_time).unwrap_or(now),
    };
    let (endpoint, before) = (device.host_endpoint.as_deref(), &device.uuid);
    let shown = endpoint.and_then(|endpoint| {
        let device = observed.inventory.by_endpoint(endpoint)?;
        let found = observed.inventory.found_at(device);
        let known = roster.index_of(&device.uuid);
        let elsewhere = known.and_then(|known| roster.devices()[known].endpoint.as_deref());
        Some(Shown {
            device,
            // The Instance and the end of the flash may bear times of different clocks: the Instance from before is never new.
            found: found.filter(|_| device.uuid.as_str() != *before),
            of_another: elsewhere.is_some_and(|other| other != endpoint),
        })
    });
    let read = read_back(&flashed, shown, now);
    match conclude(mode, transfer, &flashed, read) {
        Some(conclusion) => (Some(concluded(index, device, conclusion, now)), None),
        None => (None, Some(flashed.until)),
    }
}

/// Nothing is read back any more: what is known of the transfer decides.
fn unverified(transfer: Transfer, device: &DeviceStatus) -> Conclusion {
    let (outcome, reason, message) = match transfer {
        Transfer::Sent => (
            Outcome::Succeeded,
            Reason::FirmwareSent,
            "the firmware was sent".to_owned(),
        ),
        Transfer::Unknown(reason) => (
            Outcome::Unknown,
            reason,
            device.message.clone().unwrap_or_default(),
        ),
    };
    Conclusion {
        outcome,
        reason,
        message,
        version: None,
        untouched: false,
    }
}

/// A device that waits for an attempt that it does not have any more: the limit was lowered, the job is being stopped, or does
/// not name the device any more.
fn give_up(
    observed: &Observed<'_>,
    index: usize,
    device: &DeviceStatus,
    effective: &Effective,
    now: Timestamp,
) -> Option<Concluded> {
    let job = observed.job;
    let retries = usize::try_from(retries(job, effective)).unwrap_or(0);
    if job.wants(index, &device.uuid.as_str().into()) && device.earlier_failures.len() <= retries {
        return None;
    }
    let reason = device.earlier_failures.last()?.known();
    let conclusion = Conclusion {
        outcome: Outcome::Failed,
        reason: reason.unwrap_or(Reason::FlashFailed),
        message: "it is not tried again: the job has no more retries for it".into(),
        version: None,
        untouched: false,
    };
    Some(concluded(index, device, conclusion, now))
}

fn concluded(
    index: usize,
    device: &DeviceStatus,
    conclusion: Conclusion,
    now: Timestamp,
) -> Concluded {
    let verdict = Verdict {
        outcome: conclusion.outcome,
        reason: conclusion.reason,
        message: conclusion.message,
        log_tail: device.log_tail.clone().unwrap_or_default(),
    };
    Concluded {
        found: Found {
            index: Some(index),
            uuid: device.uuid.as_str().into(),
            verdict,
            at: now,
        },
        version: conclusion.version,
        untouched: conclusion.untouched,
    }
}

#[cfg(test)]
#[path = "tracked_tests.rs"]
mod tests;
