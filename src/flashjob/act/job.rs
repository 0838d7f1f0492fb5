//! Writes to the FlashJob itself: finalizer, status, its end after a time.

use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt, api::ListParams};

use crate::{
    api::{FlashJobStatus, RawObject},
    cluster::{ApiError, DeleteCondition, ErrorKind, ObjectKey, clock::now},
    crash::Write,
    flashjob::{
        act::context::Context,
        observe::pruned,
        spec::job::Job,
        status::{self, undecodable},
    },
    identifiers::JobUid,
    names::{FINALIZER, LABEL_JOB_UID},
};

/// Puts the operator's finalizer on the job, and takes the job in as that left it. A job that is gone is not an error.
///
/// # Errors
/// When the API server refuses. A conflict, too, has to be tried again: it does not prove that a newer object is on its way.
pub async fn add_finalizer(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let version = job.version.to_string();
    let (key, finalizers) = (key(job), job.object.finalizers());
    let request = ctx
        .writer
        .add_finalizer(&key, job.uid.as_str(), &version, finalizers, FINALIZER);
    match ctx.crash.around(Write::FinalizerOn, request).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
        Ok(answer) => {
            if let Some(job) = Job::parse(&answer) {
                ctx.cache().see_written_job(job);
            }
            Ok(())
        }
    }
}

pub(super) fn key(job: &Job) -> ObjectKey {
    ObjectKey::flash_job(&job.namespace, &job.name)
}

/// Replaces the status, guarded by uid and resourceVersion; `write` says what for. Returns its size in bytes.
///
/// # Errors
/// When the job changed since it was read, or the API server refuses. A status that is too large is tried again in its
/// smallest form before that.
pub async fn replace_status(
    ctx: &Context,
    write: Write,
    job: &Job,
    wanted: &FlashJobStatus,
) -> Result<usize, ApiError> {
    match put_status(ctx, write, job, wanted).await {
        Err(error) if error.kind == ErrorKind::TooLarge => {
            put_status(ctx, write, job, &status::minimal(wanted)).await
        }
        other => other,
    }
}

/// Says in the status of a job that cannot be read what is wrong with it; everything else in it stays. Returns whether that
/// was news.
///
/// # Errors
/// When the API server refuses.
pub async fn amend_status(ctx: &Context, job: &Job, error: &str) -> Result<bool, ApiError> {
    let version = job.version.to_string();
    let amend = |object: &RawObject| undecodable::amend(object, job, error, now());
    let key = key(job);
    let request = ctx
        .writer
        .amend_status(&key, job.uid.as_str(), &version, amend);
    match ctx.crash.around(Write::UnreadableStatus, request).await {
        // Another object is on its way, or none.
        Err(error) if error.kind == ErrorKind::Conflict || error.is_not_found() => Ok(false),
        other => other,
    }
}

async fn put_status(
    ctx: &Context,
    write: Write,
    job: &Job,
    wanted: &FlashJobStatus,
) -> Result<usize, ApiError> {
    let size = status::json_size(wanted);
    ctx.metrics.status_written(size);
    let request = ctx.writer.replace_status(&job.object.metadata, wanted);
    let answer = ctx.crash.around(write, request).await?;
    let stored = answer.0.as_ref().ok();
    see_pruned(
        ctx,
        job,
        wanted,
        stored.and_then(|object| object.status.as_ref()),
    );
    if let Some(job) = Job::parse(&answer) {
        ctx.cache().see_written_job(job);
    }
    Ok(size)
}

/// Remembers, and says once, what of a status was not stored.
fn see_pruned(ctx: &Context, job: &Job, written: &FlashJobStatus, stored: Option<&FlashJobStatus>) {
    let news = {
        let mut cache = ctx.cache();
        let memory = cache.memory(&job.uid);
        let known = std::mem::take(&mut memory.pruned);
        memory.pruned = pruned::after(&known, written, stored);
        memory.probed = Some(now());
        pruned::refusal(memory).filter(|_| known.is_empty())
    };
    let Some(refusal) = news else { return };
    tracing::error!(
        reason = refusal.reason.as_str(),
        error = refusal.message,
        "the status is not stored as it was written"
    );
    ctx.event(job, None, (true, refusal.reason.as_str()), refusal.message);
}

pub(super) fn of_job(uid: &JobUid) -> ListParams {
    ListParams::default().labels(&format!("{LABEL_JOB_UID}={uid}"))
}

/// Deletes a finished job whose time to live has passed; otherwise says when that will be.
///
/// # Errors
/// When the API server refuses.
pub async fn expire(
    ctx: &Context,
    job: &Job,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(current) = ctx.cache().job(&job.uid).cloned() else {
        return Ok(None);
    };
    let ttl = current
        .spec
        .as_ref()
        .ok()
        .and_then(|spec| spec.ttl_seconds_after_finished);
    let (Some(ttl), Some(finished)) = (ttl.filter(|_| !current.deleting), current.finished_at())
    else {
        return Ok(None);
    };
    let at = finished
        .checked_add(SignedDuration::from_secs(ttl))
        .unwrap_or(Timestamp::MAX);
    if at > now {
        return Ok(Some(at));
    }
    let (key, condition) = (key(&current), DeleteCondition::uid(current.uid.as_str()));
    let request = ctx.writer.delete(&key, &condition);
    ctx.crash.around(Write::JobDelete, request).await?;
    Ok(None)
}
