//! A device that has not begun: may it begin now, why does it wait, or does it end without a flash? Pure; called by `plan`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::flashjob::{
    observe::{Observed, selection::Selection},
    plan::DeviceView,
    spec::job::Job,
    verdict::Outcome,
};
use crate::{
    api::{AlreadyAtVersion, DevicePhase, Effective, MismatchPolicy, Reason, SelectedDevice},
    device::{Device, mismatch},
    display,
    identifiers::Uuid,
};

/// A device whose turn it may be.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Index in the selection.
    pub index: usize,
    /// As it was selected.
    pub selected: &'a SelectedDevice,
    /// Whether a slot is free.
    pub slot: bool,
    /// Endpoints that begin in this very plan, and the UUID as which they do.
    pub taken: &'a BTreeMap<String, Uuid>,
}

/// Why a device does not begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdictless {
    /// Only for want of a slot.
    Queued,
    /// It has no Instance now.
    Missing {
        /// When it fails.
        until: Timestamp,
        /// What is said of it.
        view: Box<DeviceView>,
    },
    /// For a reason of its own.
    Waits {
        /// When to look again.
        until: Option<Timestamp>,
        /// What is said of it.
        view: Box<DeviceView>,
    },
    /// It ends without a flash.
    Final {
        /// Skipped counts as success.
        outcome: Outcome,
        /// In one word.
        reason: Reason,
        /// In words.
        message: String,
    },
}

/// Decides about a device that has not begun: the device if it may begin now.
///
/// # Errors
/// Why it does not begin.
pub fn consider(
    observed: &Observed<'_>,
    roster: &Selection,
    candidate: &Candidate<'_>,
    effective: &Effective,
    now: Timestamp,
) -> Result<Device, Verdictless> {
    let device = find(observed, candidate, effective, now)?;
    if let Some(message) = observed.terms.forbid(device) {
        return Err(Verdictless::Final {
            outcome: Outcome::Failed,
            reason: Reason::DeviceNotAllowed,
            message,
        });
    }
    check_mismatch(observed, device, effective)?;
    let endpoint = device.endpoint.to_string();
    if let Some(first) = flashed_already(observed, roster, candidate.index, &endpoint) {
        let message = format!("device {endpoint} was flashed in this round as {first}");
        return Err(Verdictless::Final {
            outcome: Outcome::Skipped,
            reason: Reason::DuplicateEndpoint,
            message,
        });
    }
    if let Some(waiting) = observed
        .memory
        .waiting
        .get(&candidate.index)
        .filter(|waiting| waiting.until > now)
    {
        let message = format!(
            "try {} was given up ({}): {}",
            waiting.tries, waiting.reason, waiting.message
        );
        let view = view(
            candidate,
            Some(endpoint),
            DevicePhase::Waiting,
            Reason::BackOff,
            message,
        );
        return Err(Verdictless::Waits {
            until: Some(waiting.until),
            view,
        });
    }
    if let Some(message) = unproven(observed, candidate, &endpoint) {
        let view = view(
            candidate,
            Some(endpoint),
            DevicePhase::Pending,
            Reason::SealUnknown,
            message,
        );
        return Err(Verdictless::Waits { until: None, view });
    }
    if let Some(message) = held(observed, candidate, &endpoint) {
        let view = view(
            candidate,
            Some(endpoint),
            DevicePhase::Pending,
            Reason::DeviceBusy,
            message,
        );
        return Err(Verdictless::Waits { until: None, view });
    }
    if !candidate.slot {
        return Err(Verdictless::Queued);
    }
    match at_version(observed.job, effective, device) {
        Some(message) => Err(Verdictless::Final {
            outcome: Outcome::Skipped,
            reason: Reason::AlreadyAtVersion,
            message,
        }),
        None => Ok(device.clone()),
    }
}

/// Why the device needs no flash, where one that has the version already is skipped. Asked at the device's turn, not before:
/// until then its version may change; and again right before its Pod is created.
#[must_use]
pub fn at_version(job: &Job, effective: &Effective, device: &Device) -> Option<String> {
    if effective.already_at_version != AlreadyAtVersion::Skip {
        return None;
    }
    // What it would report after the flash: that may be another version than the firmware's.
    let round = job.status.round.as_ref()?;
    let wanted = effective
        .expected_version
        .as_ref()
        .unwrap_or(&round.version);
    let reported = device.version.as_ref()?;
    (reported.trim() == wanted).then(|| {
        format!(
            "device {} reports version {} already",
            device.endpoint,
            display::line(reported, display::NAME)
        )
    })
}

