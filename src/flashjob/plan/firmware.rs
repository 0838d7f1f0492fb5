//! Which image a round flashes: when its registry is asked, what the answer means for the round, and what is frozen of it. Pure.
//!
//! A round without an answer goes on with the tag, as long as no class asks for more: a registry that is away must not stand in the way of
//! a fleet that can be flashed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        AskedSignatures, FlashImage, FlashJobSpec, Provenance, Reason, Refusal, SelectedDevice,
        Unverified, rule::MAX_PLATFORMS,
    },
    flashclass::Terms,
    flashjob::{
        observe::firmware::{FirmwareLookup, Question, Resolved, SignatureCheck},
        spec::job::Job,
    },
    provenance::{
        FirmwareImage, RegistryError, digest_of, pin,
        signatures::{Fault, Signer},
    },
};

/// How old an answer may be when its round begins.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// First pause before a registry that did not answer is asked again; it doubles.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How long an answer that keeps a round from beginning stands.
const SLOWLY: SignedDuration = SignedDuration::from_secs(300);

/// What is to be done about the firmware of a round that wants to begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask the registry.
    Ask,
    /// It has been asked, at that time.
    Wait(Timestamp),
    /// Begin with this image.
    Pin(Box<Resolved>),
    /// Begin with the tag, for this reason.
    TakeTag(String),
    /// Do not begin before that time, unless the spec or the class changes.
    Refuse(Timestamp),
}

/// What is asked about the firmware of a job's next round; none where its spec cannot be read.
#[must_use]
pub fn question(job: &Job, terms: &Terms) -> Option<Question> {
    let spec = job.spec.as_ref().ok()?;
    let named = terms.requires_digest() || terms.receipt_key().is_some();
    Some(Question {
        generation: job.generation,
        firmware: spec.firmware.clone(),
        requires_digest: named && digest_of(&spec.firmware).is_none(),
        requires_platform: terms.requires_platform(),
        checks: checks(terms.signatures()),
        receipt_key: terms.receipt_key().map(str::to_owned),
        access: terms.registry().cloned().unwrap_or_default(),
        flash_image: flash_image_question(job, spec, terms).map(Box::new),
    })
}

/// What is asked about the image that flashes; none where no class asks.
fn flash_image_question(job: &Job, spec: &FlashJobSpec, terms: &Terms) -> Option<Question> {
    let asked: Vec<_> = terms.flash_image_checks().collect();
    let (_, first) = asked.first()?;
    let signatures = asked
        .iter()
        .map(|(class, asked)| (*class, asked.signatures()));
    let image = terms.flash_image_of(spec);
    Some(Question {
        generation: job.generation,
        // Only where the class of the round does not ask may there be none, and of what is not a reference the answer says so.
        firmware: image.unwrap_or_else(|| "(the flash chart's own)".to_owned()),
        requires_digest: true,
        checks: checks(signatures),
        access: first.registry.clone().unwrap_or_default(),
        ..Question::default()
    })
}

fn checks<'a>(asked: impl Iterator<Item = (&'a str, AskedSignatures<'a>)>) -> Vec<SignatureCheck> {
    let checked = asked.filter(|(_, asked)| asked.are_checked());
    checked
        .map(|(class, asked)| SignatureCheck {
            class: class.to_owned(),
            enforced: asked.are_enforced(),
            authorities: asked.authorities.to_vec(),
        })
        .collect()
}

/// What is to be done, by what was asked and answered so far.
#[must_use]
pub fn next(lookup: Option<&FirmwareLookup>, question: &Question, now: Timestamp) -> Step {
    let Some(lookup) = lookup.filter(|lookup| lookup.question == *question) else {
        return Step::Ask;
    };
    let Some((at, answer)) = &lookup.answer else {
        return Step::Wait(lookup.since);
    };
    if let Some((_, until)) = &lookup.refusal {
        return if now < *until {
            Step::Refuse(*until)
        } else {
            Step::Ask
        };
    }
    if now.duration_since(*at) > FRESH {
        return Step::Ask;
    }
    match answer {
        Ok(resolved) => Step::Pin(Box::new(resolved.clone())),
        Err(error) => Step::TakeTag(error.to_string()),
    }
}

