//! Devices that are not begun, in order: who may begin, who waits and why, who fails. Pure.
//!
//! Called by `plan` where devices may begin.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::{Begin, Plan, pending_look::Look, tracked::room};
use crate::flashjob::observe::Observed;
use crate::{
    api::{Effective, SelectedDevice},
    device::Device,
    flashjob::{
        observe::{memory::Found, objects::AttemptKey, selection::Selection, stored},
        plan::{
            admission::{Candidate, Verdictless, consider},
            attempt::numbering::Numbers,
            limits::{admission::Crowd, holders},
        },
        spec::{intervals::Intervals, job::Job},
        verdict::Verdict,
    },
    identifiers::Uuid,
};

/// Devices of which there is nothing to say at which one pass looks: where there are more, the passes take turns.
pub(super) const LOOKED_AT: usize = 2_000;
/// When the next pass looks at more of them, if nothing triggers a pass earlier.
const NEXT_LOOK: SignedDuration = SignedDuration::from_secs(1);

/// Devices that are not begun, in order: who may begin, who waits and why, who fails.
///
/// A pass looks at all of them if they are few. If they are many, it looks at those with something to report, at the next in order while
/// slots are free, and at a share of the rest by turns, so that its cost does not grow with their number.
pub(super) fn plan_pending(
    observed: &Observed<'_>,
    active: &BTreeMap<usize, AttemptKey>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let Some(roster) = observed.roster else {
        return;
    };
    let failed = failures(observed.job);
    let open = open(observed, active);
    let reachable = plan.pace.reachable(&open);
    let mut look = Look::new(observed, &failed, &reachable);
    // Each of them counts until it turns out that there is something to say of it. The entry of one that is tried again goes on saying why.
    let tried_again = |index: &&usize| open.contains(**index);
    plan.queued += open.len() - failed.keys().filter(tried_again).count();
    let mut queue = Queue::new(observed, roster, &failed, now, plan);
    let mut looked = 0;
    while let Some(index) = look.next(&reachable, queue.has_room()) {
        looked += 1;
        queue.look_at(index, plan);
    }
    if looked < reachable.len() {
        plan.contended = true;
        plan.wake(now.checked_add(NEXT_LOOK).ok());
    }
    let has_room = queue.has_room();
    (plan.line, plan.pace.crowd) = queue.crowd.close(has_room);
    plan.look = look.close(&plan.views, &plan.line);
    if plan.contended && plan.begin.is_empty() {
        say_who_holds(observed, now, plan);
    }
}

/// Why nothing begins though devices wait: a pool or all slots are in use elsewhere.
fn say_who_holds(observed: &Observed<'_>, now: Timestamp, plan: &mut Plan) {
    let of_pool = holders::of_pool(observed);
    of_pool.map(|hold| plan.pace.crowd.get_or_insert(hold));
    if waits_for_others(observed) {
        let (hold, again) = holders::hold(observed, now);
        plan.wake(again);
        plan.pace.crowd.get_or_insert(hold);
    }
}

/// Slots, places and attempt numbers that are left as the devices are considered one by one.
struct Queue<'a, 'b> {
    observed: &'b Observed<'a>,
    roster: &'a Selection,
    effective: &'b Effective,
    /// Attempts that failed and are followed by another, by the index of their device.
    failed: &'b HashMap<usize, usize>,
    numbers: Numbers<'b>,
    /// Endpoints that begin in this plan.
    taken: BTreeMap<String, Uuid>,
    crowd: Crowd<'a>,
    /// Slots that are free.
    slots: usize,
    /// Devices that may begin their first attempt.
    room: usize,
    now: Timestamp,
}

