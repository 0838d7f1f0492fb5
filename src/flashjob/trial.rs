//! A trial of a job's values on one of its devices: what the chart, its schema or the guard refuses is said before anything
//! starts. Writes nothing to the API server.
//!
//! Called by `reconcile` before it plans.

use super::{
    blueprint::{AttemptOf, FlashPod},
    context::Context,
    job::Job,
    memory::Refusal,
};
use crate::{
    api::{Reason, Round},
    device::Device,
};

/// Tries the job's values on one of its devices before anything starts, once for every spec and chart.
pub(super) fn try_values(ctx: &Context, job: &Job) {
    let Ok(flash_pod) = ctx.flash_pod_of(job) else {
        return;
    };
    let mut state = ctx.state();
    // What is refused as a whole, or not frozen yet, is not tried.
    if state.terms(job).refusal.is_some() || state.frozen_of(job).is_none() {
        return;
    }
    let tried =
        state
            .memory(&job.uid)
            .refusal
            .as_ref()
            .is_some_and(|(generation, version, refusal)| {
                let lost = refusal
                    .as_ref()
                    .is_some_and(|refusal| refusal.reason == Reason::SelectionLost);
                lost || (*generation, *version) == (job.generation, flash_pod.version)
            });
    let Some(round) = job
        .status
        .round
        .as_ref()
        .filter(|_| !tried && job.round_is_current())
    else {
        return;
    };
    let Some(roster) = state.rosters.get(&job.uid).cloned() else {
        return;
    };
    let found = roster.devices().iter().find_map(|selected| {
        let by_endpoint = || state.inventory.by_endpoint(selected.endpoint.as_deref()?);
        let by_uuid = state
            .inventory
            .by_uuid(&selected.uuid)
            .and_then(|device| device.as_ref().ok());
        by_uuid
            .or_else(by_endpoint)
            .map(|device| (selected.uuid.clone(), device.clone()))
    });
    let Some((uuid, device)) = found else { return };
    let refusal = try_one(&flash_pod, job, round, &uuid, &device).err();
    state.memory(&job.uid).refusal = Some((job.generation, flash_pod.version, refusal));
}

fn try_one(
    flash_pod: &FlashPod,
    job: &Job,
    round: &Round,
    uuid: &str,
    device: &Device,
) -> Result<(), Refusal> {
    let attempt = AttemptOf {
        index: 0,
        uuid,
        device,
        number: 1,
        nonce: "trial",
    };
    let blueprint = flash_pod.blueprint(job, round, &attempt)?;
    if !flash_pod.native() {
        // A pass never waits for a helm process: what helm refuses is said by the first step.
        return Ok(());
    }
    for address in [None, Some("192.0.2.1")] {
        flash_pod.objects(
            &blueprint.intent,
            &blueprint.release,
            1,
            &blueprint.merged.overrides,
            address,
        )?;
    }
    Ok(())
}
