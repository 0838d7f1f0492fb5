//! Which devices use the slots of the operator while a job waits for one. Pure.
//!
//! Made by `plan` where nothing of the job is in flight and all slots are taken by others.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::Reason,
    display,
    flashjob::{observe::Observed, plan::rollout::hold::Hold},
};

/// How often it is said anew who they are: that changes with every flash, and each time costs a write.
pub const SAID_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// Most holders that are named.
const MOST_NAMED: usize = 5;

/// What a job waits for, of which nothing is in flight: who holds the slots, and when that is said anew. What was said lately is
/// said again.
#[must_use]
pub fn hold(observed: &Observed<'_>, now: Timestamp) -> (Hold, Option<Timestamp>) {
    let said = observed.memory.slots_said.as_ref();
    let lately = said.filter(|(at, _)| now.duration_since(*at) < SAID_AGAIN);
    let message = lately.map_or_else(|| message(observed), |(_, message)| message.clone());
    let at = lately.map_or(now, |(at, _)| *at);
    let hold = Hold {
        reason: Reason::SlotsFull,
        message,
        until: None,
    };
    (hold, at.checked_add(SAID_AGAIN).ok())
}

/// What a job waits for whose devices lease the Services of a pool, where others have all of them.
#[must_use]
pub fn of_pool(observed: &Observed<'_>) -> Option<Hold> {
    let namespace = &observed.job.namespace;
    let pool = observed.memory.pool()?;
    let own = observed.ledger.slots_of(&observed.job.uid);
    if own > 0 || observed.ledger.free_services(namespace, pool) > 0 {
        return None;
    }
    let message = format!(
        "all {} Services of the pool {} in namespace {namespace} are in use (service.pool.size), none of them by this job; its turn \
         comes when one is free",
        pool.size(),
        pool.name()
    );
    Some(Hold {
        reason: Reason::AddressInUse,
        message,
        until: None,
    })
}

fn message(observed: &Observed<'_>) -> String {
    let ledger = observed.ledger;
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for (_, attempt) in ledger.all().filter(|(_, attempt)| attempt.holds_slot()) {
        let identity = &attempt.identity;
        let holder = match &identity.job_name {
            Some(name) => {
                let name = display::line(name, display::NAME);
                format!("FlashJob {}/{name}", identity.namespace)
            }
            None => format!(
                "objects of no known FlashJob in namespace {}",
                identity.namespace
            ),
        };
        *holders.entry(holder).or_default() += 1;
    }
    let mut holders: Vec<(String, usize)> = holders.into_iter().collect();
    holders.sort_by_key(|(_, slots)| std::cmp::Reverse(*slots));
    let named = holders.iter().take(MOST_NAMED);
    let mut parts: Vec<String> = named
        .map(|(holder, slots)| format!("{slots} by {holder}"))
        .collect();
    let others = holders.iter().skip(MOST_NAMED).map(|(_, slots)| slots);
    let others: usize = others.sum();
    if others > 0 {
        let jobs = holders.len() - MOST_NAMED;
        parts.push(format!("{others} by {jobs} more"));
    }
    format!(
        "all {} slots of the operator (--max-in-flight) are in use, none of them by this job: {}; its turn comes when one is free",
        observed.world.max_in_flight,
        parts.join(", ")
    )
}

#[cfg(test)]
#[path = "holders_tests.rs"]
mod tests;
