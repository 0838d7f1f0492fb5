//! Writes a job's status when it says something new and the budgets allow: etcd keeps every version for a while.
//!
//! Called by `reconcile` at the end of a pass.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{context::Context, receipts, store_receipts};
use crate::{
    api::conditions,
    flashjob::{
        act,
        observe::{cache::Cache, memory::Memory, pruned},
        spec::job::Job,
        status::metrics,
    },
    identifiers::JobUid,
};
use crate::{
    api::{DeviceStatus, FlashJobStatus},
    cluster::{ApiError, ErrorKind},
    crash::Write,
};

/// Seconds between two status writes of one job, at least.
const STATUS_SECONDS: f64 = 1.0;
/// Status bytes per second, of one job and of all jobs together: etcd keeps every version for a while.
const STATUS_BYTES_PER_SECOND: f64 = 100_000.0;
const ALL_STATUS_BYTES_PER_SECOND: f64 = 800_000.0;

/// Writes the status if it says anything new and its time has come; otherwise says when it will be due.
pub(crate) async fn write(
    ctx: &Arc<Context>,
    job: &Arc<Job>,
    (wanted, ended): (FlashJobStatus, Vec<DeviceStatus>),
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let current = ctx.cache().job(&job.uid).cloned();
    let Some(current) = current.filter(|current| current.version == job.version) else {
        // A newer object arrived meanwhile; its pass is already queued.
        return Ok(Some(now));
    };
    let owed = self::owed(ctx, job, &wanted, now);
    let pays = owed.is_some_and(|due| due <= now);
    let (news, probe) = {
        let mut cache = ctx.cache();
        let memory = cache.memory(&job.uid);
        // A status that could not be stored is not tried in every pass, but again from time to time.
        let stored = pruned::without(&wanted, &memory.pruned);
        let news = !conditions::same_but_times(&current.status, &stored);
        if job.spec.is_err() || (!news && !pays && memory.pruned.is_empty()) {
            return Ok(owed);
        }
        (news, probe_due(memory).filter(|_| !news && !pays))
    };
    if let Some(due) = probe.filter(|due| *due > now) {
        return Ok(Some(due));
    }
    // Another job may have used the common budget since.
    let due = due(&mut ctx.cache(), &job.uid, now);
    if due.is_some() {
        return Ok(due);
    }
    let mut wanted = receipts::issue(ctx, &current, wanted, ended).await;
    store_receipts::follow(ctx, &current, &mut wanted);
    if pays && !news && conditions::same_but_times(&current.status, &wanted) {
        // The key still cannot be used, or the registry has not answered.
        return Ok(self::owed(ctx, job, &wanted, now));
    }
    let size = act::job::replace_status(ctx, Write::Status, &current, &wanted).await;
    let mut cache = ctx.cache();
    match size {
        Ok(size) => {
            spend(&mut cache, &job.uid, size, now);
            cache.memory(&job.uid).too_large = false;
            drop(cache);
            ctx.metrics
                .verdicts(metrics::verdicts(&current.status, &wanted));
            ctx.transitions(&current, &wanted);
            // What the stored status now allows is planned at once.
            Ok(Some(now))
        }
        Err(error) if error.kind == ErrorKind::TooLarge => {
            cache.memory(&job.uid).too_large = true;
            Err(error)
        }
        // A newer object is on its way.
        Err(error) if error.kind == ErrorKind::Conflict => Ok(Some(later(now, 0.2))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// When a status that says nothing new has to be written all the same, for a signature or an artifact that it lacks.
fn owed(ctx: &Context, job: &Job, wanted: &FlashJobStatus, now: Timestamp) -> Option<Timestamp> {
    let signature = receipts::due(ctx, job, wanted, now);
    signature.or_else(|| store_receipts::due(ctx, job, wanted, now))
}

/// Takes a status of that many bytes, which was stored, off the budgets of the job and of all jobs.
pub(crate) fn spend(cache: &mut Cache, job_uid: &JobUid, size: usize, now: Timestamp) {
    cache.memory(job_uid).written = Some((now, size));
    let seconds = approximate(size) / ALL_STATUS_BYTES_PER_SECOND;
    cache.status_free_at = Some(later(now, seconds));
}

/// When the budgets of the job and of all jobs allow the job's next status write; absent where they allow it now.
pub(crate) fn due(cache: &mut Cache, job_uid: &JobUid, now: Timestamp) -> Option<Timestamp> {
    let free_at = cache.status_free_at;
    let own = cache.memory(job_uid).written.map(|(at, size)| {
        let seconds = STATUS_SECONDS.max(approximate(size) / STATUS_BYTES_PER_SECOND);
        later(at, seconds)
    });
    own.max(free_at).filter(|due| *due > now)
}

/// When it is tried again whether the API server stores all of the status.
pub(crate) fn probe_due(memory: &Memory) -> Option<Timestamp> {
    Some(later(memory.probed?, pruned::PROBE_SECONDS))
}

#[allow(clippy::cast_precision_loss)] // bytes of a status: far below 2^52
const fn approximate(size: usize) -> f64 {
    size as f64
}

pub(crate) fn later(from: Timestamp, seconds: f64) -> Timestamp {
    let wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
    from.checked_add(wait).unwrap_or(Timestamp::MAX)
}
