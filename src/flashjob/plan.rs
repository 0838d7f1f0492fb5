//! From what was observed of a job to what is to be done and said: (Observed, now) → Plan. Pure, total, no client, no clock, no log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    attempts::{Bounds, Decision, Ending, Step, Wish, decide},
    job::Job,
    ledger::{Attempt, Ledger},
    memory::{Found, Memory, Refusal, Waiting},
    pending::{Candidate, Verdictless, consider},
    roster::Roster,
    sight::{AttemptKey, Identity},
    table::JobState,
    verdict::{Outcome, Verdict},
};
use crate::{
    api::{DevicePhase, DeviceStatus, Effective, Reason},
    device::{Device, Inventory},
};

/// Longest wait between two tries.
const MAX_BACKOFF_SECONDS: i64 = 600;

/// Everything that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The job as it was last read or written.
    pub job: &'a Job,
    /// The frozen selection of the current round.
    pub roster: Option<&'a Roster>,
    /// Akri's devices.
    pub inventory: &'a Inventory,
    /// Objects, locks and slots.
    pub ledger: &'a Ledger,
    /// What the leader remembers of this job.
    pub memory: &'a Memory,
    /// The rest of the world.
    pub world: &'a World,
}

/// What is true for all jobs.
#[derive(Clone, Debug)]
pub struct World {
    /// Akri's Instance kind exists.
    pub akri_installed: bool,
    /// Why the flash chart cannot be used, if so.
    pub chart: Option<Refusal>,
    /// Slots of all jobs together.
    pub max_in_flight: usize,
    /// Engine in use, for display.
    pub engine: String,
    /// Bounds of waiting.
    pub bounds: Bounds,
}

/// What is to be done and said.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Steps to start, each for one attempt.
    pub steps: Vec<(Identity, Step)>,
    /// Devices to begin, in order.
    pub begin: Vec<Begin>,
    /// Attempts to be given up, with the wait of their device.
    pub release: Vec<(AttemptKey, Option<usize>, Waiting)>,
    /// Devices that fail before anything is created for them.
    pub refuse: Vec<(usize, Found)>,
    /// Devices not begun that have no Instance now.
    pub missing: BTreeSet<usize>,
    /// Attempts whose trouble is over.
    pub views: Vec<DeviceView>,
    /// Counts of devices that have no view of their own.
    pub queued: usize,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// A device to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// Index in the selection.
    pub index: usize,
    /// UUID as the job named it.
    pub uuid: String,
    /// The device as it is now.
    pub device: Device,
}

/// Where a device that is not final stands.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceView {
    /// Index in the selection; none where the attempt is of an older round.
    pub index: Option<usize>,
    /// UUID as the job named it.
    pub uuid: String,
    /// Endpoint, where it is known.
    pub endpoint: Option<String>,
    /// Name of its Pod, where one was created.
    pub pod: Option<String>,
    /// Phase.
    pub phase: DevicePhase,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// When its attempt began.
    pub since: Option<Timestamp>,
}

