//! One pass over one FlashJob: observe, plan, act. Decides nothing itself and waits for nothing but the API server's answers.
//!
//! Called by the `controller` whenever something of the job changed, or its time has come.

use crate::flashjob::act::NextPass;
use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    prepare::{Prepared, prepare},
    remember::remember,
};
use crate::flashjob::{
    act::{
        self,
        context::Context,
        finalize::Deletion,
        preflight::try_values,
        publish_status::{self, later},
        stamps,
    },
    observe::{
        cache::Cache,
        objects::{AttemptKey, Identity},
    },
    plan::{
        self, Plan, addresses,
        attempt::{Action, Removal},
    },
    spec::job::Job,
    status::{self, metrics},
};
use crate::{
    api::{MismatchPolicy, Reason},
    cluster::{ApiError, ErrorKind, clock::now},
    device,
    flash_pod::intent::attempt_id,
    identifiers::JobUid,
    seam::{Bug, planted},
};

/// How often it is looked whether what keeps a job that is being deleted is gone.
const KEPT_SECONDS: f64 = 2.0;
/// How soon a pass is repeated after a write failed.
const RETRY: Duration = Duration::from_secs(1);
/// The same where an object is too large: what makes it so is not gone in a second, and each try sends all of it.
const RETRY_LARGE: Duration = Duration::from_secs(30);

/// What a pass came to.
pub struct Passed {
    /// When the next one is due.
    pub next: NextPass,
    /// How it went, in one word.
    pub outcome: &'static str,
    /// How long it planned. The rest of it waited for the API server, at nobody's cost.
    pub planned: Duration,
}

/// Makes one pass over the job with this uid.
pub async fn reconcile(ctx: &Arc<Context>, uid: &JobUid) -> Passed {
    let Some(job) = ctx.cache().job(uid).cloned() else {
        return Passed {
            next: None,
            outcome: "gone",
            planned: Duration::ZERO,
        };
    };
    let round = job.status.round.as_ref().map(|round| round.number);
    let name = format!("{}/{}", job.namespace, job.name);
    // Never filtered out, as the span of an action.
    let span = tracing::error_span!("pass", job = name, round);
    Box::pin(outcome(ctx, &job)).instrument(span).await
}

async fn outcome(ctx: &Arc<Context>, job: &Arc<Job>) -> Passed {
    let (next, outcome, planned) = match Box::pin(pass(ctx, job)).await {
        Ok((next, planned)) if job.spec.is_err() => (next, "unreadable", planned),
        Ok((next, planned)) => (next, "ok", planned),
        Err(error) => {
            // What could not be planned keeps no place from others.
            ctx.cache().line.stand(&job.uid, Vec::new());
            tracing::warn!(error = %error, "pass failed, trying again");
            let retry = if error.kind == ErrorKind::TooLarge {
                say_too_large(ctx, job, &error);
                RETRY_LARGE
            } else {
                RETRY
            };
            (Some(retry), outcome_of(&error.kind), Duration::ZERO)
        }
    };
    Passed {
        next,
        outcome,
        planned,
    }
}

/// Where an object does not fit, no status can say so.
fn say_too_large(ctx: &Context, job: &Job, error: &ApiError) {
    let reason = Reason::StatusTooLarge.as_str();
    let note = format!("{error}; nothing new of the job starts: use fewer devices a job");
    ctx.event(job, None, (true, reason), note);
}

/// What somebody else wrote meanwhile, or another leader, is not an error of a pass.
const fn outcome_of(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::Conflict => "conflict",
        ErrorKind::NotLeader => "not_leader",
        _ => "error",
    }
}

