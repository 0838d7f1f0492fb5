//! What the status of a class is to say. Pure; called by `controller`.

use jiff::Timestamp;

use super::observe::Observed;
use crate::{
    api::{ConditionType, FlashClassStatus, Reason, conditions},
    flashjob::status::count,
};

/// The status to be written; none where the stored one says it already.
#[must_use]
pub fn plan(observed: &Observed, now: Timestamp) -> Option<FlashClassStatus> {
    let class = &observed.class;
    let stored = class.stored.as_ref()?.status.clone();
    let generation = class.reference.generation;
    let mut wanted = FlashClassStatus {
        observed_generation: Some(generation),
        active_jobs: Some(count(observed.active_jobs)),
        ..stored.clone()
    };
    let (accepted, reason, message) = match &class.rules {
        Ok(_) => {
            let warning = observed.warning.clone().unwrap_or_default();
            (true, Reason::SpecAccepted, warning)
        }
        Err(problem) => (false, Reason::FlashClassInvalid, problem.clone()),
    };
    conditions::set(
        &mut wanted.conditions,
        ConditionType::Accepted,
        accepted,
        reason,
        message,
        generation,
        now,
    );
    let suspension = class.suspension();
    let reason = match suspension {
        Some(_) => Reason::Suspended,
        None => Reason::NotRequested,
    };
    conditions::set(
        &mut wanted.conditions,
        ConditionType::Suspended,
        suspension.is_some(),
        reason,
        suspension.unwrap_or_default(),
        generation,
        now,
    );
    (wanted != stored).then_some(wanted)
}
