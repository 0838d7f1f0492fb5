//! Devices that are not begun, in order: who may begin, who waits and why, who fails. Pure.
//!
//! Called by `plan` where devices may begin.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{Begin, Plan, tracked::room};
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
        spec::job::Job,
        verdict::Verdict,
    },
    identifiers::Uuid,
};

/// Devices that are not begun, in order: who may begin, who waits and why, who fails.
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
            Err(verdictless) => settle(verdictless, index, &selected.uuid, now, plan),
        }
    }
    (plan.line, plan.pace.crowd) = crowd.close(slots > 0 && room > 0);
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
        Verdictless::Queued => {
            plan.queued += 1;
            plan.contended = true;
        }
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
