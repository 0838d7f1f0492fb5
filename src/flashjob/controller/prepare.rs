//! What a pass writes before it plans: the finalizer of a new job, the round that its spec asks for, the devices that join one.
//!
//! Called by `reconcile`; waits for nothing but the API server's answers.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    cluster::{ApiError, clock::now},
    flashjob::{
        act::{
            self, NextPass,
            context::Context,
            firmware::{self, Readiness},
            follow_spec::{follow_spec, rerun_failed},
            load_selection::load_selection,
            open_round::{class_is_due, freeze_class, open_round, wants_round},
            publish_status,
        },
        spec::job::Job,
    },
};

/// How long the status says nothing about a registry that has not answered yet.
const SOON: Duration = Duration::from_secs(1);

/// What the writes come to that a plan needs first.
pub(super) enum Prepared {
    /// The job as they left it is planned; with when its registry is asked again.
    Job(Arc<Job>, Option<Timestamp>),
    /// The pass ends here.
    Ends(NextPass),
}

/// Puts the finalizer on a new job and opens its round: the same pass goes on with the answers, and waits for no watch to bring them.
pub(super) async fn prepare(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<Prepared, ApiError> {
    let Some(job) = held(ctx, job).await? else {
        return Ok(Prepared::Ends(None));
    };
    load_selection(ctx, &job).await?;
    // What is not stored would be carried out again and again.
    if !may_change_round(ctx, &job) {
        return Ok(Prepared::Job(job, None));
    }
    if class_is_due(ctx, &job) {
        return freeze_class(ctx, &job).await.map(Prepared::Ends);
    }
    if wants_round(ctx, &job) {
        return match firmware::readiness(ctx, &job) {
            Readiness::Ready(firmware) => {
                let next = Box::pin(open_round(ctx, &job, firmware)).await?;
                let known = ctx.cache().job(&job.uid).cloned();
                let opened = known.filter(|known| known.round_is_current());
                Ok(opened.map_or(Prepared::Ends(next), |job| Prepared::Job(job, None)))
            }
            // Most answer before a status is worth a write.
            Readiness::Waiting(since) if is_soon(since) => Ok(Prepared::Ends(Some(SOON))),
            Readiness::Waiting(_) => Ok(Prepared::Job(job, None)),
            Readiness::Refused(until) => Ok(Prepared::Job(job, Some(until))),
        };
    }
    if follow_spec(ctx, &job).await? || rerun_failed(ctx, &job).await? {
        // The next pass goes by the status that was just stored.
        return Ok(Prepared::Ends(Some(Duration::from_millis(1))));
    }
    Ok(Prepared::Job(job, None))
}

/// The job with the operator's finalizer on it. None where it is being deleted without one, or where a newer object came while that was
/// written: the watch that brought it has queued a pass.
async fn held(ctx: &Context, job: &Arc<Job>) -> Result<Option<Arc<Job>>, ApiError> {
    if job.has_finalizer {
        return Ok(Some(Arc::clone(job)));
    }
    if job.deleting {
        return Ok(None);
    }
    act::job::add_finalizer(ctx, job).await?;
    let known = ctx.cache().job(&job.uid).cloned();
    Ok(known.filter(|known| known.has_finalizer && known.spec.is_ok()))
}

/// Whether something was begun so lately that it may be over before anybody looks.
fn is_soon(since: Timestamp) -> bool {
    now().duration_since(since) < SignedDuration::try_from(SOON).unwrap_or_default()
}

/// Whether the round and its selection may change: not while the stored status is not the operator's, or the API server stores
/// only a part of it. Whether it still does is tried from time to time.
fn may_change_round(ctx: &Context, job: &Job) -> bool {
    if job.tampered.is_some() {
        return false;
    }
    let mut cache = ctx.cache();
    let memory = cache.memory(&job.uid);
    memory.pruned.is_empty() || publish_status::probe_due(memory).is_some_and(|due| due <= now())
}
