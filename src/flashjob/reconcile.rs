//! One pass over one FlashJob: observe, plan, act. Decides nothing itself and waits for nothing but the API server's answers.
//!
//! Called by the `controller` whenever something of the job changed, or its time has come.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    act,
    blueprint::{AttemptOf, FlashPod},
    conditions,
    context::Context,
    gauge,
    job::Job,
    memory::Refusal,
    plan::{self, Plan},
    roster::Roster,
    sight::{AttemptKey, Identity},
    state::State,
    status,
};
use crate::{
    api::{FlashJobStatus, MismatchPolicy, Reason},
    cluster::{ApiError, ErrorKind, clock::now},
    device::{self, Device},
    release::attempt_id,
};

/// Seconds between two status writes of one job, at least.
const STATUS_SECONDS: f64 = 1.0;
/// Status bytes per second, of one job and of all jobs together: etcd keeps every version for a while.
const STATUS_BYTES_PER_SECOND: f64 = 100_000.0;
const ALL_STATUS_BYTES_PER_SECOND: f64 = 800_000.0;
/// How soon a pass is repeated after a write failed.
const RETRY: Duration = Duration::from_secs(1);

/// When the next pass is due, if nothing happens before.
pub type NextPass = Option<Duration>;

/// Makes one pass over the job with this uid. The word says how it went.
pub async fn reconcile(ctx: &Arc<Context>, uid: &str) -> (NextPass, &'static str) {
    let Some(job) = ctx.state().job(uid).cloned() else {
        return (None, "gone");
    };
    match pass(ctx, &job).await {
        Ok(next) if job.spec.is_err() => (next, "unreadable"),
        Ok(next) => (next, "ok"),
        Err(error) => {
            tracing::warn!(object.namespace = job.namespace, object.name = job.name, error = %error, "pass failed, trying again");
            (Some(RETRY), outcome_of(&error.kind))
        }
    }
}

/// What somebody else wrote meanwhile, or another leader, is no error of a pass.
const fn outcome_of(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::Conflict => "conflict",
        ErrorKind::NotLeader => "not_leader",
        _ => "error",
    }
}

