//! The objects that hold what a round began with: the devices that it selected and the defaults of its class. Written before the status
//! that names them, read back sealed or not at all.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, Resource, ResourceExt};

use super::{job::of_job, seal};
use crate::{
    api::SelectedDevice,
    cluster::{ApiError, DeleteCondition, ErrorKind, ObjectKey, SLICES},
    crash::Write,
    device::{self, StoredSlice},
    flashclass::{self, Frozen},
    flashjob::{act::context::Context, spec::job::Job},
    names::LABEL_ROUND,
};

/// The slices of all rounds of a job.
#[derive(Debug, Default)]
pub struct Revisions {
    /// Those that the operator wrote, as it wrote them, but without the devices.
    pub believed: Vec<ControllerRevision>,
    /// The devices of these.
    pub slices: Vec<StoredSlice>,
    /// Those that bear the job's label and no seal of this operator, or were altered.
    pub unsealed: Vec<ControllerRevision>,
}

impl Revisions {
    fn take_in(&mut self, mut revision: ControllerRevision, ctx: &Context) {
        if seal::is_sealed_revision(&revision, &ctx.seals) {
            self.slices.extend(StoredSlice::take(&mut revision));
            self.believed.push(revision);
            return;
        }
        tracing::warn!(
            name = revision.name_any(),
            "a ControllerRevision of the job bears no seal of this operator, or was altered: not believed"
        );
        revision.data = None;
        self.unsealed.push(revision);
    }

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
pub async fn list(ctx: &Context, job: &Job) -> Result<Revisions, ApiError> {
    let api: Api<ControllerRevision> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let mut asked = of_job(&job.uid).limit(SLICES);
    let mut revisions = Revisions::default();
    loop {
        let page = api.list(&asked).await;
        let page = page.map_err(|error| ApiError::new("list ControllerRevisions", &error))?;
        for revision in page.items {
            revisions.take_in(revision, ctx);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => asked = asked.continue_token(&token),
            None => return Ok(revisions),
        }
    }
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
    let job = job_ref(job);
    for slice in device::revisions(&job, round, first, devices) {
        store(ctx, slice).await?;
    }
    Ok(())
}

/// Stores what a round begins with: slices as [`store_selection`] does, and the class defaults in the first of them that has room. Where nothing is
/// selected anew, `left` are the slices that a crash left: the defaults are in them already, or get an object of their own.
///
/// # Errors
/// As [`store_selection`].
pub async fn store_round(
    ctx: &Context,
    job: &Job,
    (left, frozen): (&[ControllerRevision], &Frozen),
    first: usize,
    devices: &[SelectedDevice],
) -> Result<(), ApiError> {
    let round = frozen.stored.round;
    let reference = job_ref(job);
    let mut holds = flashclass::thaw(left, &frozen.stamp(), round).is_ok();
    for mut slice in device::revisions(&reference, round, first, devices) {
        holds = holds || flashclass::store_beside(&mut slice, frozen);
        store(ctx, slice).await?;
    }
    if holds {
        return Ok(());
    }
    store_class(ctx, job, frozen).await
}

async fn store(ctx: &Context, revision: ControllerRevision) -> Result<(), ApiError> {
    let revision = seal::sealed_revision(revision, &ctx.seals);
    let request = ctx.writer.create_revision(&revision);
    ctx.crash.around(Write::SelectionCreate, request).await?;
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
            ..Revisions::default()
        };
        assert_eq!(revisions.doubt(2).as_deref(), doubt);
    }
}
