//! The native engine: renders in this process, and writes the objects and Helm's own record itself.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    ActionError, altered,
    engine::{Engine, Recorded, Reservation},
    lookup::{find_service, get_pod, get_secret},
    record::{put_launched, see_written},
    seal, until_answered,
};
use crate::{
    api::EngineName,
    cluster::{ApiError, ErrorKind, clock::now},
    crash::Write,
    flash_pod::intent::{Intent, Record, Stored},
    flashclass,
    flashjob::{
        act::context::Context,
        blueprint::{Blueprint, FlashPod, Parts},
        observe::objects::Identity,
    },
    names::ANNOTATION_LEADER,
};
use helm_chart::engine::Rendered;
use helm_release::{ApplyMethod, Info, Stamp, Status, secret};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Engine for Native {
    fn name(&self) -> EngineName {
        EngineName::Native
    }

    fn reserve<'a>(
        &'a self,
        ctx: &'a Context,
        reservation: Reservation<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(reserve(ctx, reservation))
    }

    fn reserve_again<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(async move {
            let rendered = rendered(ctx, &recorded, None).await?;
            let record = &recorded.stored.record;
            let parts = Parts::of(&rendered, &record.name, &record.namespace);
            apply_all(ctx, recorded.identity, &parts).await
        })
    }

    fn launch<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
        address: &'a str,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(launch(ctx, recorded, address))
    }

    fn stop(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

async fn reserve(ctx: &Context, reservation: Reservation<'_>) -> Result<(), ActionError> {
    let Reservation {
        identity,
        flash_pod,
        blueprint,
        revision,
    } = reservation;
    let rendered = {
        let (flash_pod, blueprint) = (Arc::clone(flash_pod), Arc::clone(blueprint));
        let work = move || {
            let (intent, values) = (&blueprint.intent, &blueprint.merged.overrides);
            flash_pod.objects(intent, &blueprint.release, revision, values, None)
        };
        ctx.workshop.run(work).await.map_err(ActionError::Refused)?
    };
    let parts = Parts::of(
        &rendered,
        &blueprint.release,
        &blueprint.intent.job.namespace,
    );
    let record = pending_record(
        flash_pod,
        blueprint,
        revision,
        &parts.manifest_without_pod,
        rendered.notes,
    );
    create_record(ctx, seal::with_content(record, &ctx.seals)).await?;
    apply_all(ctx, identity, &parts).await
}

async fn launch(ctx: &Context, recorded: Recorded<'_>, address: &str) -> Result<(), ActionError> {
    let rendered = rendered(ctx, &recorded, Some(address)).await?;
    let Recorded {
        identity, stored, ..
    } = recorded;
    let parts = Parts::of(&rendered, &stored.record.name, &identity.namespace);
    let pod = parts
        .pod
        .as_ref()
        .ok_or_else(|| altered("renders no Pod although its address is known"))?;
    create_pod(ctx, identity, pod).await?;
    put_launched(
        ctx,
        &stored,
        (rendered.manifest, rendered.notes),
        Some(address),
    )
    .await
}

/// Renders a recorded attempt, from its record alone.
///
/// # Errors
/// What the chart or the guard refuses.
pub async fn rendered(
    ctx: &Context,
    recorded: &Recorded<'_>,
    address: Option<&str>,
) -> Result<Rendered, ActionError> {
    let (flash_pod, stored) = (
        Arc::clone(&recorded.flash_pod),
        Arc::clone(&recorded.stored),
    );
    let (intent, address) = (recorded.intent.clone(), address.map(str::to_owned));
    let work = move || flash_pod.stored_objects(&stored.record, &intent, address.as_deref());
    ctx.workshop.run(work).await.map_err(ActionError::Refused)
}

/// Applies everything but the Pod. Where nobody knows whether a Service was made, it is looked up: it holds a slot.
async fn apply_all(ctx: &Context, identity: &Identity, parts: &Parts) -> Result<(), ActionError> {
    for object in &parts.others {
        let applied = if object["kind"] == "Service" {
            apply_service_object(ctx, identity, object).await
        } else {
            let request = ctx.writer.apply::<IgnoredAny>(object);
            ctx.crash
                .around(Write::ServiceApply, request)
                .await
                .map(drop)
        };
        applied.map_err(|error| explained(ctx, identity, object, error))?;
    }
    Ok(())
}

async fn apply_service_object(
    ctx: &Context,
    identity: &Identity,
    service: &Value,
) -> Result<(), ApiError> {
    let service = &seal::sealed(service, &ctx.seals);
    let request = ctx.writer.apply::<Service>(service);
    let applied = match ctx.crash.around(Write::ServiceApply, request).await {
        Err(error) if error.is_outcome_unknown() => {
            find_service(ctx, service).await.ok_or(error)?
        }
        answer => answer?,
    };
    ctx.cache().see_own_service(&applied, identity);
    Ok(())
}

/// Where a class of the job opened the kind of the object, its refusal names the class.
fn explained(ctx: &Context, identity: &Identity, object: &Value, error: ApiError) -> ApiError {
    let cache = ctx.cache();
    match cache.job(&identity.key.job_uid) {
        Some(job) => flashclass::explained(error, object, &cache.terms(job)),
        None => error,
    }
}

fn pending_record(
    flash_pod: &FlashPod,
    blueprint: &Blueprint,
    revision: u32,
    manifest: &str,
    notes: String,
) -> Record {
    let now = now();
    Record {
        name: blueprint.release.clone(),
        namespace: blueprint.intent.job.namespace.clone(),
        version: revision,
        apply_method: ApplyMethod::ServerSide,
        config: blueprint.merged.overrides.clone(),
        manifest: manifest.to_owned(),
        info: Info {
            first_deployed: Some(now),
            last_deployed: Some(now),
            deleted: None,
            status: Status::PendingInstall,
            description: "waiting for the address of its Service".into(),
            notes,
        },
        chart: flash_pod.chart_for(&blueprint.intent.version),
        hooks: Vec::new(),
        attachment: Some(blueprint.intent.clone()),
    }
}

/// Write 1. A Secret of that name is a guard: ours if it bears this very intent (an answer was lost), somebody else's otherwise.
async fn create_record(ctx: &Context, record: Record) -> Result<(), ActionError> {
    let Some(intent) = &record.attachment else {
        return Err(altered("bears no intent of the operator"));
    };
    let label = seal::record_label(&ctx.seals, intent, &record.name, record.version);
    let new = secret(&record, &label, Stamp::Created(now()))
        .map_err(|error| altered(&format!("cannot be written: {error}")))?;
    let answer = match ctx
        .crash
        .around(Write::RecordCreate, ctx.writer.create_secret(&new))
        .await
    {
        Err(error) if error.kind == ErrorKind::AlreadyExists || error.is_outcome_unknown() => {
            let name = new.metadata.name.clone().unwrap_or_default();
            find_ours(ctx, &record.namespace, &name, intent)
                .await
                .ok_or(error)?
        }
        other => other?,
    };
    // No record names the Pod before its address is known.
    see_written(ctx, &answer, &new, (record, false));
    ctx.metrics.release("native", "reserve", "ok");
    Ok(())
}

async fn find_ours(ctx: &Context, namespace: &str, name: &str, intent: &Intent) -> Option<Secret> {
    let found = until_answered(|| get_secret(&ctx.read, namespace, name)).await;
    found.filter(|secret| {
        Stored::from_secret(secret)
            .is_ok_and(|stored| stored.record.attachment.as_ref() == Some(intent))
    })
}

/// Write 4, exactly once: the name is the attempt's own, so an object that exists is ours or nobody's.
async fn create_pod(
    ctx: &Context,
    identity: &Identity,
    pod: &serde_json::Value,
) -> Result<(), ActionError> {
    let pod = seal::sealed(&marked(pod, &ctx.leader), &ctx.seals);
    let request = ctx.writer.create::<Pod>(&pod);
    let created = match ctx.crash.around(Write::PodCreate, request).await {
        Ok(created) => created,
        Err(error) if error.kind == ErrorKind::AlreadyExists || error.is_outcome_unknown() => {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let asked = until_answered(|| get_pod(ctx, &identity.namespace, name)).await;
            let found = asked.filter(|found| seal::is_as_posted(found, &pod, &ctx.seals));
            found.ok_or(error)?
        }
        Err(error) => return Err(error.into()),
    };
    ctx.cache().see_own_pod(&created, identity);
    ctx.metrics.release("native", "launch", "ok");
    Ok(())
}

/// The Pod with the leader that asks for it. The record does not have it: another leader may create the Pod from this one's record.
fn marked(pod: &serde_json::Value, leader: &str) -> serde_json::Value {
    let mut pod = pod.clone();
    pod["metadata"]["annotations"][ANNOTATION_LEADER] = leader.into();
    pod
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::none(json!({"name": "flash-a"}), json!({ANNOTATION_LEADER: "b_1"}))]
    #[case::others(json!({"annotations": {"team": "iot"}}), json!({"team": "iot", ANNOTATION_LEADER: "b_1"}))]
    #[case::forged(json!({"annotations": {ANNOTATION_LEADER: "a_1"}}), json!({ANNOTATION_LEADER: "b_1"}))]
    fn a_pod_bears_the_leader_that_creates_it_whatever_was_rendered(
        #[case] metadata: Value,
        #[case] annotations: Value,
    ) {
        let pod = json!({"kind": "Pod", "metadata": metadata});
        assert_eq!(marked(&pod, "b_1")["metadata"]["annotations"], annotations);
    }
}
