//! Writes to the FlashJob itself and to its selection: finalizer, status, slices, its end after a time.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, Resource, ResourceExt, api::ListParams};

use super::seal;
use crate::{
    api::{FlashJobStatus, RawObject, SelectedDevice},
    cluster::{ApiError, DeleteCondition, ErrorKind, ObjectKey, clock::now},
    crash::Write,
    device,
    flashclass::{self, Frozen},
    flashjob::{
        act::context::Context,
        observe::pruned,
        spec::job::Job,
        status::{self, undecodable},
    },
    names::{FINALIZER, LABEL_JOB_UID, LABEL_ROUND},
};

/// Puts the operator's finalizer on the job. The watch brings the job back for its next pass.
///
/// # Errors
/// When the API server refuses. A conflict, too, has to be tried again: it does not prove that a newer object is on its way.
pub async fn add_finalizer(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let version = job.version.to_string();
    let (key, finalizers) = (key(job), job.object.finalizers());
    let request = ctx
        .writer
        .add_finalizer(&key, &job.uid, &version, finalizers, FINALIZER);
    ignore_gone(ctx.crash.around(Write::FinalizerOn, request).await)
}

pub(super) fn key(job: &Job) -> ObjectKey {
    ObjectKey::flash_job(&job.namespace, &job.name)
}

pub(super) fn ignore_gone(answer: Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(()),
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
    let amend = |object: &RawObject| undecodable::amend(object, job, error, now());
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

/// The slices of all rounds of a job.
#[derive(Debug, Default)]
pub struct Revisions {
    /// Those that the operator wrote, as it wrote them.
    pub believed: Vec<ControllerRevision>,
    /// Those that bear the job's label and no seal of this operator, or were altered.
    pub unsealed: Vec<ControllerRevision>,
}

impl Revisions {
    /// Names what may be of this round and is not believed, if anything: why its selection or its class is lost.
    #[must_use]
    pub fn doubt(&self, round: i64) -> Option<String> {
        let of_round = |revision: &&ControllerRevision| {
            let label = revision.labels().get(LABEL_ROUND);
            let label = label.and_then(|text| text.parse::<i64>().ok());
            label.is_none_or(|label| label == round)
        };
        let mut names = self.unsealed.iter().filter(of_round).map(Resource::meta);
        let first = names.next()?.name.as_deref().unwrap_or_default();
        Some(match names.count() {
            0 => {
                format!("ControllerRevision {first} bears no seal of this operator, or was altered")
            }
            more => format!(
                "ControllerRevisions {first} and {more} more bear no seal of this operator, or were altered"
            ),
        })
    }
}

/// The slices of all rounds of the job, as the API server has them now. A selection or class of which a part is not believed is
/// said to be lost.
///
/// # Errors
/// When they cannot be listed.
pub async fn revisions(ctx: &Context, job: &Job) -> Result<Revisions, ApiError> {
    let api: Api<ControllerRevision> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let listed = api.list(&of_job(&job.uid)).await;
    let listed = listed.map_err(|error| ApiError::new("list ControllerRevisions", &error))?;
    let ours = |revision: &ControllerRevision| seal::is_sealed_revision(revision, &ctx.seals);
    let (believed, unsealed) = listed.items.into_iter().partition(ours);
    let revisions = Revisions { believed, unsealed };
    for revision in &revisions.unsealed {
        tracing::warn!(
            name = revision.name_any(),
            "a ControllerRevision of the job bears no seal of this operator, or was altered: not believed"
        );
    }
    Ok(revisions)
}

pub(super) fn of_job(uid: &str) -> ListParams {
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
        let revision = seal::sealed_revision(revision, &ctx.seals);
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
    let revision = seal::sealed_revision(revision, &ctx.seals);
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
        let label = revision.labels().get(LABEL_ROUND);
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
    let (key, condition) = (key(&current), DeleteCondition::uid(&current.uid));
    let request = ctx.writer.delete(&key, &condition);
    ctx.crash.around(Write::JobDelete, request).await?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn revision(name: &str, round: &str) -> ControllerRevision {
        let mut revision = ControllerRevision::default();
        revision.metadata.name = Some(name.to_owned());
        let label = (LABEL_ROUND.to_owned(), round.to_owned());
        revision.metadata.labels = Some([label].into());
        revision
    }

    #[rstest]
    #[case::nothing(&[], None)]
    #[case::another_round(&[("a", "1")], None)]
    #[case::one(&[("a", "1"), ("b", "2")], Some("ControllerRevision b bears no seal of this operator, or was altered"))]
    #[case::without_a_round(&[("a", "")], Some("ControllerRevision a bears no seal of this operator, or was altered"))]
    #[case::more(
        &[("a", "2"), ("b", "2"), ("c", "2")],
        Some("ControllerRevisions a and 2 more bear no seal of this operator, or were altered")
    )]
    fn what_is_not_believed_of_a_round_is_named(
        #[case] unsealed: &[(&str, &str)],
        #[case] doubt: Option<&str>,
    ) {
        let unsealed = unsealed.iter().map(|(name, round)| revision(name, round));
        let revisions = Revisions {
            believed: vec![revision("believed", "2")],
            unsealed: unsealed.collect(),
        };
        assert_eq!(revisions.doubt(2).as_deref(), doubt);
    }
}