/// Why a round does not begin with this answer, and until when that stands; `tries` questions were answered so before.
#[must_use]
pub fn refusal(
    answer: &Result<Resolved, RegistryError>,
    question: &Question,
    tries: u32,
    now: Timestamp,
) -> Option<(Refusal, Timestamp)> {
    let refused = |reason, message, pause| {
        let until = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        Some((Refusal { reason, message }, until))
    };
    match answer {
        Ok(Resolved {
            receipt_fault: Some(fault),
            ..
        }) => {
            let message =
                format!("{fault}; nothing starts: a FlashClass asks for receipts (spec.receipts)");
            refused(Reason::ReceiptKeyUnusable, message, again(tries))
        }
        Ok(resolved) => {
            if let Some((message, pause)) = flash_image_fault(resolved, question, tries) {
                return refused(Reason::FlashImageUnusable, message, pause);
            }
            let (check, fault) = unsigned(resolved, question).find(|(check, _)| check.enforced)?;
            let message = format!(
                "{}: {fault}; nothing starts: spec.firmwareVerification of FlashClass {}; sign {}, or correct spec.firmware",
                resolved.image.reference, check.class, resolved.image.digest
            );
            refused(fault_reason(fault), message, SLOWLY)
        }
        Err(error @ RegistryError::Unreachable { .. }) => {
            let asks = match question {
                question if !question.is_strict() => return None,
                question if question.enforces() => {
                    "a FlashClass asks for signatures (firmwareVerification.mode): the registry is asked again"
                }
                question if question.requires_platform => {
                    "a FlashClass asks for platforms (firmwareVerification.requirePlatform): the registry is asked again"
                }
                question if question.receipt_key.is_some() => {
                    "a FlashClass asks for receipts (spec.receipts), which name a digest: the registry is asked again"
                }
                question if question.requires_digest => {
                    "a FlashClass asks for firmware by digest: the registry is asked again, or write spec.firmware as NAME@sha256:DIGEST"
                }
                _ => {
                    "a FlashClass verifies the flash image (spec.flashImageVerification), and both images are looked up together: the \
                     registry is asked again"
                }
            };
            let message = format!("{error}; {asks}");
            refused(Reason::FirmwareUnreachable, message, again(tries))
        }
        Err(error @ RegistryError::Missing { .. }) => refused(
            Reason::FirmwareMissing,
            format!("{error}; nothing starts; push it, or correct spec.firmware"),
            SLOWLY,
        ),
        Err(error @ RegistryError::Unusable { .. }) => refused(
            Reason::FirmwareUnusable,
            format!("{error}; nothing starts; push it anew, or correct spec.firmware"),
            SLOWLY,
        ),
    }
}

/// What keeps a round from beginning with its flash image, and for how long that stands.
fn flash_image_fault(
    resolved: &Resolved,
    question: &Question,
    tries: u32,
) -> Option<(String, SignedDuration)> {
    let (found, question) = (
        resolved.flash_image.as_ref()?,
        question.flash_image.as_ref()?,
    );
    let asks = "a FlashClass asks for the digest of the flash image (spec.flashImageVerification)";
    match found.as_ref() {
        Ok(image) => {
            let (check, fault) = unsigned(image, question).find(|(check, _)| check.enforced)?;
            let message = format!(
                "the flash image {}: {fault}; nothing starts: spec.flashImageVerification of FlashClass {}; sign {}, or name another image",
                image.image.reference, check.class, image.image.digest
            );
            Some((message, SLOWLY))
        }
        Err(error @ RegistryError::Unreachable { .. }) => Some((
            format!("{error}; {asks}: the registry is asked again"),
            again(tries),
        )),
        Err(error) => Some((format!("{error}; nothing starts: {asks}"), SLOWLY)),
    }
}

/// The pause after so many tries.
pub(crate) fn again(tries: u32) -> SignedDuration {
    AGAIN.saturating_mul(1 << tries.min(4)).min(SLOWLY)
}

/// What came of a question, in one word, as metrics tell it.
#[must_use]
pub fn outcome(answer: &Result<Resolved, RegistryError>) -> &'static str {
    match answer {
        Ok(resolved) if resolved.signed.iter().any(Result::is_err) => "unsigned",
        Ok(resolved) if resolved.signed.is_empty() => "pinned",
        Ok(_) => "verified",
        Err(RegistryError::Unreachable { .. }) => "unreachable",
        Err(RegistryError::Missing { .. }) => "missing",
        Err(RegistryError::Unusable { .. }) => "unusable",
    }
}

/// Checks that found no signature, each with why.
fn unsigned<'a>(
    resolved: &'a Resolved,
    question: &'a Question,
) -> impl Iterator<Item = (&'a SignatureCheck, &'a Fault)> {
    let checks = question.checks.iter().zip(&resolved.signed);
    checks.filter_map(|(check, signed)| Some((check, signed.as_ref().err()?)))
}

