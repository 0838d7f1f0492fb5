//! How many devices may fail before a job stops, and what a stop is. Pure; called by `pace`.
//!
//! A stop holds for its round: it outlives restarts, and a limit that grows with the selection does not undo it. A new round,
//! a rerun, or another value of the limit that was exceeded does.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{Amount, Approval, Reason, StopStatus},
    display,
    flashjob::spec::int_or_percent,
};

/// What is counted against the limits.
#[derive(Clone, Debug)]
pub struct Failures<'a> {
    /// `spec.maxFailedDevices`.
    pub limit: Option<&'a Amount>,
    /// Selected devices.
    pub selected: usize,
    /// Those that failed.
    pub failed: usize,
    /// The step in progress, where the job has steps.
    pub step: Option<StepFailures<'a>>,
}

/// What is counted against the limit of a step.
#[derive(Clone, Debug)]
pub struct StepFailures<'a> {
    /// `1.2`, or `1.2 (tenth)`.
    pub title: String,
    /// Its `maxFailedDevices`.
    pub limit: Option<&'a Amount>,
    /// Its own devices, without those of the steps before.
    pub devices: usize,
    /// Those that failed.
    pub failed: usize,
}

/// Why the job has to stop, if so: more devices failed than it, or its step, allows.
#[must_use]
pub fn exceeded(
    failures: &Failures<'_>,
    rerun: Option<&str>,
    now: Timestamp,
) -> Option<StopStatus> {
    let because = |reason: Reason, message: String, limit: String| {
        Some(StopStatus {
            reason: reason.into(),
            message,
            limit,
            rerun_id: rerun.map(str::to_owned),
            time: Some(Time(now)),
        })
    };
    let limit = failures
        .limit
        .map(|limit| allowed(limit, failures.selected));
    if let Some(allowed) = limit.filter(|allowed| failures.failed > *allowed) {
        let message = format!(
            "{} of {} devices failed, spec.maxFailedDevices allows {allowed}",
            failures.failed, failures.selected
        );
        return because(
            Reason::MaxFailedDevicesExceeded,
            message,
            of(failures.limit),
        );
    }
    let step = failures.step.as_ref()?;
    let allowed = step.limit.map_or(0, |limit| allowed(limit, step.devices));
    if step.failed <= allowed {
        return None;
    }
    let message = format!(
        "{} of {} devices of step {} failed, it allows {allowed}",
        step.failed, step.devices, step.title
    );
    because(Reason::StepFailed, message, step.title.clone())
}

/// What the spec allows; nothing where it cannot be read.
fn allowed(limit: &Amount, of: usize) -> usize {
    int_or_percent::rounded_down(limit, of).unwrap_or(0)
}

fn of(limit: Option<&Amount>) -> String {
    limit.map(int_or_percent::text).unwrap_or_default()
}

/// The stop because no device can start any more that ends before `not_after`.
#[must_use]
pub fn expired(
    not_after: Timestamp,
    deadline: i64,
    rerun: Option<&str>,
    now: Timestamp,
) -> StopStatus {
    StopStatus {
        reason: Reason::Expired.into(),
        message: format!(
            "a device that starts now may run for {deadline} s, past spec.notAfter ({not_after})"
        ),
        limit: not_after.to_string(),
        rerun_id: rerun.map(str::to_owned),
        time: Some(Time(now)),
    }
}

/// The stop because somebody denied a step of the round.
#[must_use]
pub fn denied(approval: &Approval, rerun: Option<&str>, now: Timestamp) -> StopStatus {
    let why = approval.reason.as_deref().map(|reason| {
        let reason = display::prose(reason, display::PHRASE);
        format!(": {reason}")
    });
    StopStatus {
        reason: Reason::StepDenied.into(),
        message: format!(
            "step {} was denied{}",
            approval.step,
            why.unwrap_or_default()
        ),
        limit: approval.step.clone(),
        rerun_id: rerun.map(str::to_owned),
        time: Some(Time(now)),
    }
}

/// Whether a stored stop still holds, as far as its limit tells: nobody asked for a rerun since, nor changed the limit that was exceeded.
#[must_use]
pub fn holds(
    stop: &StopStatus,
    limit: Option<&Amount>,
    not_after: Option<Timestamp>,
    rerun: Option<&str>,
) -> bool {
    if stop.rerun_id.as_deref() != rerun {
        return false;
    }
    match reason(stop) {
        Reason::MaxFailedDevicesExceeded => stop.limit == of(limit),
        Reason::Expired => not_after.is_some_and(|at| stop.limit == at.to_string()),
        // Its limit stands in a step that has begun, which cannot be edited.
        _ => true,
    }
}

