//! What the plan makes of one attempt that is known: its action, whether it is given up, and what is said of its device. Pure.
//!
//! Called by `plan` for every attempt of the job.

use std::collections::BTreeMap;

use helm_release::Status;
use jiff::{SignedDuration, Timestamp};

use super::{Cooling, DeviceView, Plan, gates::wish};
use crate::flashjob::observe::Observed;
use crate::{
    api::{DevicePhase, Reason},
    flash_pod::intent::release_name,
    flashjob::{
        observe::{
            bounds::Bounds,
            ledger::Attempt,
            memory::Waiting,
            objects::{AttemptKey, Identity},
            stored::Stage,
            waits::{Now, Waits},
        },
        plan::{
            addresses::{self, AddressNews},
            attempt::{Decision, adoption, decide, finish::is_history},
            rollout::pace::Pace,
        },
    },
};

/// Longest wait between two tries.
const MAX_BACKOFF_SECONDS: i64 = 600;

pub(super) fn plan_attempt(
    observed: &Observed<'_>,
    key: &AttemptKey,
    attempt: &Attempt,
    now: Now,
    active: &mut BTreeMap<usize, AttemptKey>,
    plan: &mut Plan,
) {
    let index = index_of(observed, attempt);
    if index.is_some_and(|index| is_over(observed, attempt, index)) {
        return;
    }
    let wish = wish(observed, &plan.pace, attempt, index);
    let bounds = bounds(observed);
    let decision = decide(attempt, &wish, observed.memory, &bounds, now);
    if attempt.locks() || attempt.holds_slot() {
        let known = observed.memory.waits.get(&key.id);
        let waits = Waits::of(attempt, wish.ending.is_some(), known, now.steady);
        plan.waits.push((key.id.clone(), waits));
    }
    let now = now.wall;
    // A failed attempt that another one follows stays as a record: the device may begin again once it holds nothing.
    let retried = wish
        .ending
        .as_ref()
        .is_some_and(|ending| ending.stage == Stage::Retried);
    let over = decision.action.is_none()
        && (decision.phase == DevicePhase::Pending || (retried && !attempt.holds_slot()));
    if let Some(index) = index.filter(|_| !over) {
        active.insert(index, key.clone());
    }
    plan.wake(decision.wake_at);
    if let Some(until) = decision.cools_until {
        plan.cooling = Some(Cooling::and(plan.cooling, until));
    }
    if let Some(action) = &decision.action {
        plan.actions
            .push((attempt.identity.clone(), action.clone()));
    }
    if let Some((reason, message)) = &decision.release {
        let waiting = next_wait(observed, index, *reason, message.clone(), now);
        let waiting = unless_paced(&plan.pace, index, waiting, now);
        plan.release.push((key.clone(), index, waiting));
    }
    // An attempt that is being given up releases its Service itself.
    if wish.ending.is_none() && !observed.memory.releasing.contains(&key.id) {
        plan.address_news.extend(address_news(attempt, index));
    }
    if !over && wish.ending.is_none() {
        if let (Some(index), Some(version)) = (index, attempt.from_version()) {
            plan.from_versions.insert(index, version.to_owned());
        }
        plan.views.push(view(observed, attempt, index, decision));
    }
}

/// Whether the device failed for good and all that is left of the attempt is what `helm history` shows: nothing follows from it as long as the
/// job is there, and a large one has thousands of them.
fn is_over(observed: &Observed<'_>, attempt: &Attempt, index: usize) -> bool {
    let job = observed.job;
    let finals = &job.finals;
    let failed = finals.failed.contains(index)
        && !finals.succeeded.contains(index)
        && !finals.skipped.contains(index);
    let stays = !job.deleting && (job.spec.is_err() || observed.round_is_current());
    let is_given_up = observed.memory.releasing.contains(&attempt.identity.key.id);
    // helm may have marked it superseded: it is marked failed again.
    let is_failed = attempt
        .record()
        .is_some_and(|newest| newest.status == Status::Failed);
    failed && stays && is_failed && !attempt.acting && !is_given_up && is_history(attempt)
}

fn address_news(attempt: &Attempt, index: Option<usize>) -> Option<AddressNews> {
    let (reason, message) = addresses::lost(attempt)?;
    let Identity { key, uuid, .. } = &attempt.identity;
    Some(AddressNews {
        id: key.id.clone(),
        index,
        uuid: uuid.clone(),
        reason,
        message,
    })
}

/// The operator's bounds of waiting, with what the class says otherwise.
fn bounds(observed: &Observed<'_>) -> Bounds {
    Bounds {
        address_seconds: observed.effective().address_timeout_seconds,
        ..observed.world.bounds
    }
}

