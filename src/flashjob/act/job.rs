//! Writes to the FlashJob itself and to its selection: finalizer, status, slices, deletion.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    core::v1::{Pod, Secret, Service},
};
use kube::{Api, ResourceExt, api::ListParams, core::PartialObjectMeta};
use serde_json::Value;

use crate::{
    api::{FlashJobStatus, SelectedDevice},
    cluster::{ApiError, DeleteCondition, ErrorKind, ObjectKey, clock::now},
    crash::Write,
    device,
    flashclass::{self, Frozen},
    flashjob::{context::Context, job::Job, status, unreadable},
    names::{FINALIZER, LABEL_JOB_UID},
};

/// Puts the operator's finalizer on the job. The watch brings the job back for its next pass.
///
/// # Errors
/// When the API server refuses; a conflict means that a newer object is on its way.
pub async fn add_finalizer(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let version = job.version.to_string();
    let (key, finalizers) = (key(job), job.object.finalizers());
    let request = ctx
        .writer
        .add_finalizer(&key, &job.uid, &version, finalizers, FINALIZER);
    ignore_stale(ctx.crash.around(Write::FinalizerOn, request).await)
}

fn key(job: &Job) -> ObjectKey {
    ObjectKey::flash_job(&job.namespace, &job.name)
}

fn ignore_stale(answer: Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.kind == ErrorKind::Conflict || error.is_not_found() => Ok(()),
        other => other,
    }
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
    let amend = |object: &Value| unreadable::amend(object, job, error, now());
    let key = key(job);
    let request = ctx.writer.amend_status(&key, &job.uid, &version, amend);
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
    let mut object = job.object.clone();
    object.status = Some(wanted.clone());
    let size = serde_json::to_vec(wanted).map_or(0, |bytes| bytes.len());
    let request = ctx.writer.replace_status(&object);
    let answer = ctx.crash.around(write, request).await?;
    if let Some(job) = Job::of_answer(answer) {
        ctx.state().see_job(job);
    }
    Ok(size)
}

/// The slices of all rounds of the job, as the API server has them now.
///
/// # Errors
/// When they cannot be listed.
pub async fn revisions(ctx: &Context, job: &Job) -> Result<Vec<ControllerRevision>, ApiError> {
    let api: Api<ControllerRevision> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let listed = api.list(&of_job(&job.uid)).await;
    listed
        .map(|list| list.items)
        .map_err(|error| ApiError::new("list ControllerRevisions", &error))
}

fn of_job(uid: &str) -> ListParams {
    ListParams::default().labels(&format!("{LABEL_JOB_UID}={uid}"))
}

/// Stores slices with these devices, the first of which gets index `first`.
///
/// # Errors
/// When the API server refuses one. Slices that exist already are of a crash before, or of an answer that was lost.
pub async fn store_selection(
    ctx: &Context,
    job: &Job,
    round: i64,
    first: usize,
    devices: &[SelectedDevice],
) -> Result<(), ApiError> {
    for revision in device::revisions(&job_ref(job), round, first, devices) {
        let request = ctx.writer.create_revision(&revision);
        ctx.crash.around(Write::SelectionCreate, request).await?;
    }
    Ok(())
}

/// Stores the class defaults that a round begins with. That they are there already is of a crash before, or of an answer that
/// was lost: the name holds their hash.
///
/// # Errors
/// When the API server refuses.
pub async fn store_class(ctx: &Context, job: &Job, frozen: &Frozen) -> Result<(), ApiError> {
    let revision = flashclass::revision(&job_ref(job), frozen);
    let request = ctx.writer.create_revision(&revision);
    match ctx.crash.around(Write::ClassFreeze, request).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

fn job_ref(job: &Job) -> device::JobRef {
    device::JobRef {
        name: job.name.clone(),
        namespace: job.namespace.clone(),
        uid: job.uid.clone(),
    }
}

/// Deletes slices of rounds before `round`. What stays is deleted with the job.
pub async fn delete_revisions_before(ctx: &Context, known: &[ControllerRevision], round: i64) {
    for revision in known.iter().filter(|revision| {
        let label = revision.labels().get(crate::names::LABEL_ROUND);
        label
            .and_then(|text| text.parse::<i64>().ok())
            .is_some_and(|number| number < round)
    }) {
        let (Some(namespace), Some(uid)) = (revision.namespace(), revision.uid()) else {
            continue;
        };
        let key = ObjectKey::new(
            "apps/v1",
            "ControllerRevision",
            &namespace,
            &revision.name_any(),
        );
        let condition = DeleteCondition::uid(&uid);
        let request = ctx.writer.delete(&key, &condition);
        if let Err(error) = ctx.crash.around(Write::SelectionDelete, request).await {
            tracing::debug!(error = %error, "old selection stays until the job is deleted");
        }
    }
}

/// Takes the finalizer off a job that is being deleted once nothing of it is left. Returns whether it did.
///
/// # Errors
/// When the API server refuses.
pub async fn finish_deletion(ctx: &Context, job: &Job) -> Result<bool, ApiError> {
    let ends = {
        let state = ctx.state();
        if state.ledger.of_job(&job.uid).next().is_some() {
            return Ok(false);
        }
        state.terminating.contains(&job.namespace)
    };
    match nothing_left(ctx, job).await {
        // The right to ask went with the namespace, which takes everything in it.
        Err(error) if ends && error.kind == ErrorKind::Forbidden => {}
        left => {
            if !left? {
                return Ok(false);
            }
        }
    }
    // Not left to the garbage collector: when the FlashJob is gone, everything of it is.
    if !ends {
        let slices = revisions(ctx, job).await?;
        delete_revisions_before(ctx, &slices, i64::MAX).await;
    }
    let (key, finalizers) = (key(job), job.object.finalizers());
    let request = ctx
        .writer
        .remove_finalizer(&key, &job.uid, finalizers, FINALIZER);
    ignore_stale(ctx.crash.around(Write::FinalizerOff, request).await)?;
    Ok(true)
}

/// Whether the API server itself has no Secret and no Pod of the job, and no Service that is not already being deleted.
async fn nothing_left(ctx: &Context, job: &Job) -> Result<bool, ApiError> {
    let failed = |error| ApiError::new("list what is left of the FlashJob", &error);
    let secrets: Api<Secret> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let pods: Api<Pod> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let services: Api<Service> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let secrets = secrets
        .list_metadata(&of_job(&job.uid))
        .await
        .map_err(failed)?
        .items;
    let pods = pods
        .list_metadata(&of_job(&job.uid))
        .await
        .map_err(failed)?
        .items;
    let services = services
        .list_metadata(&of_job(&job.uid))
        .await
        .map_err(failed)?
        .items;
    let stays =
        |service: &PartialObjectMeta<Service>| service.metadata.deletion_timestamp.is_none();
    Ok(secrets.is_empty() && pods.is_empty() && !services.iter().any(stays))
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
    let Some(current) = ctx.state().job(&job.uid).cloned() else {
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
    let (key, condition) = (key(&current), DeleteCondition::uid(&current.uid));
    let request = ctx.writer.delete(&key, &condition);
    ctx.crash.around(Write::JobDelete, request).await?;
    Ok(None)
}
