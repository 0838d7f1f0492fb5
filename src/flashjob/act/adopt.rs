//! Takes over what the original operator left of a device: its Service, then its Pod, one write each.
//!
//! A crash in between loses nothing: what is not taken over is found again by its name, and what is, by its labels.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, Resource, core::DynamicObject};

use super::{ActionError, lookup::get_pod, seal};
use crate::{
    api::Reason,
    cluster::{ApiError, ErrorKind, ObjectKey, Reader, clock::now},
    crash::Write,
    flashclass::DEFAULT_ACTIVE_DEADLINE_SECONDS,
    flashjob::{
        act::context::Context,
        observe::{
            ledger::ObjectKind,
            objects::{Identity, ObservedObject},
        },
        plan::attempt::adoption::{self, Marks, NO_ROUND},
        spec::job::Job,
    },
};

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Marks Pod and Service as objects of this attempt.
///
/// # Errors
/// When the API server refuses; an object that changed meanwhile is looked at again.
pub async fn adopt(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
) -> Result<(), ActionError> {
    let (pod, service) = {
        let cache = ctx.cache();
        let Some(attempt) = cache.ledger.attempt(&identity.key) else {
            return Ok(());
        };
        let pod = attempt.pod.as_ref().map(|pod| pod.sight.clone());
        let service = attempt.service.as_ref();
        (pod, service.map(|service| service.sight.clone()))
    };
    let live = match &pod {
        Some(sight) => live(ctx, sight, get_pod(ctx, &identity.namespace, &sight.name)).await?,
        None => None,
    };
    let round = match (&live, job) {
        (Some(pod), Some(job)) => adoption::round_of(pod, job),
        (None, Some(job)) => job
            .status
            .round
            .as_ref()
            .map_or(NO_ROUND, |round| round.number),
        (_, None) => NO_ROUND,
    };
    let (job_uid, job_name) = (&identity.key.job_uid, identity.job_name.as_deref());
    let marks = adoption::marks_of(job_uid, job_name, &identity.uuid, round);
    if let Some(sight) = service.filter(|sight| !sight.watched) {
        adopt_service(ctx, identity, &sight, &marks).await?;
    }
    let (Some(live), Some(_)) = (live, pod.filter(|sight| !sight.watched)) else {
        return Ok(());
    };
    adopt_pod(ctx, job, identity, &live, &marks).await?;
    tracing::info!(round, "flash of the original operator taken over");
    Ok(())
}

async fn adopt_pod(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
    pod: &Pod,
    marks: &Marks,
) -> Result<(), ActionError> {
    let effective = job.and_then(|job| job.status.effective.as_ref());
    let deadline = effective.map_or(DEFAULT_ACTIVE_DEADLINE_SECONDS, |effective| {
        effective.active_deadline_seconds_per_device
    });
    // The cluster's clocks say when the Pod started. By the operator's own clock it might seem long past its deadline, and the
    // deadline would end it in the middle of its flash.
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let now = reader.time().await?.unwrap_or_else(now);
    let patch = adoption::pod_patch(pod, identity.endpoint.as_deref(), marks, deadline, now);
    let name = pod.metadata.name.clone().unwrap_or_default();
    let patch = seal::sealed_patch(patch, &pod.metadata, ObjectKind::Pod, &ctx.seals);
    let key = ObjectKey::pod(&identity.namespace, &name);
    if let Some(answer) = merge(
        ctx,
        Write::AdoptPod,
        &key,
        pod.metadata.uid.as_deref(),
        &patch,
    )
    .await?
    {
        if let Ok(pod) = answer.try_parse() {
            ctx.cache().see_pod(&pod);
        }
        if let Some(job) = job {
            let words = (false, Reason::Adopted.as_str());
            ctx.event(
                job,
                Some(identity.uuid.as_str()),
                words,
                adoption::said(&name),
            );
        }
    }
    Ok(())
}

async fn adopt_service(
    ctx: &Context,
    identity: &Identity,
    sight: &ObservedObject,
    marks: &Marks,
) -> Result<(), ActionError> {
    let api: Api<Service> = Api::namespaced(ctx.read.clone(), &identity.namespace);
    let get = async {
        let what = || format!("get Service {}/{}", identity.namespace, sight.name);
        let found = api.get_opt(&sight.name).await;
        found.map_err(|error| ApiError::new(what(), &error))
    };
    let Some(service) = live(ctx, sight, get).await? else {
        return Ok(());
    };
    let meta = &service.metadata;
    let patch = adoption::service_patch(meta, identity.endpoint.as_deref(), marks);
    let patch = seal::sealed_patch(patch, meta, ObjectKind::Service, &ctx.seals);
    let key = ObjectKey::service(&identity.namespace, &sight.name);
    if let Some(answer) = merge(ctx, Write::AdoptService, &key, Some(&sight.uid), &patch).await?
        && let Ok(service) = answer.try_parse()
    {
        ctx.cache().see_service(&service);
    }
    Ok(())
}

/// The object as it is now, if it is still the one that was seen; no watch says when it goes.
async fn live<K: Resource>(
    ctx: &Context,
    sight: &ObservedObject,
    get: impl Future<Output = Result<Option<K>, ApiError>>,
) -> Result<Option<K>, ApiError> {
    let found = get.await?;
    let same = found.filter(|found| found.meta().uid.as_deref() == Some(&sight.uid));
    if same.is_none() {
        ctx.cache().ledger.see_gone(&sight.uid);
    }
    Ok(same)
}

/// The answer; none where the object is gone.
async fn merge(
    ctx: &Context,
    write: Write,
    key: &ObjectKey,
    uid: Option<&str>,
    patch: &serde_json::Value,
) -> Result<Option<DynamicObject>, ApiError> {
    match ctx.crash.around(write, ctx.writer.merge(key, patch)).await {
        Err(error) if error.kind == ErrorKind::NotFound => {
            uid.map(|uid| ctx.cache().ledger.see_gone(uid));
            Ok(None)
        }
        other => other.map(Some),
    }
}
