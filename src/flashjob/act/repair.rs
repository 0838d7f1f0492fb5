//! Puts back what objects of ours have lost, speaks of objects that are not ours, and lets go of those that only our finalizer keeps.
//!
//! Called by the controller after every event of a watch, and by the sweep.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::StepError;
use crate::{
    api::Reason,
    cluster::{ErrorKind, ObjectKey},
    flashjob::{
        belief::Repair,
        context::Context,
        ledger::{ObjectKind, UnsealedObject},
    },
    names::TRACKING_FINALIZER,
};

/// Sees to everything that the latest events brought up.
pub fn attend(ctx: &Arc<Context>) {
    let (repairs, met) = {
        let mut state = ctx.state();
        if state.repairs.is_empty() && state.met.is_empty() {
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
        tokio::spawn(async move {
            if let Err(error) = put_back(&ctx, &repair).await {
                let Repair {
                    namespace, name, ..
                } = &repair;
                tracing::warn!(object.namespace = namespace, object.name = name, error = %error, "labels of ours are missing and could not be put back");
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
    let note = object.advice();
    ctx.event(
        &job,
        Some(&object.uuid),
        (true, Reason::SealUnknown.as_str()),
        note,
    );
    ctx.nudge(&job.uid);
}

/// Puts the marks back, unless the object changed since: then its next event asks again.
async fn put_back(ctx: &Context, repair: &Repair) -> Result<(), StepError> {
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
    let written = if *kind == ObjectKind::Secret {
        relabel_secret(ctx, repair).await
    } else {
        let patch = json!({"metadata": {
            "uid": uid, "resourceVersion": version.to_string(), "labels": labels, "annotations": annotations,
        }});
        ctx.writer.merge(&key, &patch).await.map(drop)
    };
    match written {
        Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::NotFound) => Ok(()),
        other => Ok(other?),
    }
}

/// A Secret is replaced: the operator has no right to patch one.
async fn relabel_secret(ctx: &Context, repair: &Repair) -> Result<(), crate::cluster::ApiError> {
    let found = super::begin::get_secret(ctx, &repair.namespace, &repair.name).await?;
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
        tokio::spawn(async move {
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
