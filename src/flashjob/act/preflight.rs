//! A trial of a job's values on its devices: what the chart, its schema or the guard refuses is said before anything starts.
//! Writes nothing to the API server.
//!
//! Called by `reconcile` before it plans.

use crate::flashjob::blueprint::preflight::try_one;
use std::sync::Arc;

use super::context::Context;
use crate::{
    api::Refusal,
    flash_pod::pool::Pool,
    flashjob::{
        blueprint::FlashPod,
        observe::memory::{ValuesOf, ValuesTrial},
        spec::job::Job,
    },
    identifiers::Uuid,
};
use crate::{
    api::{Reason, Round},
    device::Device,
};

/// Most devices that are tried at once: the pass waits for them.
const MAX_TRIALS: usize = 20;

/// Tries the job's values on its devices before anything starts, once for every spec and chart: the first that passes will do.
pub(crate) async fn try_values(ctx: &Context, job: &Arc<Job>) {
    let Ok(flash_pod) = ctx.flash_pod_of(job) else {
        return;
    };
    let Some((round, devices)) = to_try(ctx, job, &flash_pod) else {
        return;
    };
    let tried = {
        let (flash_pod, job) = (Arc::clone(&flash_pod), Arc::clone(job));
        let work = move || {
            let outcomes = devices
                .iter()
                .map(|(uuid, device)| try_one(&flash_pod, &job, &round, uuid, device));
            Ok(conclude(outcomes))
        };
        ctx.workshop.run(work).await
    };
    let Some(outcome) = tried.unwrap_or_else(|refusal| Some(Outcome::Refused(refusal))) else {
        return;
    };
    let mut cache = ctx.cache();
    let memory = cache.memory(&job.uid);
    let of = ValuesOf {
        generation: job.generation,
        chart: flash_pod.version,
    };
    // Where only helm can render, a trial sees no more than the values.
    let is_proven = matches!(outcome, Outcome::Proven(_));
    memory.proven = (is_proven && flash_pod.native()).then_some(of);
    let (refusal, pool) = match outcome {
        Outcome::Refused(refusal) => (Some(refusal), None),
        Outcome::Proven(pool) => (None, pool),
        Outcome::Unproven => (None, None),
    };
    memory.trial = Some(ValuesTrial { of, refusal, pool });
}

/// The devices on which the values are to be tried now, if that is due.
fn to_try(ctx: &Context, job: &Job, flash_pod: &FlashPod) -> Option<(Round, Vec<(Uuid, Device)>)> {
    let mut cache = ctx.cache();
    // What is refused as a whole, or not frozen yet, is not tried.
    if cache.terms(job).refusal.is_some() || cache.frozen_of(job).is_none() {
        return None;
    }
    let of = ValuesOf {
        generation: job.generation,
        chart: flash_pod.version,
    };
    let tried = cache.memory(&job.uid).trial.as_ref().is_some_and(|trial| {
        let refusal = trial.refusal.as_ref();
        let lost = refusal.is_some_and(|refusal| refusal.reason == Reason::SelectionLost);
        lost || trial.of == of
    });
    let round = job.status.round.as_ref()?;
    if tried || !job.round_is_current() {
        return None;
    }
    let roster = cache.rosters.get(&job.uid).cloned()?;
    let known = roster.devices().iter().filter_map(|selected| {
        let by_endpoint = || cache.inventory.by_endpoint(selected.endpoint.as_deref()?);
        let by_uuid = cache
            .inventory
            .by_uuid(&selected.uuid)
            .and_then(|device| device.as_ref().ok());
        let device = by_uuid.or_else(by_endpoint)?;
        Some((selected.uuid.clone(), device.clone()))
    });
    Some((round.clone(), known.take(MAX_TRIALS).collect()))
}

/// What the trials came to.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// A device's values were accepted: what is refused later is refused for what another device is. With the pool that they name.
    Proven(Option<Pool>),
    /// Every device that was tried is to blame for its own refusal.
    Unproven,
    /// The job's values cannot be used, whatever the device.
    Refused(Refusal),
}

/// Asks as few devices as it takes. One that passes shows that the job is not to blame; a refusal that no device's own text
/// explains, and that no device escapes, is the job's. None where no device is known.
fn conclude(outcomes: impl Iterator<Item = Result<Option<Pool>, Refusal>>) -> Option<Outcome> {
    let mut refused = None;
    let mut tried = false;
    for outcome in outcomes {
        tried = true;
        match outcome {
            Ok(pool) => return Some(Outcome::Proven(pool)),
            Err(refusal) if refusal.reason == Reason::DeviceInvalid => {}
            // What a chart takes, it takes with the next device as well: one more is tried, not all.
            Err(refusal) if refusal.reason == Reason::ChartInvalid => {
                if refused.replace(refusal).is_some() {
                    break;
                }
            }
            Err(refusal) => drop(refused.get_or_insert(refusal)),
        }
    }
    let refused = refused.map_or(Outcome::Unproven, Outcome::Refused);
    tried.then_some(refused)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn refused(reason: Reason) -> Refusal {
        let message = "said so".to_owned();
        Refusal { reason, message }
    }

    fn job() -> Refusal {
        refused(Reason::ValuesInvalid)
    }

    fn chart() -> Refusal {
        refused(Reason::ChartInvalid)
    }

    fn device() -> Refusal {
        refused(Reason::DeviceInvalid)
    }

    #[rstest]
    #[case::no_device_is_known(&[], None)]
    #[case::a_chart_s_mistake(&[Some(chart()), Some(chart()), None], Some(Outcome::Refused(chart())))]
    #[case::a_chart_that_one_device_is_too_much_for(&[Some(chart()), None], Some(Outcome::Proven(None)))]
    #[case::accepted(&[None, Some(job())], Some(Outcome::Proven(None)))]
    #[case::a_job_s_mistake(&[Some(job())], Some(Outcome::Refused(job())))]
    #[case::a_job_s_mistake_after_an_odd_device(&[Some(device()), Some(job())], Some(Outcome::Refused(job())))]
    #[case::another_device_escapes_it(&[Some(job()), None], Some(Outcome::Proven(None)))]
    #[case::one_odd_device_among_others(&[Some(device()), None], Some(Outcome::Proven(None)))]
    #[case::odd_devices_alone(&[Some(device()), Some(device())], Some(Outcome::Unproven))]
    fn a_job_is_refused_for_what_no_device_escapes_and_no_device_s_text_explains(
        #[case] outcomes: &[Option<Refusal>],
        #[case] wanted: Option<Outcome>,
    ) {
        let outcomes = outcomes.iter().cloned();
        let outcomes = outcomes.map(|refusal| refusal.map_or(Ok(None), Err));
        assert_eq!(conclude(outcomes), wanted);
    }
}
