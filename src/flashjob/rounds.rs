//! The frozen selection of a job's round: loaded once, opened anew, added to. Nothing of a round starts before it is stored.
//!
//! Called by `reconcile` before it plans; waits for nothing but the API server's answers.

use std::{sync::Arc, time::Duration};

use super::{
    act, context::Context, job::Job, memory::Refusal, reconcile::NextPass, roster::Roster, status,
};
use crate::{
    api::Reason,
    cluster::{ApiError, clock::now},
    device,
};

/// Reads the frozen selection of the stored round, once.
pub(super) async fn load_roster(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let Some(round) = &job.status.round else {
        return Ok(());
    };
    if ctx
        .state()
        .rosters
        .get(&job.uid)
        .is_some_and(|roster| roster.round == round.number)
    {
        return Ok(());
    }
    let revisions = act::job::revisions(ctx, job).await?;
    let stored = job.status.selection.as_ref();
    let gathered = device::gather(&revisions, round.number)
        .map_err(|error| error.to_string())
        .and_then(|devices| {
            let hash = device::hash(&devices);
            // Slices are written before the status that names them: more devices than the status says are a crash in between.
            let count = usize::try_from(stored.map_or(0, |stored| stored.count)).unwrap_or(0);
            let known = devices.get(..count).map(device::hash);
            let intact = known.is_some() && known == stored.map(|stored| stored.hash.clone());
            if intact {
                Ok(devices)
            } else {
                Err(format!(
                    "the selection of round {} was altered (hash {hash})",
                    round.number
                ))
            }
        });
    let mut state = ctx.state();
    match gathered {
        Ok(devices) => {
            let before = state.rosters.insert(
                job.uid.clone(),
                Arc::new(Roster::new(round.number, devices)),
            );
            if before.is_some_and(|before| before.round != round.number) {
                state.memory(&job.uid).begin_round();
            }
        }
        Err(message) => {
            let message = format!(
                "{message}; nothing new starts; delete the FlashJob {} and apply it again to select anew",
                job.name
            );
            let version = ctx.flash_pod().map_or(0, |flash_pod| flash_pod.version);
            let refusal = Refusal {
                reason: Reason::SelectionLost,
                message,
            };
            state.memory(&job.uid).refusal = Some((job.generation, version, Some(refusal)));
            state.rosters.insert(
                job.uid.clone(),
                Arc::new(Roster::new(round.number, Vec::new())),
            );
        }
    }
    Ok(())
}

/// Whether the spec asks for a round that is not stored yet.
pub(super) fn wants_round(ctx: &Context, job: &Job) -> bool {
    let named = job.invalid.is_none() && job.spec.as_ref().is_ok_and(|spec| !spec.uuid.is_empty());
    !job.deleting
        && !job.suspended()
        && named
        && !job.round_is_current()
        && ctx.state().akri_installed
}

/// Freezes the selection of the next round and stores that the round has begun; nothing starts before.
pub(super) async fn open_round(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<NextPass, ApiError> {
    let Ok(spec) = &job.spec else { return Ok(None) };
    let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
    // Slices of this round without a status that names it are of a crash in between: the round begins with them.
    let left = act::job::revisions(ctx, job).await?;
    let mut devices = device::gather(&left, number).unwrap_or_default();
    let more = {
        let state = ctx.state();
        let missing = Roster::new(number, devices.clone()).missing(&spec.uuid);
        let selected = device::select(&missing, &state.inventory);
        match state.rosters.get(&job.uid) {
            Some(before) => before.recall(selected),
            None => selected,
        }
    };
    act::job::store_selection(ctx, job, number, devices.len(), &more).await?;
    devices.extend(more);
    let roster = Roster::new(number, devices);
    let status = status::open_round(
        job,
        &roster,
        &device::hash(roster.devices()),
        ctx.engine(),
        now(),
    );
    act::job::replace_status(ctx, job, &status).await?;
    {
        let mut state = ctx.state();
        state.rosters.insert(job.uid.clone(), Arc::new(roster));
        state.memory(&job.uid).begin_round();
    }
    act::job::delete_revisions_before(ctx, &left, number).await;
    let note = format!(
        "round {number}: {} devices, firmware {}",
        ctx.selected(&job.uid),
        spec.firmware
    );
    ctx.event(job, None, (false, "RoundStarted"), note);
    Ok(Some(Duration::from_millis(1)))
}

/// UUIDs that were added to the spec within a round join its selection.
pub(super) async fn append_devices(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let Ok(spec) = &job.spec else { return Ok(()) };
    if job.deleting || job.invalid.is_some() || !job.round_is_current() {
        return Ok(());
    }
    let (roster, more) = {
        let state = ctx.state();
        let Some(roster) = state.rosters.get(&job.uid).cloned() else {
            return Ok(());
        };
        let missing = roster.missing(&spec.uuid);
        let more = device::select(&missing, &state.inventory);
        (roster, more)
    };
    if more.is_empty() || roster.devices().is_empty() {
        return Ok(());
    }
    act::job::store_selection(ctx, job, roster.round, roster.devices().len(), &more).await?;
    let mut devices = roster.devices().to_vec();
    devices.extend(more);
    let mut status = job.status.clone();
    if let Some(selection) = &mut status.selection {
        selection.count = status::count(devices.len());
        selection.hash = device::hash(&devices);
    }
    act::job::replace_status(ctx, job, &status).await?;
    ctx.state().rosters.insert(
        job.uid.clone(),
        Arc::new(Roster::new(roster.round, devices)),
    );
    Ok(())
}
