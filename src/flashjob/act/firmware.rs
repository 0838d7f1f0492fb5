//! Asks the registry of a firmware, aside: a pass waits for nothing but the API server's answers, and a registry may take its time.
//!
//! Called by `reconcile` before a round is opened, and by `open_round`.

use std::sync::Arc;

use jiff::Timestamp;

use super::{context::Context, resolve_firmware::Resolver};
use crate::{
    api::{Provenance, Reason, SelectedDevice},
    cluster::clock::now,
    flashjob::{
        observe::firmware::{FirmwareLookup, Question, Resolved},
        plan::firmware::{self, Step},
        spec::job::Job,
    },
    seam,
};

/// What a round begins with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Firmware {
    /// The reference as the job names it, because no registry is asked.
    AsWritten,
    /// The same, because the registry did not say what it means.
    Unresolved(String),
    /// This image.
    Image(Box<Resolved>, Box<Question>),
}

/// Whether the round may begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Readiness {
    /// It may.
    Ready(Firmware),
    /// The registry is being asked, since then; its answer brings the next pass.
    Waiting(Timestamp),
    /// Not before that time.
    Refused(Timestamp),
}

/// Whether the next round of the job may begin, and with which image. Asks the registry where that is due.
pub(crate) fn readiness(ctx: &Arc<Context>, job: &Arc<Job>) -> Readiness {
    let question = firmware::question(job, &ctx.cache().terms(job));
    let Some(question) = question else {
        return Readiness::Ready(Firmware::AsWritten);
    };
    if ctx.registry.is_none() && !question.is_strict() {
        return Readiness::Ready(Firmware::AsWritten);
    }
    let step = {
        let mut cache = ctx.cache();
        firmware::next(cache.memory(&job.uid).firmware.as_ref(), &question, now())
    };
    match step {
        Step::Ask => {
            let since = now();
            ask(ctx, job, question, since);
            Readiness::Waiting(since)
        }
        Step::Wait(since) => Readiness::Waiting(since),
        Step::Refuse(until) => Readiness::Refused(until),
        Step::Pin(resolved) => Readiness::Ready(Firmware::Image(resolved, Box::new(question))),
        Step::TakeTag(why) => Readiness::Ready(Firmware::Unresolved(why)),
    }
}

fn ask(ctx: &Arc<Context>, job: &Arc<Job>, question: Question, since: Timestamp) {
    {
        let mut cache = ctx.cache();
        let memory = cache.memory(&job.uid);
        let before = memory.firmware.take();
        memory.firmware = Some(FirmwareLookup::asked(question.clone(), before, since));
    }
    let (ctx, uid) = (Arc::clone(ctx), job.uid.clone());
    seam::spawn(async move {
        let answer = Resolver::of(&ctx).answer(&question).await;
        let outcome = firmware::outcome(&answer);
        let took = now().duration_since(since).unsigned_abs();
        ctx.metrics.firmware_looked_up(outcome, took);
        if let Err(error) = &answer {
            tracing::warn!(job.uid = uid.as_str(), error = %error, "the digest of the firmware is not known");
        }
        {
            let mut cache = ctx.cache();
            if cache.job(&uid).is_none() {
                return;
            }
            let lookup = cache.memory(&uid).firmware.as_mut();
            // Of an older spec: the newer one has been asked about, too.
            let Some(lookup) = lookup.filter(|lookup| lookup.question == question) else {
                return;
            };
            let now = now();
            lookup.refusal = firmware::refusal(&answer, &question, lookup.tries, now);
            lookup.answer = Some((now, answer));
            lookup.tries = lookup.tries.saturating_add(1);
        }
        ctx.nudge(&uid);
    });
}

/// A class asks for platforms that the image does not have: the round does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFewPlatforms;

/// What is frozen of the firmware for these devices; nothing where the round goes on with the tag.
pub(crate) fn freeze(
    ctx: &Context,
    job: &Job,
    found: &Firmware,
    devices: &[SelectedDevice],
) -> Result<Option<Provenance>, TooFewPlatforms> {
    let Ok(spec) = &job.spec else {
        return Ok(None);
    };
    let Firmware::Image(resolved, question) = found else {
        return Ok(unresolved(ctx, job, &spec.firmware, found));
    };
    let short = firmware::shortage(&resolved.image, devices);
    if let Some(short) = &short
        && ctx.cache().terms(job).requires_platform()
    {
        let mut cache = ctx.cache();
        if let Some(lookup) = &mut cache.memory(&job.uid).firmware {
            lookup.refusal = Some(firmware::short(short, now()));
        }
        return Err(TooFewPlatforms);
    }
    if let Some(short) = short {
        ctx.event(
            job,
            None,
            (true, Reason::PlatformMissing.as_str()),
            format!("{short}; the others are flashed"),
        );
    }
    // The answer may be older than the round.
    let at = answered(ctx, job).unwrap_or_else(now);
    let frozen = firmware::frozen(&spec.firmware, (resolved, question), devices, at);
    if let Some(unverified) = &frozen.unverified {
        let reason = unverified.reason().as_str();
        ctx.event(job, None, (true, reason), unverified.message.clone());
    }
    let image = frozen.flash_image.as_ref();
    if let Some(unverified) = image.and_then(|image| image.unverified.as_ref()) {
        let note = format!("the flash image {}", unverified.message);
        ctx.event(job, None, (true, Reason::FlashImageUnusable.as_str()), note);
    }
    Ok(Some(frozen))
}

/// What is known of firmware whose registry did not answer: the digest that the job names, if it does.
fn unresolved(ctx: &Context, job: &Job, named: &str, found: &Firmware) -> Option<Provenance> {
    let mut known = firmware::named_by_digest(named)?;
    if let Firmware::Unresolved(why) = found
        && asks_for_signatures(ctx, job)
    {
        known.unverified = Some(firmware::not_checked(why));
    }
    Some(known)
}

/// Whether a class asks whose signature the firmware has.
pub(crate) fn asks_for_signatures(ctx: &Context, job: &Job) -> bool {
    let terms = ctx.cache().terms(job);
    terms.signatures().next().is_some()
}

fn answered(ctx: &Context, job: &Job) -> Option<Timestamp> {
    let mut cache = ctx.cache();
    let lookup = cache.memory(&job.uid).firmware.as_ref()?;
    lookup.answer.as_ref().map(|(at, _)| *at)
}
