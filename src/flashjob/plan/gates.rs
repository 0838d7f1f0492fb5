//! What the job wants of an attempt: its stored ending, and the gates that are asked again right before write 4, the Pod. Pure.
//!
//! Called by `attempt` for every attempt of the job, before it is decided about.

use super::vanished::flashing_attempt;
use crate::flashjob::observe::Observed;
use crate::{
    api::Reason,
    device::Device,
    flashjob::{
        observe::{
            ledger::Attempt,
            memory::Found,
            pruned,
            stored::{self, Stage},
        },
        plan::{
            addresses,
            admission::at_version,
            attempt::{
                AttemptGoal, StoredVerdict, numbering::is_superseded, state_machine::JobState,
            },
            limits::recheck,
            rollout::pace::{Pace, is_counting},
        },
        verdict::Outcome,
    },
};

/// What the job wants of an attempt: its stored ending, and the gates before write 4.
pub(super) fn wish(
    observed: &Observed<'_>,
    pace: &Pace,
    attempt: &Attempt,
    index: Option<usize>,
) -> AttemptGoal {
    let job = observed.job;
    // A round that is not stored as the current one is being replaced: its attempts are of an older round from now on.
    let same_round = index.is_some() && (job.spec.is_err() || observed.round_is_current());
    let state = if job.deleting || !same_round {
        JobState::Leaving
    } else {
        JobState::Exists
    };
    let stored = index.and_then(|index| {
        stored_ending(observed, index).or_else(|| interim_ending(observed, index, attempt))
    });
    // Verdicts of older rounds have no place in the status: log and event hold them.
    let ending = stored.or_else(|| {
        let found = observed.memory.verdicts.get(&attempt.identity.key.id)?;
        index.is_none().then(|| ending_of(found))
    });
    AttemptGoal {
        job: state,
        ending,
        // Another attempt at the device says nothing about this one.
        was_flashing: index
            .and_then(|index| flashing_attempt(job, index))
            .as_ref()
            == Some(&attempt.identity.key.id),
        closed: paced(pace, index).or_else(|| closed_gate(observed, attempt, index)),
        held: held_gate(observed, pace).or_else(|| addresses::in_use(observed.ledger, attempt)),
        adopts: job.deleting || job.status.round.is_some(),
    }
}

/// The pace of the job lets nothing start, or not this device.
fn paced(pace: &Pace, index: Option<usize>) -> Option<(Reason, String)> {
    let hold = pace.closed(index?)?;
    Some((hold.reason, hold.message.clone()))
}

/// Why the gates before write 4 cannot be asked now.
fn held_gate(observed: &Observed<'_>, pace: &Pace) -> Option<(Reason, String)> {
    if !observed.world.akri_installed {
        let message =
            "Akri's Instances are not known: whether this is still the device cannot be said";
        return Some((Reason::AkriNotInstalled, message.into()));
    }
    if pace.counts_failures && is_counting(observed) {
        let message = "a failure is being counted that may stop the job";
        return Some((Reason::Queued, message.into()));
    }
    (!observed.selector_is_current()).then(|| {
        let message = "spec.deviceSelector was edited and has not been carried out yet";
        (Reason::Queued, message.into())
    })
}

fn ending_of(found: &Found) -> StoredVerdict {
    StoredVerdict {
        succeeded: found.verdict.outcome == Outcome::Succeeded,
        reason: found.verdict.reason,
        message: found.verdict.message.clone(),
        at: Some(found.at),
        stage: Stage::Final,
    }
}

fn stored_ending(observed: &Observed<'_>, index: usize) -> Option<StoredVerdict> {
    let finals = &observed.job.finals;
    if !finals.contains(index) {
        return None;
    }
    let succeeded = finals.succeeded.contains(index) || finals.skipped.contains(index);
    let device = stored::entry(observed.job, index);
    let reason = device.and_then(stored::reason);
    Some(StoredVerdict {
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
        stage: Stage::Final,
    })
}