impl<'a, 'b> Queue<'a, 'b> {
    fn new(
        observed: &'b Observed<'a>,
        roster: &'a Selection,
        failed: &'b HashMap<usize, usize>,
        now: Timestamp,
        plan: &Plan,
    ) -> Self {
        let effective = observed.effective();
        Self {
            observed,
            roster,
            effective,
            failed,
            numbers: Numbers::of(observed.ledger, &observed.job.uid, roster.round),
            taken: BTreeMap::new(),
            crowd: Crowd::new(observed, now),
            slots: free_slots(observed, effective),
            room: room(observed, effective, plan),
            now,
        }
    }

    /// Whether a device that was never tried may begin.
    const fn has_room(&self) -> bool {
        self.slots > 0 && self.room > 0
    }

    fn look_at(&mut self, index: usize, plan: &mut Plan) {
        let Some(selected) = self.roster.devices().get(index) else {
            return;
        };
        let failures = self.failed.get(&index).copied().unwrap_or(0);
        let candidate = Candidate {
            index,
            selected,
            slot: self.slots > 0 && (failures > 0 || self.room > 0),
            taken: &self.taken,
        };
        match consider(
            self.observed,
            self.roster,
            &candidate,
            self.effective,
            self.now,
        ) {
            Ok(device) => self.admit(index, selected, device, plan),
            Err(Verdictless::Queued) => {
                self.crowd.wait_for_slot(index);
                plan.contended = true;
            }
            Err(verdictless) => {
                plan.queued -= usize::from(failures == 0);
                settle(verdictless, index, &selected.uuid, self.now, plan);
            }
        }
    }

    /// The device begins, if the limits of its class have a place for it.
    fn admit(&mut self, index: usize, selected: &SelectedDevice, device: Device, plan: &mut Plan) {
        let failures = self.failed.get(&index).copied().unwrap_or(0);
        let first = usize::from(failures == 0);
        let shared = match self.crowd.admit(index, &selected.uuid, &device) {
            Ok(shared) => shared,
            Err(view) => {
                plan.contended = true;
                plan.queued -= if view.is_some() { first } else { 0 };
                plan.views.extend(view.map(|view| *view));
                return;
            }
        };
        plan.queued -= first;
        let endpoint = device.endpoint.to_string();
        self.taken.insert(endpoint, selected.uuid.clone());
        self.slots -= 1;
        self.room -= first;
        plan.begin.push(Begin {
            index,
            number: self.numbers.next(&selected.uuid, failures),
            uuid: selected.uuid.clone(),
            device,
            shared,
        });
    }
}

/// Indexes of the devices that the spec names and that have neither ended nor begun.
fn open(observed: &Observed<'_>, active: &BTreeMap<usize, AttemptKey>) -> Intervals {
    let refused = observed.memory.refused.keys();
    let others: Intervals = active.keys().chain(refused).copied().collect();
    let settled = observed.job.finals.all().union(&others);
    observed.wanted().without(&settled)
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

fn settle(verdictless: Verdictless, index: usize, uuid: &Uuid, now: Timestamp, plan: &mut Plan) {
    match verdictless {
        Verdictless::Queued => plan.contended = true,
        Verdictless::Missing { until, view } => {
            plan.missing.insert(index, until);
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
                    uuid: uuid.clone(),
                    verdict,
                    at: now,
                },
            ));
        }
    }
}

/// Nothing of the job is in flight, and others hold every slot.
fn waits_for_others(observed: &Observed<'_>) -> bool {
    let ledger = observed.ledger;
    ledger.slots_of(&observed.job.uid) == 0 && ledger.slots() >= observed.world.max_in_flight
}

fn free_slots(observed: &Observed<'_>, effective: &Effective) -> usize {
    let parallelism = usize::try_from(effective.parallelism).unwrap_or(0);
    let job = parallelism.saturating_sub(observed.ledger.slots_of(&observed.job.uid));
    let namespace = &observed.job.namespace;
    let pool = observed.memory.pool();
    let leases = pool.map(|pool| observed.ledger.free_services(namespace, pool));
    job.min(leases.unwrap_or(usize::MAX)).min(
        observed
            .world
            .max_in_flight
            .saturating_sub(observed.ledger.slots()),
    )
}
