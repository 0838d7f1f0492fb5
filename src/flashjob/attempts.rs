//! What to do with one attempt that is known: the table, and the times and gates around it. Pure.
//!
//! Called by `plan` for every attempt of a job, and by the sweep for attempts whose job is gone.

use jiff::{SignedDuration, Timestamp};

use super::{
    ledger::Attempt,
    memory::{Found, Memory, Trouble},
    sight::{Address, ContainerSight, PodSight, ServiceSight},
    table::{JobState, Next, PodState, RecordState, Stored, next},
    verdict::Outcome,
};
use crate::{
    api::{DevicePhase, Reason},
    release::Status,
};

/// Times that bound what an attempt waits for, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a Service may be without an address.
    pub address_seconds: i64,
    /// How long a Pod may take to start.
    pub start_seconds: i64,
    /// How long an address is kept after an interrupted transfer: the device must have stopped dialling.
    pub cool_down_seconds: i64,
    /// How long after its deadline a Pod on a lost node is waited for.
    pub lost_seconds: i64,
    /// How long a pending record of a helm command that is not this process's own is left alone: it may be at work elsewhere.
    pub helm_seconds: i64,
    /// First wait after an attempt was given up; it doubles with every try.
    pub retry_seconds: i64,
}

/// What the job wants of an attempt.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whether the job exists and the attempt is of its round.
    pub job: JobState,
    /// How the attempt ended, where that is stored.
    pub ending: Option<Ending>,
    /// The stored device record says `Flashing`.
    pub was_flashing: bool,
    /// Why the device must not be launched any more, if so: the gates before write 4.
    pub closed: Option<(Reason, String)>,
    /// Why the gates cannot be asked now, if so: the attempt stays as it is.
    pub held: Option<(Reason, String)>,
}

/// A stored ending.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Whether the device was flashed.
    pub succeeded: bool,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// When the verdict was found.
    pub at: Option<Timestamp>,
}

/// What a step does; numbers are those of the eight writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// 2: apply the Service of a recorded attempt.
    ApplyService,
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
    /// 6: ask whether the Pod's node is lost.
    CheckNode,
    /// 8: some of the removals, in this order.
    Remove(Removal),
}

/// The removals of write 8 that are due now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Removal {
    /// DELETE the Pod.
    pub pod: Option<PodRemoval>,
    /// Take the tracking finalizer off the Pod.
    pub untrack: bool,
    /// DELETE the Service.
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
    pub step: Option<Step>,
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
}

impl Decision {
    fn wait(phase: DevicePhase, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            step: None,
            release: None,
            phase,
            reason,
            message: message.into(),
            wake_at: None,
        }
    }

    fn with(mut self, step: Step) -> Self {
        self.step = Some(step);
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
    wish: &Wish,
    memory: &Memory,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let id = &attempt.identity.key.id;
    let phase = phase_of(attempt);
    if attempt.step {
        let (reason, message) = working(attempt);
        return Decision::wait(phase, reason, message);
    }
    if let Some(trouble) = memory.trouble.get(id).filter(|trouble| trouble.until > now) {
        return troubled(attempt, trouble, wish, memory, bounds, now);
    }
    // A Pod that started while it was being given up, or may have on a node that was lost, has a verdict like any other.
    // So is one that vanished before its end was seen: it may have started since it was last seen.
    let vanished = attempt.pod_seen && !attempt.pod_never_ran;
    let started = attempt
        .pod
        .as_ref()
        .map_or(vanished, PodSight::may_have_run);
    if memory.releasing.contains(id) && !started && !memory.lost.contains(id) {
        return release(attempt, wish, bounds, now);
    }
    let found = memory.verdicts.get(id);
    let stored = if wish.ending.is_some() {
        Stored::Final
    } else {
        Stored::None
    };
    let helm = helm_until(attempt, bounds).filter(|until| *until > now);
    let decision = match next(
        pod_state(attempt, memory),
        stored,
        record_state(attempt, wish, helm.is_some()),
        wish.job,
    ) {
        Next::Flashing => flashing(attempt, bounds, now),
        Next::MarkDeployed => Decision::wait(phase, Reason::Flashing, "").with(Step::MarkDeployed),
        Next::ReadVerdict => read_verdict(attempt, found),
        Next::ConfirmInterrupted => confirm(found),
        Next::ReadBack | Next::Finish => finish(attempt, wish, memory, bounds, now),
        Next::AwaitHelm => Decision::wait(
            phase,
            Reason::Reserved,
            "a helm command was cut off; its time-out is awaited",
        ),
        Next::Reserved => reserved(attempt, wish, bounds, now),
        Next::Over => over(attempt, memory),
        Next::NotBegun => left_over(attempt),
    };
    Decision {
        wake_at: decision.wake_at.into_iter().chain(helm).min(),
        ..decision
    }
}

