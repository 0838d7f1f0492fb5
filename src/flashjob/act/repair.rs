//! Puts back what objects of ours have lost, speaks of objects that are not ours, and lets go of those that only our finalizer keeps.
//!
//! Called by the controller after every event of a watch, and by the sweep.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Secret, Service};
use serde_json::json;

use super::lookup::get_secret;
use crate::{
    api::Reason,
    cluster::{ApiError, ErrorKind, ObjectKey, Reader},
    flashjob::{
        act::context::Context,
        observe::{
            belief::Repair,
            ledger::{ObjectKind, UnsealedObject},
        },
    },
    names::TRACKING_FINALIZER,
    seam,
};

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before marks that could not be put back are looked at again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Sees to everything that the latest events brought up.
pub fn attend(ctx: &Arc<Context>) {
    let (repairs, met) = {
        let mut state = ctx.state();
        // Whose job an object names is known once everything was listed.
        if !state.listed || (state.repairs.is_empty() && state.met.is_empty()) {
            return;
        }
        let repairs = std::mem::take(&mut state.repairs);
        (repairs, std::mem::take(&mut state.met))
    };
    for object in met {
        tell(ctx, &object);
    }
    for repair in repairs {
        let ctx = Arc::clone(ctx);
        seam::spawn(async move {
            if let Err(error) = put_back(&ctx, &repair).await {
                let Repair {
                    namespace, name, ..
                } = &repair;
                // It changed meanwhile: what it is like now is asked for, as no watch may say so.
                if error.kind != ErrorKind::Conflict {
                    tracing::warn!(object.namespace = namespace, object.name = name, error = %error, "labels of ours are missing and could not be put back, trying again");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
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
    let job = ctx.state().job(&object.job_uid).cloned();
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
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let found = match kind {
        ObjectKind::Pod => {
            let found = reader.get::<Pod>(namespace, name).await;
            found.map(|pod| pod.map(|pod| ctx.state().see_pod(&pod)))
        }
        ObjectKind::Service => {
            let found = reader.get::<Service>(namespace, name).await;
            found.map(|service| service.map(|service| ctx.state().see_service(&service)))
        }
        ObjectKind::Secret => {
            let found = reader.get::<Secret>(namespace, name).await;
            found.map(|secret| secret.map(|secret| ctx.state().see_secret(&secret)))
        }
    };
    let key = match found {
        Ok(Some(key)) => key,
        Ok(None) => ctx.state().ledger.see_gone(uid),
        // Whoever cannot read it either tries the same again.
        Err(_) => {
            ctx.state().repairs.push(repair.clone());
            None
        }
    };
    if let Some(key) = key {
        ctx.nudge(&key.job_uid);
    }
    attend(ctx);
}

/// A Secret is replaced: the operator has no right to patch one.
async fn relabel_secret(ctx: &Context, repair: &Repair) -> Result<(), ApiError> {
    let found = get_secret(ctx, &repair.namespace, &repair.name).await?;
    let same = |secret: &Secret| {
        let meta = &secret.metadata;
        meta.uid.as_deref() == Some(&repair.uid)
            && meta.resource_version.as_deref() == Some(&repair.version.to_string())
    };
    let Some(mut secret) = found.filter(same) else {
        return Ok(());
    };
    let labels = repair.labels.clone();
    secret
        .metadata
        .labels
        .get_or_insert_default()
        .extend(labels);
    let answer = ctx.writer.replace_secret(&secret).await?;
    ctx.state().see_secret(&answer);
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
        let state = ctx.state();
        let kept = state.ledger.unsealed.all().filter(kept);
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
