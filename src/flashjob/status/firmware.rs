//! What the status says of the image that a round flashes. Pure.
//!
//! Called by `compose` and `open_round`.

use jiff::Timestamp;

use crate::{
    api::{ConditionType, FlashJobStatus, Provenance, Reason, Refusal, Unverified, conditions},
    flashjob::{observe::Observed, spec::job::Job},
};

/// What a round without a digest comes to.
pub const GOES_ON: &str =
    "the round goes on with the tag: what it means is decided anew for each device";

const KIND: ConditionType = ConditionType::FirmwareResolved;
const SIGNED: ConditionType = ConditionType::FirmwareVerified;

/// Says which image the round flashes; nothing where no registry was asked.
pub(crate) fn say_firmware(
    status: &mut FlashJobStatus,
    job: &Job,
    pinned: Option<&Provenance>,
    now: Timestamp,
) {
    status.provenance = pinned.cloned();
    if let Some(pinned) = pinned {
        let message = format!("every device gets {}", pinned.reference);
        let reason = Reason::DigestPinned;
        set(status, job, KIND, (true, reason), message, now);
    } else {
        take_away(status, KIND);
    }
    say_signed(status, job, pinned, now);
}

/// Says who signed the image, or that nobody did whom a class trusts; nothing where no class asks.
fn say_signed(status: &mut FlashJobStatus, job: &Job, pinned: Option<&Provenance>, now: Timestamp) {
    let unverified = pinned.and_then(|pinned| pinned.unverified.as_ref());
    let authority = pinned.and_then(|pinned| pinned.authority.as_ref());
    if let Some(unverified) = unverified {
        say_unverified(status, job, unverified, now);
    } else if let Some(authority) = authority {
        let identity = pinned.and_then(|pinned| pinned.identity.as_deref());
        let message = format!("{authority} signed it: {}", identity.unwrap_or("unnamed"));
        let reason = Reason::SignatureVerified;
        set(status, job, SIGNED, (true, reason), message, now);
    } else {
        take_away(status, SIGNED);
    }
}

/// Says why the image counts as signed by nobody.
pub(crate) fn say_unverified(
    status: &mut FlashJobStatus,
    job: &Job,
    unverified: &Unverified,
    now: Timestamp,
) {
    let reason = (false, unverified.reason());
    set(status, job, SIGNED, reason, unverified.message.clone(), now);
}

fn take_away(status: &mut FlashJobStatus, kind: ConditionType) {
    let kind = kind.as_str();
    let conditions = &mut status.conditions;
    conditions.retain(|condition| condition.type_ != kind);
}

/// Says why it is not known which image the round flashes.
pub(crate) fn say_unresolved(status: &mut FlashJobStatus, job: &Job, why: &str, now: Timestamp) {
    let message = format!("{why}; {GOES_ON}");
    let reason = Reason::FirmwareUnreachable;
    set(status, job, KIND, (false, reason), message, now);
}

/// What holds of the firmware of the stored round, whatever somebody wrote into its status, or why the next one does not begin.
pub(super) fn follow(status: &mut FlashJobStatus, observed: &Observed<'_>, now: Timestamp) {
    let job = observed.job;
    if let Some(Refusal { reason, message }) = refusal(observed) {
        // The firmware is not what is wrong.
        if matches!(
            reason,
            Reason::ReceiptKeyUnusable | Reason::FlashImageUnusable
        ) {
            return;
        }
        let kind = match reason {
            Reason::SignatureMissing | Reason::SignatureInvalid | Reason::IdentityMismatch => {
                SIGNED
            }
            _ => KIND,
        };
        set(status, job, kind, (false, reason), message, now);
        return;
    }
    let pinned = observed.terms.firmware();
    let told = status.provenance.is_some() || conditions::holds(&status.conditions, KIND);
    if pinned.is_some() || (told && observed.terms.frozen.is_some()) {
        say_firmware(status, job, pinned, now);
    }
}

/// Why the next round does not begin, where that is for its firmware.
pub(super) fn refusal(observed: &Observed<'_>) -> Option<Refusal> {
    let lookup = observed.memory.firmware.as_ref()?;
    let asked = lookup.question.generation == observed.job.generation;
    let wanted = asked && !observed.round_is_current() && observed.terms.refusal.is_none();
    let (refusal, _) = lookup.refusal.as_ref().filter(|_| wanted)?;
    Some(refusal.clone())
}

fn set(
    status: &mut FlashJobStatus,
    job: &Job,
    kind: ConditionType,
    (holds, reason): (bool, Reason),
    message: String,
    now: Timestamp,
) {
    conditions::set(
        &mut status.conditions,
        kind,
        holds,
        reason,
        message,
        job.generation,
        now,
    );
}

#[cfg(test)]
#[path = "firmware_tests.rs"]
mod tests;
