//! Attempts whose FlashJob is gone or was recreated: the same table, with a job that leaves. Their verdicts go to the log.

use std::sync::Arc;

use crate::flashjob::{
    act::{
        self,
        context::{Context, both_clocks},
    },
    observe::{
        bounds::Bounds,
        cache::Cache,
        memory::Memory,
        objects::Identity,
        stored::Stage,
        waits::{Now, Waits},
    },
    plan::attempt::{Action, AttemptGoal, StoredVerdict, decide, state_machine::JobState},
    verdict::Outcome,
};

/// Decides about every attempt without a job, and starts what is to be done.
pub fn sweep(ctx: &Arc<Context>) {
    let mut cache = ctx.cache();
    for (identity, action) in plan_orphans(&mut cache, &ctx.limits.bounds, both_clocks()) {
        cache.ledger.begin_action(&identity);
        act::spawn_orphan(ctx, identity, action);
    }
    cache.tidy();
    drop(cache);
    act::repair::attend(ctx);
    act::repair::let_go(ctx);
}

/// What is to be done about attempts without a job. Pure, but that it remembers which ones are given up.
pub(crate) fn plan_orphans(
    cache: &mut Cache,
    bounds: &Bounds,
    now: Now,
) -> Vec<(Identity, Action)> {
    let mut actions = Vec::new();
    for (job_uid, keys) in cache.orphaned() {
        let forgotten = Memory::default();
        for key in keys {
            let memory = cache.memories.get(&job_uid).unwrap_or(&forgotten);
            let Some(attempt) = cache.ledger.attempt(&key) else {
                continue;
            };
            let ending = memory.verdicts.get(&key.id).map(|found| StoredVerdict {
                succeeded: found.verdict.outcome == Outcome::Succeeded,
                reason: found.verdict.reason,
                message: found.verdict.message.clone(),
                at: Some(found.at),
                stage: Stage::Final,
            });
            let wish = AttemptGoal {
                job: JobState::Leaving,
                ending,
                was_flashing: false,
                closed: None,
                held: None,
                adopts: true,
            };
            let decision = decide(attempt, &wish, memory, bounds, now);
            if let Some((reason, message)) = &decision.release {
                tracing::info!(attempt = key.id.as_str(), reason = %reason, message, "attempt without a job is uninstalled");
            }
            let known = memory.waits.get(&key.id);
            let waits = Waits::of(attempt, wish.ending.is_some(), known, now.steady);
            let releases = decision.release.is_some();
            if let Some(action) = decision.action {
                actions.push((attempt.identity.clone(), action));
            }
            let memory = cache.memory(&job_uid);
            if releases {
                memory.releasing.insert(key.id.clone());
            }
            memory.waits.insert(key.id.clone(), waits);
        }
    }
    actions
}
