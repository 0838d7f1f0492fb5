//! The scheduler of passes: runs them as they are due, one at a time for a job, many jobs at once. Decides nothing.
//!
//! Started by the `controller` once everything was listed.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::runtime::scheduler;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::reconcile::reconcile;
use crate::{
    flashjob::{act::context::Context, controller::orphans},
    identifiers::JobUid,
    seam,
};

/// How much longer than it planned a pass rests before the next one of the same job: what happens meanwhile is planned at once. A
/// job of many devices would keep a core busy otherwise, with a pass for every event; so it is a twentieth of one. What a pass waits for
/// the API server costs nothing and is not counted.
const REST: u32 = 19;
/// Shortest rest: a device in flight makes dozens of events, and a pass for each of them would cost more than all that is done
/// about it.
const SHORTEST_REST: Duration = Duration::from_millis(25);
/// Longest rest: no more than the time between two statuses.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// How long, for each job that waits for what others hold, until all of them are looked at again.
const REST_OF_OTHERS: Duration = Duration::from_millis(2);
/// Longest such rest.
const LONGEST_REST_OF_OTHERS: Duration = Duration::from_millis(200);

/// Runs passes as they are due: one at a time for a job, many jobs at once.
pub(crate) async fn passes(ctx: Arc<Context>, nudge_rx: mpsc::UnboundedReceiver<JobUid>) {
    let (again_tx, again_rx) = mpsc::unbounded_channel::<(JobUid, Duration)>();
    let nudges = received(nudge_rx).map(|uid| request(uid, Duration::ZERO));
    let repeats = received(again_rx).map(|(uid, wait)| request(uid, wait));
    let mut due = scheduler(stream::select(nudges, repeats));
    let mut running: JoinSet<(JobUid, Option<Duration>)> = JoinSet::new();
    let mut busy: HashSet<JobUid> = HashSet::new();
    let mut again: HashSet<JobUid> = HashSet::new();
    let mut others: Option<Instant> = None;
    let mut rested = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(done) = running.join_next() => {
                let Ok((uid, wait)) = done else {
                    ctx.metrics.reconciled("panic", Duration::ZERO);
                    tracing::error!("a pass panicked; its job is looked at again after a restart");
                    continue;
                };
                busy.remove(&uid);
                let wait = if again.remove(&uid) { Some(Duration::ZERO) } else { wait };
                if let Some(wait) = wait {
                    let _ = again_tx.send((uid, wait));
                }
            }
            () = tokio::time::sleep_until(others.unwrap_or(rested)), if others.is_some() => {
                others = None;
                let jobs = u32::try_from(ctx.nudge_contending()).unwrap_or(u32::MAX);
                rested = Instant::now() + REST_OF_OTHERS.saturating_mul(jobs).min(LONGEST_REST_OF_OTHERS);
            }
            Some(uid) = due.next() => {
                // Whatever frees a device or a slot queues a pass of its own job; others may have waited for it.
                if ctx.cache().take_freed() {
                    others.get_or_insert(rested);
                }
                if ctx.cache().job(&uid).is_none() {
                    orphans::sweep(&ctx);
                } else if busy.insert(uid.clone()) {
                    running.spawn(seam::within(one_pass(Arc::clone(&ctx), uid)));
                } else {
                    again.insert(uid);
                }
            }
            else => return,
        }
    }
}

#[allow(clippy::manual_async_fn)] // the signature promises Send
fn one_pass(
    ctx: Arc<Context>,
    uid: JobUid,
) -> impl Future<Output = (JobUid, Option<Duration>)> + Send {
    async move {
        let begun = Instant::now();
        let passed = Box::pin(reconcile(&ctx, &uid)).await;
        ctx.metrics.reconciled(passed.outcome, begun.elapsed());
        let rest = passed.planned.saturating_mul(REST);
        tokio::time::sleep(rest.clamp(SHORTEST_REST, LONGEST_REST)).await;
        (uid, passed.next)
    }
}

fn request(uid: JobUid, wait: Duration) -> kube::runtime::scheduler::ScheduleRequest<JobUid> {
    kube::runtime::scheduler::ScheduleRequest {
        message: uid,
        run_at: Instant::now() + wait,
    }
}

fn received<T: Send + 'static>(
    rx: mpsc::UnboundedReceiver<T>,
) -> impl Stream<Item = T> + Unpin + Send {
    Box::pin(stream::unfold(rx, |mut rx| async move {
        rx.recv().await.map(|item| (item, rx))
    }))
}