/// Row 10: a Service that no record speaks for any more goes; the device may begin again after that.
fn left_over(attempt: &Attempt) -> Decision {
    let decision = Decision::wait(DevicePhase::Pending, Reason::Queued, "");
    match &attempt.service {
        Some(service) if service.sight.deleting.is_none() => decision.with(Step::Remove(Removal {
            service: true,
            ..Removal::default()
        })),
        _ => decision,
    }
}

/// Where a device with this attempt stands, going by what exists.
fn phase_of(attempt: &Attempt) -> DevicePhase {
    match (&attempt.pod, &attempt.service) {
        (Some(_), _) => DevicePhase::Flashing,
        (None, Some(service)) if service.address == Address::None => DevicePhase::AwaitingAddress,
        (None, _) => DevicePhase::Reserved,
    }
}

fn working(attempt: &Attempt) -> (Reason, &'static str) {
    match &attempt.pod {
        Some(pod) if pod.ended() => (
            Reason::ReadingVerdict,
            "the flash ended; its log is being read",
        ),
        Some(_) => (Reason::Flashing, ""),
        None => (Reason::Reserved, "the release is being written"),
    }
}

fn pod_state(attempt: &Attempt, memory: &Memory) -> PodState {
    match &attempt.pod {
        None => PodState::None,
        Some(pod) if pod.ended() || memory.lost.contains(&attempt.identity.key.id) => {
            PodState::Ended
        }
        Some(_) => PodState::Alive,
    }
}

/// Until when a pending record of helm's is left alone. A helm process of this operator runs inside a step, and nothing is
/// decided while a step runs: this one was started by somebody else, most likely an operator that was killed.
fn helm_until(attempt: &Attempt, bounds: &Bounds) -> Option<Timestamp> {
    let record = attempt
        .record()
        .filter(|record| record.by_helm && record.status.is_pending())?;
    Some(after(record.sight.created, bounds.helm_seconds))
}

fn record_state(attempt: &Attempt, wish: &Wish, live_child: bool) -> RecordState {
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
        Status::Uninstalling | Status::Uninstalled | Status::Unknown => RecordState::Ending,
    }
}

/// Row 1: the flash runs. Only a Pod that has not started is ever given up.
fn flashing(attempt: &Attempt, bounds: &Bounds, now: Timestamp) -> Decision {
    let Some(pod) = &attempt.pod else {
        return Decision::wait(DevicePhase::Flashing, Reason::Flashing, "");
    };
    let (reason, message) = pod_words(pod);
    let decision = Decision::wait(DevicePhase::Flashing, reason, message);
    if !pod.may_have_run() && pod.sight.deleting.is_none() {
        let deadline = after(pod.sight.created, bounds.start_seconds);
        if now < deadline {
            return decision.until(deadline);
        }
        let message = format!(
            "the Pod did not start within {} s: {}",
            bounds.start_seconds, decision.message
        );
        return Decision {
            release: Some((Reason::PodNotStarted, message)),
            ..decision
        };
    }
    await_end(pod, decision, bounds, now)
}

/// Waits for the kubelet to end the Pod; when that is long overdue, its node may be lost.
fn await_end(pod: &PodSight, decision: Decision, bounds: &Bounds, now: Timestamp) -> Decision {
    let from = pod
        .started
        .or(pod.sight.deleting)
        .unwrap_or(pod.sight.created);
    let lost = after(
        from,
        pod.active_deadline_seconds
            .saturating_add(bounds.lost_seconds),
    );
    if now < lost {
        decision.until(lost)
    } else {
        decision.with(Step::CheckNode)
    }
}