/// The device as it is now: by uid, else by the endpoint at which it was selected.
fn find<'a>(
    observed: &Observed<'a>,
    candidate: &Candidate<'_>,
    effective: &Effective,
    now: Timestamp,
) -> Result<&'a Device, Verdictless> {
    let uuid = &candidate.selected.uuid;
    let by_endpoint = || {
        candidate
            .selected
            .endpoint
            .as_deref()
            .and_then(|at| observed.inventory.by_endpoint(at))
    };
    match observed.inventory.by_uuid(uuid) {
        Some(Ok(device)) => Ok(device),
        Some(Err(error)) => Err(Verdictless::Final {
            outcome: Outcome::Failed,
            reason: Reason::DeviceInvalid,
            message: error.to_string(),
        }),
        None => by_endpoint().ok_or_else(|| missing(observed, candidate, effective, now)),
    }
}

fn missing(
    observed: &Observed<'_>,
    candidate: &Candidate<'_>,
    effective: &Effective,
    now: Timestamp,
) -> Verdictless {
    let since = observed
        .memory
        .missing_since
        .get(&candidate.index)
        .copied()
        .unwrap_or(now);
    let timeout = effective.device_discovery_timeout_seconds;
    let until = since
        .checked_add(SignedDuration::from_secs(timeout))
        .unwrap_or(Timestamp::MAX);
    let uuid = &candidate.selected.uuid;
    if until <= now {
        let message = format!(
            "no Akri Instance has uid {uuid} for {timeout} s; list them with: kubectl get instances.akri.sh -A -o \
             custom-columns=NAME:.metadata.name,UID:.metadata.uid"
        );
        return Verdictless::Final {
            outcome: Outcome::Failed,
            reason: Reason::DeviceNotFound,
            message,
        };
    }
    let message = format!(
        "no Akri Instance has uid {uuid}; it fails at {}",
        display::time(until)
    );
    let endpoint = candidate.selected.endpoint.clone();
    Verdictless::Missing {
        until,
        view: view(
            candidate,
            endpoint,
            DevicePhase::Pending,
            Reason::DeviceNotFound,
            message,
        ),
    }
}

fn check_mismatch(
    observed: &Observed<'_>,
    device: &Device,
    effective: &Effective,
) -> Result<(), Verdictless> {
    let Ok(spec) = &observed.job.spec else {
        return Ok(());
    };
    if effective.mismatch_policy != MismatchPolicy::Fail {
        return Ok(());
    }
    match mismatch(spec, device) {
        Some(message) => Err(Verdictless::Final {
            outcome: Outcome::Failed,
            reason: Reason::DeviceMismatch,
            message,
        }),
        None => Ok(()),
    }
}

/// The UUID under which this endpoint was flashed in this round, if it was.
fn flashed_already<'a>(
    observed: &Observed<'_>,
    roster: &'a Selection,
    index: usize,
    endpoint: &str,
) -> Option<&'a str> {
    let job = observed.job;
    let recorded = observed.recorded_at(endpoint).iter().copied();
    let recorded = recorded.filter(|other| *other != index);
    let mut others = roster.twins(index, endpoint).chain(recorded);
    let first = others.find(|other| job.finals.succeeded.contains(*other))?;
    roster
        .devices()
        .get(first)
        .map(|device| device.uuid.as_str())
}

/// Which object may be a flash of the device that this operator cannot prove to be its own, in words.
fn unproven(observed: &Observed<'_>, candidate: &Candidate<'_>, endpoint: &str) -> Option<String> {
    let (namespace, uuid) = (&observed.job.namespace, &candidate.selected.uuid);
    let unsealed = &observed.ledger.unsealed;
    let object = unsealed.at(namespace, uuid, Some(endpoint))?;
    Some(object.advice())
}

/// Who holds the device, in words.
fn held(observed: &Observed<'_>, candidate: &Candidate<'_>, endpoint: &str) -> Option<String> {
    if let Some(other) = candidate.taken.get(endpoint) {
        return Some(format!(
            "{endpoint} is being flashed as {other} of this job"
        ));
    }
    let identity = observed.ledger.holder_of(endpoint)?;
    let job = identity
        .job_name
        .as_deref()
        .unwrap_or("of another installation or an older one");
    Some(format!(
        "{endpoint} is held by FlashJob {}/{job} as {} in round {}",
        identity.namespace, identity.uuid, identity.round
    ))
}

fn view(
    candidate: &Candidate<'_>,
    endpoint: Option<String>,
    phase: DevicePhase,
    reason: Reason,
    message: String,
) -> Box<DeviceView> {
    Box::new(DeviceView {
        index: Some(candidate.index),
        uuid: candidate.selected.uuid.clone(),
        endpoint,
        pod: None,
        phase,
        reason,
        message,
        since: None,
    })
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
