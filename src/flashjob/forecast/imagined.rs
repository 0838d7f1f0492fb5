//! A job that does not exist, in its first round on a cluster where nothing is in flight: what the operator would make of it is
//! asked of the operator's own rules. Pure.

use jiff::Timestamp;
use serde_json::json;

use super::{
    Asked, Forecast, NotSeen, Part, forecast,
    rungs::{limit, rungs},
    sight::lacks,
};
use crate::{
    api::{Effective, Reason, Refusal},
    device::{Device, Inventory, Selector},
    flashclass::{Classes, Facts, Namespaces, OperatorDefaults, Terms, beginning},
    flashjob::{
        blueprint::{FlashPod, preflight::try_one},
        observe::{
            Derived, Observed, World, bounds::Bounds, ledger::Ledger, memory::Memory,
            selection::Selection, wait_queue::Line, waits::Moment,
        },
        plan::{
            rollout::{failure_limits, hold::Hold, pace::pace},
            select_devices::{Choice, Selecting, choose, refused, selection_status},
        },
        spec::{job::Job, stamps::Stamping},
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
    /// Seconds that an address is kept after a transfer that was cut off.
    pub cool_down_seconds: i64,
    /// Every class.
    pub classes: Classes,
    /// Labels of the namespaces.
    pub namespaces: Namespaces,
    /// Namespace of the operator.
    pub own_namespace: String,
    /// What holds of jobs where neither they nor their classes say it.
    pub operator: OperatorDefaults,
    /// What could not be read of all that.
    pub not_seen: Vec<NotSeen>,
}

impl Cluster {
    /// What its class makes of a job that begins now, and with its defaults as they are now.
    fn terms(&self, job: &Job) -> Terms {
        let Some(asks) = job.asks().filter(|_| !self.lacks(Part::Classes)) else {
            return Terms::default();
        };
        let facts = Facts {
            classes: &self.classes,
            namespaces: &self.namespaces,
            own_namespace: &self.own_namespace,
        };
        let terms = beginning(&asks, &facts);
        let unsure = self.lacks(Part::Namespaces)
            && terms
                .refusal
                .as_ref()
                .is_some_and(|refusal| refusal.reason == Reason::NamespaceNotAllowed);
        if unsure { Terms::default() } else { terms }
    }

    /// Whether what could not be seen may take this refusal back.
    fn doubts(&self, reason: Reason) -> bool {
        match reason {
            Reason::NoDevicesSelected => self.lacks(Part::Instances),
            Reason::ValueNotAllowed | Reason::ValueConflict => {
                lacks(&self.not_seen, &[Part::Settings, Part::Classes])
            }
            _ => false,
        }
    }

    fn lacks(&self, part: Part) -> bool {
        lacks(&self.not_seen, &[part])
    }
}

/// UUID of a device that stands for one that nobody knows yet.
const EXAMPLE: &str = "00000000-0000-4000-8000-000000000000";

/// Nothing is in flight, so nothing waits.
const BOUNDS: Bounds = Bounds {
    address_seconds: 0,
    start_seconds: 0,
    cool_down_seconds: 0,
    lost_seconds: 0,
    helm_seconds: 0,
    retry_seconds: 0,
};

/// Foretells what a job would do on this cluster. `before` is the frozen selection of the round before, if there is one: a device that
/// has another uid since is known by its endpoint.
#[must_use]
pub fn imagine(
    job: Job,
    before: Option<&Selection>,
    cluster: &Cluster,
    flash_pod: &FlashPod,
    now: Timestamp,
) -> Forecast {
    let chosen = select(&job, before, &cluster.inventory);
    let (choice, too_many) = match chosen {
        Ok(choice) => (choice, None),
        Err(refusal) => (Choice::default(), Some(refusal)),
    };
    let roster = Selection::new(1, choice.more.clone());
    let world = World {
        akri_installed: cluster.akri_installed,
        // What is imagined has been approved by nobody yet.
        stamping: Stamping::NotAsked,
        chart: None,
        max_in_flight: cluster.max_in_flight,
        operator: cluster.operator.clone(),
        bounds: Bounds {
            cool_down_seconds: cluster.cool_down_seconds,
            ..BOUNDS
        },
        steady: Moment::default(),
    };
    let terms = cluster.terms(&job);
    let effective = terms.effective(&job.spec.clone().unwrap_or_default(), &world.operator);
    let job = begun(job, &roster, &choice, effective.clone(), now);
    let (ledger, line, memory) = (Ledger::default(), Line::default(), Memory::default());
    let observed = Observed {
        job: &job,
        roster: Some(&roster),
        inventory: &cluster.inventory,
        ledger: &ledger,
        line: &line,
        memory: &memory,
        terms: &terms,
        world: &world,
        derived: Derived::default(),
    };
    let flash_pod = flash_pod.under(&terms);
    let (refusal, waits) = match too_many.or_else(|| refusal(&observed)) {
        Some(refusal) => (Some(refusal), None),
        None => pace_of(&observed, now),
    };
    let refusal = refusal
        .or_else(|| closed(&observed, &flash_pod))
        .filter(|refusal| !cluster.doubts(refusal.reason));
    let classes: Vec<String> = terms
        .classes
        .iter()
        .map(|class| class.name().to_owned())
        .collect();
    let spec = job.spec.clone().unwrap_or_default();
    let selected = roster.devices().len();
    forecast(&Asked {
        observed: &observed,
        flash_pod: &flash_pod,
        classes: &classes,
        not_seen: &cluster.not_seen,
        refusal: refusal.as_ref(),
        waits: waits.as_ref(),
        not_selectable: choice.not_selectable.as_ref(),
        rungs: &rungs(&spec, selected, terms.pace().steps),
        limit: limit(&spec, selected),
        effective: &effective,
        now,
    })
}

/// The devices that the job selects now, as the operator does when a round begins.
fn select(job: &Job, before: Option<&Selection>, inventory: &Inventory) -> Result<Choice, Refusal> {
    let spec = job.spec.clone().unwrap_or_default();
    let selector = spec.device_selector.as_ref().map(Selector::parse);
    let selector = selector.transpose().map_err(|error| Refusal {
        reason: Reason::InvalidSpec,
        message: format!("spec.deviceSelector: {error}"),
    })?;
    let selecting = Selecting::Anew(selector.as_ref());
    choose(
        &Selection::default(),
        before,
        &spec.uuid,
        selecting,
        inventory,
    )
    .map_err(refused)
}

/// The job with its first round open.
fn begun(
    job: Job,
    roster: &Selection,
    choice: &Choice,
    effective: Effective,
    now: Timestamp,
) -> Job {
    let mut object = job.to_object();
    object.status = None;
    let fresh = Job::of_answer(object.clone());
    let fresh = fresh.unwrap_or_else(|| job.clone());
    let mut status = status::open_round(&fresh, roster, "", (effective, None), now);
    status.selection = Some(selection_status(&fresh, roster.devices(), choice));
    object.status = Some(status);
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
    if let Some(refused) = &observed.terms.refusal {
        return Some(refused.clone());
    }
    if let Some(message) = &observed.terms.suspended {
        return refusal(Reason::ClassSuspended, message.clone());
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

/// Why nothing would start now: for good, until somebody acts, or until a time.
fn pace_of(observed: &Observed<'_>, now: Timestamp) -> (Option<Refusal>, Option<Hold>) {
    let pace = pace(observed, &observed.job.finals, &observed.terms.pace(), now);
    let stopped = pace.stop.as_ref().map(|stop| Refusal {
        reason: failure_limits::reason(stop),
        message: stop.message.clone(),
    });
    let refusal = pace.refusal.or(stopped);
    match pace.hold {
        Some(hold) if hold.until.is_none() => {
            let for_good = Refusal {
                reason: hold.reason,
                message: hold.message,
            };
            (refusal.or(Some(for_good)), None)
        }
        hold => (refusal, hold),
    }
}

/// What the job's values set that is not theirs to set, where no device is there yet that would be tried: an example stands for it.
fn closed(observed: &Observed<'_>, flash_pod: &FlashPod) -> Option<Refusal> {
    let job = observed.job;
    let round = job.status.round.as_ref()?;
    let mut known = observed.roster?.devices().iter();
    if known.any(|device| device.endpoint.is_some()) {
        return None;
    }
    let spec = job.spec.as_ref().ok()?;
    let example = json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {"name": "example", "namespace": job.namespace, "uid": EXAMPLE},
        "spec": {"configurationName": "example", "nodes": ["example"], "brokerProperties": {
            "HOST_ENDPOINT": "192.0.2.1", "DEVICE": spec.device.as_deref().unwrap_or("example"),
            "APPLICATION_TYPE": spec.application_type.as_deref().unwrap_or("example"), "VERSION": "0.0.0",
        }},
    });
    let device = Device::parse(&serde_json::from_value(example).ok()?).ok()?;
    // What an example lacks says nothing of the device.
    let is_of_job = |refusal: &Refusal| {
        matches!(
            refusal.reason,
            Reason::ValueNotAllowed | Reason::ValueConflict
        )
    };
    try_one(flash_pod, job, round, &EXAMPLE.into(), &device)
        .err()
        .filter(is_of_job)
}
