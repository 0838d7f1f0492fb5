//! Writes 1 and 2: the release record with its intent, then everything but the Pod.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::Api;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{StepError, altered, helm, launch::see_written, seal, until_answered};
use crate::{
    api::{Reason, Refusal, Round},
    cluster::{ApiError, ErrorKind, clock::now},
    crash::Write,
    flashclass,
    flashjob::{
        act::context::Context,
        blueprint::{AttemptOf, Blueprint, FlashPod, Parts},
        observe::objects::Identity,
        plan::{Begin, limits::recheck},
        spec::job::Job,
    },
    release::{ApplyMethod, Info, Intent, Record, Stamp, Status, Stored, release_name, secret},
    seal::chart_digest,
};
use helm_chart::engine::Rendered;

/// Begins an attempt: nothing of it exists yet.
///
/// # Errors
/// When the values cannot be used (`give_up` says whose fault that is) or a write failed.
pub async fn begin(
    ctx: &Context,
    job: &Arc<Job>,
    identity: &Identity,
    begin: &Begin,
    nonce: &str,
) -> Result<(), StepError> {
    admitted(ctx, job, identity)?;
    let flash_pod = ctx.flash_pod_of(job).map_err(StepError::Refused)?;
    let Some(round) = &job.status.round else {
        return Ok(());
    };
    let named = release_name(&begin.uuid).unwrap_or_default();
    let revision = ctx.state().next_revision(&job.namespace, &named);
    let native = ctx.helm.is_none();
    let (blueprint, rendered) = {
        let (flash_pod, job, round) = (Arc::clone(&flash_pod), Arc::clone(job), round.clone());
        let (begin, nonce) = (begin.clone(), nonce.to_owned());
        let work = move || prepare(&flash_pod, &job, &round, (&begin, &nonce), revision, native);
        ctx.workshop.run(work).await.map_err(StepError::Refused)?
    };
    let Some(rendered) = rendered else {
        let Some(helm) = &ctx.helm else { return Ok(()) };
        return helm::reserve(ctx, helm, &flash_pod, identity, (&blueprint, revision)).await;
    };
    let parts = Parts::of(&rendered, &blueprint.release, &job.namespace);
    let record = pending_record(
        &flash_pod,
        &blueprint,
        revision,
        &parts.manifest_without_pod,
        rendered.notes,
    );
    let record = seal::with_content(record, &ctx.seals);
    create_record(ctx, record).await?;
    apply_all(ctx, identity, &parts).await?;
    tracing::info!(
        object.namespace = job.namespace,
        object.name = job.name,
        device = begin.uuid,
        attempt = identity.key.id,
        step = "reserve",
        "release recorded"
    );
    Ok(())
}

/// The blueprint of an attempt and, where this engine makes them, its objects.
fn prepare(
    flash_pod: &FlashPod,
    job: &Job,
    round: &Round,
    (begin, nonce): (&Begin, &str),
    revision: u32,
    native: bool,
) -> Result<(Blueprint, Option<Rendered>), Refusal> {
    let attempt = AttemptOf {
        index: begin.index,
        uuid: &begin.uuid,
        device: &begin.device,
        shared: Some(&begin.shared),
        number: begin.number,
        nonce,
    };
    let blueprint = flash_pod.blueprint(job, round, &attempt)?;
    if !native {
        return Ok((blueprint, None));
    }
    let (intent, values) = (&blueprint.intent, &blueprint.merged.overrides);
    let rendered = flash_pod.objects(intent, &blueprint.release, revision, values, None)?;
    Ok((blueprint, Some(rendered)))
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
        intent: Some(blueprint.intent.clone()),
    }
}

