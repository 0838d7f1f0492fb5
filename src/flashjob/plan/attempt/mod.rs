//! What to do with one attempt that is known: the table, and the times and gates around it. Pure.
//!
//! Called by `plan` for every attempt of a job, and by the sweep for attempts whose job is gone.

pub mod adoption;
mod columns;
pub(super) mod finish;
mod flashing;
pub(crate) mod numbering;
mod reserved;
pub mod retry;
pub mod state_machine;

use crate::flashjob::observe::{bounds::Bounds, stored::Stage};
use jiff::Timestamp;

use self::{
    columns::{helm_until, pod_state, record_state},
    finish::{finish, is_history, left_over, over, release, uninstalled},
    flashing::{confirm, flashing, held, read_verdict},
    reserved::reserved,
};
use crate::api::{DevicePhase, Reason};
use crate::flashjob::{
    observe::{
        ledger::Attempt,
        memory::{Memory, Trouble},
        objects::{Address, ObservedPod},
        waits::{Deadlines, Now, Waits},
    },
    plan::attempt::state_machine::{JobState, Next, Stored, next},
};
use crate::seam::{Bug, planted};

/// What the job wants of an attempt.
#[derive(Clone, Debug)]
pub struct AttemptGoal {
    /// Whether the job exists and the attempt is of its round.
    pub job: JobState,
    /// How the attempt ended, where that is stored.
    pub ending: Option<StoredVerdict>,
    /// The stored device record says `Flashing`.
    pub was_flashing: bool,
    /// Why the device must not be launched any more, if so: the gates before write 4.
    pub closed: Option<(Reason, String)>,
    /// Why the gates cannot be asked now, if so: the attempt stays as it is.
    pub held: Option<(Reason, String)>,
    /// Objects of the original operator may be taken over: it is known in which round they count.
    pub adopts: bool,
}

/// A verdict that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVerdict {
    /// Whether the device was flashed.
    pub succeeded: bool,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// When the verdict was found.
    pub at: Option<Timestamp>,
    /// What follows it.
    pub stage: Stage,
}

/// What is done to an attempt; numbers are those of the nine writes.
#[derive(Clone, Debug, PartialEq, strum::IntoStaticStr)]
pub enum Action {
    /// Takes over the original operator's Pod and Service.
    Adopt,
    /// 2: apply the Service of a recorded attempt.
    ApplyService,
    /// Put the tracking finalizer on a Service that was born without it: no Pod starts before its address is kept.
    HoldService,
    /// 4 and 5: create the Pod with this address, and say so in the record.
    Launch {
        /// IPv4 address of the Service.
        address: String,
    },
    /// 5: the record says that the Pod was launched.
    MarkDeployed,
    /// 6: read the ended Pod's state and log.
    ReadVerdict,
    /// 6: a Pod once was and is not seen: ask the API server itself.
    ConfirmInterrupted,
    /// 6: a Pod most likely never was: ask the API server itself.
    ConfirmUnlaunched,
    /// 6: ask whether the Pod's node is lost.
    CheckNode,
    /// 8: some of the removals, in this order.
    Remove(Removal),
}

impl Action {
    /// Its name in the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// The removals of write 8 that are due now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Removal {
    /// DELETE the Pod.
    pub pod: Option<PodRemoval>,
    /// Take the tracking finalizer off the Pod.
    pub untrack: bool,
    /// Take the tracking finalizer off the Service: its address may be given to others.
    pub free: bool,
    /// DELETE the Service, or give that of a pool back.
    pub service: bool,
    /// What becomes of the record.
    pub record: RecordRemoval,
}

/// How a Pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodRemoval {
    /// It has ended.
    Ended,
    /// It must not have started: refused by the API server if it changed since.
    Unstarted,
    /// Its node is lost: no grace.
    Lost,
}

/// What becomes of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RecordRemoval {
    /// Nothing yet.
    #[default]
    Keep,
    /// It goes.
    Delete,
    /// It stays as `failed`, with this description.
    Fail(String),
}

/// The decision about one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do, if anything.
    pub action: Option<Action>,
    /// The attempt is given up without a verdict, for this reason; no flash began.
    pub release: Option<(Reason, String)>,
    /// Where the device stands.
    pub phase: DevicePhase,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
    /// Until when its address is kept though it has ended: the device may still be dialling it.
    pub cools_until: Option<Timestamp>,
}

impl Decision {
    pub(crate) fn wait(phase: DevicePhase, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            action: None,
            release: None,
            phase,
            reason,
            message: message.into(),
            wake_at: None,
            cools_until: None,
        }
    }

    pub(crate) fn with(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    fn until(mut self, at: Timestamp) -> Self {
        self.wake_at = Some(at);
        self
    }
}

