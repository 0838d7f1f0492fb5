//! Tries the values of one device, and says what chart, schema and guard make of them. Pure.

use super::{AttemptOf, FlashPod};
use crate::{
    api::{Reason, Refusal, Round},
    device::Device,
    flash_pod::{pool::Pool, service_mode::trial_address},
    flashjob::spec::job::Job,
    identifiers::Uuid,
};

/// Tries the values of one device: what chart, schema and guard make of them, without and with an address. Returns the pool whose Services
/// such devices lease, if they lease any.
///
/// # Errors
/// What they refuse. Where the chart can be used without the values of the job, it is the job's fault.
pub fn try_one(
    flash_pod: &FlashPod,
    job: &Job,
    round: &Round,
    uuid: &Uuid,
    device: &Device,
) -> Result<Option<Pool>, Refusal> {
    let refusal = match try_as_it_is(flash_pod, job, round, uuid, device) {
        Err(refusal) if refusal.reason == Reason::ChartInvalid => refusal,
        other => return other,
    };
    let mut plain = job.clone();
    let values = plain.spec.as_mut().ok().and_then(|spec| spec.values.take());
    if values.is_some() && try_as_it_is(flash_pod, &plain, round, uuid, device).is_ok() {
        let message = format!(
            "spec.values: without them the flash chart can be used, with them: {}",
            refusal.message
        );
        let reason = Reason::GuardRefused;
        return Err(Refusal { reason, message });
    }
    Err(refusal)
}

fn try_as_it_is(
    flash_pod: &FlashPod,
    job: &Job,
    round: &Round,
    uuid: &Uuid,
    device: &Device,
) -> Result<Option<Pool>, Refusal> {
    let attempt = AttemptOf {
        index: 0,
        uuid,
        device,
        shared: None,
        number: 1,
        nonce: "trial",
    };
    let blueprint = flash_pod.blueprint(job, round, &attempt)?;
    if !flash_pod.native() {
        // A pass never waits for a helm process: the first step reports what helm refuses.
        return Ok(blueprint.pool);
    }
    let trial = trial_address(&blueprint.merged.overrides, &flash_pod.chart.values);
    for address in [None, Some(trial)] {
        flash_pod.objects(
            &blueprint.intent,
            &blueprint.release,
            1,
            &blueprint.merged.overrides,
            address,
        )?;
    }
    Ok(blueprint.pool)
}
