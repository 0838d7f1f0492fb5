//! Writes 1 and 2: the release record with its intent, then everything but the Pod. What both engines ask first is here.

use std::sync::Arc;

use super::{
    ActionError, altered,
    engine::{Recorded, Reservation},
    lease::{choose, lease},
};
use crate::{
    api::{Reason, Refusal, Round},
    flash_pod::intent::{Intent, Stored, release_name},
    flashjob::{
        act::context::Context,
        blueprint::{AttemptOf, Blueprint, FlashPod},
        observe::{ledger::Attempt, objects::Identity},
        plan::{Begin, limits::recheck},
        spec::job::Job,
    },
    seal::chart_digest,
};

/// Begins an attempt: nothing of it exists yet.
///
/// # Errors
/// When the values cannot be used (`reject` says whose fault that is) or a write failed.
pub async fn begin(
    ctx: &Context,
    job: &Arc<Job>,
    identity: &Identity,
    begin: &Begin,
    nonce: &str,
) -> Result<(), ActionError> {
    admitted(ctx, job, identity)?;
    let flash_pod = ctx.flash_pod_of(job).map_err(ActionError::Refused)?;
    let Some(round) = &job.status.round else {
        return Ok(());
    };
    let named = release_name(&begin.uuid).unwrap_or_default();
    let revision = ctx.cache().next_revision(&job.namespace, &named);
    let blueprint = {
        let (flash_pod, job, round) = (Arc::clone(&flash_pod), Arc::clone(job), round.clone());
        let (begin, nonce) = (begin.clone(), nonce.to_owned());
        let work = move || blueprint_of(&flash_pod, &job, &round, &begin, &nonce);
        Arc::new(ctx.workshop.run(work).await.map_err(ActionError::Refused)?)
    };
    let blueprint = choose(ctx, identity, blueprint)?;
    let reservation = Reservation {
        identity,
        flash_pod: &flash_pod,
        blueprint: &blueprint,
        revision,
    };
    ctx.engine.reserve(ctx, reservation).await?;
    tracing::info!("release recorded");
    if blueprint.pool.is_some() {
        lease(ctx, identity).await?;
    }
    Ok(())
}

fn blueprint_of(
    flash_pod: &FlashPod,
    job: &Job,
    round: &Round,
    begin: &Begin,
    nonce: &str,
) -> Result<Blueprint, Refusal> {
    let attempt = AttemptOf {
        index: begin.index,
        uuid: &begin.uuid,
        device: &begin.device,
        shared: Some(&begin.shared),
        number: begin.number,
        nonce,
    };
    flash_pod.blueprint(job, round, &attempt)
}

/// Write 2, and 2 again after a crash: from the stored record alone.
///
/// # Errors
/// When the record was altered or a write failed.
pub async fn apply_service(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    admitted_still(ctx, identity)?;
    has_room(ctx, identity)?;
    let recorded = recorded(ctx, identity)?;
    let is_pooled = recorded.intent.pool_service.is_some();
    ctx.engine.reserve_again(ctx, recorded).await?;
    if is_pooled {
        lease(ctx, identity).await?;
    }
    Ok(())
}

/// Whether the attempt still has its slot.
///
/// # Errors
/// Who has it.
fn has_room(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let cache = ctx.cache();
    let crowded = || {
        let job = cache.job(&identity.key.job_uid)?;
        let attempt = cache.ledger.attempt(&identity.key)?;
        let parallelism = job.status.effective.as_ref()?.parallelism;
        let parallelism = usize::try_from(parallelism).unwrap_or(usize::MAX);
        recheck::crowded(
            &cache.ledger,
            attempt,
            parallelism,
            ctx.limits.max_in_flight,
        )
    };
    crowded().map_or(Ok(()), |refusal| Err(ActionError::NotAdmitted(refusal)))
}

/// The classes are asked once more right before a flash begins: one may have been edited since the plan was made.
///
/// # Errors
/// Why nothing of the job may start now.
fn admitted(ctx: &Context, job: &Job, identity: &Identity) -> Result<(), ActionError> {
    let cache = ctx.cache();
    let terms = cache.terms(job);
    let suspended = terms.suspended.as_ref().map(|message| Refusal {
        reason: Reason::ClassSuspended,
        message: message.clone(),
    });
    let limited = || {
        let attempt = cache.ledger.attempt(&identity.key)?;
        recheck::closed(&terms, &cache.ledger, attempt, || None)
    };
    match terms.refusal.clone().or(suspended).or_else(limited) {
        Some(refusal) => Err(ActionError::NotAdmitted(refusal)),
        None => Ok(()),
    }
}

/// The same before a later write of an attempt, with the job as it is now.
///
/// # Errors
/// Why nothing of the job may start now.
pub fn admitted_still(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let job = ctx.cache().job(&identity.key.job_uid).cloned();
    job.map_or(Ok(()), |job| admitted(ctx, &job, identity))
}

/// The stored record of an attempt with its intent, and the chart settings of now.
///
/// # Errors
/// If the record cannot be read or was edited, or the chart cannot be used.
pub fn recorded<'a>(ctx: &Context, identity: &'a Identity) -> Result<Recorded<'a>, ActionError> {
    let job = ctx.cache().job(&identity.key.job_uid).cloned();
    let flash_pod = job.map_or_else(|| ctx.flash_pod(), |job| ctx.flash_pod_of(&job));
    let flash_pod = flash_pod.map_err(ActionError::Refused)?;
    let found = {
        let cache = ctx.cache();
        let attempt = cache.ledger.attempt(&identity.key);
        let record = attempt.and_then(Attempt::record);
        record.and_then(|record| Some((record.stored.clone()?, record.chart_proven)))
    };
    let (stored, chart_proven) =
        found.ok_or_else(|| altered("cannot be read, or was edited by somebody else"))?;
    let stored = if chart_proven {
        stored
    } else {
        Arc::new(with_proven_chart(&stored, &flash_pod)?)
    };
    let intent = intent_of(&stored, identity)?.clone();
    Ok(Recorded {
        identity,
        flash_pod,
        stored,
        intent,
    })
}

/// A record with the chart that the operator recorded. Where the Secret has it written down in another way, as helm may do, it is
/// the operator's own of the same digest.
fn with_proven_chart(stored: &Stored, flash_pod: &FlashPod) -> Result<Stored, ActionError> {
    let intent = stored.record.attachment.as_ref();
    let current = intent.and_then(|intent| {
        let chart = flash_pod.chart_for(&intent.version);
        let recorded = &intent.seal.as_ref()?.chart;
        (chart_digest(&chart) == *recorded).then_some(chart)
    });
    let chart = current.ok_or_else(|| {
        altered("holds another chart than the operator recorded, and the operator's own has changed since")
    })?;
    let mut stored = stored.clone();
    stored.record.chart = chart;
    Ok(stored)
}

/// The intent in a record, if it is what the labels say: a record edited by hand is not acted upon.
///
/// # Errors
/// When it is missing or contradicts itself.
fn intent_of<'a>(stored: &'a Stored, identity: &Identity) -> Result<&'a Intent, ActionError> {
    let intent = stored
        .record
        .attachment
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
