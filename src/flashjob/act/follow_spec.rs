//! A round follows its spec: devices join it, and those that failed go again. Nothing of them starts before that is stored.
//!
//! Called by `prepare` before a plan; waits for nothing but the API server's answers.

use std::sync::Arc;

use super::{
    context::Context,
    open_round::{choose, refuse, say_left_out, store},
    revisions,
};
use crate::{
    api::Reason,
    cluster::{ApiError, clock::now},
    crash::Write,
    device,
    flashjob::{
        observe::selection::Selection,
        plan::{rerun, select_devices},
        spec::{job::Job, rerun as due_rerun, selector},
        status,
    },
};

/// Brings the selection up to date with the spec within a round: devices join it, the spec says which are wanted. Returns
/// whether it wrote the status.
pub(crate) async fn follow_spec(ctx: &Arc<Context>, job: &Job) -> Result<bool, ApiError> {
    if job.deleting
        || job.spec.is_err()
        || job.invalid.is_some()
        || !job.round_is_current()
        || select_devices::refusal(job).is_some()
    {
        return Ok(false);
    }
    let Some(roster) = ctx.cache().rosters.get(&job.uid).cloned() else {
        return Ok(false);
    };
    let stored = job
        .status
        .selection
        .as_ref()
        .map_or(0, |stored| stored.count);
    let lost = status::count(roster.devices().len()) < stored;
    let current = selector::selector_is_current(job);
    let anew = !current && ctx.cache().akri_installed;
    let mut listed = job.listed.iter();
    let more = listed.any(|uuid| roster.index_of(uuid).is_none());
    if lost || !(anew || (current && more)) {
        return Ok(false);
    }
    // Slices are written before the status that names them: some may be left of a write that was refused.
    let found = revisions::list(ctx, job).await?;
    let left = device::gather(found.slices, roster.round).unwrap_or_default();
    let roster = roster.with_stored(left);
    let choice = match choose(ctx, job, &roster, false) {
        Some(Ok(choice)) => choice,
        Some(Err(too_many)) => return refuse(ctx, job, too_many).await.map(|()| true),
        None => return Ok(false),
    };
    let first = roster.devices().len();
    revisions::store_selection(ctx, job, roster.round, first, &choice.more).await?;
    let mut devices = roster.devices().to_vec();
    devices.extend(choice.more.iter().cloned());
    let mut status = job.status.clone();
    status.selection = Some(select_devices::selection_status(job, &devices, &choice));
    store(ctx, Write::SelectionStatus, job, &status).await?;
    if anew {
        say_left_out(ctx, job, &choice);
    }
    ctx.cache().rosters.insert(
        job.uid.clone(),
        Arc::new(Selection::new(roster.round, devices)),
    );
    Ok(true)
}

/// Sends the failed devices of the round again where a rerun asks for it, once nothing is left to do about their attempts.
/// Returns whether it wrote the status.
pub(crate) async fn rerun_failed(ctx: &Arc<Context>, job: &Job) -> Result<bool, ApiError> {
    let Some(rerun) = due_rerun::due(job) else {
        return Ok(false);
    };
    if job.deleting || job.invalid.is_some() || !job.round_is_current() {
        return Ok(false);
    }
    let settled = {
        let cache = ctx.cache();
        let roster = cache.rosters.get(&job.uid);
        roster.is_some_and(|roster| rerun::failures_are_settled(job, roster, &cache.ledger))
    };
    if !settled {
        return Ok(false);
    }
    ctx.cache().memory(&job.uid).send_again(&job.finals.failed);
    let status = status::send_again(job, rerun, now());
    store(ctx, Write::RerunStatus, job, &status).await?;
    let note = format!(
        "rerun {}: {} failed devices go again",
        rerun.id,
        job.finals.failed.len()
    );
    let part = format!("spec.rerun[{}]", rerun.id);
    ctx.event_of_part(job, part, Reason::RerunRequested, note);
    Ok(true)
}
