//! Asks the registry of a firmware, aside: a pass waits for nothing but the API server's answers, and a registry may take its time.
//!
//! Called by `reconcile` before a round is opened, and by `open_round`.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{context::Context, lookup::get_secret, receipts, signatures};
use crate::{
    api::{FlashJobSpec, Provenance, Reason, RegistryAccess, SelectedDevice, SignatureMode},
    cluster::clock::now,
    flashclass::Terms,
    flashjob::{
        observe::firmware::{FirmwareLookup, Question, Resolved, SignatureCheck},
        plan::firmware::{self, Step},
        spec::job::Job,
    },
    provenance::{Access, RegistryError, digest_of},
    seam,
};

/// Key of a Secret that holds logins.
const DOCKER_CONFIG: &str = ".dockerconfigjson";
/// Key of a Secret that holds certificates of authorities.
const AUTHORITIES: &str = "ca.crt";

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
    let Ok(spec) = &job.spec else {
        return Readiness::Ready(Firmware::AsWritten);
    };
    let question = question(ctx, job, spec);
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

fn question(ctx: &Context, job: &Job, spec: &FlashJobSpec) -> Question {
    let terms = ctx.cache().terms(job);
    Question {
        generation: job.generation,
        firmware: spec.firmware.clone(),
        requires_digest: (terms.requires_digest() || terms.receipt_key().is_some())
            && digest_of(&spec.firmware).is_none(),
        requires_platform: terms.requires_platform(),
        checks: checks(&terms),
        receipt_key: terms.receipt_key().map(str::to_owned),
        access: terms.registry().cloned().unwrap_or_default(),
    }
}

fn checks(terms: &Terms) -> Vec<SignatureCheck> {
    let asked = terms.signatures();
    asked
        .map(|(class, asked)| SignatureCheck {
            class: class.to_owned(),
            enforced: asked.signature_mode() == SignatureMode::Enforce,
            authorities: asked.authorities.clone(),
        })
        .collect()
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
        let answer = answer(&ctx, &question).await;
        let outcome = firmware::outcome(&answer);
        let took = now().duration_since(since).unsigned_abs();
        ctx.metrics.firmware_looked_up(outcome, took);
        if let Err(error) = &answer {
            tracing::warn!(job.uid = uid, error = %error, "the digest of the firmware is not known");
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

async fn answer(ctx: &Context, question: &Question) -> Result<Resolved, RegistryError> {
    let firmware = &question.firmware;
    let unreachable = |cause: String| RegistryError::Unreachable {
        host: firmware.clone(),
        cause,
    };
    let Some(registry) = &ctx.registry else {
        let cause = "the operator asks no registry: --firmware-digest=never";
        return Err(unreachable(cause.to_owned()));
    };
    let access = access(ctx, &question.access).await.map_err(unreachable)?;
    let name = format!("{:?}", question.access);
    let image = registry.image(firmware, (&name, &access)).await?;
    let signed = signatures::signed(ctx, question, (registry, &access), &image).await?;
    let receipt_fault = match &question.receipt_key {
        Some(name) => receipts::signer(ctx, name).await.err(),
        None => None,
    };
    Ok(Resolved {
        image,
        signed,
        receipt_fault,
    })
}

/// What the Secrets hold that a class names.
async fn access(ctx: &Context, asked: &RegistryAccess) -> Result<Access, String> {
    let mut access = Access {
        plain_http: asked.plain_http.unwrap_or_default(),
        ..Access::default()
    };
    for name in &asked.pull_secret_names {
        let (file, what) = secret_data(ctx, name, DOCKER_CONFIG).await?;
        let added = access.credentials.add(&file);
        added.map_err(|fault| format!("{what}: {fault}"))?;
    }
    let Some(name) = &asked.ca_secret_name else {
        return Ok(access);
    };
    let (authorities, what) = secret_data(ctx, name, AUTHORITIES).await?;
    access
        .trusting(&authorities)
        .map_err(|_| format!("{what}: data[{AUTHORITIES:?}] has to be certificates in PEM"))
}

/// The bytes under a key of a Secret of the operator's namespace, and the Secret in words.
pub(super) async fn secret_data(
    ctx: &Context,
    name: &str,
    key: &str,
) -> Result<(Vec<u8>, String), String> {
    let (mut data, what) = secret(ctx, name).await?;
    let bytes = data.remove(key);
    let bytes = bytes.ok_or_else(|| format!("{what}: it has no data[{key:?}]"))?;
    Ok((bytes, what))
}

/// What a Secret of the operator's namespace holds, and the Secret in words.
pub(super) async fn secret(
    ctx: &Context,
    name: &str,
) -> Result<(BTreeMap<String, Vec<u8>>, String), String> {
    let namespace = ctx.cache().own_namespace.clone();
    let what = format!("Secret {namespace}/{name}, which a FlashClass names");
    let secret = get_secret(ctx, &namespace, name).await;
    let secret = secret.map_err(|error| format!("{what}: {error}"))?;
    let secret = secret.ok_or_else(|| format!("{what}, does not exist"))?;
    let data = secret.data.unwrap_or_default();
    let data = data.into_iter().map(|(key, bytes)| (key, bytes.0));
    Ok((data.collect(), what))
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
