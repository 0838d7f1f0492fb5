//! Asking once for devices to be flashed again: which rerun is due. Pure.

use super::job::Job;
use crate::api::{Rerun, RerunDevices};

/// The rerun that the spec asks for and that was neither acted upon nor recorded. None before the first round: a job that is
/// created with one begins anyway, and records its id.
#[must_use]
pub fn due(job: &Job) -> Option<&Rerun> {
    job.status.round.as_ref()?;
    let rerun = job.spec.as_ref().ok()?.rerun.as_ref()?;
    let known = job.status.last_rerun_id.as_deref() == Some(rerun.id.as_str());
    (!known && !rerun.id.is_empty()).then_some(rerun)
}

/// Whether a due rerun asks for a whole round.
#[must_use]
pub fn wants_round(job: &Job) -> bool {
    due(job).is_some_and(|rerun| rerun.devices == Some(RerunDevices::All))
}
