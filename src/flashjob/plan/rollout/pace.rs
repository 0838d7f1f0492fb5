//! How far a job may go now: which devices may start, why others wait, and whether the job has to stop. Pure.
//!
//! Called by `plan` once a pass. Devices start only under what the stored status says: a step begins, and a step that was
//! edited counts, once the status says so. A stop counts at once.

use crate::flashclass::ClassPace;

use jiff::Timestamp;

use super::{
    approvals::{self, Approvals, Lack},
    hold::Hold,
    members::Members,
    steps::{self, Advance},
};
use crate::flashjob::{
    plan::rollout::{
        failure_limits::{self, Failures, StepFailures},
        start_times,
        step_layout::Ladder,
    },
    spec::{
        stamps::Stamps,
        step_state::{number_of, parse_id, state_of},
        steps as spec_steps, windows,
    },
};
use crate::{
    api::{Approval, Decision, FlashJobSpec, Reason, Refusal, StepState, StepStatus, StopStatus},
    flashjob::{
        observe::{Observed, stored},
        spec::{
            intervals::Intervals,
            job::{Finals, Job},
        },
        verdict::Outcome,
    },
};

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Why nothing of the job starts, if so.
    pub hold: Option<Hold>,
    /// Why the devices wait whose step has not begun.
    pub beyond: Option<Hold>,
    /// Why the devices wait whose turn it is, where limits of the class on what they share keep all of them from starting, or
    /// others hold every slot of the operator.
    pub crowd: Option<Hold>,
    /// Indexes that may start; none where all may.
    reach: Option<Intervals>,
    /// Devices that are neither final nor begun.
    pub unstarted: usize,
    /// The step that the round has reached, as it should be stored.
    pub step: Option<StepStatus>,
    /// What that step still lacks that waits for approval, where a class asks.
    pub lack: Option<Lack>,
    /// Why the round has stopped, as it should be stored.
    pub stop: Option<StopStatus>,
    /// Why the spec's order and pace cannot be carried out.
    pub refusal: Option<Refusal>,
    /// Whether a device that fails may stop the job.
    pub counts_failures: bool,
    /// When any of this changes by itself.
    pub wake_at: Option<Timestamp>,
}

impl Pace {
    /// Why the device at this index may not start now, if so: asked before its first write, and again right before its Pod.
    #[must_use]
    pub fn closed(&self, index: usize) -> Option<&Hold> {
        let within = |reach: &Intervals| reach.contains(index);
        let beyond = self.beyond.as_ref();
        let beyond = beyond.filter(|_| !self.reach.as_ref().is_none_or(within));
        self.hold.as_ref().or(beyond)
    }

    /// Those of the devices at these indexes that may start now.
    #[must_use]
    pub fn reachable(&self, indexes: &Intervals) -> Intervals {
        match (&self.hold, &self.beyond, &self.reach) {
            (Some(_), _, _) => Intervals::default(),
            (None, Some(_), Some(reach)) => indexes.intersection(reach),
            (None, _, _) => indexes.clone(),
        }
    }

    /// What the job as a whole waits for, while devices are left to start: one reason, the one that ends last.
    #[must_use]
    pub fn waits_for(&self) -> Option<&Hold> {
        let suspended = |hold: &&Hold| hold.reason == Reason::Suspended;
        if self.unstarted == 0 {
            return self.hold.as_ref().filter(suspended);
        }
        let step = self
            .beyond
            .as_ref()
            .filter(|hold| hold.reason != Reason::StepNotReached);
        self.hold
            .as_ref()
            .filter(suspended)
            .or(step)
            .or(self.hold.as_ref())
            .or(self.crowd.as_ref())
    }

    /// What the job asks for cannot be carried out; what was found first stays.
    pub(super) fn refuse(&mut self, reason: Reason, message: String) {
        self.refusal.get_or_insert(Refusal { reason, message });
    }

    /// Looks again at this time, if it is to come.
    pub(super) fn wake(&mut self, at: Option<Timestamp>, now: Timestamp) {
        let times = self.wake_at.into_iter().chain(at.filter(|at| *at > now));
        self.wake_at = times.min();
    }
}

