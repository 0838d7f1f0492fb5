//! An attempt that could not be recorded: whose fault it was, and what becomes of its device. Changes nothing but the memory.

use jiff::SignedDuration;

use super::ActionError;
use crate::{
    api::{Reason, Refusal},
    cluster::clock::now,
    device::Device,
    flashjob::{
        act::context::Context,
        observe::{
            memory::{Found, ValuesOf, ValuesTrial, Waiting},
            objects::Identity,
        },
        plan::Begin,
        spec::job::Job,
        verdict::{Outcome, Verdict},
    },
};
use helm_release::Status;

/// First wait of a device whose attempt could not be recorded; doubles to [`MAX_WAIT_SECONDS`].
const WAIT_SECONDS: i64 = 5;
/// Longest such wait.
const MAX_WAIT_SECONDS: i64 = 300;

/// An attempt could not be recorded: its device waits, or fails for what it is, or its job is refused as a whole. Where a
/// record was made after all, the attempt goes on from it. `version` is that of the chart with which it was tried.
pub fn give_up(
    ctx: &Context,
    job: &Job,
    (identity, begin): (&Identity, &Begin),
    version: u64,
    error: &ActionError,
) {
    let index = begin.index;
    let mut cache = ctx.cache();
    let same_round = cache
        .rosters
        .get(&job.uid)
        .is_some_and(|roster| roster.round == identity.round);
    let recorded = cache
        .ledger
        .attempt(&identity.key)
        .and_then(|attempt| attempt.record().map(|record| record.status));
    let goes_on = recorded.is_some_and(|status| status != Status::Failed);
    let memory = cache.memory(&job.uid);
    match error {
        ActionError::Refused(refusal) if refusal.reason != Reason::ForeignRevision => {
            let of = ValuesOf {
                generation: job.generation,
                chart: version,
            };
            let proven = memory.proven == Some(of);
            match own_fault(refusal, &begin.device, proven) {
                Some(found) if same_round => {
                    let found = Found {
                        index: Some(index),
                        uuid: begin.uuid.clone(),
                        verdict: found,
                        at: now(),
                    };
                    memory.refused.insert(index, found);
                }
                // Indexes of another round mean other devices.
                Some(_) => {}
                None => {
                    memory.trial = Some(ValuesTrial::refused(of, refusal.clone()));
                }
            }
        }
        ActionError::Refused(_)
        | ActionError::Api(_)
        | ActionError::Read(_)
        | ActionError::Log(_)
        | ActionError::Helm { .. }
        | ActionError::NotAdmitted(_) => {
            if goes_on {
                return;
            }
            let tries = memory
                .waiting
                .get(&index)
                .map_or(0, |waiting| waiting.tries)
                + 1;
            let seconds = (WAIT_SECONDS << (tries - 1).min(8)).min(MAX_WAIT_SECONDS);
            let until = now()
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or_else(|_| now());
            memory.waiting.insert(
                index,
                Waiting {
                    reason: error.reason(),
                    message: error.to_string(),
                    until,
                    tries,
                },
            );
        }
    }
}

/// The verdict on a device that is itself to blame: its own text, or whatever tells it apart from another device of the job,
/// with which the same values were accepted (`proven`). None where the job is.
fn own_fault(refusal: &Refusal, device: &Device, proven: bool) -> Option<Verdict> {
    let message = if refusal.reason == Reason::DeviceInvalid {
        refusal.message.clone()
    } else if proven {
        format!(
            "Instance {}/{}: {}: {}; other devices of the job are accepted: compare its spec.brokerProperties with theirs",
            device.namespace, device.name, refusal.reason, refusal.message
        )
    } else {
        return None;
    };
    Some(Verdict {
        outcome: Outcome::Failed,
        reason: Reason::DeviceInvalid,
        message,
        log_tail: String::new(),
    })
}