/// The stored verdict of an attempt whose device is not final: it is read back, or another attempt follows.
fn interim_ending(
    observed: &Observed<'_>,
    index: usize,
    attempt: &Attempt,
) -> Option<StoredVerdict> {
    let job = observed.job;
    let id = &attempt.identity.key.id;
    let device = stored::entry(job, index)?;
    let own = stored::stage(job, index, id);
    let stage = own.or_else(|| {
        // The entry speaks of a later attempt, and this one is told by its number; its record may be gone or unreadable.
        let number = attempt
            .number()
            .and_then(|number| usize::try_from(number).ok());
        let counted = number.is_some_and(|number| number <= device.earlier_failures.len());
        let over = counted
            || observed.memory.retried.contains(id)
            || is_superseded(observed.ledger, attempt);
        over.then_some(Stage::Retried)
    })?;
    let told = Some(device).filter(|_| own.is_some());
    let reason = told.and_then(stored::reason).unwrap_or(Reason::FlashFailed);
    Some(StoredVerdict {
        succeeded: stage == Stage::Verifying && reason == Reason::Verifying,
        reason,
        message: told
            .and_then(|device| device.message.clone())
            .unwrap_or_default(),
        at: told
            .and_then(|device| device.completion_time.as_ref())
            .map(|time| time.0),
        stage,
    })
}

/// The gates that are asked again right before the Pod is created.
fn closed_gate(
    observed: &Observed<'_>,
    attempt: &Attempt,
    index: Option<usize>,
) -> Option<(Reason, String)> {
    if let Some(refusal) = &observed.terms.refusal {
        return Some((refusal.reason, refusal.message.clone()));
    }
    if let Some(message) = &observed.terms.suspended {
        return Some((Reason::ClassSuspended, message.clone()));
    }
    if let Some(refusal) = pruned::refusal(observed.memory) {
        return Some((refusal.reason, refusal.message));
    }
    if let Some(refusal) = &observed.world.chart {
        return Some((refusal.reason, refusal.message.clone()));
    }
    let identity = &attempt.identity;
    let dropped = index.is_some_and(|index| !observed.job.wants(index, &identity.uuid));
    if dropped && observed.selector_is_current() {
        let message = format!("the spec does not name {} any more", identity.uuid);
        return Some((Reason::NotRequested, message));
    }
    let unsealed = &observed.ledger.unsealed;
    let endpoint = identity.endpoint.as_deref();
    if let Some(object) = unsealed.at(&identity.namespace, &identity.uuid, endpoint) {
        return Some((Reason::SealUnknown, object.advice()));
    }
    // Where no Instance is known, the absence of one says nothing: the attempt is held, not closed.
    let endpoint = identity
        .endpoint
        .as_deref()
        .filter(|_| observed.world.akri_installed)?;
    let forbidden = |device| Some((Reason::DeviceNotAllowed, observed.terms.forbid(device)?));
    match observed.inventory.by_uuid(&identity.uuid) {
        Some(Ok(device)) if device.endpoint.to_string() == endpoint => forbidden(device)
            .or_else(|| needless(observed, device))
            .or_else(|| limited(observed, attempt, endpoint)),
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
            Some(device) => forbidden(device)
                .or_else(|| needless(observed, device))
                .or_else(|| limited(observed, attempt, endpoint)),
            None => Some((
                Reason::DeviceNotFound,
                format!("no Akri Instance stands for {endpoint} any more"),
            )),
        },
    }
}

/// A limit of its class was lowered, or it is found elsewhere than when it began.
fn limited(observed: &Observed<'_>, attempt: &Attempt, endpoint: &str) -> Option<(Reason, String)> {
    let live = || Some(observed.inventory.footprint(endpoint));
    let refusal = recheck::closed(observed.terms, observed.ledger, attempt, live)?;
    Some((refusal.reason, refusal.message))
}

/// It got the version in the meantime, by hand or by another operator.
fn needless(observed: &Observed<'_>, device: &Device) -> Option<(Reason, String)> {
    let effective = observed.effective();
    at_version(observed.job, effective, device).map(|message| (Reason::AlreadyAtVersion, message))
}

#[cfg(test)]
#[path = "gates_tests.rs"]
mod tests;