/// Returns when the next pass is due, and how long this one planned.
async fn pass(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<(NextPass, Duration), ApiError> {
    if let Err(error) = job.spec.as_ref().map_err(String::as_str)
        && !job.deleting
    {
        let next = report_unreadable(ctx, job, error).await?;
        return Ok((next, Duration::ZERO));
    }
    let (job, asks_again) = match Box::pin(prepare(ctx, job)).await? {
        Prepared::Job(job, asks_again) => (job, asks_again),
        Prepared::Ends(next) => return Ok((next, Duration::ZERO)),
    };
    let job = &job;
    try_values(ctx, job).await;
    let now = now();
    let looks_again = stamps::look(ctx, job, now).await;
    let flash_pod = ctx.flash_pod_of(job);
    let begun = Instant::now();
    let (plan, wanted, due) = {
        let mut cache = ctx.cache();
        let Some(job) = cache.job(&job.uid).cloned() else {
            return Ok((None, Duration::ZERO));
        };
        cache.note_read_back(&job);
        let world = ctx.world(&cache, &flash_pod);
        let plan = cache.observed(&job, &world, |observed| plan::plan(observed, now));
        remember(&mut cache, &job, &plan, now);
        // Composing costs more than planning, and most passes of a large job come before its next status may be written.
        let due = publish_status::due(&mut cache, &job.uid, now);
        let wanted = due.is_none().then(|| {
            let composed = cache.observed(&job, &world, |observed| {
                let asked = observed.terms.receipt_key().is_some();
                let ended = asked.then(|| status::ended(observed, &plan, now));
                let wanted = status::compose(observed, &plan, now);
                (wanted, ended.unwrap_or_default())
            });
            // Under the lock: what is forgotten with the job must not come back.
            let shares = metrics::shares(&composed.0, &plan.views);
            ctx.metrics.devices(&job.uid, shares);
            composed
        });
        tell_uninstalled(ctx, &cache, &job, &plan);
        tell_of_services(ctx, &mut cache, &job, &plan);
        start(ctx, &mut cache, &job, &plan);
        (plan, wanted, due)
    };
    let planned = begun.elapsed();
    let status_due = match wanted {
        Some(wanted) => Box::pin(publish_status::write(ctx, job, wanted, now)).await?,
        None => due,
    };
    let mut kept = None;
    if job.deleting {
        match act::finalize::finish_deletion(ctx, job).await? {
            Deletion::Done => return Ok((None, planned)),
            Deletion::Draining => {}
            // Nothing that happens to it queues a pass; it is named at once.
            Deletion::Kept { news } => {
                kept = Some(if news { now } else { later(now, KEPT_SECONDS) });
            }
        }
    }
    let expires = act::job::expire(ctx, job, now).await?;
    let wake = [
        plan.wake_at,
        status_due,
        expires,
        kept,
        asks_again,
        looks_again,
    ]
    .into_iter()
    .flatten()
    .min();
    let repeat =
        (!plan.release.is_empty() || !plan.refuse.is_empty()).then_some(Duration::from_millis(1));
    let next = repeat.or_else(|| wake.map(|at| until(at, now)));
    Ok((next, planned))
}

/// Nothing of a job that cannot be read is started, and its status, which was not read either, is only added to.
async fn report_unreadable(ctx: &Context, job: &Job, error: &str) -> Result<NextPass, ApiError> {
    if ctx.cache().memory(&job.uid).unreadable == Some(job.version) {
        return Ok(None);
    }
    let news = act::job::amend_status(ctx, job, error).await?;
    ctx.cache().memory(&job.uid).unreadable = Some(job.version);
    if news {
        tracing::error!(error, "FlashJob cannot be read; nothing of it is started");
        ctx.event(
            job,
            None,
            (true, Reason::InvalidSpec.as_str()),
            format!("nothing is started: {error}"),
        );
    }
    Ok(None)
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    wait.max(Duration::from_millis(5))
}

/// What somebody uninstalled before its Pod was created begins anew, sooner than a status may say so.
fn tell_uninstalled(ctx: &Context, cache: &Cache, job: &Job, plan: &Plan) {
    let reason = Reason::Uninstalled;
    let told = plan.release.iter();
    for (key, _, waiting) in told.filter(|(_, _, waiting)| waiting.reason == reason) {
        let attempt = cache.ledger.attempt(key);
        let uuid = attempt.map(|attempt| attempt.identity.uuid.as_str());
        ctx.event(job, uuid, (true, reason.as_str()), waiting.message.clone());
    }
}

/// Reports at once, and once, that a flash lost its Service or its address: the flash may end before a status says so.
fn tell_of_services(ctx: &Context, cache: &mut Cache, job: &Job, plan: &Plan) {
    let told = &mut cache.memory(&job.uid).told;
    for news in addresses::untold(&plan.address_news, told, job) {
        let index = news
            .index
            .map_or_else(String::new, |index| format!("{index} "));
        let note = format!("device {index}({}): {}", news.uuid, news.message);
        ctx.event(
            job,
            Some(news.uuid.as_str()),
            (true, news.reason.as_str()),
            note,
        );
    }
    let now = plan.address_news.iter();
    *told = now.map(|news| (news.id.clone(), news.reason)).collect();
}

/// Starts the plan's actions; each holds its lock and slot from here on.
fn start(ctx: &Arc<Context>, cache: &mut Cache, job: &Arc<Job>, plan: &Plan) {
    let ends = cache.terminating.contains(&job.namespace);
    let starts = |action: &Action| matches!(action, Action::ApplyService | Action::Launch { .. });
    let actions = plan.actions.iter();
    for (identity, action) in actions.filter(|(_, action)| !(ends && starts(action))) {
        cache.ledger.begin_action(identity);
        act::spawn(ctx, job, identity.clone(), action.clone());
    }
    free_what_is_deleted(ctx, cache, job);
    let (Some(round), Ok(spec)) = (&job.status.round, &job.spec) else {
        return;
    };
    if ends || plan.begin.is_empty() {
        return;
    }
    let number = u32::try_from(round.number).unwrap_or(u32::MAX);
    let warns = cache.terms(job).mismatch_policy(spec) == MismatchPolicy::Warn;
    for begin in &plan.begin {
        let nonce = act::nonce();
        let identity = Identity {
            key: AttemptKey {
                job_uid: job.uid.clone(),
                id: attempt_id(&job.uid, number, begin.number, &nonce),
            },
            job_name: Some(job.name.clone()),
            namespace: job.namespace.clone(),
            round: round.number,
            uuid: begin.uuid.clone(),
            endpoint: Some(begin.device.endpoint.to_string()),
            footprint: Some(Arc::new(begin.shared.clone())),
        };
        hold(cache, &identity);
        if warns {
            warn_of_mismatch(ctx, job, begin);
        }
        act::spawn_begin(ctx, job, identity, begin.clone(), nonce);
    }
}

/// An attempt begins: from here on it holds its lock, its slot, and its place under limits.
fn hold(cache: &mut Cache, identity: &Identity) {
    if planted(Bug::NotCountedOnWhatItShares) {
        let footprint = Some(Arc::default());
        let identity = Identity {
            footprint,
            ..identity.clone()
        };
        cache.ledger.begin_action(&identity);
    } else if !planted(Bug::CountSlotsFromCache) {
        cache.ledger.begin_action(identity);
    }
}

/// For a planted bug: a Service that is being deleted is let go.
fn free_what_is_deleted(ctx: &Arc<Context>, cache: &mut Cache, job: &Arc<Job>) {
    if !planted(Bug::FreeWhatIsDeleted) {
        return;
    }
    let attempts = cache.ledger.of_job(&job.uid);
    let doomed = attempts.filter(|(_, attempt)| {
        let service = attempt.service.as_ref();
        let deleting = service.is_some_and(|one| one.tracked() && one.sight.deleting.is_some());
        deleting && !attempt.acting
    });
    let doomed: Vec<Identity> = doomed.map(|(_, one)| one.identity.clone()).collect();
    for identity in doomed {
        cache.ledger.begin_action(&identity);
        let free = Removal {
            free: true,
            ..Removal::default()
        };
        act::spawn(ctx, job, identity, Action::Remove(free));
    }
}

/// A device that is not what the job expects is flashed under the policy Warn, but not in silence.
fn warn_of_mismatch(ctx: &Context, job: &Job, begin: &plan::Begin) {
    let Ok(spec) = &job.spec else { return };
    if let Some(message) = device::mismatch(spec, &begin.device) {
        ctx.event(
            job,
            Some(begin.uuid.as_str()),
            (true, Reason::DeviceMismatch.as_str()),
            message,
        );
    }
}