/// Write 1. A Secret of that name is a guard: ours if it bears this very intent (an answer was lost), somebody else's otherwise.
async fn create_record(ctx: &Context, record: Record) -> Result<(), StepError> {
    let Some(intent) = &record.intent else {
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
    // The Pod stands in no record before its address is known.
    see_written(ctx, &answer, &new, (record, false));
    ctx.metrics.release("native", "reserve", "ok");
    Ok(())
}

async fn find_ours(ctx: &Context, namespace: &str, name: &str, intent: &Intent) -> Option<Secret> {
    let found = until_answered(|| get_secret(ctx, namespace, name)).await;
    found.filter(|secret| {
        Stored::from_secret(secret)
            .is_ok_and(|stored| stored.record.intent.as_ref() == Some(intent))
    })
}

/// A Secret as the API server has it now.
///
/// # Errors
/// When it cannot be asked.
pub async fn get_secret(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Secret>, ApiError> {
    let api: Api<Secret> = Api::namespaced(ctx.read.clone(), namespace);
    let found = api.get_opt(name).await;
    found.map_err(|error| ApiError::new(format!("get Secret {namespace}/{name}"), &error))
}

/// Write 2, and 2 again after a crash: from the stored record alone.
///
/// # Errors
/// When the record was altered or a write failed.
pub async fn apply_service(ctx: &Context, identity: &Identity) -> Result<(), StepError> {
    admitted_still(ctx, identity)?;
    let (stored, flash_pod) = recorded(ctx, identity)?;
    let intent = intent_of(&stored, identity)?;
    if let Some(helm) = &ctx.helm {
        return helm::reserve_again(ctx, helm, &flash_pod, identity, (&stored, intent)).await;
    }
    let rendered = recorded_objects(ctx, &flash_pod, (&stored, intent), None).await?;
    apply_all(
        ctx,
        identity,
        &Parts::of(&rendered, &stored.record.name, &stored.record.namespace),
    )
    .await
}

/// Renders a recorded attempt, from its record alone.
///
/// # Errors
/// What the chart or the guard refuses.
pub async fn recorded_objects(
    ctx: &Context,
    flash_pod: &Arc<FlashPod>,
    (stored, intent): (&Arc<Stored>, &Intent),
    address: Option<&str>,
) -> Result<Rendered, StepError> {
    let (flash_pod, stored) = (Arc::clone(flash_pod), Arc::clone(stored));
    let (intent, address) = (intent.clone(), address.map(str::to_owned));
    let work = move || flash_pod.stored_objects(&stored.record, &intent, address.as_deref());
    ctx.workshop.run(work).await.map_err(StepError::Refused)
}

/// Applies everything but the Pod. Where nobody knows whether a Service was made, it is looked up: it holds a slot.
async fn apply_all(ctx: &Context, identity: &Identity, parts: &Parts) -> Result<(), StepError> {
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
    ctx.state().see_own_service(&applied, identity);
    Ok(())
}

/// Where a class of the job opened the kind of the object, its refusal names the class.
fn explained(ctx: &Context, identity: &Identity, object: &Value, error: ApiError) -> ApiError {
    let state = ctx.state();
    match state.job(&identity.key.job_uid) {
        Some(job) => flashclass::explained(error, object, &state.terms(job)),
        None => error,
    }
}

/// The classes are asked once more right before a flash begins: one may have been edited since the plan was made.
///
/// # Errors
/// Why nothing of the job may start now.
fn admitted(ctx: &Context, job: &Job, identity: &Identity) -> Result<(), StepError> {
    let state = ctx.state();
    let terms = state.terms(job);
    let suspended = terms.suspended.as_ref().map(|message| Refusal {
        reason: Reason::ClassSuspended,
        message: message.clone(),
    });
    let limited = || {
        let attempt = state.ledger.attempt(&identity.key)?;
        recheck::closed(&terms, &state.ledger, attempt, || None)
    };
    match terms.refusal.clone().or(suspended).or_else(limited) {
        Some(refusal) => Err(StepError::NotAdmitted(refusal)),
        None => Ok(()),
    }
}

/// The same before a later write of an attempt, with the job as it is now.
///
/// # Errors
/// Why nothing of the job may start now.
pub fn admitted_still(ctx: &Context, identity: &Identity) -> Result<(), StepError> {
    let job = ctx.state().job(&identity.key.job_uid).cloned();
    job.map_or(Ok(()), |job| admitted(ctx, &job, identity))
}

async fn find_service(ctx: &Context, object: &Value) -> Option<Service> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    let api: Api<Service> = Api::namespaced(ctx.read.clone(), namespace);
    until_answered(|| async {
        let found = api.get_opt(name).await;
        found.map_err(|error| ApiError::new(format!("get Service {namespace}/{name}"), &error))
    })
    .await
}

/// The stored record of an attempt and the chart settings of now.
///
/// # Errors
/// When there is no readable record or no usable chart.
pub fn recorded(
    ctx: &Context,
    identity: &Identity,
) -> Result<(Arc<Stored>, Arc<FlashPod>), StepError> {
    let job = ctx.state().job(&identity.key.job_uid).cloned();
    let flash_pod = job.map_or_else(|| ctx.flash_pod(), |job| ctx.flash_pod_of(&job));
    let flash_pod = flash_pod.map_err(StepError::Refused)?;
    let stored = {
        let state = ctx.state();
        let attempt = state.ledger.attempt(&identity.key);
        attempt.and_then(|attempt| attempt.record()?.stored.clone())
    };
    let stored = stored.ok_or_else(|| altered("cannot be read, or was edited by somebody else"))?;
    Ok((with_proven_chart(stored, &flash_pod)?, flash_pod))
}

/// A record with the chart that the operator recorded. Where the Secret has it written down in another way, as helm may do, it is
/// the operator's own of the same digest.
fn with_proven_chart(stored: Arc<Stored>, flash_pod: &FlashPod) -> Result<Arc<Stored>, StepError> {
    if stored.chart_proven {
        return Ok(stored);
    }
    let intent = stored.record.intent.as_ref();
    let current = intent.and_then(|intent| {
        let chart = flash_pod.chart_for(&intent.version);
        let recorded = &intent.seal.as_ref()?.chart;
        (chart_digest(&chart) == *recorded).then_some(chart)
    });
    let chart = current.ok_or_else(|| {
        altered("holds another chart than the operator recorded, and the operator's own has changed since")
    })?;
    let mut stored = Stored::clone(&stored);
    stored.record.chart = chart;
    Ok(Arc::new(stored))
}

/// The intent in a record, if it is what the labels say: a record edited by hand is not acted upon.
///
/// # Errors
/// When it is missing or contradicts itself.
pub fn intent_of<'a>(stored: &'a Stored, identity: &Identity) -> Result<&'a Intent, StepError> {
    let intent = stored
        .record
        .intent
        .as_ref()
        .ok_or_else(|| altered("bears no intent of the operator"))?;
    let same = intent.attempt_id == identity.key.id
        && intent.job.uid == identity.key.job_uid
        && intent.job.namespace == identity.namespace
        && intent.is_consistent();
    if same {
        Ok(intent)
    } else {
        Err(altered("contradicts its labels: somebody edited it"))
    }
}
