//! Why devices may not start now: one reason, words, and a time where time ends it. Pure; called by `pace`.

use jiff::Timestamp;

use super::{approvals::Lack, steps::title};
use crate::{
    api::{Reason, Refusal, StepState, StepStatus, StopStatus},
    display,
    flashjob::{plan::rollout::failure_limits, spec::job::Job},
};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// In one word.
    pub reason: Reason,
    /// In words; ends with the command that helps, where somebody is waited for.
    pub message: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Hold {
    fn new(reason: Reason, message: String, until: Option<Timestamp>) -> Self {
        Self {
            reason,
            message,
            until,
        }
    }

    /// The job says that nothing starts.
    #[must_use]
    pub fn suspended(job: &Job) -> Self {
        let message = format!(
            "suspended by spec.suspend; go on with: kubectl flashjob resume {} -n {}",
            job.name, job.namespace
        );
        Self::new(Reason::Suspended, message, None)
    }

    pub(super) fn not_before(at: Timestamp) -> Self {
        let message = format!("nothing starts before {at} (spec.notBefore)");
        Self::new(Reason::NotBefore, message, Some(at))
    }

    pub(super) fn expired(at: Timestamp, deadline: i64) -> Self {
        let message =
            format!("a device that starts now may run for {deadline} s, past {at} (spec.notAfter)");
        Self::new(Reason::Expired, message, None)
    }

    pub(super) fn window(opens: Timestamp, deadline: i64) -> Self {
        let message = format!(
            "no window is open for the {deadline} s that a device may take; the next opens at {}",
            display::time(opens)
        );
        Self::new(Reason::WindowClosed, message, Some(opens))
    }

    pub(super) fn stopped(stop: &StopStatus) -> Self {
        Self::new(failure_limits::reason(stop), stop.message.clone(), None)
    }

    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self::new(refusal.reason, refusal.message.clone(), None)
    }

    /// Why devices of later steps wait.
    pub(super) fn of_step(
        job: &Job,
        step: &StepStatus,
        state: StepState,
        lack: Option<&Lack>,
    ) -> Self {
        let title = title(step);
        let ends_at = step.ends_at.as_ref().map(|time| time.0);
        match (state, ends_at) {
            (StepState::AwaitingApproval, _) => {
                let reason = lack.map_or(Reason::AwaitingApproval, |lack| lack.reason);
                let mut message = if step.devices == 0 {
                    format!(
                        "no device is flashed before somebody approves step {title}{}",
                        required_by(job)
                    )
                } else {
                    format!(
                        "step {title} is done, {} of {} devices failed",
                        step.failed, step.devices
                    )
                };
                if let Some(lack) = lack.filter(|lack| !lack.words.is_empty()) {
                    message.extend(["; ", &lack.words]);
                }
                // Where nobody is known, nobody's approval helps.
                if reason == Reason::AwaitingApproval {
                    let about = [
                        job.name.as_str(),
                        " -n ",
                        &job.namespace,
                        " --step ",
                        &step.id,
                    ];
                    message.push_str("; approve it with: kubectl flashjob approve ");
                    message.extend(about);
                }
                Self::new(reason, message, None)
            }
            (StepState::Soaking, Some(until)) => {
                let message = format!(
                    "step {title} is done and is watched until {}",
                    display::time(until)
                );
                Self::new(Reason::StepSoaking, message, Some(until))
            }
            (StepState::Soaking | StepState::Running, _) => {
                let message = format!("step {title} has not ended");
                Self::new(Reason::StepNotReached, message, None)
            }
        }
    }
}

/// The class that has the first device wait for an approval, where the status says it.
fn required_by(job: &Job) -> String {
    let class = job.status.flash_class.as_ref();
    class.map_or_else(String::new, |class| {
        format!(
            " (FlashClass {}: spec.approvals.requireFor)",
            display::prose(&class.name, display::NAME)
        )
    })
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
