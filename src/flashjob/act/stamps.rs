//! Looks whether the API server stamps who approves, where a class asks. Called by `reconcile`, before a plan is made.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use crate::{
    cluster::stamping_since,
    flashjob::spec::{job::Job, stamps::Stamping},
};

/// How long an answer is good.
pub const FRESH: SignedDuration = SignedDuration::from_secs(30);

/// Asks, where a class of the job asks who approves or somebody decided about a step, and the last answer is old. Returns when to
/// ask again where a class asks: as long as the API server stamps nobody's name.
pub async fn look(ctx: &Context, job: &Job, now: Timestamp) -> Option<Timestamp> {
    let (asked, known) = {
        let cache = ctx.cache();
        (cache.terms(job).approvals().is_some(), cache.stamping)
    };
    let decided = job.spec.as_ref().is_ok_and(|spec| spec.approval.is_some());
    if !(asked || decided) || job.deleting {
        return None;
    }
    let (mut stamping, at) = known;
    if at.is_none_or(|at| now.duration_since(at) >= FRESH) {
        match stamping_since(&ctx.read).await {
            Ok(since) => stamping = since.map_or(Stamping::Absent, Stamping::Since),
            // What was known before is as good as it was.
            Err(error) => {
                tracing::warn!(error = %error, "whether the API server stamps who approves is not known");
            }
        }
        ctx.cache().stamping = (stamping, Some(now));
    }
    let waits = asked && !matches!(stamping, Stamping::Since(_));
    waits.then(|| now.checked_add(FRESH).unwrap_or(Timestamp::MAX))
}
