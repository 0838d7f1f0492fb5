//! Puts back what objects of ours have lost, speaks of objects that are not ours, and lets go of those that only our finalizer keeps.
//!
//! Called by the controller after every event of a watch, and by the sweep.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Secret, Service};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::lookup::get_secret;
use crate::{
    api::Reason,
    cluster::{ApiError, ErrorKind, ObjectKey, Reader},
    flashjob::{
        act::context::Context,
        observe::{
            belief::Repair,
            cache::Cache,
            ledger::{ObjectKind, UnsealedObject},
            objects::AttemptKey,
        },
    },
    names::TRACKING_FINALIZER,
    seam,
};

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before marks that could not be put back are looked at again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// The same where the object changed meanwhile, or a webhook says so.
const AFTER_CONFLICT: Duration = Duration::from_secs(1);

/// How an object of a kind is taken into the cache.
pub type See<K> = fn(&mut Cache, &K) -> Option<AttemptKey>;

/// Asks for an object of ours by namespace, name and uid: it is taken in as it is now, or it is gone. Returns its attempt.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn ask_for<K>(
    ctx: &Context,
    see: See<K>,
    (namespace, name, uid): (&str, &str, &str),
) -> Result<Option<AttemptKey>, ApiError>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let found = reader.get::<K>(namespace, name).await?;
    let found = found.filter(|found| found.uid().as_deref() == Some(uid));
    let mut cache = ctx.cache();
    Ok(match found {
        Some(found) => see(&mut cache, &found),
        None => cache.ledger.see_gone(uid),
    })
}

/// Sees to everything that the latest events brought up.
pub fn attend(ctx: &Arc<Context>) {
    let (repairs, met) = {
        let mut cache = ctx.cache();
        // Whose job an object names is known once everything was listed.
        if !cache.listed || (cache.repairs.is_empty() && cache.met.is_empty()) {
            return;
        }
        let repairs = std::mem::take(&mut cache.repairs);
        (repairs, std::mem::take(&mut cache.met))
    };
    for object in met {
        tell(ctx, &object);
    }
    for repair in repairs {
        let ctx = Arc::clone(ctx);
        seam::spawn(async move {
            let answer = put_back(&ctx, &repair).await;
            attend(&ctx);
            if let Err(error) = answer {
                let Repair {
                    namespace, name, ..
                } = &repair;
                let wait = if error.kind == ErrorKind::Conflict {
                    AFTER_CONFLICT
                } else {
                    tracing::warn!(object.namespace = namespace, object.name = name, error = %error, "labels of ours are missing and could not be put back, trying again");
                    ASK_AGAIN
                };
                tokio::time::sleep(wait).await;
                // What it is like now is asked for, as no watch may say so.
                look_again(&ctx, &repair).await;
            }
        });
    }
}

/// Says once of an object that it bears no valid seal: to the job of its namespace that it names, to the log, as a metric.
fn tell(ctx: &Context, object: &UnsealedObject) {
    let UnsealedObject {
        kind,
        namespace,
        name,
        ..
    } = object;
    ctx.metrics.unsealed(kind.as_str());
    tracing::warn!(
        kind = kind.as_str(),
        object.namespace = namespace,
        object.name = name,
        "an object with this operator's labels bears no seal of it: not believed, not touched"
    );
    let job = ctx.cache().job(&object.job_uid).cloned();
    let Some(job) = job.filter(|job| job.namespace == *namespace) else {
        return;
    };
    // A flash is several objects: each of them has to be named.
    let reference = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some(kind.as_str().into()),
        namespace: Some(namespace.clone()),
        name: Some(name.clone()),
        uid: Some(object.uid.clone()),
        ..ObjectReference::default()
    };
    let reason = Reason::SealUnknown.as_str();
    ctx.publish(&job, Some(reference), (true, reason), object.advice());
    ctx.nudge(&job.uid);
}

/// Puts the marks back, unless the object changed since.
async fn put_back(ctx: &Context, repair: &Repair) -> Result<(), ApiError> {
    let Repair {
        kind,
        namespace,
        name,
        uid,
        version,
        labels,
        annotations,
    } = repair;
    let key = ObjectKey::new("v1", kind.as_str(), namespace, name);
    if *kind == ObjectKind::Secret {
        relabel_secret(ctx, repair).await
    } else {
        let patch = json!({"metadata": {
            "uid": uid, "resourceVersion": version.to_string(), "labels": labels, "annotations": annotations,
        }});
        ctx.writer.merge(&key, &patch).await.map(drop)
    }
}

/// An object that lacks the label is in no watch: until it has it again, it is looked at from time to time.
async fn look_again(ctx: &Arc<Context>, repair: &Repair) {
    let Repair {
        kind,
        namespace,
        name,
        uid,
        ..
    } = repair;
    let at = (namespace.as_str(), name.as_str(), uid.as_str());
    let asked = match kind {
        ObjectKind::Pod => ask_for::<Pod>(ctx, Cache::see_pod, at).await,
        ObjectKind::Service => ask_for::<Service>(ctx, Cache::see_service, at).await,
        ObjectKind::Secret => ask_for::<Secret>(ctx, Cache::see_secret_again, at).await,
    };
    // If the object cannot be read either, the same repair is tried again.
    let key = asked.unwrap_or_else(|_| {
        ctx.cache().repairs.push(repair.clone());
        None
    });
    if let Some(key) = key {
        ctx.nudge(&key.job_uid);
    }
    attend(ctx);
}

/// A Secret is replaced: the operator has no right to patch one. One that changed since it was seen is taken in as it is now.
async fn relabel_secret(ctx: &Context, repair: &Repair) -> Result<(), ApiError> {
    let found = get_secret(&ctx.read, &repair.namespace, &repair.name).await?;
    let same_object = |secret: &Secret| secret.metadata.uid.as_deref() == Some(&repair.uid);
    let Some(mut secret) = found.filter(same_object) else {
        ctx.cache().ledger.see_gone(&repair.uid);
        return Ok(());
    };
    if secret.metadata.resource_version.as_deref() != Some(&repair.version.to_string()) {
        ctx.cache().see_secret_again(&secret);
        return Ok(());
    }
    let labels = repair.labels.clone();
    secret
        .metadata
        .labels
        .get_or_insert_default()
        .extend(labels);
    let answer = ctx.writer.replace_secret(&secret).await?;
    ctx.cache().see_secret(&answer);
    Ok(())
}

/// Takes our finalizer off objects that are not ours, where that is all that keeps them: somebody has deleted them, and no
/// container of theirs runs any more.
pub fn let_go(ctx: &Arc<Context>) {
    let kept = |object: &&UnsealedObject| {
        let held = object
            .finalizers
            .iter()
            .any(|one| one == TRACKING_FINALIZER);
        held && object.deleting && (object.ended || object.kind != ObjectKind::Pod)
    };
    let kept: Vec<UnsealedObject> = {
        let cache = ctx.cache();
        let kept = cache.ledger.unsealed.all().filter(kept);
        kept.cloned().collect()
    };
    for object in kept {
        let ctx = Arc::clone(ctx);
        seam::spawn(async move {
            let UnsealedObject {
                kind,
                namespace,
                name,
                uid,
                finalizers,
                ..
            } = &object;
            let key = ObjectKey::new("v1", kind.as_str(), namespace, name);
            let request = ctx
                .writer
                .remove_finalizer(&key, uid, finalizers, TRACKING_FINALIZER);
            if let Err(error) = request.await {
                tracing::warn!(object.namespace = namespace, object.name = name, error = %error, "an object that is not ours keeps our finalizer");
            }
        });
    }
}
