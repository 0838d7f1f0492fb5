//! The end of a deletion: the finalizer goes once nothing of the job is left, and what keeps it is named.
//!
//! Called by `reconcile` for a FlashJob that is being deleted.

use std::collections::HashSet;

use k8s_openapi::{
    api::core::v1::{Pod, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Resource, ResourceExt, core::NamespaceResourceScope};

use super::{
    job::{key, of_job},
    revisions::{self, delete_revisions_before},
};
use crate::{
    cluster::{ApiError, ErrorKind},
    crash::Write,
    flashjob::{act::context::Context, observe::ledger::ObjectKind, spec::job::Job},
    names::{FINALIZER, TRACKING_FINALIZER},
};

/// What a deletion came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The finalizer is off.
    Done,
    /// Attempts of the job are not over.
    Draining,
    /// The API server has more of the job than the operator knows of: it is named in the memory of the job.
    Kept {
        /// This was not known before.
        news: bool,
    },
}

/// Takes the finalizer off a job that is being deleted once nothing of it is left.
///
/// # Errors
/// When the API server refuses.
pub async fn finish_deletion(ctx: &Context, job: &Job) -> Result<Deletion, ApiError> {
    let ends = {
        let mut cache = ctx.cache();
        if cache.ledger.of_job(&job.uid).next().is_some() {
            cache.memory(&job.uid).left.clear();
            return Ok(Deletion::Draining);
        }
        cache.terminating.contains(&job.namespace)
    };
    let left = match left(ctx, job).await {
        // The right to ask went with the namespace, which takes everything in it.
        Err(error) if ends && error.kind == ErrorKind::Forbidden => Vec::new(),
        answer => answer?,
    };
    if !left.is_empty() {
        let mut cache = ctx.cache();
        let known = &mut cache.memory(&job.uid).left;
        let news = *known != left;
        *known = left;
        return Ok(Deletion::Kept { news });
    }
    // Not left to the garbage collector: when the FlashJob is gone, everything of it is.
    if !ends {
        let slices = revisions::list(ctx, job).await?;
        delete_revisions_before(ctx, &slices.believed, i64::MAX).await;
    }
    let (key, finalizers) = (key(job), job.object.finalizers());
    let request = ctx
        .writer
        .remove_finalizer(&key, job.uid.as_str(), finalizers, FINALIZER);
    ctx.crash.around(Write::FinalizerOff, request).await?;
    Ok(Deletion::Done)
}

/// What the API server itself has with the job's label, as `Kind name`: Secrets, Pods, and Services, but those that are being
/// deleted and that nobody but a load balancer holds. What is not the operator's and flashes nothing any more is not waited for:
/// whoever made it removes it, or the garbage collector does.
async fn left(ctx: &Context, job: &Job) -> Result<Vec<String>, ApiError> {
    let mut left = of_kind::<Secret>(ctx, job, |_| true).await?;
    left.extend(of_kind::<Pod>(ctx, job, |_| true).await?);
    let stays = |meta: &ObjectMeta| {
        let mut finalizers = meta.finalizers.iter().flatten();
        meta.deletion_timestamp.is_none() || finalizers.any(|one| one == TRACKING_FINALIZER)
    };
    left.extend(of_kind::<Service>(ctx, job, stays).await?);
    let cache = ctx.cache();
    let foreign = cache.ledger.unsealed.all().filter(|object| {
        let over = match object.kind {
            ObjectKind::Secret => false,
            ObjectKind::Service => true,
            ObjectKind::Pod => object.ended,
        };
        over && object.namespace == job.namespace
    });
    let foreign = foreign.map(|object| format!("{} {}", object.kind.as_str(), object.name));
    // A Service of a pool names the last attempt that leased it, and stays.
    let of_pools = cache.ledger.services_of_pools(&job.namespace);
    let of_pools = of_pools.map(|name| format!("{} {name}", ObjectKind::Service.as_str()));
    let others: HashSet<String> = foreign.chain(of_pools).collect();
    left.retain(|name| !others.contains(name));
    Ok(left)
}

/// Those of a kind that count.
async fn of_kind<K>(
    ctx: &Context,
    job: &Job,
    counts: fn(&ObjectMeta) -> bool,
) -> Result<Vec<String>, ApiError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(ctx.read.clone(), &job.namespace);
    let listed = api.list_metadata(&of_job(&job.uid)).await;
    let listed = listed.map_err(|error| {
        let what = format!("list what is left of the FlashJob: {}", K::plural(&()));
        ApiError::new(what, &error)
    })?;
    let some = listed
        .items
        .iter()
        .filter(|object| counts(&object.metadata));
    Ok(some
        .map(|object| format!("{} {}", K::kind(&()), object.name_any()))
        .collect())
}
