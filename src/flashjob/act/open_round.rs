//! The frozen selection of a job's round: opened anew, and added to. Nothing of a round starts before it is stored.
//!
//! Called by `reconcile` before it plans; waits for nothing but the API server's answers.

use std::{sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::context::Context;
use crate::{
    api::{FlashJobStatus, Reason, SelectionStatus},
    cluster::{ApiError, clock::now},
    crash::Write,
    device::{self, Selector},
    flashclass::{self, Frozen, Terms},
    flashjob::{
        act::{
            self, NextPass,
            firmware::{self, Firmware},
            publish_status, revisions,
        },
        observe::selection::Selection,
        plan::{
            firmware::not_checked,
            select_devices::{self, Choice, Selecting, TooMany},
        },
        spec::{
            job::{Finals, Job},
            rerun as due_rerun, selector,
        },
        status,
    },
};

/// Whether the spec asks for a round that is not stored yet. Its devices are selected once it is not suspended, or at once where
/// flashes of the original operator have to count somewhere.
pub(crate) fn wants_round(ctx: &Context, job: &Job) -> bool {
    let possible = job.spec.is_ok() && job.invalid.is_none() && !job.names_nothing();
    let refused = select_devices::refusal(job).is_some();
    let cache = ctx.cache();
    // What the original operator has in flight is followed whoever is suspended.
    let takes_over = job.status.round.is_none() && cache.ledger.of_job(&job.uid).next().is_some();
    let open = !job.deleting && (!job.suspended() || takes_over) && !refused;
    let terms = cache.terms(job);
    let classed = has_class(&terms) || (takes_over && !terms.classes.is_empty());
    possible && open && classed && !job.round_is_current() && cache.akri_installed
}

/// How the selection of the job follows its spec, where a selection `roster` of it is known.
pub(super) fn choose(
    ctx: &Context,
    job: &Job,
    roster: &Selection,
    recalled: bool,
) -> Option<Result<Choice, TooMany>> {
    let spec = job.spec.as_ref().ok()?;
    let parsed = match &spec.device_selector {
        // What cannot be parsed is an invalid spec, and nothing is selected for one.
        Some(selector) => Some(Selector::parse(selector).ok()?),
        None => None,
    };
    let cache = ctx.cache();
    let (before, selecting) = if recalled {
        let before = cache.rosters.get(&job.uid).map(Arc::as_ref);
        (before, Selecting::Anew(parsed.as_ref()))
    } else if selector::selector_is_current(job) {
        let left_out = job.status.selection.as_ref();
        let left_out = left_out.and_then(|stored| stored.not_selectable.as_ref());
        (None, Selecting::Keep(&job.chosen, left_out))
    } else {
        (None, Selecting::Anew(parsed.as_ref()))
    };
    let chosen = select_devices::choose(roster, before, &spec.uuid, selecting, &cache.inventory);
    Some(chosen)
}

/// Stores a status that devices begin by. It counts towards the budget of the job: what it says is not said again at once, with a device
/// more that is on its way.
pub(super) async fn store(
    ctx: &Context,
    write: Write,
    job: &Job,
    status: &FlashJobStatus,
) -> Result<(), ApiError> {
    let size = act::job::replace_status(ctx, write, job, status).await?;
    publish_status::spend(&mut ctx.cache(), &job.uid, size, now());
    Ok(())
}

/// Stores that the spec names too many devices: the job fails and nothing of it starts until it is edited.
pub(super) async fn refuse(
    ctx: &Arc<Context>,
    job: &Job,
    too_many: TooMany,
) -> Result<(), ApiError> {
    let status = status::refuse(job, select_devices::refused(too_many), now());
    act::job::replace_status(ctx, Write::SelectionStatus, job, &status).await?;
    ctx.transitions(job, &status);
    Ok(())
}

/// Whether a class lets a round begin now: the round begins with its defaults.
fn has_class(terms: &Terms) -> bool {
    terms.refusal.is_none() && terms.suspended.is_none() && !terms.classes.is_empty()
}

/// Whether the stored round began without a class: under an operator that had none.
pub(crate) fn class_is_due(ctx: &Context, job: &Job) -> bool {
    let begun = job.round_is_current() && job.status.flash_class.is_none();
    begun && !job.deleting && job.invalid.is_none() && has_class(&ctx.cache().terms(job))
}

/// Gives such a round its class. Nothing more of it starts before.
pub(crate) async fn freeze_class(ctx: &Context, job: &Job) -> Result<NextPass, ApiError> {
    let Some(round) = &job.status.round else {
        return Ok(None);
    };
    let Some(frozen) = frozen(ctx, job, round.number) else {
        return Ok(None);
    };
    revisions::store_class(ctx, job, &frozen).await?;
    let mut status = job.status.clone();
    status.flash_class = Some(frozen.stamp());
    act::job::replace_status(ctx, Write::RoundStatus, job, &status).await?;
    let mut cache = ctx.cache();
    cache.frozen.insert(job.uid.clone(), Arc::new(frozen));
    Ok(Some(Duration::from_millis(1)))
}

/// The defaults of the job's class as they are now; none where it has no class that can be used.
fn frozen(ctx: &Context, job: &Job, round: i64) -> Option<Frozen> {
    let terms = ctx.cache().terms(job);
    let class = terms.classes.first()?;
    // What cannot be frozen was not accepted either, and such a class is not among these.
    flashclass::freeze(class, round).ok()
}

/// Freezes the selection of the next round and stores that the round has begun; nothing starts before.
pub(crate) async fn open_round(
    ctx: &Arc<Context>,
    job: &Arc<Job>,
    firmware: Firmware,
) -> Result<NextPass, ApiError> {
    let Ok(spec) = &job.spec else { return Ok(None) };
    let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
    let Some(frozen) = frozen(ctx, job, number) else {
        return Ok(None);
    };
    // Slices of this round without a status that names it are of a crash in between: the round begins with them.
    let left = revisions::list(ctx, job).await?;
    let mut devices = device::gather(left.slices, number).unwrap_or_default();
    let known = Selection::new(number, devices.clone());
    let choice = match choose(ctx, job, &known, true) {
        Some(Ok(choice)) => choice,
        Some(Err(too_many)) => {
            refuse(ctx, job, too_many).await?;
            return Ok(Some(Duration::from_millis(1)));
        }
        None => return Ok(None),
    };
    let first = devices.len();
    devices.extend(choice.more.iter().cloned());
    let Ok(pinned) = firmware::freeze(ctx, job, &firmware, &devices) else {
        // The next pass says why.
        return Ok(Some(Duration::from_millis(1)));
    };
    let frozen = frozen.with_firmware(pinned);
    revisions::store_round(ctx, job, (&left.believed, &frozen), first, &choice.more).await?;
    let roster = Selection::new(number, devices);
    let effective = ctx.cache().terms(job).effective(
        spec,
        &ctx.operator_defaults(ctx.flash_pod().ok().as_deref()),
    );
    let mut status = status::open_round(job, &roster, "", (effective, Some(frozen.stamp())), now());
    status.selection = Some(SelectionStatus {
        time: Some(Time(now())),
        ..select_devices::selection_status(job, roster.devices(), &choice)
    });
    status::say_firmware(&mut status, job, frozen.stored.firmware.as_ref(), now());
    let pinned = frozen.stored.firmware.clone();
    if let (Firmware::Unresolved(why), None) = (&firmware, &pinned) {
        status::say_unresolved(&mut status, job, why, now());
        if firmware::asks_for_signatures(ctx, job) {
            status::say_unverified(&mut status, job, &not_checked(why), now());
        }
    }
    let comes_to = match &pinned {
        Some(_) => "its digest is known, but not for which types of device it is",
        None => status::GOES_ON,
    };
    let reference = pinned.map_or_else(|| spec.firmware.clone(), |pinned| pinned.reference);
    store(ctx, Write::RoundStatus, job, &status).await?;
    {
        let mut cache = ctx.cache();
        cache.rosters.insert(job.uid.clone(), Arc::new(roster));
        cache.frozen.insert(job.uid.clone(), Arc::new(frozen));
        let asks = cache.terms(job).receipt_key().is_some();
        let memory = cache.memory(&job.uid);
        memory.begin_round();
        memory.has_receipts = asks && Finals::of(&status).is_empty();
    }
    revisions::delete_revisions_before(ctx, &left.believed, number).await;
    let note = format!(
        "round {number}: {} devices, firmware {reference}",
        ctx.selected(&job.uid)
    );
    let part = format!("status.round[{number}]");
    ctx.event_of_part(job, part, Reason::RoundStarted, note);
    if let Firmware::Unresolved(why) = &firmware {
        let note = format!("{why}; {comes_to}");
        ctx.event(
            job,
            None,
            (true, Reason::FirmwareUnreachable.as_str()),
            note,
        );
    }
    say_left_out(ctx, job, &choice);
    say_rerun(ctx, job, number);
    Ok(Some(Duration::from_millis(1)))
}

/// Instances that the selector means and that cannot be flashed.
pub(super) fn say_left_out(ctx: &Context, job: &Job, choice: &Choice) {
    if let Some(left_out) = &choice.not_selectable {
        let reason = Reason::DeviceInvalid.as_str();
        ctx.event(job, None, (true, reason), left_out.words());
    }
}

/// A rerun that the new round makes good, or needless.
fn say_rerun(ctx: &Context, job: &Job, number: i64) {
    let asked = job.spec.as_ref().ok().and_then(|spec| spec.rerun.as_ref());
    let Some(rerun) = asked.filter(|rerun| !rerun.id.is_empty()) else {
        return;
    };
    if job.status.last_rerun_id.as_deref() == Some(rerun.id.as_str()) {
        return;
    }
    let note = if due_rerun::wants_round(job) {
        format!("rerun {}: all devices again, in round {number}", rerun.id)
    } else {
        format!(
            "rerun {}: recorded only; round {number} begins anyway",
            rerun.id
        )
    };
    let part = format!("spec.rerun[{}]", rerun.id);
    ctx.event_of_part(job, part, Reason::RerunRequested, note);
}
