//! How an attempt comes off the cluster: after its ending, without a verdict, or because helm failed. Pure.
//!
//! Called by `decide`.

use jiff::Timestamp;

use super::{
    Action, AttemptGoal, Decision, PodRemoval, RecordRemoval, Removal, StoredVerdict,
    flashing::await_end, phase_of,
};
use crate::flashjob::observe::stored::Stage;
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        observe::{
            ledger::Attempt,
            memory::Memory,
            objects::{ObservedPod, ObservedRecord, ObservedService},
            waits::Deadlines,
        },
        plan::attempt::{adoption, retry::cut_off, state_machine::JobState},
    },
};
use helm_release::Status;

/// Row 6: somebody uninstalled the release before its Pod was created: no flash began, and the device begins anew.
pub(super) fn uninstalled(attempt: &Attempt) -> Decision {
    let message = format!(
        "the release of {} was uninstalled by somebody before its Pod was created; the device begins anew, and no attempt is lost",
        attempt.identity.uuid
    );
    let reason = Reason::Uninstalled;
    let decision = Decision::wait(phase_of(attempt), reason, message.clone());
    Decision {
        release: Some((reason, message)),
        ..decision
    }
}

/// Row 10: a Service that no record speaks for any more goes; the device may begin again after that. The operator takes no record
/// away before its Service: somebody else did. What the original operator left never had a record.
pub(super) fn left_over(attempt: &Attempt) -> Decision {
    let decision = match &attempt.service {
        Some(_) if adoption::pod_of(&attempt.identity).is_none() => uninstalled(attempt),
        _ => Decision::wait(DevicePhase::Pending, Reason::Queued, ""),
    };
    let mut due = Removal::default();
    due.release_address(attempt.service.as_ref());
    due.into_step(decision)
}

impl Removal {
    /// Deletes the Service, and frees its address with it. A Service of a pool is given back instead, even if somebody has deleted it.
    pub(super) fn release_address(&mut self, service: Option<&ObservedService>) {
        self.free = service.is_some_and(ObservedService::tracked);
        self.service =
            service.is_some_and(|service| service.is_of_pool() || service.sight.deleting.is_none());
    }

    /// The decision with these removals, if any are due.
    pub(super) fn into_step(self, decision: Decision) -> Decision {
        if self == Self::default() {
            decision
        } else {
            decision.with(Action::Remove(self))
        }
    }
}

/// Row 9: helm failed before there was a Pod. What it left goes, and the device waits before its next try.
pub(super) fn over(attempt: &Attempt, memory: &Memory) -> Decision {
    let trouble = memory.trouble.get(&attempt.identity.key.id);
    let described = || {
        attempt
            .record()?
            .stored
            .as_ref()
            .map(|stored| stored.record.info.description.clone())
    };
    let (reason, message) = match trouble {
        Some(trouble) => (trouble.reason, trouble.message.clone()),
        None => (
            Reason::HelmFailed,
            described().unwrap_or_else(|| "helm failed before the Pod was created".into()),
        ),
    };
    let decision = Decision::wait(phase_of(attempt), reason, message.clone());
    Decision {
        release: Some((reason, message)),
        ..decision
    }
}

/// Whether the attempt failed, that was stored, and all that is left is what `helm history` shows. Where its index is not final
/// any more, the device was sent again.
pub(in crate::flashjob::plan) fn is_history(attempt: &Attempt) -> bool {
    let bare = attempt.pod.is_none() && attempt.service.is_none();
    bare && attempt.record().is_some_and(ObservedRecord::is_settled)
}

/// Uninstalls an attempt that has no verdict and never will: no flash began.
pub(super) fn release(attempt: &Attempt, wish: &AttemptGoal, until: &Deadlines<'_>) -> Decision {
    let decision = Decision::wait(
        phase_of(attempt),
        Reason::BackOff,
        "the release is being uninstalled",
    );
    // The record goes last, and not before the stored status has ceased to say Flashing: that without a record means a flash
    // of which nothing is left.
    let record = if wish.was_flashing {
        RecordRemoval::Keep
    } else {
        RecordRemoval::Delete
    };
    match (
        removal(attempt, PodRemoval::Unstarted, record, true),
        &attempt.pod,
    ) {
        (Some(removal), _) => decision.with(Action::Remove(removal)),
        (None, Some(pod)) => await_end(pod, decision, until),
        (None, None) => decision,
    }
}