/// The reason of a stored stop.
#[must_use]
pub fn reason(stop: &StopStatus) -> Reason {
    stop.reason.known().unwrap_or(Reason::StepFailed)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn percent(text: &str) -> Amount {
        Amount::Percent(text.into())
    }

    fn stop_of(limit: Option<&Amount>, selected: usize, failed: usize) -> Option<StopStatus> {
        let failures = Failures {
            limit,
            selected,
            failed,
            step: None,
        };
        exceeded(&failures, None, NOW)
    }

    #[rstest]
    #[case::no_limit(None, 10, 10, false)]
    #[case::as_many_as_allowed(Some(Amount::Count(2)), 10, 2, false)]
    #[case::more_than_allowed(Some(Amount::Count(2)), 10, 3, true)]
    #[case::none_allowed(Some(Amount::Count(0)), 10, 1, true)]
    #[case::none_failed(Some(Amount::Count(0)), 10, 0, false)]
    #[case::a_percentage_rounds_down(Some(percent("5%")), 39, 2, true)]
    #[case::a_percentage_allows_its_share(Some(percent("5%")), 40, 2, false)]
    #[case::everything_may_fail(Some(percent("100%")), 10, 10, false)]
    fn more_failures_than_the_job_allows_stop_it(
        #[case] limit: Option<Amount>,
        #[case] selected: usize,
        #[case] failed: usize,
        #[case] stops: bool,
    ) {
        let stop = stop_of(limit.as_ref(), selected, failed);
        assert_eq!(stop.is_some(), stops, "{stop:?}");
        assert!(stop.is_none_or(|stop| stop.reason == "MaxFailedDevicesExceeded"));
    }

    #[rstest]
    #[case::a_failed_canary(None, 1, 1, true)]
    #[case::unset_allows_none(None, 50, 1, true)]
    #[case::none_failed(None, 50, 0, false)]
    #[case::of_its_own_devices_rounded_down(Some(percent("10%")), 49, 4, false)]
    #[case::of_its_own_devices_and_no_more(Some(percent("10%")), 49, 5, true)]
    #[case::a_count(Some(Amount::Count(3)), 49, 4, true)]
    fn more_failures_than_the_step_allows_stop_the_job(
        #[case] limit: Option<Amount>,
        #[case] devices: usize,
        #[case] failed: usize,
        #[case] stops: bool,
    ) {
        let failures = Failures {
            limit: Some(&Amount::Count(1_000)),
            selected: 500,
            failed,
            step: Some(StepFailures {
                title: "1.1 (canary)".into(),
                limit: limit.as_ref(),
                devices,
                failed,
            }),
        };
        let stop = exceeded(&failures, None, NOW);
        assert_eq!(stop.is_some(), stops, "{stop:?}");
        assert!(stop.is_none_or(
            |stop| stop.reason == "StepFailed" && stop.message.contains("step 1.1 (canary)")
        ));
    }

    #[test]
    fn a_stop_outlives_a_selection_that_grows_and_ends_with_another_limit() {
        let five = percent("5%");
        let stop = stop_of(Some(&five), 20, 2).unwrap();
        assert!(stop_of(Some(&five), 200, 2).is_none());
        assert!(holds(&stop, Some(&five), None, None));
        assert!(!holds(&stop, Some(&percent("20%")), None, None));
        assert!(!holds(&stop, None, None, None));
    }

    #[test]
    fn a_rerun_ends_every_stop() {
        let at = Timestamp::from_second(1_000).unwrap();
        let stops = [
            stop_of(Some(&Amount::Count(0)), 20, 2).unwrap(),
            expired(at, 600, None, NOW),
        ];
        for stop in stops {
            assert!(holds(&stop, Some(&Amount::Count(0)), Some(at), None));
            assert!(!holds(
                &stop,
                Some(&Amount::Count(0)),
                Some(at),
                Some("again")
            ));
        }
    }

    #[test]
    fn a_later_end_lets_an_expired_job_go_on() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let stop = expired(at(1_000), 600, None, NOW);
        assert!(stop.message.contains("600 s"), "{}", stop.message);
        assert!(holds(&stop, None, Some(at(1_000)), None));
        assert!(!holds(&stop, None, Some(at(2_000)), None));
        assert!(!holds(&stop, None, None, None));
    }
}
