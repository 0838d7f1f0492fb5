//! What the job wants of an attempt: its stored ending, and the gates that are asked again right before write 4, the Pod. Pure.
//!
//! Called by `attempt` for every attempt of the job, before it is decided about.

use super::Observed;
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        attempts::{Ending, Wish},
        job::Job,
        ledger::Attempt,
        memory::Found,
        table::JobState,
        verdict::Outcome,
    },
};

/// What the job wants of an attempt: its stored ending, and the gates before write 4.
pub(super) fn wish(observed: &Observed<'_>, attempt: &Attempt, index: Option<usize>) -> Wish {
    let job = observed.job;
    // A round that is not stored as the current one is being replaced: its attempts are of an older round from now on.
    let same_round = index.is_some() && (job.spec.is_err() || job.round_is_current());
    let state = if job.deleting || !same_round {
        JobState::Leaving
    } else {
        JobState::Exists
    };
    let stored = index.and_then(|index| stored_ending(observed, index));
    // Verdicts of older rounds have no place in the status: log and event hold them.
    let ending = stored.or_else(|| {
        let found = observed.memory.verdicts.get(&attempt.identity.key.id)?;
        index.is_none().then(|| ending_of(found))
    });
    Wish {
        job: state,
        ending,
        was_flashing: index.is_some_and(|index| was_flashing(job, index, &attempt.identity.key.id)),
        closed: closed_gate(observed, attempt),
        held: (!observed.world.akri_installed).then(|| {
            (
                Reason::AkriNotInstalled,
                "Akri's Instances are not known: whether this is still the device cannot be said"
                    .into(),
            )
        }),
    }
}

fn ending_of(found: &Found) -> Ending {
    Ending {
        succeeded: found.verdict.outcome == Outcome::Succeeded,
        reason: found.verdict.reason,
        message: found.verdict.message.clone(),
        at: Some(found.at),
    }
}

fn stored_ending(observed: &Observed<'_>, index: usize) -> Option<Ending> {
    let finals = &observed.job.finals;
    if !finals.contains(index) {
        return None;
    }
    let succeeded = finals.succeeded.contains(index) || finals.skipped.contains(index);
    let device = observed
        .job
        .status
        .devices
        .iter()
        .find(|device| usize::try_from(device.index) == Ok(index));
    let reason = device
        .and_then(|device| device.reason.as_deref())
        .and_then(reason_of);
    Some(Ending {
        succeeded,
        reason: reason.unwrap_or(if succeeded {
            Reason::FirmwareSent
        } else {
            Reason::FlashFailed
        }),
        message: device
            .and_then(|device| device.message.clone())
            .unwrap_or_default(),
        at: device
            .and_then(|device| device.completion_time.as_ref())
            .map(|time| time.0),
    })
}

fn reason_of(word: &str) -> Option<Reason> {
    Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.as_str() == word)
}

/// Whether the status says that this very attempt was flashing: another attempt at the device says nothing about this one.
fn was_flashing(job: &Job, index: usize, attempt: &str) -> bool {
    let flashing = DevicePhase::Flashing.as_str();
    job.status.devices.iter().any(|device| {
        let own = device
            .pod
            .as_deref()
            .is_some_and(|pod| pod.rsplit('-').next() == Some(attempt));
        usize::try_from(device.index) == Ok(index) && device.phase == flashing && own
    })
}

/// The gates that are asked again right before the Pod is created.
fn closed_gate(observed: &Observed<'_>, attempt: &Attempt) -> Option<(Reason, String)> {
    if let Some(refusal) = &observed.terms.refusal {
        return Some((refusal.reason, refusal.message.clone()));
    }
    if let Some(message) = &observed.terms.suspended {
        return Some((Reason::ClassSuspended, message.clone()));
    }
    if let Some(refusal) = &observed.world.chart {
        return Some((refusal.reason, refusal.message.clone()));
    }
    let identity = &attempt.identity;
    if observed
        .job
        .spec
        .as_ref()
        .is_ok_and(|spec| !spec.uuid.contains(&identity.uuid))
    {
        return Some((
            Reason::NotRequested,
            format!("spec.uuid does not name {} any more", identity.uuid),
        ));
    }
    // Where no Instance is known, the absence of one says nothing: the attempt is held, not closed.
    let endpoint = identity
        .endpoint
        .as_deref()
        .filter(|_| observed.world.akri_installed)?;
    let forbidden = |device| Some((Reason::DeviceNotAllowed, observed.terms.forbid(device)?));
    match observed.inventory.by_uuid(&identity.uuid) {
        Some(Ok(device)) if device.endpoint.to_string() == endpoint => forbidden(device),
        Some(Ok(device)) => Some((
            Reason::DeviceNotFound,
            format!(
                "Instance {} now stands for {}, not for {endpoint}",
                identity.uuid, device.endpoint
            ),
        )),
        Some(Err(error)) => Some((Reason::DeviceInvalid, error.to_string())),
        // A new uid of the same endpoint is the same device after a restart.
        None => match observed.inventory.by_endpoint(endpoint) {
            Some(device) => forbidden(device),
            None => Some((
                Reason::DeviceNotFound,
                format!("no Akri Instance stands for {endpoint} any more"),
            )),
        },
    }
}
