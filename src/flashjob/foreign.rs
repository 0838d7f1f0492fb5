//! Pods that a person brought in with helm from a release of ours: locked, followed to their end, never counted. Pure; called
//! by `plan`.
//!
//! They bear the job's uid but an attempt id that the operator never gave, so they look like an attempt of which only the Pod
//! is left. What gives them away is that the device has another attempt, which is the operator's own.

use super::{
    attempts::Ending,
    ledger::{Attempt, Ledger},
};
use crate::api::Reason;

/// Whether this attempt is not the operator's: it has no record, while another attempt at the same device in the same round
/// has one that holds the lock, or is the one of which the stored status says that it flashes (`flashing`: its id). The
/// operator begins nothing beside an attempt that holds its lock.
#[must_use]
pub fn is_foreign(ledger: &Ledger, attempt: &Attempt, flashing: Option<&str>) -> bool {
    let identity = &attempt.identity;
    if attempt.step || attempt.record().is_some() {
        return false;
    }
    let same_device = |other: &Attempt| {
        other.identity.uuid == identity.uuid && other.identity.round == identity.round
    };
    let own = ledger.of_job(&identity.key.job_uid).any(|(key, other)| {
        *key != identity.key && same_device(other) && other.record().is_some() && other.locks()
    });
    own || flashing.is_some_and(|id| id != identity.key.id)
}

/// What stands in the place of a verdict: a foreign Pod has none.
#[must_use]
pub fn ending() -> Ending {
    Ending {
        succeeded: false,
        reason: Reason::ForeignRevision,
        message: "this Pod is not the operator's: what it did is not counted".into(),
        at: None,
    }
}
