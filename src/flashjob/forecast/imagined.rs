//! A job that does not exist, in its first round on a cluster where nothing is in flight: what the operator would make of it is
//! asked of the operator's own rules. Pure.

use jiff::Timestamp;

use super::{Asked, Forecast, Rung, forecast};
use crate::{
    api::Reason,
    device::{self, Inventory},
    flashjob::{
        attempts::Bounds,
        blueprint::FlashPod,
        job::Job,
        ledger::Ledger,
        memory::{Memory, Refusal},
        plan::{Observed, World},
        roster::Roster,
        status,
    },
};

/// What was read of the cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Akri's devices.
    pub inventory: Inventory,
    /// Akri's Instance kind exists.
    pub akri_installed: bool,
    /// Slots of all jobs together.
    pub max_in_flight: usize,
}

/// Nothing is in flight, so nothing waits.
const BOUNDS: Bounds = Bounds {
    address_seconds: 0,
    start_seconds: 0,
    cool_down_seconds: 0,
    lost_seconds: 0,
    helm_seconds: 0,
    retry_seconds: 0,
};

/// Foretells what a job would do on this cluster.
#[must_use]
pub fn imagine(job: Job, cluster: &Cluster, flash_pod: &FlashPod, now: Timestamp) -> Forecast {
    let uuids = job.spec.as_ref().map_or(&[][..], |spec| &spec.uuid[..]);
    let roster = Roster::new(1, device::select(uuids, &cluster.inventory));
    let world = World {
        akri_installed: cluster.akri_installed,
        chart: None,
        max_in_flight: cluster.max_in_flight,
        engine: "native".into(),
        bounds: BOUNDS,
    };
    let job = begun(job, &roster, now);
    let (ledger, memory) = (Ledger::default(), Memory::default());
    let observed = Observed {
        job: &job,
        roster: Some(&roster),
        inventory: &cluster.inventory,
        ledger: &ledger,
        memory: &memory,
        world: &world,
    };
    let effective = job.effective(&world.engine);
    let refusal = refusal(&observed);
    forecast(&Asked {
        observed: &observed,
        flash_pod,
        classes: &[],
        refusal: refusal.as_ref(),
        rungs: &rungs(&roster),
        limit: None,
        effective: &effective,
        now,
    })
}

/// The job with its first round open.
fn begun(job: Job, roster: &Roster, now: Timestamp) -> Job {
    let mut object = job.object.clone();
    object.status = None;
    let fresh = Job::of_answer(object.clone());
    let fresh = fresh.unwrap_or_else(|| job.clone());
    object.status = Some(status::open_round(&fresh, roster, "", "native", now));
    Job::of_answer(object).unwrap_or(job)
}

/// Why nothing of it would start.
fn refusal(observed: &Observed<'_>) -> Option<Refusal> {
    let job = observed.job;
    let refusal = |reason, message: String| Some(Refusal { reason, message });
    if let Err(error) = &job.spec {
        return refusal(Reason::InvalidSpec, error.clone());
    }
    if let Some(message) = &job.invalid {
        return refusal(Reason::InvalidSpec, message.clone());
    }
    if !observed.world.akri_installed {
        let message = "the cluster has no kind instances.akri.sh: install Akri";
        return refusal(Reason::AkriNotInstalled, message.into());
    }
    if observed
        .roster
        .is_none_or(|roster| roster.devices().is_empty())
    {
        let message = "the job selects no device now";
        return refusal(Reason::NoDevicesSelected, message.into());
    }
    None
}

fn rungs(roster: &Roster) -> Vec<Rung> {
    vec![Rung {
        end: roster.devices().len(),
        ..Rung::default()
    }]
}
