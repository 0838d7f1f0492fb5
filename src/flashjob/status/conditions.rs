//! What is said of the job as a whole: counts, phase, conditions and words, from its tally and what keeps it from going on. Pure.
//!
//! Called by `compose` and `open_round`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{count, draining::draining, firmware};
use crate::flashjob::status::{
    counts::Tally,
    phase::{End, JobVerdict, judge},
};
use crate::{
    api::{ConditionType, Counts, FlashJobStatus, Phase, Reason, Refusal, conditions},
    display,
    flashjob::{
        observe::{Observed, pruned},
        plan::{
            rollout::{
                hold::Hold,
                pace::{Pace, approval_for_other_round},
            },
            select_devices,
        },
        spec::job::Job,
    },
};

/// What keeps the whole job from going on.
pub(super) fn trouble(observed: &Observed<'_>) -> Option<Refusal> {
    let refusal = |reason, message: String| Some(Refusal { reason, message });
    if let Err(error) = &observed.job.spec {
        let message = format!(
            "spec cannot be read: {error}; edit it with: kubectl edit flashjob {}",
            observed.job.name
        );
        return refusal(Reason::InvalidSpec, message);
    }
    if let Some(message) = &observed.job.invalid {
        return refusal(Reason::InvalidSpec, message.clone());
    }
    if let Some(found) = &observed.job.tampered {
        return refusal(Reason::SelectionLost, tampered(observed.job, found));
    }
    if let Some(refused) = select_devices::refusal(observed.job) {
        return Some(refused);
    }
    if let Some(refused) = firmware::refusal(observed) {
        return Some(refused);
    }
    let refused = observed.memory.values_refusal().cloned();
    // What was found wrong with the values was found under the class as it was then; a selection that is lost stays so.
    let of_class = observed.terms.refusal.clone();
    let lost = |refused: &Refusal| refused.reason == Reason::SelectionLost;
    if let Some(refusal) = refused.clone().filter(lost).or(of_class).or(refused) {
        return Some(refusal);
    }
    if let Some(chart) = &observed.world.chart {
        return Some(chart.clone());
    }
    if !observed.world.akri_installed {
        let message = "the cluster has no kind instances.akri.sh: install Akri; the job begins when it appears";
        return refusal(Reason::AkriNotInstalled, message.to_owned());
    }
    if let Some(outdated) = pruned::refusal(observed.memory) {
        return Some(outdated);
    }
    if observed.memory.too_large {
        return refusal(
            Reason::StatusTooLarge,
            "the status does not fit into the object: use fewer devices a job".into(),
        );
    }
    let suspended = observed.terms.suspended.clone();
    suspended.and_then(|message| refusal(Reason::ClassSuspended, message))
}

/// What is said of a status that somebody else edited.
fn tampered(job: &Job, found: &str) -> String {
    let Job {
        name, namespace, ..
    } = job;
    format!(
        "{found}: somebody edited the status; nothing new starts and nothing of it is overwritten; put back what it said, or \
         select anew: kubectl delete flashjob {name} -n {namespace}, and apply it again"
    )
}

/// Counts, phase, conditions and words, from the tally.
pub(super) fn describe(
    status: &mut FlashJobStatus,
    job: &Job,
    tally: &Tally,
    trouble: Option<Refusal>,
    pace: &Pace,
    now: Timestamp,
) {
    status.counts = Some(Counts {
        selected: count(tally.selected),
        pending: count(tally.pending()),
        in_flight: count(tally.in_flight),
        verifying: count(tally.verifying),
        waiting: count(tally.waiting),
        succeeded: count(tally.succeeded),
        failed: count(tally.failed),
        skipped: count(tally.skipped),
    });
    status.progress = Some(format!("{}/{}", tally.finals(), tally.selected));
    let verdict = judge(job, status, tally, trouble, pace);
    status.reason = Some(verdict.reason.into());
    let message = display::prose(&verdict.message, display::MESSAGE);
    status.message = Some(message.into_owned());
    let phase = match verdict.end {
        Some(End::Complete) => Phase::Completed,
        Some(End::Failed) => Phase::Failed,
        // A device that is read back is still worked on.
        None if tally.in_flight + tally.verifying > 0 => Phase::Running,
        None if was_running(job) && verdict.goes_on() => Phase::Running,
        None => Phase::InProgress,
    };
    status.phase = Some(phase.into());
    status.completion_time = match (&verdict.end, status.completion_time.take()) {
        (None, _) => None,
        (Some(_), Some(time)) => Some(time),
        (Some(_), None) => Some(Time(now)),
    };
    let ignored = ignored_approval(job, pace);
    set_conditions(status, job, (&verdict, ignored), tally, now);
}

/// Whether the stored status says so of this round.
fn was_running(job: &Job) -> bool {
    job.round_is_current() && job.status.phase.as_deref() == Some(Phase::Running.as_str())
}

/// Somebody's approval that does not count, and why.
fn ignored_approval(job: &Job, pace: &Pace) -> Option<(Reason, String)> {
    let other = approval_for_other_round(job);
    let other = other.map(|message| (Reason::ApprovalForOtherRound, message));
    let lack = pace.lack.as_ref().filter(|lack| lack.refused);
    let requester = lack.map(|lack| (Reason::ApprovalByRequester, lack.words.clone()));
    other.or(requester)
}

fn set_conditions(
    status: &mut FlashJobStatus,
    job: &Job,
    (verdict, ignored): (&JobVerdict, Option<(Reason, String)>),
    tally: &Tally,
    now: Timestamp,
) {
    let complete = verdict.end == Some(End::Complete);
    let failed = verdict.end == Some(End::Failed);
    let words = || (verdict.reason, verdict.message.clone());
    let accepted = match (verdict.accepted, ignored) {
        (true, None) => (Reason::SpecAccepted, String::new()),
        (true, Some(said)) => said,
        (false, _) => words(),
    };
    let draining = if job.deleting {
        draining(job, status, tally)
    } else {
        (Reason::NotRequested, String::new())
    };
    // kstatus, by which Flux and Helm wait, knows no condition Failed: what has failed for good needs somebody, too.
    let needs_help = verdict.stalled || failed;
    let stalled = if needs_help {
        words()
    } else {
        (Reason::Healthy, String::new())
    };
    // Whatever else keeps the job from starting devices.
    let by_class = verdict.reason == Reason::ClassSuspended;
    let suspended = (job.suspended() || by_class) && verdict.end.is_none();
    let suspended_words = if by_class {
        words()
    } else if suspended {
        (Reason::Suspended, Hold::suspended(job).message)
    } else {
        (Reason::NotRequested, String::new())
    };
    let stopped = status.stop.is_some();
    let open = || (Reason::NotFinished, String::new());
    let set = [
        (ConditionType::Accepted, verdict.accepted, accepted),
        (ConditionType::Ready, complete, words()),
        (ConditionType::Suspended, suspended, suspended_words),
        (ConditionType::Draining, job.deleting, draining),
        (
            ConditionType::FailureTarget,
            failed || stopped,
            if failed || stopped {
                words()
            } else {
                (Reason::Healthy, String::new())
            },
        ),
        (
            ConditionType::Complete,
            complete,
            if complete { words() } else { open() },
        ),
        (
            ConditionType::Failed,
            failed,
            if failed { words() } else { open() },
        ),
        (
            ConditionType::Finished,
            verdict.end.is_some(),
            if verdict.end.is_some() {
                words()
            } else {
                open()
            },
        ),
        (ConditionType::Stalled, needs_help, stalled),
    ];
    for (kind, holds, (reason, message)) in set {
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
}
