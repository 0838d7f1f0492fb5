//! From what was observed of a job to what is to be done and said: (Observed, now) → Plan. Pure, total, no client, no clock, no log.

mod attempt;
mod cooling;
mod gates;
mod tracked;
mod vanished;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use jiff::Timestamp;

use self::{
    attempt::plan_attempt,
    tracked::{plan_tracked, room},
    vanished::plan_vanished,
};
pub use self::{
    cooling::Cooling,
    tracked::{Concluded, retries, verification},
};
use super::{
    attempts::{Bounds, Step},
    choice, conditions,
    job::Job,
    ledger::Ledger,
    limits::{
        crowd::Crowd,
        line::{Line, Waiter},
    },
    memory::{Found, Memory, Refusal, Waiting},
    numbering::Numbers,
    pending::{Candidate, Verdictless, consider},
    rollout::pace::{self, ClassPace, Pace},
    roster::Roster,
    sight::{AttemptKey, Identity},
    stored,
    verdict::{Outcome, Verdict},
};
use crate::{
    api::{ConditionType, DevicePhase, Effective, FlashJobSpec, Reason},
    device::{Device, Footprint, Inventory},
    flashclass::Terms,
};

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The job as it was last read or written.
    pub job: &'a Job,
    /// The frozen selection of the current round.
    pub roster: Option<&'a Roster>,
    /// Akri's devices.
    pub inventory: &'a Inventory,
    /// Objects, locks and slots.
    pub ledger: &'a Ledger,
    /// Devices of all jobs that wait for a place under a limit.
    pub line: &'a Line,
    /// What the leader remembers of this job.
    pub memory: &'a Memory,
    /// What the job's classes make of it.
    pub terms: &'a Terms,
    /// The rest of the world.
    pub world: &'a World,
    /// What follows from the above.
    pub derived: Derived,
}

/// What follows from an observation and is asked for every device: found out once, when it is first asked for.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    effective: OnceCell<Effective>,
    selector_is_current: OnceCell<bool>,
    round_is_current: OnceCell<bool>,
    recorded: OnceCell<HashMap<String, Vec<usize>>>,
}

impl Observed<'_> {
    /// What the class adds to the job's order and pace.
    #[must_use]
    pub fn class_pace(&self) -> ClassPace<'_> {
        self.terms.pace()
    }

    /// What holds of the job after defaults and ceilings.
    #[must_use]
    pub fn effective(&self) -> &Effective {
        self.derived.effective.get_or_init(|| {
            let fallback = FlashJobSpec::default();
            let spec = self.job.spec.as_ref().unwrap_or(&fallback);
            let World { engine, bounds, .. } = self.world;
            self.terms.effective(spec, engine, bounds.address_seconds)
        })
    }

    /// Indexes of devices that were missing when they were selected, and of which only their record tells that they were at this
    /// endpoint.
    pub(super) fn recorded_at(&self, roster: &Roster, endpoint: &str) -> &[usize] {
        let recorded = self.derived.recorded.get_or_init(|| {
            let mut recorded: HashMap<String, Vec<usize>> = HashMap::new();
            for device in &self.job.status.devices {
                let Some(index) = stored::index_of(device) else {
                    continue;
                };
                let selected = roster.devices().get(index);
                if let Some(endpoint) = &device.host_endpoint
                    && selected.is_some_and(|selected| selected.endpoint.is_none())
                {
                    recorded.entry(endpoint.clone()).or_default().push(index);
                }
            }
            recorded
        });
        recorded.get(endpoint).map_or(&[], Vec::as_slice)
    }

    /// Whether the stored selection was taken with the selector of the spec.
    #[must_use]
    pub fn selector_is_current(&self) -> bool {
        let current = &self.derived.selector_is_current;
        *current.get_or_init(|| choice::selector_is_current(self.job))
    }

    /// Whether the stored round is the one that the spec asks for.
    #[must_use]
    pub fn round_is_current(&self) -> bool {
        let current = &self.derived.round_is_current;
        *current.get_or_init(|| self.job.round_is_current())
    }
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
    /// Devices whose flash was judged by what was read back, or that are not retried any more.
    pub concluded: Vec<Concluded>,
    /// Versions that devices under way had when their attempt began, by index, where known.
    pub from_versions: BTreeMap<usize, String>,
    /// Devices not begun that have no Instance now.
    pub missing: BTreeSet<usize>,
    /// Attempts whose trouble is over.
    pub views: Vec<DeviceView>,
    /// Counts of devices that have no view of their own.
    pub queued: usize,
    /// Devices that wait for a place under a limit of the class.
    pub line: Vec<Waiter>,
    /// A device waits for a slot, which another job may hold.
    pub contended: bool,
    /// Devices that ended and cool down, if any.
    pub cooling: Option<Cooling>,
    /// How far the job may go now.
    pub pace: Pace,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// A device to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// Index in the selection.
    pub index: usize,
    /// Number of the attempt at it in this round, from 1.
    pub number: u32,
    /// UUID as the job named it.
    pub uuid: String,
    /// The device as it is now.
    pub device: Device,
    /// What it shares with others, over all of its Instances.
    pub shared: Footprint,
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
    let mut plan = Plan {
        pace: pace_of(observed, now),
        ..Plan::default()
    };
    plan.wake(plan.pace.wake_at);
    let mut active = BTreeMap::new();
    for (key, attempt) in observed.ledger.of_job(&observed.job.uid) {
        plan_attempt(observed, key, attempt, now, &mut active, &mut plan);
    }
    plan_vanished(observed, &mut active, now, &mut plan);
    plan_tracked(observed, &mut active, now, &mut plan);
    if may_begin(observed) {
        if is_counting(observed, &plan.pace) {
            plan.line = observed.line.of(&observed.job.uid).to_vec();
        } else {
            plan_pending(observed, &active, now, &mut plan);
        }
    }
    // Who fails without a flash, or by what was read back, counts before anybody else begins.
    let failed =
        |found: &Found| matches!(found.verdict.outcome, Outcome::Failed | Outcome::Unknown);
    let refused = plan.refuse.iter().any(|(_, found)| failed(found));
    let concluded = plan
        .concluded
        .iter()
        .any(|concluded| failed(&concluded.found));
    if plan.pace.counts_failures && (refused || concluded) {
        plan.begin.clear();
    }
    plan
}

