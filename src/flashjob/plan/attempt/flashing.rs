//! Rows 1 and 2, and those whose Pod is gone: the flash runs, has ended, or vanished; its end is awaited and its verdict read. Pure.
//!
//! Called by `decide`; `await_end` also by `finish`, for a Pod that is being given up.

use super::{Action, AttemptGoal, Decision};
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        observe::{
            ledger::Attempt,
            memory::Found,
            objects::{ContainerSight, ObservedPod, ObservedService},
            waits::Deadlines,
        },
        plan::addresses,
    },
};

/// Row 1: the flash runs. Only a Pod that has not started is ever given up.
pub(super) fn flashing(attempt: &Attempt, until: &Deadlines<'_>) -> Decision {
    let Some(pod) = &attempt.pod else {
        return Decision::wait(DevicePhase::Flashing, Reason::Flashing, "");
    };
    let (reason, message) = pod_words(pod);
    let decision = Decision::wait(DevicePhase::Flashing, reason, message);
    if !pod.may_have_run() && pod.sight.deleting.is_none() {
        let deadline = until.start();
        if !until.is_over(deadline) {
            return decision.until(deadline);
        }
        let message = format!(
            "the Pod did not start within {} s: {}",
            until.start_seconds(),
            decision.message
        );
        return Decision {
            release: Some((Reason::PodNotStarted, message)),
            ..decision
        };
    }
    await_end(pod, decision, until)
}

/// What became of the Service of a flash is said, and its address is kept: the Service of an operator before this one, or of a chart that leaves
/// it to the operator, is held now. Not that of somebody else's Pod, of which the ending is given.
pub(super) fn held(decision: Decision, attempt: &Attempt, wish: &AttemptGoal) -> Decision {
    let lost = addresses::lost(attempt).filter(|_| decision.reason == Reason::Flashing);
    let decision = match lost {
        Some((Reason::AddressLost, what)) => Decision {
            reason: Reason::AddressLost,
            message: format!("{what}; the flash ends by its deadline"),
            ..decision
        },
        Some((reason, message)) => Decision {
            reason,
            message,
            ..decision
        },
        None => decision,
    };
    let loose = attempt
        .service
        .as_ref()
        .is_some_and(ObservedService::may_be_held);
    if loose && wish.ending.is_none() && decision.action.is_none() && decision.release.is_none() {
        decision.with(Action::HoldService)
    } else {
        decision
    }
}

/// Waits for the kubelet to end the Pod; when that is long overdue, its node may be lost.
pub(super) fn await_end(pod: &ObservedPod, decision: Decision, until: &Deadlines<'_>) -> Decision {
    let lost = until.lost(pod);
    if until.is_over(lost) {
        decision.with(Action::CheckNode)
    } else {
        decision.until(lost)
    }
}

/// Why a living Pod is where it is, in the API's own words.
fn pod_words(pod: &ObservedPod) -> (Reason, String) {
    if pod.sight.deleting.is_some() {
        return (
            Reason::Flashing,
            "the Pod is being deleted; its end is awaited".into(),
        );
    }
    let ContainerSight::Waiting { reason, message } = &pod.container else {
        return (Reason::Flashing, String::new());
    };
    let word = match reason.as_deref() {
        Some("Unschedulable") => Reason::Unschedulable,
        Some("ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull") => {
            Reason::ImagePullFailed
        }
        _ => Reason::PodPending,
    };
    let parts: Vec<&str> = [reason.as_deref(), message.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    (word, parts.join(": "))
}

/// Row 2: the verdict is read once, then waits to be stored.
pub(super) fn read_verdict(attempt: &Attempt, found: Option<&Found>) -> Decision {
    let decision = Decision::wait(
        DevicePhase::Flashing,
        Reason::ReadingVerdict,
        "the flash ended; its log is being read",
    );
    if found.is_some() {
        return decision;
    }
    match &attempt.pod {
        // It ended without ever being taken up by a node, or before the flash began: the device was not touched.
        Some(pod) if ended_untouched(pod) => {
            let message = format!("the Pod ended before it started: {}", end_words(pod));
            Decision {
                release: Some((Reason::PodNotStarted, message)),
                ..decision
            }
        }
        _ => decision.with(Action::ReadVerdict),
    }
}

fn ended_untouched(pod: &ObservedPod) -> bool {
    pod.ended() && !pod.may_have_run() && (pod.started.is_none() || pod.never_started())
}

/// Why a Pod ended that never started, in the API's own words.
fn end_words(pod: &ObservedPod) -> String {
    let of_container = match &pod.container {
        ContainerSight::Waiting { reason, message } => message.as_ref().or(reason.as_ref()),
        ContainerSight::Running | ContainerSight::Terminated { .. } => None,
    };
    let words = pod.message.as_ref().or(pod.reason.as_ref());
    let words = words.or(of_container);
    words.map_or_else(|| "it was deleted".to_owned(), Clone::clone)
}

pub(super) fn confirm(found: Option<&Found>) -> Decision {
    let decision = Decision::wait(
        DevicePhase::Flashing,
        Reason::Interrupted,
        "the Pod is gone; the API server is being asked",
    );
    if found.is_some() {
        decision
    } else {
        decision.with(Action::ConfirmInterrupted)
    }
}