/// Finds out how far a job may go now, with these devices final.
#[must_use]
pub fn pace(
    observed: &Observed<'_>,
    finals: &Finals,
    class: &ClassPace<'_>,
    now: Timestamp,
) -> Pace {
    let job = observed.job;
    let (Ok(spec), Some(round)) = (&job.spec, &job.status.round) else {
        return Pace::default();
    };
    let of_round = observed
        .roster
        .is_some_and(|roster| roster.round == round.number);
    if !of_round || !observed.round_is_current() || job.invalid.is_some() {
        return Pace::default();
    }
    let members = Members::of(observed, finals);
    let stored = job.status.step.as_ref();
    let by = By {
        spec,
        class,
        job,
        round: round.number,
        stored: stored.filter(|step| parse_id(&step.id).is_some_and(|(of, _)| of == round.number)),
        ladder: Ladder::new(&spec.steps, members.selected(), class.steps),
        members,
        stamps: Stamps::of(job, observed.world.stamping),
        deadline: deadline(observed),
        now,
    };
    let mut pace = Pace {
        unstarted: by.members.unstarted(),
        counts_failures: spec.max_failed_devices.is_some() || !by.ladder.is_empty(),
        refusal: by.refusal(),
        stop: by.stop(),
        ..Pace::default()
    };
    by.walk(&mut pace);
    by.limit(&mut pace);
    start_times::keep(&mut pace, spec, class, by.deadline, now);
    pace.hold = first_hold(job, spec, &pace).or(pace.hold);
    pace
}

/// Whether a failure was found that is not stored yet: it may be the one that stops the job, so nothing starts before it counts.
#[must_use]
pub fn is_counting(observed: &Observed<'_>) -> bool {
    let fails = |outcome| matches!(outcome, Outcome::Failed | Outcome::Unknown);
    let job = observed.job;
    observed.memory.verdicts.iter().any(|(id, found)| {
        let open = found.index.is_some_and(|index| {
            !job.finals.contains(index) && stored::stage(job, index, id).is_none()
        });
        open && fails(found.verdict.outcome)
    })
}

fn deadline(observed: &Observed<'_>) -> i64 {
    let effective = observed.effective();
    effective.active_deadline_seconds_per_device
}

/// What a pace is made from.
struct By<'a> {
    job: &'a Job,
    spec: &'a FlashJobSpec,
    class: &'a ClassPace<'a>,
    round: i64,
    /// The step of this round, as it is stored.
    stored: Option<&'a StepStatus>,
    members: Members,
    ladder: Ladder,
    /// Who asked and who approved, or why nobody knows.
    stamps: Result<Stamps, &'static str>,
    /// Seconds that a device may take.
    deadline: i64,
    now: Timestamp,
}

