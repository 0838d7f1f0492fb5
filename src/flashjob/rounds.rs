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
    flashclass::{self, Frozen, Terms},
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
    let stamp = job.status.flash_class.as_ref();
    let thawed = stamp.map(|stamp| flashclass::thaw(&revisions, stamp, round.number));
    let version = ctx.flash_pod_of(job).map_or(0, |chart| chart.version);
    let mut state = ctx.state();
    let lost = match gathered {
        Ok(devices) => {
            let roster = Roster::new(round.number, devices);
            let before = state.rosters.insert(job.uid.clone(), Arc::new(roster));
            if before.is_some_and(|before| before.round != round.number) {
                state.memory(&job.uid).begin_round();
            }
            None
        }
        Err(message) => {
            let roster = Roster::new(round.number, Vec::new());
            state.rosters.insert(job.uid.clone(), Arc::new(roster));
            Some(message)
        }
    };
    // Without the class's defaults nothing starts either, but what is in flight still has its place in the selection.
    let lost = match thawed {
        Some(Ok(frozen)) => {
            state.frozen.insert(job.uid.clone(), Arc::new(frozen));
            lost
        }
        Some(Err(message)) => lost.or(Some(message)),
        None => lost,
    };
    if let Some(lost) = lost {
        let message = format!(
            "{lost}; nothing new starts; delete the FlashJob {} and apply it again to select anew",
            job.name
        );
        let refusal = Refusal {
            reason: Reason::SelectionLost,
            message,
        };
        state.memory(&job.uid).refusal = Some((job.generation, version, Some(refusal)));
    }
    Ok(())
}

/// Whether the spec asks for a round that is not stored yet.
pub(super) fn wants_round(ctx: &Context, job: &Job) -> bool {
    let named = job.invalid.is_none() && job.spec.as_ref().is_ok_and(|spec| !spec.uuid.is_empty());
    let state = ctx.state();
    !job.deleting
        && named
        && !job.round_is_current()
        && state.akri_installed
        && has_class(&state.terms(job))
}

/// Whether a class lets a round begin now: the round begins with its defaults.
fn has_class(terms: &Terms) -> bool {
    terms.refusal.is_none() && terms.suspended.is_none() && !terms.classes.is_empty()
}

/// Whether the stored round began without a class: under an operator that had none.
pub(super) fn class_is_due(ctx: &Context, job: &Job) -> bool {
    let begun = job.round_is_current() && job.status.flash_class.is_none();
    begun && !job.deleting && job.invalid.is_none() && has_class(&ctx.state().terms(job))
}

/// Gives such a round its class. Nothing more of it starts before.
pub(super) async fn freeze_class(ctx: &Context, job: &Job) -> Result<NextPass, ApiError> {
    let Some(round) = &job.status.round else {
        return Ok(None);
    };
    let Some(frozen) = frozen(ctx, job, round.number) else {
        return Ok(None);
    };
    act::job::store_class(ctx, job, &frozen).await?;
    let mut status = job.status.clone();
    status.flash_class = Some(frozen.stamp());
    act::job::replace_status(ctx, job, &status).await?;
    let mut state = ctx.state();
    state.frozen.insert(job.uid.clone(), Arc::new(frozen));
    Ok(Some(Duration::from_millis(1)))
}

/// The defaults of the job's class as they are now; none where it has no class that can be used.
fn frozen(ctx: &Context, job: &Job, round: i64) -> Option<Frozen> {
    let terms = ctx.state().terms(job);
    let class = terms.classes.first()?;
    // What cannot be frozen was not accepted either, and such a class is not among these.
    flashclass::freeze(class, round).ok()
}

/// Freezes the selection of the next round and stores that the round has begun; nothing starts before.
pub(super) async fn open_round(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<NextPass, ApiError> {
    let Ok(spec) = &job.spec else { return Ok(None) };
    let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
    let Some(frozen) = frozen(ctx, job, number) else {
        return Ok(None);
    };
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
    act::job::store_class(ctx, job, &frozen).await?;
    let roster = Roster::new(number, devices);
    let effective =
        ctx.state()
            .terms(job)
            .effective(spec, ctx.engine(), ctx.limits.bounds.address_seconds);
    let status = status::open_round(
        job,
        &roster,
        &device::hash(roster.devices()),
        (effective, Some(frozen.stamp())),
        now(),
    );
    act::job::replace_status(ctx, job, &status).await?;
    {
        let mut state = ctx.state();
        state.rosters.insert(job.uid.clone(), Arc::new(roster));
        state.frozen.insert(job.uid.clone(), Arc::new(frozen));
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
