//! Whether a job goes on, has ended, or cannot go on, and why: from its tally and what keeps it. Pure.
//!
//! Called by `describe`.

use crate::flashjob::status::{
    counts::Tally,
    held::{paced, suspended},
};
use crate::{
    api::{DevicePhase, FlashJobStatus, Reason, Refusal},
    display,
    flashjob::{plan::rollout::pace::Pace, spec::job::Job},
};

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every device succeeded.
    Complete,
    /// A device failed, or the job could not be carried out.
    Failed,
}

/// What is said of a job as a whole.
pub(super) struct JobVerdict {
    pub(super) end: Option<End>,
    pub(super) accepted: bool,
    pub(super) stalled: bool,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl JobVerdict {
    const fn going(reason: Reason, message: String) -> Self {
        Self {
            end: None,
            accepted: true,
            stalled: false,
            reason,
            message,
        }
    }

    /// Whether devices are started as they come, or the rest of them ends: between two of them the job runs, too.
    pub(super) const fn goes_on(&self) -> bool {
        let free = matches!(self.reason, Reason::InProgress | Reason::DeviceNotFound);
        let stopped = matches!(
            self.reason,
            Reason::StepFailed | Reason::StepDenied | Reason::MaxFailedDevicesExceeded
        );
        self.end.is_none() && !self.stalled && (free || stopped)
    }

    fn ended(end: End, reason: Reason, message: String) -> Self {
        Self {
            end: Some(end),
            ..Self::going(reason, message)
        }
    }
}

pub(super) fn judge(
    job: &Job,
    status: &FlashJobStatus,
    tally: &Tally,
    trouble: Option<Refusal>,
    pace: &Pace,
) -> JobVerdict {
    // Of a status that somebody edited nobody can tell.
    let known = job.tampered.is_none() && job.round_is_current();
    let finished = known && tally.selected > 0 && tally.finals() >= tally.selected;
    // What has ended stays ended, whatever becomes of chart, values or Akri later.
    if let Some(refusal) =
        trouble.filter(|trouble| !finished || trouble.reason == Reason::InvalidSpec)
    {
        return troubled(refusal, tally);
    }
    let mut verdict = untroubled(job, status, tally, pace);
    let left_out = status.selection.as_ref();
    let left_out = left_out.and_then(|selection| selection.not_selectable.as_ref());
    if let Some(left_out) = left_out.filter(|_| job.round_is_current()) {
        verdict.message = format!("{}; {}", verdict.message, left_out.words());
    }
    verdict
}

/// Nothing keeps the whole job from going on.
fn untroubled(job: &Job, status: &FlashJobStatus, tally: &Tally, pace: &Pace) -> JobVerdict {
    if status.round.is_none() || !job.round_is_current() {
        return unselected(job);
    }
    if tally.selected == 0 {
        return JobVerdict::ended(End::Failed, Reason::NoDevicesSelected, none_selected(job));
    }
    let done = done(tally);
    if let Some(paced) = paced(job, tally, pace, &done) {
        return JobVerdict {
            end: paced.ended.then_some(End::Failed),
            ..JobVerdict::going(paced.reason, paced.message)
        };
    }
    counted(job, status, tally, &done)
}

/// How many devices are done well. One that was skipped was not flashed, and so succeeded in nothing.
fn done(tally: &Tally) -> String {
    let (succeeded, selected) = (tally.succeeded, tally.selected);
    match tally.skipped {
        0 => format!("{succeeded} of {selected} succeeded"),
        skipped => format!("{succeeded} succeeded, {skipped} skipped of {selected}"),
    }
}

/// Something keeps the whole job from going on.
fn troubled(refusal: Refusal, tally: &Tally) -> JobVerdict {
    let Refusal { reason, message } = refusal;
    let suspended = reason == Reason::ClassSuspended;
    // An administrator may fix the class at any time, and then the job goes on: that is not an end.
    let of_class = matches!(
        reason,
        Reason::FlashClassNotFound
            | Reason::FlashClassInvalid
            | Reason::NamespaceNotAllowed
            | Reason::ImageNotAllowed
            | Reason::FirmwareNotAllowed
    );
    let waits = matches!(
        reason,
        Reason::AkriNotInstalled
            | Reason::ChartInvalid
            | Reason::SelectionLost
            | Reason::StatusTooLarge
            | Reason::CRDOutdated
            | Reason::FirmwareMissing
            | Reason::FirmwareUnusable
            | Reason::PlatformMissing
            | Reason::FlashImageUnusable
            | Reason::ReceiptKeyUnusable
            | Reason::SignatureMissing
            | Reason::SignatureInvalid
            | Reason::IdentityMismatch
    );
    // A registry that is away comes back by itself.
    let away = reason == Reason::FirmwareUnreachable;
    // An edit puts it right, and the round goes on.
    let stalls = matches!(reason, Reason::StepAlreadyStarted | Reason::WindowTooShort);
    let under_way = tally.in_flight + tally.verifying;
    let ends = !waits && !away && !stalls && !of_class && !suspended && under_way == 0;
    JobVerdict {
        end: ends.then_some(End::Failed),
        accepted: waits || away || suspended,
        stalled: waits || stalls || of_class,
        reason,
        message,
    }
}

/// The round that the spec asks for is not stored.
fn unselected(job: &Job) -> JobVerdict {
    if job.names_nothing() {
        let message = "neither spec.uuid nor spec.deviceSelector names a device".to_owned();
        return JobVerdict::ended(End::Failed, Reason::NoDevicesSelected, message);
    }
    match suspended(job) {
        Some(paced) => JobVerdict::going(paced.reason, paced.message),
        None => JobVerdict::going(Reason::InProgress, "the devices are being selected".into()),
    }
}

/// Nothing keeps the job: its devices alone decide.
fn counted(job: &Job, status: &FlashJobStatus, tally: &Tally, done: &str) -> JobVerdict {
    if tally.finals() < tally.selected {
        let missing = missing(status, tally);
        let message = format!(
            "{}{done}; {} in flight, {} verifying, {} pending, {} waiting, {} failed",
            missing.map_or_else(String::new, |words| format!("{words}; ")),
            tally.in_flight,
            tally.verifying,
            tally.pending(),
            tally.waiting,
            tally.failed
        );
        // Nothing else is left to do.
        let reason = if tally.missing >= tally.selected - tally.finals() {
            Reason::DeviceNotFound
        } else {
            Reason::InProgress
        };
        return JobVerdict::going(reason, message);
    }
    if tally.failed > 0 {
        let message = format!(
            "{done}, {} failed; see: kubectl get flashjob {} -n {} -o yaml",
            tally.failed, job.name, job.namespace
        );
        return JobVerdict::ended(End::Failed, Reason::DevicesFailed, message);
    }
    JobVerdict::ended(End::Complete, Reason::AllSucceeded, done.to_owned())
}

/// Devices that Akri has not discovered, and when the first of them fails.
fn missing(status: &FlashJobStatus, tally: &Tally) -> Option<String> {
    let listed = status
        .devices
        .iter()
        .filter(|device| device.is_for(Reason::DeviceNotFound) && device.is(DevicePhase::Pending));
    let times = listed.filter_map(|device| device.next_time.as_ref());
    let soonest = times.map(|time| time.0).min();
    let (words, first) = match tally.missing {
        0 => return None,
        1 => ("1 device is not discovered by Akri yet".to_owned(), "it"),
        devices => (
            format!("{devices} devices are not discovered by Akri yet"),
            "the first",
        ),
    };
    Some(match soonest {
        Some(at) => format!("{words}; {first} fails at {}", display::time(at)),
        None => words,
    })
}

fn none_selected(job: &Job) -> String {
    let by_selector = job
        .spec
        .as_ref()
        .is_ok_and(|spec| spec.device_selector.is_some());
    if by_selector {
        "spec.deviceSelector matched no device when the round began; edit it, or select anew with spec.rerun {id: NEW, devices: All}"
            .to_owned()
    } else {
        "spec.uuid names no device".to_owned()
    }
}
