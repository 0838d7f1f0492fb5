//! Devices that are not begun, in order: who may begin, who waits and why, who fails. Pure.
//!
//! Called by `plan` where devices may begin.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::{Begin, Plan, pending_look::Look, tracked::room};
use crate::flashjob::observe::Observed;
use crate::{
    api::Effective,
    flashjob::{
        observe::{memory::Found, objects::AttemptKey, stored},
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
/// How soon the next of them are looked at, where nothing else makes a pass.
const NEXT_LOOK: SignedDuration = SignedDuration::from_secs(1);

/// Devices that are not begun, in order: who may begin, who waits and why, who fails.
///
/// All of them are looked at where there are few. Of many, those of which there is something to say are looked at, and those
/// whose turn it is while slots are free; the others are queued, and looked at by turns: the cost of a pass does not grow with their number.
pub(super) fn plan_pending(
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
    let mut taken: BTreeMap<String, Uuid> = BTreeMap::new();
    let mut crowd = Crowd::new(observed, now);
    let open = open(observed, active);
    let reachable = plan.pace.reachable(&open);
    let mut look = Look::new(observed, &failed, &reachable);
    let mut looked = 0;
    // Each of them counts until it turns out that there is something to say of it. The entry of one that is tried again goes on saying why.
    let tried_again = |index: &&usize| open.contains(**index);
    plan.queued += open.len() - failed.keys().filter(tried_again).count();
    while let Some(index) = look.next(&reachable, slots > 0 && room > 0) {
        looked += 1;
        let Some(selected) = roster.devices().get(index) else {
            continue;
        };
        let failures = failed.get(&index).copied().unwrap_or(0);
        let candidate = Candidate {
            index,
            selected,
            slot: slots > 0 && (failures > 0 || room > 0),
            taken: &taken,
        };
        let device = match consider(observed, roster, &candidate, effective, now) {
            Ok(device) => device,
            Err(Verdictless::Queued) => {
                crowd.wait_for_slot(index);
                plan.contended = true;
                continue;
            }
            Err(verdictless) => {
                plan.queued -= usize::from(failures == 0);
                settle(verdictless, index, &selected.uuid, now, plan);
                continue;
            }
        };
        let shared = match crowd.admit(index, &selected.uuid, &device) {
            Ok(shared) => shared,
            Err(view) => {
                plan.contended = true;
                plan.queued -= usize::from(view.is_some() && failures == 0);
                plan.views.extend(view.map(|view| *view));
                continue;
            }
        };
        plan.queued -= usize::from(failures == 0);
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
    if looked < reachable.len() {
        plan.contended = true;
        plan.wake(now.checked_add(NEXT_LOOK).ok());
    }
    (plan.line, plan.pace.crowd) = crowd.close(slots > 0 && room > 0);
    plan.look = look.close(&plan.views, &plan.line);
    if plan.contended && plan.begin.is_empty() {
        let of_pool = holders::of_pool(observed);
        of_pool.map(|hold| plan.pace.crowd.get_or_insert(hold));
        if waits_for_others(observed) {
            let (hold, again) = holders::hold(observed, now);
            plan.wake(again);
            plan.pace.crowd.get_or_insert(hold);
        }
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