/// Rows 3, 4 and 5.
pub(super) fn finish(
    attempt: &Attempt,
    wish: &AttemptGoal,
    memory: &Memory,
    until: &Deadlines<'_>,
) -> Decision {
    // Row 3: the record is the lock until the version was read back.
    let read_back = wish
        .ending
        .as_ref()
        .is_some_and(|ending| ending.stage == Stage::Verifying)
        && wish.job == JobState::Exists;
    let (phase, reason, message) = match &wish.ending {
        Some(ending) if read_back => (
            DevicePhase::Verifying,
            ending.reason,
            ending.message.clone(),
        ),
        Some(ending) if ending.succeeded => (
            DevicePhase::Succeeded,
            ending.reason,
            ending.message.clone(),
        ),
        Some(ending) => (DevicePhase::Failed, ending.reason, ending.message.clone()),
        None => (
            phase_of(attempt),
            Reason::Deleting,
            "the release is being uninstalled".into(),
        ),
    };
    let keep = wish
        .ending
        .as_ref()
        .filter(|ending| !ending.succeeded && wish.job == JobState::Exists);
    let record = match keep {
        _ if read_back => RecordRemoval::Keep,
        Some(ending) => RecordRemoval::Fail(format!("{}: {}", ending.reason, ending.message)),
        None => RecordRemoval::Delete,
    };
    let how = if memory.lost.contains(&attempt.identity.key.id) {
        PodRemoval::Lost
    } else {
        PodRemoval::Ended
    };
    let cool_until = wish
        .ending
        .as_ref()
        .and_then(|ending| cool_down(attempt, ending, until));
    let cool = cool_until.is_none_or(|at| until.is_over(at));
    let decision = Decision::wait(phase, reason, message);
    let decision = match cool_until.filter(|_| !cool && attempt.service.is_some()) {
        Some(at) => Decision {
            cools_until: Some(at),
            ..decision.until(at)
        },
        None => decision,
    };
    match removal(attempt, how, record, cool) {
        Some(removal) => decision.with(Action::Remove(removal)),
        None => decision,
    }
}

/// Until when Service and record stay after this ending: a device that was cut off keeps dialling its address. Where the
/// Service admits anybody, no failed device may find another one's flash behind its address.
fn cool_down(
    attempt: &Attempt,
    ending: &StoredVerdict,
    until: &Deadlines<'_>,
) -> Option<Timestamp> {
    let open = attempt
        .service
        .as_ref()
        .is_some_and(|service| !service.restricted);
    if ending.succeeded || !(cut_off(ending.reason) || open) {
        return None;
    }
    ending.at.map(|_| until.cool_down())
}

/// The removals that are due. Order: Pod; once it has ended its finalizer, and the Service with its own; the record when both
/// are gone. None if nothing is due.
fn removal(
    attempt: &Attempt,
    how: PodRemoval,
    record: RecordRemoval,
    cool: bool,
) -> Option<Removal> {
    let mut due = Removal::default();
    // Until a Pod has ended it may turn out to have started, and then its end is the verdict.
    let over = how == PodRemoval::Lost || attempt.pod.as_ref().is_none_or(ObservedPod::ended);
    if let Some(pod) = &attempt.pod {
        due.pod = (pod.sight.deleting.is_none() || (how == PodRemoval::Lost && pod.tracked()))
            .then_some(how);
        due.untrack = over && pod.tracked();
    }
    // A Service of a pool is given back after the Pod is gone: the next device finds nothing of this one behind it.
    let service = attempt.service.as_ref();
    let of_pool = service.is_some_and(ObservedService::is_of_pool);
    if over && cool && !(of_pool && attempt.pod.is_some()) {
        due.release_address(service);
    }
    let free = service.is_none() || (of_pool && due.service);
    if attempt.pod.is_none() && free {
        due.record = match (record, attempt.record()) {
            (_, None) => RecordRemoval::Keep,
            (RecordRemoval::Fail(_), Some(newest)) if newest.status == Status::Failed => {
                RecordRemoval::Keep
            }
            (wanted, Some(_)) => wanted,
        };
    }
    (due != Removal::default()).then_some(due)
}
