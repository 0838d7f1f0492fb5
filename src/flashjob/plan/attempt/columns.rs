//! What the table is asked with: the state of an attempt's Pod and of its record, going by what exists and what is remembered. Pure.
//!
//! Called by `decide`.

use jiff::Timestamp;

use super::AttemptGoal;
use crate::flashjob::{
    observe::{ledger::Attempt, memory::Memory, waits::Deadlines},
    plan::attempt::state_machine::{PodState, RecordState},
};
use helm_release::Status;

pub(super) fn pod_state(attempt: &Attempt, memory: &Memory) -> PodState {
    match &attempt.pod {
        None => PodState::None,
        Some(pod) if pod.ended() || memory.lost.contains(&attempt.identity.key.id) => {
            PodState::Ended
        }
        Some(_) => PodState::Alive,
    }
}

/// Until when a pending record of helm's is left alone. A helm process of this operator runs inside an action, and nothing is
/// decided while an action runs: this one was started by somebody else, most likely an operator that was killed.
pub(super) fn helm_until(attempt: &Attempt, until: &Deadlines<'_>) -> Option<Timestamp> {
    attempt
        .record()
        .filter(|record| record.by_helm && record.status.is_pending())
        .map(|_| until.helm())
}

pub(super) fn record_state(attempt: &Attempt, wish: &AttemptGoal, live_child: bool) -> RecordState {
    let launched = wish.was_flashing || attempt.pod_seen;
    let Some(record) = attempt.record() else {
        return RecordState::None {
            was_flashing: launched,
        };
    };
    match record.status {
        // Its Pod was seen, so it was launched, whether or not write 5 came to say so: it is not launched again.
        status if status.is_pending() && launched && attempt.pod.is_none() => {
            RecordState::Deployed { pod: true }
        }
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback => {
            RecordState::Pending { live_child }
        }
        Status::Deployed => RecordState::Deployed {
            pod: record.has_pod,
        },
        Status::Failed => RecordState::Failed {
            pod: record.has_pod,
        },
        Status::Superseded => RecordState::Superseded,
        Status::Uninstalling | Status::Uninstalled | Status::Unknown => RecordState::Ending {
            pod: record.has_pod || launched,
        },
    }
}