impl By<'_> {
    /// What in the spec cannot be carried out over this selection, or not any more.
    fn refusal(&self) -> Option<Refusal> {
        let refusal = |reason, message| Refusal { reason, message };
        let own = self.ladder.own(self.stored.map_or(1, number_of));
        let started = self.members.any_begun(&own);
        let lead = self.ladder.lead();
        if let Err(message) = spec_steps::check_edits(&self.spec.steps, self.stored, lead, started)
        {
            return Some(refusal(Reason::StepAlreadyStarted, message));
        }
        let selected = self.members.selected();
        if !self.members.any_begun(&(0..selected))
            && let Err(message) = spec_steps::check_growth(&self.spec.steps, selected)
        {
            return Some(refusal(Reason::InvalidSpec, message));
        }
        let own = ("spec.windows", self.spec.windows.as_slice());
        let of_class = self.class.windows.iter();
        let of_class = of_class.map(|list| ("windows of the class", *list));
        std::iter::once(own).chain(of_class).find_map(|(list, windows)| {
            let (index, text) = windows::too_short(windows, self.deadline)?;
            let message = format!(
                "{list}[{index}]: {text}; widen it, or lower spec.activeDeadlineSecondsPerDevice"
            );
            Some(refusal(Reason::WindowTooShort, message))
        })
    }

    /// What somebody decided against a step of this round.
    fn denial(&self) -> Option<&Approval> {
        let approval = self.spec.approval.as_ref()?;
        let of_round = parse_id(&approval.step).is_some_and(|(round, _)| round == self.round);
        let denied = approval.decision == Decision::Deny && !self.ladder.is_empty();
        (of_round && denied).then_some(approval)
    }

    /// What is approved, and by whom.
    fn approvals(&self) -> Approvals {
        let rules = self.class.approvals.as_ref();
        approvals::approvals(&approvals::Asked {
            spec: self.spec,
            round: self.round,
            stored: self.stored,
            rules,
            stamps: self.stamps.as_ref().map_err(|why| *why),
            now: self.now,
        })
    }

    /// The stop that holds, stored or found now.
    fn stop(&self) -> Option<StopStatus> {
        let rerun = self.job.status.last_rerun_id.as_deref();
        let limit = self.spec.max_failed_devices.as_ref();
        let not_after = self.spec.not_after.as_ref().map(|time| time.0);
        let stored = self.job.status.stop.as_ref();
        let denial = self.denial();
        // A denial stands in the spec, and holds for as long as it stands there.
        let denied = |stop: &StopStatus| failure_limits::reason(stop) == Reason::StepDenied;
        let stands = |stop: &StopStatus| {
            !denied(stop) || denial.is_some_and(|denial| denial.step == stop.limit)
        };
        let holds = |stop: &&StopStatus| {
            stands(stop) && failure_limits::holds(stop, limit, not_after, rerun)
        };
        if let Some(stop) = stored.filter(holds) {
            return Some(stop.clone());
        }
        if let Some(denial) = denial {
            return Some(failure_limits::denied(denial, rerun, self.now));
        }
        let step = self.stored.and_then(|step| {
            let number = number_of(step);
            let own = self.ladder.own(number);
            Some(StepFailures {
                title: steps::title(step),
                limit: self.ladder.step(number)?.max_failed_devices.as_ref(),
                devices: own.len(),
                failed: self.members.failed(&own),
            })
        });
        let failures = Failures {
            limit,
            selected: self.members.selected(),
            failed: self.members.failed.len(),
            step,
        };
        let expired = || {
            let open = self.members.unstarted() > 0;
            let at =
                not_after.filter(|at| open && start_times::late(*at, self.deadline, self.now))?;
            Some(failure_limits::expired(at, self.deadline, rerun, self.now))
        };
        failure_limits::exceeded(&failures, rerun, self.now).or_else(expired)
    }

    /// The step as it should be stored.
    fn walk(&self, pace: &mut Pace) {
        let edited = |refusal: &Refusal| refusal.reason == Reason::StepAlreadyStarted;
        if pace.refusal.as_ref().is_some_and(edited) {
            pace.step = self.stored.cloned();
            return;
        }
        let approvals = self.approvals();
        let by = Advance {
            ladder: &self.ladder,
            members: &self.members,
            round: self.round,
            approvals: &approvals,
            stopped: pace.stop.is_some(),
            now: self.now,
        };
        pace.step = steps::advance(self.stored, &by);
        pace.lack = approvals.lacks;
        let soak_ends = pace.step.as_ref().and_then(|step| step.ends_at.as_ref());
        pace.wake(soak_ends.map(|time| time.0), self.now);
    }

    /// Which devices the stored step lets start, and why the others wait.
    fn limit(&self, pace: &mut Pace) {
        let Some(step) = &pace.step else { return };
        // A step that was edited in time counts once it is stored: what was reached is remembered before it begins.
        let known = |stored: &&StepStatus| stored.reached == step.reached || stored.id != step.id;
        let stored = self.stored.filter(known);
        let end = stored.map_or(0, |stored| self.ladder.end(number_of(stored)));
        pace.reach = Some(self.members.first(end));
        let state = state_of(step);
        let lack = pace.lack.take();
        let lack = lack.filter(|_| state == StepState::AwaitingApproval);
        pace.beyond = Some(Hold::of_step(self.job, step, state, lack.as_ref()));
        pace.lack = lack;
    }
}

/// What outranks the clock.
fn first_hold(job: &Job, spec: &FlashJobSpec, pace: &Pace) -> Option<Hold> {
    if let Some(stop) = &pace.stop {
        return Some(Hold::stopped(stop));
    }
    if let Some(refusal) = &pace.refusal {
        return Some(Hold::refused(refusal));
    }
    (spec.suspend == Some(true)).then(|| Hold::suspended(job))
}

/// The approval of the spec, where it is of another round than the one in progress.
#[must_use]
pub fn approval_for_other_round(job: &Job) -> Option<String> {
    let spec = job.spec.as_ref().ok()?;
    let round = job.status.round.as_ref()?.number;
    let approval = spec.approval.as_ref();
    let fields = [
        (
            "spec.approval.step",
            approval.map(|approval| approval.step.as_str()),
        ),
        ("spec.approvedStep", spec.approved_step.as_deref()),
    ];
    let mut others = fields.into_iter().filter_map(|(field, step)| {
        let step = step?;
        let (of, _) = parse_id(step).filter(|(of, _)| *of != round)?;
        Some(format!(
            "{field} {step} is of round {of} and is ignored: this is round {round}"
        ))
    });
    let has_steps = !spec.steps.is_empty() || job.status.step.is_some();
    others.next().filter(|_| has_steps)
}

#[cfg(test)]
#[path = "pace_rules_tests.rs"]
mod rules_tests;
#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