fn index_of(observed: &Observed<'_>, attempt: &Attempt) -> Option<usize> {
    let roster = observed.roster?;
    let current = observed.job.status.round.as_ref()?.number;
    (attempt.identity.round == current && roster.round == current)
        .then(|| roster.index_of(&attempt.identity.uuid))
        .flatten()
}

fn view(
    observed: &Observed<'_>,
    attempt: &Attempt,
    index: Option<usize>,
    decision: Decision,
) -> DeviceView {
    let decision = with_original(attempt, with_foreign(observed, attempt, decision));
    DeviceView {
        index,
        uuid: attempt.identity.uuid.clone(),
        endpoint: attempt.identity.endpoint.clone(),
        pod: pod_name(attempt, decision.phase),
        phase: decision.phase,
        reason: decision.reason,
        message: decision.message,
        since: begun(attempt),
    }
}

/// Name of the Pod of an attempt that flashes. A Pod that vanished is named, too: by that name a next leader knows that this
/// very attempt was launched.
fn pod_name(attempt: &Attempt, phase: DevicePhase) -> Option<String> {
    let seen = attempt.pod.as_ref().map(|pod| pod.sight.name.clone());
    let vanished = || {
        let release = release_name(&attempt.identity.uuid).ok()?;
        Some(format!("{release}-{}", attempt.identity.key.id))
    };
    let vanished = || adoption::pod_of(&attempt.identity).or_else(vanished);
    seen.or_else(|| vanished().filter(|_| phase == DevicePhase::Flashing))
}

/// Somebody else wrote the release: said as long as the flash runs. Its Pod still gives its verdict to its attempt.
fn with_foreign(observed: &Observed<'_>, attempt: &Attempt, decision: Decision) -> Decision {
    if decision.reason != Reason::Flashing {
        return decision;
    }
    let altered = attempt.records.values().rev().find(|record| record.foreign);
    let altered = altered.map(|record| record.sight.name.as_str());
    let Identity {
        namespace, uuid, ..
    } = &attempt.identity;
    let release = release_name(uuid).unwrap_or_default();
    let mut others = observed.ledger.unsealed.of_release(namespace, &release);
    let Some(name) = others.next().map(|other| other.name.as_str()).or(altered) else {
        return decision;
    };
    let message = format!(
        "{name} was not written by the operator: a helm upgrade or rollback by hand; the Pod's own end decides"
    );
    Decision {
        reason: Reason::ForeignRevision,
        message,
        ..decision
    }
}

/// The original operator started the Pod: said as long as it runs.
fn with_original(attempt: &Attempt, decision: Decision) -> Decision {
    let pod = attempt.pod.as_ref().map(|pod| &pod.sight.name);
    let original = adoption::pod_of(&attempt.identity);
    match pod.filter(|pod| Some(*pod) == original.as_ref()) {
        Some(pod) if decision.reason == Reason::Flashing => Decision {
            reason: Reason::Adopted,
            message: adoption::said(pod),
            ..decision
        },
        _ => decision,
    }
}

/// When an attempt began: its record may have been deleted by hand since.
fn begun(attempt: &Attempt) -> Option<Timestamp> {
    let record = attempt.record().map(|record| record.sight.created);
    let service = || {
        attempt
            .service
            .as_ref()
            .map(|service| service.sight.created)
    };
    let pod = || attempt.pod.as_ref().map(|pod| pod.sight.created);
    record.or_else(service).or_else(pod)
}

/// A device that was stopped by the pace of its job or a limit waits for that alone, and has lost no try.
fn unless_paced(pace: &Pace, index: Option<usize>, waiting: Waiting, now: Timestamp) -> Waiting {
    let hold = index.and_then(|index| pace.closed(index));
    let paced = hold.is_some_and(|hold| hold.reason == waiting.reason);
    if !paced && waiting.reason != Reason::GroupFull {
        return waiting;
    }
    Waiting {
        until: now,
        tries: waiting.tries - 1,
        ..waiting
    }
}

fn next_wait(
    observed: &Observed<'_>,
    index: Option<usize>,
    reason: Reason,
    message: String,
    now: Timestamp,
) -> Waiting {
    let tries = index
        .and_then(|index| observed.memory.waiting.get(&index))
        .map_or(0, |waiting| waiting.tries)
        + 1;
    let seconds =
        (observed.world.bounds.retry_seconds << (tries - 1).min(10)).min(MAX_BACKOFF_SECONDS);
    let until = now
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(now);
    Waiting {
        reason,
        message,
        until,
        tries,
    }
}
