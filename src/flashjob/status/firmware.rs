//! What the status says of the image that a round flashes. Pure.
//!
//! Called by `compose` and `open_round`.

use jiff::Timestamp;

use crate::{
    api::{ConditionType, FlashJobStatus, Provenance, Reason, Refusal, conditions},
    flashjob::{observe::Observed, spec::job::Job},
};

/// What a round without a digest comes to.
pub const GOES_ON: &str =
    "the round goes on with the tag: what it means is decided anew for each device";

const KIND: ConditionType = ConditionType::FirmwareResolved;

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
        set(status, job, (true, Reason::DigestPinned), message, now);
    } else {
        let kind = KIND.as_str();
        status
            .conditions
            .retain(|condition| condition.type_ != kind);
    }
}

/// Says why it is not known which image the round flashes.
pub(crate) fn say_unresolved(status: &mut FlashJobStatus, job: &Job, why: &str, now: Timestamp) {
    let message = format!("{why}; {GOES_ON}");
    set(
        status,
        job,
        (false, Reason::FirmwareUnreachable),
        message,
        now,
    );
}

/// What holds of the firmware of the stored round, whatever somebody wrote into its status, or why the next one does not begin.
pub(super) fn follow(status: &mut FlashJobStatus, observed: &Observed<'_>, now: Timestamp) {
    let job = observed.job;
    if let Some(Refusal { reason, message }) = refusal(observed) {
        set(status, job, (false, reason), message, now);
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
    (holds, reason): (bool, Reason),
    message: String,
    now: Timestamp,
) {
    conditions::set(
        &mut status.conditions,
        KIND,
        holds,
        reason,
        message,
        job.generation,
        now,
    );
}