/// Decides about one attempt.
#[must_use]
pub fn decide(
    attempt: &Attempt,
    wish: &AttemptGoal,
    memory: &Memory,
    bounds: &Bounds,
    now: Now,
) -> Decision {
    let id = &attempt.identity.key.id;
    let waits = memory.waits.get(id);
    let waits = Waits::of(attempt, wish.ending.is_some(), waits, now.steady);
    let until = &Deadlines::new(bounds, now, waits);
    let now = now.wall;
    // As long as its verdict is not stored, the stored phase is all that a next leader has of a flash that vanished.
    let giving_up = memory.releasing.contains(id);
    let phase = if wish.ending.is_none() && !giving_up && has_vanished(attempt, wish) {
        DevicePhase::Flashing
    } else {
        phase_of(attempt)
    };
    if attempt.acting {
        let (reason, message) = working(attempt, phase);
        return Decision::wait(phase, reason, message);
    }
    // An attempt of which history alone is left has no write to repeat: its last one was carried out, though the answer was lost.
    let history = wish.ending.is_none() && wish.job == JobState::Exists && is_history(attempt);
    let trouble = memory.trouble.get(id);
    if let Some(trouble) = trouble.filter(|trouble| trouble.until > now && !history) {
        let decision = troubled(attempt, trouble, wish, memory, until);
        return Decision { phase, ..decision };
    }
    if let Some(decision) = adoption::decide(attempt, wish) {
        return decision;
    }
    // A Pod that started while it was being given up, or may have on a node that was lost, has a verdict like any other.
    // So is one that vanished before its end was seen: it may have started since it was last seen.
    let vanished = attempt.pod_seen && !attempt.pod_never_ran;
    let started = attempt
        .pod
        .as_ref()
        .map_or(vanished, ObservedPod::may_have_run);
    if giving_up && !started && !memory.lost.contains(id) {
        return release(attempt, wish, until);
    }
    if history {
        return Decision::wait(DevicePhase::Pending, Reason::Queued, "");
    }
    let found = memory.verdicts.get(id);
    let stored = match wish.ending.as_ref().map(|ending| ending.stage) {
        None if found.is_some() && planted(Bug::RemoveBeforeStoring) => Stored::Final,
        None => Stored::None,
        Some(Stage::Verifying) => Stored::Verifying,
        Some(Stage::Final | Stage::Retried) => Stored::Final,
    };
    let helm = helm_until(attempt, until).filter(|until| *until > now);
    let decision = match next(
        pod_state(attempt, memory),
        stored,
        record_state(attempt, wish, helm.is_some()),
        wish.job,
    ) {
        Next::Flashing => held(flashing(attempt, until), attempt, wish),
        // A revision that a person is writing with helm is theirs to end.
        Next::MarkDeployed if attempt.record().is_some_and(|record| record.foreign) => {
            flashing(attempt, until)
        }
        Next::MarkDeployed => {
            Decision::wait(phase, Reason::Flashing, "").with(Action::MarkDeployed)
        }
        Next::ReadVerdict => read_verdict(attempt, found),
        Next::ConfirmInterrupted => confirm(found),
        Next::ConfirmUnlaunched if memory.unlaunched.contains(id) => uninstalled(attempt),
        Next::ConfirmUnlaunched => Decision::wait(
            phase,
            Reason::Uninstalled,
            "somebody uninstalled its release; the API server is being asked for its Pod",
        )
        .with(Action::ConfirmUnlaunched),
        Next::ReadBack | Next::Finish => finish(attempt, wish, memory, until),
        Next::AwaitHelm => Decision::wait(
            phase,
            Reason::Reserved,
            "a helm command was cut off; its time-out is awaited",
        ),
        Next::Reserved => reserved(attempt, wish, until),
        Next::Over => over(attempt, memory),
        Next::NotBegun => left_over(attempt),
    };
    Decision {
        wake_at: decision.wake_at.into_iter().chain(helm).min(),
        ..decision
    }
}

/// Where a device with this attempt stands, going by what exists.
pub(crate) fn phase_of(attempt: &Attempt) -> DevicePhase {
    match (&attempt.pod, &attempt.service) {
        (Some(_), _) => DevicePhase::Flashing,
        (None, Some(service))
            if service.address == Address::None && attempt.given_address().is_none() =>
        {
            DevicePhase::AwaitingAddress
        }
        (None, _) => DevicePhase::Reserved,
    }
}

/// Whether a Pod once was, may have started, and is not seen.
fn has_vanished(attempt: &Attempt, wish: &AttemptGoal) -> bool {
    attempt.pod.is_none() && !attempt.pod_never_ran && (attempt.pod_seen || wish.was_flashing)
}

fn working(attempt: &Attempt, phase: DevicePhase) -> (Reason, &'static str) {
    match &attempt.pod {
        Some(pod) if pod.ended() => (
            Reason::ReadingVerdict,
            "the flash ended; its log is being read",
        ),
        Some(_) => (Reason::Flashing, ""),
        None if phase == DevicePhase::Flashing => (
            Reason::Interrupted,
            "the Pod is gone; the API server is being asked",
        ),
        None => (Reason::Reserved, "the release is being written"),
    }
}

/// A write failed lately. What has no Pod is given up once it is overdue, so that it does not hold a slot for ever.
fn troubled(
    attempt: &Attempt,
    trouble: &Trouble,
    wish: &AttemptGoal,
    memory: &Memory,
    until: &Deadlines<'_>,
) -> Decision {
    let decision = Decision::wait(phase_of(attempt), trouble.reason, trouble.message.clone())
        .until(trouble.until);
    let overdue = until.is_over(until.address()) || wish.closed.is_some();
    let launched = attempt.pod_seen || wish.was_flashing;
    let unlaunched = !launched && attempt.record().is_some_and(|record| !record.has_pod);
    // What is being given up already only waits for its next try.
    let open = wish.ending.is_none() && !memory.releasing.contains(&attempt.identity.key.id);
    if unlaunched && open && overdue {
        return Decision {
            release: Some((trouble.reason, trouble.message.clone())),
            ..decision
        };
    }
    decision
}

#[cfg(test)]
mod tests;