async fn pass(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<NextPass, ApiError> {
    if job.spec.is_err() && !job.deleting {
        // Its status cannot be read either: writing one would lose which devices are done.
        let error = job.spec.as_ref().err().cloned().unwrap_or_default();
        tracing::error!(
            object.namespace = job.namespace,
            object.name = job.name,
            error,
            "FlashJob cannot be read; nothing of it is started"
        );
        ctx.event(
            job,
            None,
            (true, Reason::InvalidSpec.as_str()),
            format!("nothing is started: {error}"),
        );
        return Ok(None);
    }
    if !job.has_finalizer {
        if !job.deleting {
            act::job::add_finalizer(ctx, job).await?;
        }
        return Ok(None);
    }
    load_roster(ctx, job).await?;
    if wants_round(ctx, job) {
        return open_round(ctx, job).await;
    }
    append_devices(ctx, job).await?;
    try_values(ctx, job);
    let now = now();
    let flash_pod = ctx.flash_pod();
    let (plan, wanted) = {
        let mut state = ctx.state();
        let Some(job) = state.job(&job.uid).cloned() else {
            return Ok(None);
        };
        let world = ctx.world(&state, flash_pod.as_ref().err().cloned());
        let plan = state.observed(&job, &world, |observed| plan::plan(observed, now));
        remember(&mut state, &job, &plan, now);
        let wanted = state.observed(&job, &world, |observed| {
            status::compose(observed, &plan, now)
        });
        // Under the lock: what is forgotten with the job must not come back.
        let shares = gauge::shares(&wanted, &plan.views);
        ctx.metrics.devices(&job.uid, shares);
        start(ctx, &mut state, &job, &plan);
        (plan, wanted)
    };
    let status_due = write_status(ctx, job, wanted, now).await?;
    if job.deleting && act::job::finish_deletion(ctx, job).await? {
        return Ok(None);
    }
    let expires = act::job::expire(ctx, job, now).await?;
    let wake = [plan.wake_at, status_due, expires]
        .into_iter()
        .flatten()
        .min();
    let repeat =
        (!plan.release.is_empty() || !plan.refuse.is_empty()).then_some(Duration::from_millis(1));
    Ok(repeat.or_else(|| wake.map(|at| until(at, now))))
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    wait.max(Duration::from_millis(5))
}

/// Reads the frozen selection of the stored round, once.
async fn load_roster(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let Some(round) = &job.status.round else {
        return Ok(());
    };
    if ctx
        .state()
        .rosters
        .get(&job.uid)
        .is_some_and(|roster| roster.round == round.number)
    {
        return Ok(());
    }
    let revisions = act::job::revisions(ctx, job).await?;
    let stored = job.status.selection.as_ref();
    let gathered = device::gather(&revisions, round.number)
        .map_err(|error| error.to_string())
        .and_then(|devices| {
            let hash = device::hash(&devices);
            // Slices are written before the status that names them: more devices than the status says are a crash in between.
            let count = usize::try_from(stored.map_or(0, |stored| stored.count)).unwrap_or(0);
            let known = devices.get(..count).map(device::hash);
            let intact = known.is_some() && known == stored.map(|stored| stored.hash.clone());
            if intact {
                Ok(devices)
            } else {
                Err(format!(
                    "the selection of round {} was altered (hash {hash})",
                    round.number
                ))
            }
        });
    let mut state = ctx.state();
    match gathered {
        Ok(devices) => {
            let before = state.rosters.insert(
                job.uid.clone(),
                Arc::new(Roster::new(round.number, devices)),
            );
            if before.is_some_and(|before| before.round != round.number) {
                state.memory(&job.uid).begin_round();
            }
        }
        Err(message) => {
            let message = format!(
                "{message}; nothing new starts; delete the FlashJob {} and apply it again to select anew",
                job.name
            );
            let version = ctx.flash_pod().map_or(0, |flash_pod| flash_pod.version);
            let refusal = Refusal {
                reason: Reason::SelectionLost,
                message,
            };
            state.memory(&job.uid).refusal = Some((job.generation, version, Some(refusal)));
            state.rosters.insert(
                job.uid.clone(),
                Arc::new(Roster::new(round.number, Vec::new())),
            );
        }
    }
    Ok(())
}

/// Whether the spec asks for a round that is not stored yet.
fn wants_round(ctx: &Context, job: &Job) -> bool {
    let named = job.invalid.is_none() && job.spec.as_ref().is_ok_and(|spec| !spec.uuid.is_empty());
    !job.deleting && named && !job.round_is_current() && ctx.state().akri_installed
}

/// Freezes the selection of the next round and stores that the round has begun; nothing starts before.
async fn open_round(ctx: &Arc<Context>, job: &Arc<Job>) -> Result<NextPass, ApiError> {
    let Ok(spec) = &job.spec else { return Ok(None) };
    let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
    // Slices of this round without a status that names it are of a crash in between: the round begins with them.
    let left = act::job::revisions(ctx, job).await?;
    let mut devices = device::gather(&left, number).unwrap_or_default();
    let more = {
        let state = ctx.state();
        let missing = Roster::new(number, devices.clone()).missing(&spec.uuid);
        let selected = device::select(&missing, &state.inventory);
        match state.rosters.get(&job.uid) {
            Some(before) => before.recall(selected),
            None => selected,
        }
    };
    act::job::store_selection(ctx, job, number, devices.len(), &more).await?;
    devices.extend(more);
    let roster = Roster::new(number, devices);
    let status = status::open_round(
        job,
        &roster,
        &device::hash(roster.devices()),
        ctx.engine(),
        now(),
    );
    act::job::replace_status(ctx, job, &status).await?;
    {
        let mut state = ctx.state();
        state.rosters.insert(job.uid.clone(), Arc::new(roster));
        state.memory(&job.uid).begin_round();
    }
    act::job::delete_revisions_before(ctx, &left, number).await;
    let note = format!(
        "round {number}: {} devices, firmware {}",
        ctx.selected(&job.uid),
        spec.firmware
    );
    ctx.event(job, None, (false, "RoundStarted"), note);
    Ok(Some(Duration::from_millis(1)))
}

/// UUIDs that were added to the spec within a round join its selection.
async fn append_devices(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let Ok(spec) = &job.spec else { return Ok(()) };
    if job.deleting || job.invalid.is_some() || !job.round_is_current() {
        return Ok(());
    }
    let (roster, more) = {
        let state = ctx.state();
        let Some(roster) = state.rosters.get(&job.uid).cloned() else {
            return Ok(());
        };
        let missing = roster.missing(&spec.uuid);
        let more = device::select(&missing, &state.inventory);
        (roster, more)
    };
    if more.is_empty() || roster.devices().is_empty() {
        return Ok(());
    }
    act::job::store_selection(ctx, job, roster.round, roster.devices().len(), &more).await?;
    let mut devices = roster.devices().to_vec();
    devices.extend(more);
    let mut status = job.status.clone();
    if let Some(selection) = &mut status.selection {
        selection.count = status::count(devices.len());
        selection.hash = device::hash(&devices);
    }
    act::job::replace_status(ctx, job, &status).await?;
    ctx.state().rosters.insert(
        job.uid.clone(),
        Arc::new(Roster::new(roster.round, devices)),
    );
    Ok(())
}

/// Tries the job's values on one of its devices before anything starts, once for every spec and chart.
fn try_values(ctx: &Context, job: &Job) {
    let Ok(flash_pod) = ctx.flash_pod() else {
        return;
    };
    let mut state = ctx.state();
    let tried =
        state
            .memory(&job.uid)
            .refusal
            .as_ref()
            .is_some_and(|(generation, version, refusal)| {
                let lost = refusal
                    .as_ref()
                    .is_some_and(|refusal| refusal.reason == Reason::SelectionLost);
                lost || (*generation, *version) == (job.generation, flash_pod.version)
            });
    let Some(round) = job
        .status
        .round
        .as_ref()
        .filter(|_| !tried && job.round_is_current())
    else {
        return;
    };
    let Some(roster) = state.rosters.get(&job.uid).cloned() else {
        return;
    };
    let found = roster.devices().iter().find_map(|selected| {
        let by_endpoint = || state.inventory.by_endpoint(selected.endpoint.as_deref()?);
        let by_uuid = state
            .inventory
            .by_uuid(&selected.uuid)
            .and_then(|device| device.as_ref().ok());
        by_uuid
            .or_else(by_endpoint)
            .map(|device| (selected.uuid.clone(), device.clone()))
    });
    let Some((uuid, device)) = found else { return };
    let refusal = try_one(&flash_pod, job, round, &uuid, &device).err();
    state.memory(&job.uid).refusal = Some((job.generation, flash_pod.version, refusal));
}

fn try_one(
    flash_pod: &FlashPod,
    job: &Job,
    round: &crate::api::Round,
    uuid: &str,
    device: &Device,
) -> Result<(), Refusal> {
    let attempt = AttemptOf {
        index: 0,
        uuid,
        device,
        number: 1,
        nonce: "trial",
    };
    let blueprint = flash_pod.blueprint(job, round, &attempt)?;
    if !flash_pod.native() {
        // A pass never waits for a helm process: what helm refuses is said by the first step.
        return Ok(());
    }
    for address in [None, Some("192.0.2.1")] {
        flash_pod.objects(
            &blueprint.intent,
            &blueprint.release,
            1,
            &blueprint.merged.overrides,
            address,
        )?;
    }
    Ok(())
}

/// Keeps what the plan says is to be remembered until the next pass.
pub(super) fn remember(state: &mut State, job: &Job, plan: &Plan, now: Timestamp) {
    let live: std::collections::HashSet<String> = state
        .ledger
        .of_job(&job.uid)
        .map(|(key, _)| key.id.clone())
        .collect();
    let memory = state.memory(&job.uid);
    memory
        .missing_since
        .retain(|index, _| plan.missing.contains(index));
    for index in &plan.missing {
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
    memory.releasing.retain(|id| live.contains(id));
    memory
        .trouble
        .retain(|id, trouble| live.contains(id) || trouble.until > now);
    memory.lost.retain(|id| live.contains(id));
}

/// Starts the plan's steps; each holds its lock and slot from here on.
fn start(ctx: &Arc<Context>, state: &mut State, job: &Arc<Job>, plan: &Plan) {
    for (identity, step) in &plan.steps {
        state.ledger.begin_step(identity);
        act::spawn(ctx, job, identity.clone(), step.clone());
    }
    let Some(round) = &job.status.round else {
        return;
    };
    if state.terminating.contains(&job.namespace) {
        return;
    }
    let number = u32::try_from(round.number).unwrap_or(u32::MAX);
    for begin in &plan.begin {
        let nonce = act::nonce();
        let identity = Identity {
            key: AttemptKey {
                job_uid: job.uid.clone(),
                id: attempt_id(&job.uid, number, 1, &nonce),
            },
            job_name: Some(job.name.clone()),
            namespace: job.namespace.clone(),
            round: round.number,
            uuid: begin.uuid.clone(),
            endpoint: Some(begin.device.endpoint.to_string()),
        };
        state.ledger.begin_step(&identity);
        warn_of_mismatch(ctx, job, begin);
        act::spawn_begin(ctx, job, identity, begin.clone(), nonce);
    }
}

/// A device that is not what the job expects is flashed under the policy Warn, but not in silence.
fn warn_of_mismatch(ctx: &Context, job: &Job, begin: &plan::Begin) {
    let Ok(spec) = &job.spec else { return };
    if spec.mismatch_policy.unwrap_or_default() != MismatchPolicy::Warn {
        return;
    }
    if let Some(message) = device::mismatch(spec, &begin.device) {
        ctx.event(
            job,
            Some(&begin.uuid),
            (true, Reason::DeviceMismatch.as_str()),
            message,
        );
    }
}

/// Writes the status if it says anything new and its time has come; otherwise says when it will be due.
async fn write_status(
    ctx: &Arc<Context>,
    job: &Arc<Job>,
    wanted: FlashJobStatus,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let current = ctx.state().job(&job.uid).cloned();
    let Some(current) = current.filter(|current| current.version == job.version) else {
        // A newer object arrived meanwhile; its pass is already queued.
        return Ok(Some(now));
    };
    if job.spec.is_err() || conditions::same_but_times(&current.status, &wanted) {
        return Ok(None);
    }
    let due = {
        let mut state = ctx.state();
        let free_at = state.status_free_at;
        let written = state.memory(&job.uid).written;
        let own = written.map(|(at, size)| {
            later(
                at,
                STATUS_SECONDS.max(approximate(size) / STATUS_BYTES_PER_SECOND),
            )
        });
        own.max(free_at)
    };
    if let Some(due) = due.filter(|due| *due > now) {
        return Ok(Some(due));
    }
    let size = act::job::replace_status(ctx, &current, &wanted).await;
    let mut state = ctx.state();
    let memory = state.memory(&job.uid);
    match size {
        Ok(size) => {
            memory.written = Some((now, size));
            memory.too_large = false;
            state.status_free_at =
                Some(later(now, approximate(size) / ALL_STATUS_BYTES_PER_SECOND));
            drop(state);
            ctx.metrics
                .verdicts(gauge::verdicts(&current.status, &wanted));
            ctx.transitions(&current, &wanted);
            // What the stored status now allows is planned at once.
            Ok(Some(now))
        }
        Err(error) if error.kind == ErrorKind::TooLarge => {
            memory.too_large = true;
            Err(error)
        }
        // A newer object is on its way.
        Err(error) if error.kind == ErrorKind::Conflict => Ok(Some(later(now, 0.2))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[allow(clippy::cast_precision_loss)] // bytes of a status: far below 2^52
const fn approximate(size: usize) -> f64 {
    size as f64
}

fn later(from: Timestamp, seconds: f64) -> Timestamp {
    let wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
    from.checked_add(wait).unwrap_or(Timestamp::MAX)
}