/// Why a living Pod is where it is, in the API's own words.
fn pod_words(pod: &PodSight) -> (Reason, String) {
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
fn read_verdict(attempt: &Attempt, found: Option<&Found>) -> Decision {
    let decision = Decision::wait(
        DevicePhase::Flashing,
        Reason::ReadingVerdict,
        "the flash ended; its log is being read",
    );
    if found.is_some() {
        return decision;
    }
    match &attempt.pod {
        // It ended without ever being taken up by a node: the device was not touched.
        Some(pod) if pod.ended() && pod.started.is_none() && !pod.may_have_run() => {
            let words = pod
                .message
                .clone()
                .or_else(|| pod.reason.clone())
                .unwrap_or_else(|| "it was deleted".into());
            Decision {
                release: Some((
                    Reason::PodNotStarted,
                    format!("the Pod ended before it started: {words}"),
                )),
                ..decision
            }
        }
        _ => decision.with(Step::ReadVerdict),
    }
}

fn confirm(found: Option<&Found>) -> Decision {
    let decision = Decision::wait(
        DevicePhase::Flashing,
        Reason::Interrupted,
        "the Pod is gone; the API server is being asked",
    );
    if found.is_some() {
        decision
    } else {
        decision.with(Step::ConfirmInterrupted)
    }
}

/// Row 8: recorded, not started. The gates are asked again; then the Service, its address, the Pod.
fn reserved(attempt: &Attempt, wish: &Wish, bounds: &Bounds, now: Timestamp) -> Decision {
    let phase = phase_of(attempt);
    if let Some((reason, message)) = &wish.closed {
        let decision = Decision::wait(phase, *reason, message.clone());
        return Decision {
            release: Some((*reason, message.clone())),
            ..decision
        };
    }
    let begun = attempt.record().map_or(now, |record| record.sight.created);
    let Some(service) = &attempt.service else {
        return Decision::wait(phase, Reason::Reserved, "the Service is being created")
            .with(Step::ApplyService);
    };
    if service.sight.deleting.is_some() {
        return overdue(
            phase,
            Reason::Reserved,
            "a Service of that name is still being deleted",
            begun,
            bounds,
            now,
        );
    }
    match known_address(attempt).map_or_else(|| service.address.clone(), Address::Ipv4) {
        Address::Ipv4(address) => match &wish.held {
            Some((reason, message)) => Decision::wait(phase, *reason, message.clone()),
            None => Decision::wait(phase, Reason::Reserved, "").with(Step::Launch {
                address: address.clone(),
            }),
        },
        Address::None => overdue(
            phase,
            Reason::AddressPending,
            &address_hint(service),
            begun,
            bounds,
            now,
        ),
        Address::Unusable(what) => {
            let message =
                format!("the load balancer gave {what}: the device needs an IPv4 address");
            overdue(phase, Reason::AddressUnusable, &message, begun, bounds, now)
        }
    }
}

/// The address that the administrator's values or the chart give beforehand: then there is nothing to wait for.
fn known_address(attempt: &Attempt) -> Option<String> {
    let record = &attempt.record()?.stored.as_ref()?.record;
    let given = |values: &serde_json::Value| values.get("externalIP")?.as_str().map(str::to_owned);
    given(&record.config)
        .or_else(|| given(&record.chart.values))
        .filter(|address| !address.is_empty())
}

fn address_hint(service: &ServiceSight) -> String {
    format!("Service {} has no address yet", service.sight.name)
}

/// Row 9: helm failed before there was a Pod. What it left goes, and the device waits before its next try.
fn over(attempt: &Attempt, memory: &Memory) -> Decision {
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

/// Waits until the address is overdue, then gives the attempt up: no attempt is consumed.
fn overdue(
    phase: DevicePhase,
    reason: Reason,
    message: &str,
    begun: Timestamp,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let deadline = after(begun, bounds.address_seconds);
    let decision = Decision::wait(phase, reason, message);
    if now < deadline {
        return decision.until(deadline);
    }
    let message = format!("{message} after {} s", bounds.address_seconds);
    Decision {
        release: Some((reason, message)),
        ..decision
    }
}

/// A write failed lately. What has no Pod is given up once it is overdue, so that it does not hold a slot for ever.
fn troubled(
    attempt: &Attempt,
    trouble: &Trouble,
    wish: &Wish,
    memory: &Memory,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let decision = Decision::wait(phase_of(attempt), trouble.reason, trouble.message.clone())
        .until(trouble.until);
    let begun = attempt.record().map_or(now, |record| record.sight.created);
    let overdue = after(begun, bounds.address_seconds) <= now || wish.closed.is_some();
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

/// Uninstalls an attempt that has no verdict and never will: no flash began.
fn release(attempt: &Attempt, wish: &Wish, bounds: &Bounds, now: Timestamp) -> Decision {
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
        (Some(removal), _) => decision.with(Step::Remove(removal)),
        (None, Some(pod)) => await_end(pod, decision, bounds, now),
        (None, None) => decision,
    }
}

/// Rows 4 and 5.
fn finish(
    attempt: &Attempt,
    wish: &Wish,
    memory: &Memory,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let (phase, reason, message) = match &wish.ending {
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
    let record = keep.map_or(RecordRemoval::Delete, |ending| {
        RecordRemoval::Fail(format!("{}: {}", ending.reason, ending.message))
    });
    let how = if memory.lost.contains(&attempt.identity.key.id) {
        PodRemoval::Lost
    } else {
        PodRemoval::Ended
    };
    let cool_until = wish
        .ending
        .as_ref()
        .and_then(|ending| cool_down(attempt, ending, bounds));
    let cool = cool_until.is_none_or(|until| until <= now);
    let decision = Decision::wait(phase, reason, message);
    let decision = match cool_until.filter(|_| !cool && attempt.service.is_some()) {
        Some(until) => decision.until(until),
        None => decision,
    };
    match removal(attempt, how, record, cool) {
        Some(removal) => decision.with(Step::Remove(removal)),
        None => decision,
    }
}

/// Until when Service and record stay after this ending: a device that was cut off keeps dialling its address. Where the
/// Service admits anybody, no failed device may find another one's flash behind its address.
fn cool_down(attempt: &Attempt, ending: &Ending, bounds: &Bounds) -> Option<Timestamp> {
    let open = attempt
        .service
        .as_ref()
        .is_some_and(|service| !service.restricted);
    let interrupted = matches!(
        ending.reason,
        Reason::Interrupted
            | Reason::DeadlineExceeded
            | Reason::TransferFailed
            | Reason::NodeLost
            | Reason::Evicted
            | Reason::VerdictUnknown
    );
    if ending.succeeded || !(interrupted || open) {
        return None;
    }
    ending.at.map(|at| after(at, bounds.cool_down_seconds))
}

/// The removals that are due. Order: Pod; once it has ended finalizer and Service; the record when both are gone. None if
/// nothing is due.
fn removal(
    attempt: &Attempt,
    how: PodRemoval,
    record: RecordRemoval,
    cool: bool,
) -> Option<Removal> {
    let mut due = Removal::default();
    // Until a Pod has ended it may turn out to have started, and then its end is the verdict.
    let over = how == PodRemoval::Lost || attempt.pod.as_ref().is_none_or(PodSight::ended);
    if let Some(pod) = &attempt.pod {
        due.pod = (pod.sight.deleting.is_none() || (how == PodRemoval::Lost && pod.tracked()))
            .then_some(how);
        due.untrack = over && pod.tracked();
    }
    if let Some(service) = &attempt.service {
        due.service = over && cool && service.sight.deleting.is_none();
    }
    if attempt.pod.is_none() && attempt.service.is_none() {
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

/// Whether a verdict counts as success.
#[must_use]
pub fn succeeded(found: &Found) -> bool {
    matches!(found.verdict.outcome, Outcome::Succeeded)
}

fn after(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