fn fault_reason(fault: &Fault) -> Reason {
    match fault {
        Fault::Missing => Reason::SignatureMissing,
        Fault::Invalid(_) => Reason::SignatureInvalid,
        Fault::Stranger(_) => Reason::IdentityMismatch,
        Fault::Unknown(_) => Reason::FirmwareUnreachable,
    }
}

/// What of the selection the image is not for, in words.
#[must_use]
pub fn shortage(image: &FirmwareImage, devices: &[SelectedDevice]) -> Option<String> {
    let shortage = image.shortage(types(devices))?;
    Some(format!("{}: {shortage}", image.reference))
}

/// Why a round does not begin whose image lacks platforms that a class asks for.
#[must_use]
pub fn short(shortage: &str, now: Timestamp) -> (Refusal, Timestamp) {
    let message = format!(
        "{shortage}; nothing starts: spec.firmwareVerification.requirePlatform of the FlashClass; push an image that has them, or select \
         other devices"
    );
    let refusal = Refusal {
        reason: Reason::PlatformMissing,
        message,
    };
    (refusal, now.checked_add(SLOWLY).unwrap_or(Timestamp::MAX))
}

/// What is frozen of firmware that is named by its digest, where the registry did not say what is in it.
#[must_use]
pub fn named_by_digest(firmware: &str) -> Option<Provenance> {
    let digest = digest_of(firmware)?;
    Some(Provenance::of(firmware.to_owned(), digest))
}

/// Why the signatures of firmware are not known whose registry did not answer.
#[must_use]
pub fn not_checked(why: &str) -> Unverified {
    Unverified {
        reason: Reason::FirmwareUnreachable.into(),
        message: format!("its signatures are not known: {why}"),
    }
}

/// What is frozen of an image that the registry served at that time; `firmware` is the reference as the job names it.
#[must_use]
pub fn frozen(
    firmware: &str,
    (resolved, question): (&Resolved, &Question),
    devices: &[SelectedDevice],
    at: Timestamp,
) -> Provenance {
    let image = &resolved.image;
    let mut platforms = BTreeMap::new();
    for kind in types(devices) {
        if platforms.len() == MAX_PLATFORMS {
            break;
        }
        if let Some((kind, digest)) = image.platforms.of(kind) {
            platforms.insert(kind.to_owned(), digest.to_owned());
        }
    }
    let (signer, unverified) = match signers(resolved, question) {
        Ok(signer) => (signer, None),
        Err(unverified) => (None, Some(unverified)),
    };
    Provenance {
        flash_image: frozen_flash_image(resolved, question),
        platforms,
        resolved_at: Some(Time(at)),
        verified_at: signer.as_ref().map(|_| Time(at)),
        authority: signer.as_ref().map(|signer| signer.authority.clone()),
        identity: signer.map(|signer| signer.identity),
        unverified,
        ..Provenance::of(pin(firmware, &image.digest), &image.digest)
    }
}

/// What is frozen of the image that flashes.
fn frozen_flash_image(resolved: &Resolved, question: &Question) -> Option<FlashImage> {
    let question = question.flash_image.as_ref()?;
    let resolved = resolved.flash_image.as_ref()?.as_ref().as_ref().ok()?;
    let (signer, unverified) = match signers(resolved, question) {
        Ok(signer) => (signer, None),
        Err(unverified) => (None, Some(unverified)),
    };
    Some(FlashImage {
        image: question.firmware.clone(),
        reference: pin(&question.firmware, &resolved.image.digest),
        authority: signer.as_ref().map(|signer| signer.authority.clone()),
        identity: signer.map(|signer| signer.identity),
        unverified,
    })
}

/// Who signed, as far as every class is content; else why one is not.
///
/// # Errors
/// What a class warns of.
pub fn signers(resolved: &Resolved, question: &Question) -> Result<Option<Signer>, Unverified> {
    if let Some((check, fault)) = unsigned(resolved, question).next() {
        return Err(Unverified {
            reason: fault_reason(fault).into(),
            message: format!(
                "{}: {fault}; FlashClass {} warns of it",
                resolved.image.reference, check.class
            ),
        });
    }
    let signers: Vec<_> = resolved.signed.iter().flatten().cloned().collect();
    Ok(Signer::all(&signers))
}

fn types(devices: &[SelectedDevice]) -> impl Iterator<Item = &str> {
    devices
        .iter()
        .filter_map(|device| device.device_type.as_deref())
}

#[cfg(test)]
#[path = "firmware_question_tests.rs"]
mod question_tests;
#[cfg(test)]
#[path = "firmware_tests.rs"]
mod tests;