impl Plan {
    fn wake(&mut self, at: Option<Timestamp>) {
        self.wake_at = match (self.wake_at, at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Makes the plan.
#[must_use]
pub fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut active = BTreeMap::new();
    for (key, attempt) in observed.ledger.of_job(&observed.job.uid) {
        plan_attempt(observed, key, attempt, now, &mut active, &mut plan);
    }
    plan_vanished(observed, &mut active, now, &mut plan);
    if may_begin(observed) {
        plan_pending(observed, &active, now, &mut plan);
    }
    plan
}

/// Whether devices that are not begun are looked at: the round is stored and nothing forbids it.
#[must_use]
pub fn may_begin(observed: &Observed<'_>) -> bool {
    let job = observed.job;
    let refused = matches!(&observed.memory.refusal, Some((_, _, Some(_))));
    !job.deleting
        && job.has_finalizer
        && job.spec.is_ok()
        && job.invalid.is_none()
        && job.round_is_current()
        && !observed.memory.too_large
        && !refused
        && observed.world.chart.is_none()
        && observed.world.akri_installed
        && observed.roster.is_some_and(|roster| {
            Some(roster.round) == job.status.round.as_ref().map(|round| round.number)
        })
}

fn plan_attempt(
    observed: &Observed<'_>,
    key: &AttemptKey,
    attempt: &Attempt,
    now: Timestamp,
    active: &mut BTreeMap<usize, AttemptKey>,
    plan: &mut Plan,
) {
    let index = index_of(observed, attempt);
    let wish = wish(observed, attempt, index);
    let decision = decide(attempt, &wish, observed.memory, &observed.world.bounds, now);
    let over = decision.step.is_none() && decision.phase == DevicePhase::Pending;
    if let Some(index) = index.filter(|_| !over) {
        active.insert(index, key.clone());
    }
    plan.wake(decision.wake_at);
    if let Some(step) = &decision.step {
        plan.steps.push((attempt.identity.clone(), step.clone()));
    }
    if let Some((reason, message)) = &decision.release {
        let waiting = next_wait(observed, index, *reason, message.clone(), now);
        plan.release.push((key.clone(), index, waiting));
    }
    if !over && wish.ending.is_none() {
        plan.views.push(view(attempt, index, decision));
    }
}

fn index_of(observed: &Observed<'_>, attempt: &Attempt) -> Option<usize> {
    let roster = observed.roster?;
    let current = observed.job.status.round.as_ref()?.number;
    (attempt.identity.round == current && roster.round == current)
        .then(|| roster.index_of(&attempt.identity.uuid))
        .flatten()
}

fn view(attempt: &Attempt, index: Option<usize>, decision: Decision) -> DeviceView {
    let decision = with_foreign(attempt, decision);
    DeviceView {
        index,
        uuid: attempt.identity.uuid.clone(),
        endpoint: attempt.identity.endpoint.clone(),
        pod: attempt.pod.as_ref().map(|pod| pod.sight.name.clone()),
        phase: decision.phase,
        reason: decision.reason,
        message: decision.message,
        since: begun(attempt),
    }
}

/// Somebody else wrote the release: said as long as the flash runs. Its Pod still gives its verdict to its attempt.
fn with_foreign(attempt: &Attempt, decision: Decision) -> Decision {
    let foreign = attempt.records.values().rev().find(|record| record.foreign);
    let Some(record) = foreign.filter(|_| decision.reason == Reason::Flashing) else {
        return decision;
    };
    let message = format!(
        "{} was not written by the operator: a helm upgrade or rollback by hand; the Pod's own end decides",
        record.sight.name
    );
    Decision {
        reason: Reason::ForeignRevision,
        message,
        ..decision
    }
}

/// When an attempt began: its record may have been deleted by hand since.
fn begun(attempt: &Attempt) -> Option<Timestamp> {
    let record = attempt.record().map(|record| record.sight.created);
    let service = || {
        attempt
            .service
            .as_ref()
            .map(|service| service.sight.created)
    };
    let pod = || attempt.pod.as_ref().map(|pod| pod.sight.created);
    record.or_else(service).or_else(pod)
}

/// What the job wants of an attempt: its stored ending, and the gates before write 4.
fn wish(observed: &Observed<'_>, attempt: &Attempt, index: Option<usize>) -> Wish {
    let job = observed.job;
    // A round that is not stored as the current one is being replaced: its attempts are of an older round from now on.
    let same_round = index.is_some() && (job.spec.is_err() || job.round_is_current());
    let state = if job.deleting || !same_round {
        JobState::Leaving
    } else {
        JobState::Exists
    };
    let stored = index.and_then(|index| stored_ending(observed, index));
    // Verdicts of older rounds have no place in the status: log and event hold them.
    let ending = stored.or_else(|| {
        let found = observed.memory.verdicts.get(&attempt.identity.key.id)?;
        index.is_none().then(|| ending_of(found))
    });
    Wish {
        job: state,
        ending,
        was_flashing: index.is_some_and(|index| was_flashing(job, index, &attempt.identity.key.id)),
        closed: closed_gate(observed, attempt),
        held: (!observed.world.akri_installed).then(|| {
            (
                Reason::AkriNotInstalled,
                "Akri's Instances are not known: whether this is still the device cannot be said"
                    .into(),
            )
        }),
    }
}

fn ending_of(found: &Found) -> Ending {
    Ending {
        succeeded: found.verdict.outcome == Outcome::Succeeded,
        reason: found.verdict.reason,
        message: found.verdict.message.clone(),
        at: Some(found.at),
    }
}

fn stored_ending(observed: &Observed<'_>, index: usize) -> Option<Ending> {
    let finals = &observed.job.finals;
    if !finals.contains(index) {
        return None;
    }
    let succeeded = finals.succeeded.contains(index) || finals.skipped.contains(index);
    let device = observed
        .job
        .status
        .devices
        .iter()
        .find(|device| usize::try_from(device.index) == Ok(index));
    let reason = device
        .and_then(|device| device.reason.as_deref())
        .and_then(reason_of);
    Some(Ending {
        succeeded,
        reason: reason.unwrap_or(if succeeded {
            Reason::FirmwareSent
        } else {
            Reason::FlashFailed
        }),
        message: device
            .and_then(|device| device.message.clone())
            .unwrap_or_default(),
        at: device
            .and_then(|device| device.completion_time.as_ref())
            .map(|time| time.0),
    })
}

fn reason_of(word: &str) -> Option<Reason> {
    Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.as_str() == word)
}

/// Whether the status says that this very attempt was flashing: another attempt at the device says nothing about this one.
fn was_flashing(job: &Job, index: usize, attempt: &str) -> bool {
    let flashing = DevicePhase::Flashing.as_str();
    job.status.devices.iter().any(|device| {
        let own = device
            .pod
            .as_deref()
            .is_some_and(|pod| pod.rsplit('-').next() == Some(attempt));
        usize::try_from(device.index) == Ok(index) && device.phase == flashing && own
    })
}

/// The gates that are asked again right before the Pod is created.
fn closed_gate(observed: &Observed<'_>, attempt: &Attempt) -> Option<(Reason, String)> {
    if let Some(refusal) = &observed.world.chart {
        return Some((refusal.reason, refusal.message.clone()));
    }
    let identity = &attempt.identity;
    if observed
        .job
        .spec
        .as_ref()
        .is_ok_and(|spec| !spec.uuid.contains(&identity.uuid))
    {
        return Some((
            Reason::NotRequested,
            format!("spec.uuid does not name {} any more", identity.uuid),
        ));
    }
    // Where no Instance is known, the absence of one says nothing: the attempt is held, not closed.
    let endpoint = identity
        .endpoint
        .as_deref()
        .filter(|_| observed.world.akri_installed)?;
    match observed.inventory.by_uuid(&identity.uuid) {
        Some(Ok(device)) if device.endpoint.to_string() == endpoint => None,
        Some(Ok(device)) => Some((
            Reason::DeviceNotFound,
            format!(
                "Instance {} now stands for {}, not for {endpoint}",
                identity.uuid, device.endpoint
            ),
        )),
        Some(Err(error)) => Some((Reason::DeviceInvalid, error.to_string())),
        // A new uid of the same endpoint is the same device after a restart.
        None if observed.inventory.by_endpoint(endpoint).is_some() => None,
        None => Some((
            Reason::DeviceNotFound,
            format!("no Akri Instance stands for {endpoint} any more"),
        )),
    }
}

fn next_wait(
    observed: &Observed<'_>,
    index: Option<usize>,
    reason: Reason,
    message: String,
    now: Timestamp,
) -> Waiting {
    let tries = index
        .and_then(|index| observed.memory.waiting.get(&index))
        .map_or(0, |waiting| waiting.tries)
        + 1;
    let seconds =
        (observed.world.bounds.retry_seconds << (tries - 1).min(10)).min(MAX_BACKOFF_SECONDS);
    let until = now
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(now);
    Waiting {
        reason,
        message,
        until,
        tries,
    }
}

/// Id of the attempt whose Pod a stored device record names.
fn attempt_of(device: &DeviceStatus) -> Option<&str> {
    device.pod.as_deref()?.rsplit_once('-').map(|(_, id)| id)
}

/// Row 6, where nothing at all is left: the stored status shows a flash of which no object remains.
fn plan_vanished(
    observed: &Observed<'_>,
    active: &mut BTreeMap<usize, AttemptKey>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let job = observed.job;
    let (Some(roster), Some(round)) = (observed.roster, &job.status.round) else {
        return;
    };
    if job.deleting
        || roster.round != round.number
        || !(job.spec.is_err() || job.round_is_current())
    {
        return;
    }
    let flashing = DevicePhase::Flashing.as_str();
    for device in job
        .status
        .devices
        .iter()
        .filter(|device| device.phase == flashing)
    {
        let Ok(index) = usize::try_from(device.index) else {
            continue;
        };
        let (Some(selected), Some(id)) = (roster.devices().get(index), attempt_of(device)) else {
            continue;
        };
        let memory = observed.memory;
        let settled = job.finals.contains(index) || memory.refused.contains_key(&index);
        if settled || active.contains_key(&index) {
            continue;
        }
        let key = AttemptKey {
            job_uid: job.uid.clone(),
            id: id.to_owned(),
        };
        active.insert(index, key.clone());
        let trouble = memory.trouble.get(id).filter(|trouble| trouble.until > now);
        plan.wake(trouble.map(|trouble| trouble.until));
        plan.views.push(DeviceView {
            index: Some(index),
            uuid: selected.uuid.clone(),
            endpoint: device.host_endpoint.clone(),
            pod: device.pod.clone(),
            phase: DevicePhase::Flashing,
            reason: Reason::Interrupted,
            message: "nothing is left of its release; the API server is being asked for its Pod"
                .into(),
            since: device.start_time.as_ref().map(|time| time.0),
        });
        if trouble.is_some() || memory.verdicts.contains_key(id) {
            continue;
        }
        let identity = Identity {
            key,
            job_name: Some(job.name.clone()),
            namespace: job.namespace.clone(),
            round: round.number,
            uuid: selected.uuid.clone(),
            endpoint: device.host_endpoint.clone(),
        };
        plan.steps.push((identity, Step::ConfirmInterrupted));
    }
}

/// Devices that are not begun, in order: who may begin, who waits and why, who fails.
fn plan_pending(
    observed: &Observed<'_>,
    active: &BTreeMap<usize, AttemptKey>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let Some(roster) = observed.roster else {
        return;
    };
    let Ok(spec) = &observed.job.spec else { return };
    let effective = observed.job.effective(&observed.world.engine);
    let mut slots = free_slots(observed, &effective);
    let named: std::collections::HashSet<&str> = spec.uuid.iter().map(String::as_str).collect();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (index, selected) in roster.devices().iter().enumerate() {
        let settled =
            observed.job.finals.contains(index) || observed.memory.refused.contains_key(&index);
        let unwanted = !named.contains(selected.uuid.as_str());
        if settled || unwanted || active.contains_key(&index) {
            continue;
        }
        let candidate = Candidate {
            index,
            selected,
            slot: slots > 0,
            taken: &taken,
        };
        match consider(observed, roster, &candidate, &effective, now) {
            Ok(device) => {
                taken.insert(device.endpoint.to_string());
                slots -= 1;
                plan.begin.push(Begin {
                    index,
                    uuid: selected.uuid.clone(),
                    device,
                });
            }
            Err(verdictless) => settle(verdictless, index, selected.uuid.as_str(), now, plan),
        }
    }
}

fn settle(verdictless: Verdictless, index: usize, uuid: &str, now: Timestamp, plan: &mut Plan) {
    match verdictless {
        Verdictless::Queued => plan.queued += 1,
        Verdictless::Missing { until, view } => {
            plan.missing.insert(index);
            plan.wake(Some(until));
            plan.views.push(*view);
        }
        Verdictless::Waits { until, view } => {
            plan.wake(until);
            plan.views.push(*view);
        }
        Verdictless::Final {
            outcome,
            reason,
            message,
        } => {
            let verdict = Verdict {
                outcome,
                reason,
                message,
                log_tail: String::new(),
            };
            plan.refuse.push((
                index,
                Found {
                    index: Some(index),
                    uuid: uuid.to_owned(),
                    verdict,
                    at: now,
                },
            ));
        }
    }
}

fn free_slots(observed: &Observed<'_>, effective: &Effective) -> usize {
    let parallelism = usize::try_from(effective.parallelism).unwrap_or(0);
    let job = parallelism.saturating_sub(observed.ledger.slots_of(&observed.job.uid));
    job.min(
        observed
            .world
            .max_in_flight
            .saturating_sub(observed.ledger.slots()),
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
