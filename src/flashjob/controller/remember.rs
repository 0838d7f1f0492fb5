//! From a plan to what the leader remembers until the next pass, and what it may forget. Changes nothing but the memory.
//!
//! Called by `reconcile` once it has planned.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::api::Reason;
use crate::flashjob::{
    observe::{
        cache::Cache,
        memory::Memory,
        stored::{self, Stage},
    },
    plan::{Plan, limits::holders::SAID_AGAIN, rollout::hold::Hold, triggers},
    spec::job::Job,
};
use crate::identifiers::AttemptId;

/// Keeps what the plan says is to be remembered until the next pass.
pub(crate) fn remember(cache: &mut Cache, job: &Job, plan: &Plan, now: Timestamp) {
    let live: HashSet<AttemptId> = cache
        .ledger
        .of_job(&job.uid)
        .map(|(key, _)| key.id.clone())
        .collect();
    cache.line.stand(&job.uid, plan.line.clone());
    let memory = cache.memory(&job.uid);
    memory.waits = plan.waits.iter().cloned().collect();
    memory.content = triggers::is_content(plan);
    memory.look = plan.look.clone();
    let crowd = plan.pace.crowd.as_ref();
    remember_slots(memory, crowd, now);
    memory
        .missing_since
        .retain(|index, _| plan.missing.contains_key(index));
    for index in plan.missing.keys() {
        memory.missing_since.entry(*index).or_insert(now);
    }
    for (key, index, waiting) in &plan.release {
        memory.releasing.insert(key.id.clone());
        memory.trouble.remove(&key.id);
        if let Some(index) = index {
            memory.waiting.insert(*index, waiting.clone());
        }
    }
    memory.refused.extend(plan.refuse.iter().cloned());
    memory
        .refused
        .retain(|index, _| !job.finals.contains(*index));
    memory
        .waiting
        .retain(|index, _| !job.finals.contains(*index));
    memory.verdicts.retain(|id, found| {
        live.contains(id) || found.index.is_some_and(|index| !job.finals.contains(index))
    });
    let told = |id: &AttemptId, index: Option<usize>| stored::stage(job, index?, id);
    for (id, found) in &memory.verdicts {
        if told(id, found.index) == Some(Stage::Retried) && live.contains(id) {
            memory.retried.insert(id.clone());
        }
    }
    memory
        .verdicts
        .retain(|id, found| told(id, found.index).is_none());
    memory.retried.retain(|id| live.contains(id));
    memory.releasing.retain(|id| live.contains(id));
    memory
        .trouble
        .retain(|id, trouble| live.contains(id) || trouble.until > now);
    memory.unlaunched.retain(|id| live.contains(id));
    memory.lost.retain(|id| live.contains(id));
    memory.unread.retain(|id, _| live.contains(id));
}

/// Who holds the slots is said anew after a while.
fn remember_slots(memory: &mut Memory, crowd: Option<&Hold>, now: Timestamp) {
    let said = crowd.filter(|hold| hold.reason == Reason::SlotsFull);
    memory.slots_said = said.map(|hold| match memory.slots_said.take() {
        Some((at, message)) if now.duration_since(at) < SAID_AGAIN => (at, message),
        _ => (now, hold.message.clone()),
    });
}