/// How far the job may go, as far as it is known which devices are final.
fn pace_of(observed: &Observed<'_>, now: Timestamp) -> Pace {
    let mut finals = observed.job.finals.clone();
    for (index, found) in &observed.memory.refused {
        finals.add(*index, found.verdict.outcome);
    }
    pace::pace(observed, &finals, &observed.class_pace(), now)
}

/// Whether a failure that may stop the job is not stored yet.
fn is_counting(observed: &Observed<'_>, pace: &Pace) -> bool {
    pace.counts_failures && pace::is_counting(observed)
}

/// Whether devices that are not begun are looked at: the round is stored and nothing forbids it. A job of which the stored
/// status says that it has finished begins nothing: whoever waits for the end would be told so while a device is flashed.
#[must_use]
pub fn may_begin(observed: &Observed<'_>) -> bool {
    let job = observed.job;
    let refused = matches!(&observed.memory.refusal, Some((_, _, Some(_))));
    !job.deleting
        && job.has_finalizer
        && job.spec.is_ok()
        && job.invalid.is_none()
        && observed.round_is_current()
        && !conditions::holds(&job.status.conditions, ConditionType::Finished)
        && observed.selector_is_current()
        && choice::refusal(job).is_none()
        && !observed.memory.too_large
        && observed.memory.pruned.is_empty()
        && !refused
        && observed.terms.refusal.is_none()
        && observed.terms.suspended.is_none()
        && observed.world.chart.is_none()
        && observed.world.akri_installed
        && observed.roster.is_some_and(|roster| {
            Some(roster.round) == job.status.round.as_ref().map(|round| round.number)
        })
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
    let effective = observed.effective();
    let mut slots = free_slots(observed, effective);
    let mut room = room(observed, effective, plan);
    let failed = failures(observed.job);
    let numbers = Numbers::of(observed.ledger, &observed.job.uid, roster.round);
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut crowd = Crowd::new(observed, now);
    for (index, selected) in roster.devices().iter().enumerate() {
        let settled =
            observed.job.finals.contains(index) || observed.memory.refused.contains_key(&index);
        let unwanted = !observed.job.wants(index, &selected.uuid);
        if settled || unwanted || active.contains_key(&index) {
            continue;
        }
        let failures = failed.get(&index).copied().unwrap_or(0);
        if plan.pace.closed(index).is_some() {
            plan.queued += usize::from(failures == 0);
            continue;
        }
        let candidate = Candidate {
            index,
            selected,
            slot: slots > 0 && (failures > 0 || room > 0),
            taken: &taken,
        };
        match consider(observed, roster, &candidate, effective, now) {
            Ok(device) => {
                let shared = match crowd.admit(index, &selected.uuid, &device) {
                    Ok(shared) => shared,
                    Err(view) => {
                        plan.contended = true;
                        plan.queued += usize::from(view.is_none() && failures == 0);
                        plan.views.extend(view.map(|view| *view));
                        continue;
                    }
                };
                taken.insert(device.endpoint.to_string(), selected.uuid.clone());
                slots -= 1;
                room -= usize::from(failures == 0);
                plan.begin.push(Begin {
                    index,
                    number: numbers.next(&selected.uuid, failures),
                    uuid: selected.uuid.clone(),
                    device,
                    shared,
                });
            }
            Err(Verdictless::Queued) => {
                crowd.wait_for_slot(index);
                plan.contended = true;
                // The entry of one that is tried again goes on saying why.
                plan.queued += usize::from(failures == 0);
            }
            Err(verdictless) => settle(verdictless, index, selected.uuid.as_str(), now, plan),
        }
    }
    (plan.line, plan.pace.crowd) = crowd.close(slots > 0 && room > 0);
}

/// Attempts that failed in this round and are followed by another, by the index of their device.
fn failures(job: &Job) -> HashMap<usize, usize> {
    // The first entry of a device counts, as everywhere.
    let devices = job.status.devices.iter().rev();
    let failed = devices.filter(|device| !device.earlier_failures.is_empty());
    failed
        .filter_map(|device| Some((stored::index_of(device)?, device.earlier_failures.len())))
        .collect()
}

fn settle(verdictless: Verdictless, index: usize, uuid: &str, now: Timestamp, plan: &mut Plan) {
    match verdictless {
        Verdictless::Queued => {
            plan.queued += 1;
            plan.contended = true;
        }
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

/// The selection of a job's round, as long as the stored entries of its devices are to be acted upon.
fn current_roster<'a>(observed: &Observed<'a>) -> Option<&'a Roster> {
    let job = observed.job;
    let round = job.status.round.as_ref()?;
    let current = job.spec.is_err() || observed.round_is_current();
    let roster = observed.roster.filter(|_| current && !job.deleting)?;
    (roster.round == round.number).then_some(roster)
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
