//! What helm left behind: the API server is asked, and the record is put right.

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Api, api::ListParams};

use super::{Plan, failed, written::renumbered};
use crate::{
    api::DevicePhase,
    cluster::{ApiError, clock::now},
    crash::Write,
    flash_pod::intent::Stored,
    flashjob::{
        act::{
            ActionError,
            context::Context,
            record::{put, put_deployed},
        },
        observe::objects::{Identity, ObservedRecord},
        spec::job::Job,
    },
};
use helm_release::{Status, command::Failure, has_pod, without_pod};

/// Longest description of a record.
const MAX_DESCRIPTION: usize = 512;
/// What stands in a record that helm itself put to `failed`.
const HELM_FAILED: &str = "failed: ";

/// helm refuses to upgrade a release that a killed helm left `pending`: without a Pod, that revision is put to `failed`.
pub(super) async fn settle(ctx: &Context, stored: &Stored) -> Result<(), ActionError> {
    if !stored.record.info.status.is_pending() {
        return Ok(());
    }
    fail(ctx, stored, "interrupted before its Pod was created").await
}

/// Puts a revision whose Pod never was to `failed`, and takes the Pod out of its manifest.
async fn fail(ctx: &Context, stored: &Stored, description: &str) -> Result<(), ActionError> {
    let mut record = stored.record.clone();
    record.manifest = without_pod(&record.manifest);
    record.info.status = Status::Failed;
    record.info.last_deployed = Some(now());
    record.info.description = description.chars().take(MAX_DESCRIPTION).collect();
    let has_pod = has_pod(&record.manifest);
    put(ctx, Write::RecordSettle, stored, (record, has_pod)).await
}

/// Takes in what helm made, whether it says it succeeded or not: events may be late, and the attempt must not look empty. Returns
/// the revision that helm wrote.
pub(super) async fn look(
    ctx: &Context,
    identity: &Identity,
    plan: &Plan<'_>,
) -> Result<u32, ApiError> {
    let (namespace, release) = (&plan.intent.job.namespace, plan.release);
    let failed = |error| ApiError::new(format!("look at release {namespace}/{release}"), &error);
    let secrets: Api<Secret> = Api::namespaced(ctx.read.clone(), namespace);
    let selector = ListParams::default().labels(&format!("owner=helm,name={release}"));
    let mut secrets = secrets.list(&selector).await.map_err(failed)?.items;
    let revision = renumbered(ctx, plan, &mut secrets).await?;
    let name = format!("{release}-{}", plan.intent.attempt_id);
    let pods: Api<Pod> = Api::namespaced(ctx.read.clone(), namespace);
    let pod = pods.get_opt(&name).await.map_err(failed)?;
    let services: Api<Service> = Api::namespaced(ctx.read.clone(), namespace);
    let service = services.get_opt(&name).await.map_err(failed)?;
    let mut cache = ctx.cache();
    for secret in &secrets {
        cache.see_secret(secret);
    }
    if let Some(pod) = &pod {
        cache.see_pod_of(pod, identity);
    }
    if let Some(service) = &service {
        cache.see_service_of(service, identity);
    }
    Ok(revision)
}

/// After helm failed: the record says what there is. With a Pod the flash is under way, and helm's failure does not matter.
pub(super) async fn repair(
    ctx: &Context,
    identity: &Identity,
    revision: u32,
    failure: &Failure,
) -> Result<(), ActionError> {
    let (record, launched) = newest(ctx, identity);
    // Of another revision: helm failed before it wrote anything.
    let record = record.filter(|record| record.revision == revision);
    if let Some(stored) = record.as_ref().and_then(|record| record.stored.as_deref()) {
        if launched {
            return put_deployed(
                ctx,
                stored,
                stored.record.manifest.clone(),
                stored.record.info.notes.clone(),
            )
            .await;
        }
        fail(ctx, stored, &format!("helm: {}", failure.message)).await?;
    }
    if launched {
        Ok(())
    } else {
        Err(failed(failure))
    }
}

/// The newest record of an attempt, and whether its Pod exists.
fn newest(ctx: &Context, identity: &Identity) -> (Option<ObservedRecord>, bool) {
    let cache = ctx.cache();
    let attempt = cache.ledger.attempt(&identity.key);
    (
        attempt.and_then(|attempt| attempt.record().cloned()),
        attempt.is_some_and(|attempt| attempt.pod.is_some()),
    )
}

/// Row 6, after a live look that found no Pod: helm itself put the revision to `failed` and no Pod was ever seen, so none was;
/// the operator was stopped before it could say so in the record. True if that is the case and is now said.
///
/// # Errors
/// When the record cannot be written.
pub async fn never_launched(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
) -> Result<bool, ActionError> {
    let seen = ctx
        .cache()
        .ledger
        .attempt(&identity.key)
        .is_some_and(|attempt| attempt.pod_seen);
    let mut devices = job.into_iter().flat_map(|job| &job.status.devices);
    if seen
        || devices
            .any(|device| device.uuid == identity.uuid.as_str() && device.is(DevicePhase::Flashing))
    {
        return Ok(false);
    }
    let (record, launched) = newest(ctx, identity);
    let record = record
        .filter(|record| record.by_helm && !record.foreign && record.status == Status::Failed);
    let stored = record.and_then(|record| record.stored);
    let Some(stored) =
        stored.filter(|stored| !launched && stored.record.info.description.contains(HELM_FAILED))
    else {
        return Ok(false);
    };
    fail(ctx, &stored, &stored.record.info.description).await?;
    Ok(true)
}
