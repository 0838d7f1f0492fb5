//! What was observed of a job becomes what is to be done and said: (Observed, now) → Plan. One total function decides about each attempt
//! (`attempt`); `limits` and `rollout` say how many devices may go, in which order and when.
//!
//! Pure: this room has no client, no clock and no log. It never sees an object of the API server, only what `observe` made of it.

mod active;
pub mod addresses;
pub(crate) mod admission;
pub mod attempt;
mod cooling;
pub mod firmware;
mod gates;
pub mod limits;
mod pending_look;
mod queue;
pub mod rerun;
pub mod rollout;
pub mod select_devices;
mod tracked;
pub(crate) mod triggers;
mod vanished;
pub mod verification;

use crate::flashjob::observe::Observed;
use std::collections::BTreeMap;

use jiff::Timestamp;

use self::{
    addresses::AddressNews, queue::plan_pending, tracked::plan_tracked, vanished::plan_vanished,
};
pub use self::{
    cooling::Cooling,
    tracked::{Concluded, retries, verification},
};
use super::verdict::Outcome;
use crate::flashjob::plan::active::plan_attempt;
use crate::{
    api::conditions,
    flashjob::{
        observe::{
            memory::{Found, PendingLook, Waiting},
            objects::{AttemptKey, Identity},
            selection::Selection,
            wait_queue::Waiter,
            waits::{Now, Waits},
        },
        plan::{
            attempt::Action,
            rollout::pace::{self, Pace},
        },
    },
    identifiers::{AttemptId, Uuid},
};
use crate::{
    api::{ConditionType, DevicePhase, Reason},
    device::{Device, Footprint},
};

/// What is to be done and said.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Actions to start, each for one attempt.
    pub actions: Vec<(Identity, Action)>,
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
    /// Devices not begun that have no Instance now, and when they fail.
    pub missing: BTreeMap<usize, Timestamp>,
    /// Attempts whose trouble is over.
    pub views: Vec<DeviceView>,
    /// Counts of devices that have no view of their own.
    pub queued: usize,
    /// Devices that wait for a place under a limit of the class.
    pub line: Vec<Waiter>,
    /// How far the devices that have not begun were looked at.
    pub look: PendingLook,
    /// A device waits for a slot, which another job may hold.
    pub contended: bool,
    /// Changes of the Services of flashes whose verdicts are not stored yet.
    pub address_news: Vec<AddressNews>,
    /// Since when what is left of attempts has been waited for, by attempt id.
    pub waits: Vec<(AttemptId, Waits)>,
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
    pub uuid: Uuid,
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
    pub uuid: Uuid,
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
    let both = Now {
        wall: now,
        steady: observed.world.steady,
    };
    for (key, attempt) in observed.ledger.of_job(&observed.job.uid) {
        plan_attempt(observed, key, attempt, both, &mut active, &mut plan);
    }
    plan_vanished(observed, &mut active, now, &mut plan);
    plan_tracked(observed, &mut active, now, &mut plan);
    if may_begin(observed) {
        if is_counting(observed, &plan.pace) {
            plan.line = observed.line.of(&observed.job.uid).to_vec();
            plan.look = observed.memory.look.clone();
        } else {
            plan_pending(observed, &active, now, &mut plan);
        }
    }
    // Devices that fail without a flash, or by what was read back, count before another begins.
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
    !job.deleting
        && job.has_finalizer
        && job.spec.is_ok()
        && job.invalid.is_none()
        && job.tampered.is_none()
        && observed.round_is_current()
        && !conditions::holds(&job.status.conditions, ConditionType::Finished)
        && observed.selector_is_current()
        && select_devices::refusal(job).is_none()
        && !observed.memory.too_large
        && observed.memory.pruned.is_empty()
        && observed.memory.values_refusal().is_none()
        && observed.terms.refusal.is_none()
        && observed.terms.suspended.is_none()
        && observed.world.chart.is_none()
        && observed.world.akri_installed
        && observed.roster.is_some_and(|roster| {
            Some(roster.round) == job.status.round.as_ref().map(|round| round.number)
        })
}

/// The selection of a job's round, as long as the stored entries of its devices are to be acted upon.
fn current_roster<'a>(observed: &Observed<'a>) -> Option<&'a Selection> {
    let job = observed.job;
    let round = job.status.round.as_ref()?;
    let current = job.spec.is_err() || observed.round_is_current();
    let acts = current && !job.deleting && job.tampered.is_none();
    let roster = observed.roster.filter(|_| acts)?;
    (roster.round == round.number).then_some(roster)
}

#[cfg(test)]
mod tests;
