//! Times in which devices of a job may start: between `notBefore` and `notAfter`, in windows. Pure; called by `pace`.

use jiff::{SignedDuration, Timestamp};

use super::{hold::Hold, pace::Pace};
use crate::api::{FlashJobSpec, Reason};
use crate::{
    flashclass::ClassPace,
    flashjob::spec::windows::{self, Opening},
};

/// Times before and after which nothing starts, and windows.
pub fn keep(
    pace: &mut Pace,
    spec: &FlashJobSpec,
    class: &ClassPace<'_>,
    deadline: i64,
    now: Timestamp,
) {
    // The moment after the last at which a device may start.
    let passed = |last: Timestamp| last.checked_add(SignedDuration::from_millis(1)).ok();
    if let Some(at) = spec.not_after.as_ref().map(|time| time.0) {
        pace.wake(passed(last_start(at, deadline)), now);
        if late(at, deadline, now) {
            pace.hold = Some(Hold::expired(at, deadline));
            return;
        }
    }
    let not_before = spec.not_before.as_ref().map(|time| time.0);
    if let Some(at) = not_before.filter(|at| *at > now) {
        pace.wake(Some(at), now);
        pace.hold = Some(Hold::not_before(at));
        return;
    }
    let mut lists = vec![spec.windows.as_slice()];
    lists.extend(&class.windows);
    match windows::opening(&lists, deadline, now) {
        Ok(Opening::Always) => {}
        Ok(Opening::Open { last_start }) => pace.wake(passed(last_start), now),
        Ok(Opening::Closed { opens }) => {
            pace.wake(Some(opens), now);
            pace.hold = Some(Hold::window(opens, deadline));
        }
        Ok(Opening::Never) => {
            let message = format!(
                "the windows of job and class are never open together for the {deadline} s that a device may take"
            );
            pace.refuse(Reason::WindowTooShort, message);
        }
        // Of the job's own windows that was said before.
        Err(message) => pace.refuse(Reason::FlashClassInvalid, format!("windows{message}")),
    }
}

/// Whether a device that starts now could still run after this time.
#[must_use]
pub fn late(not_after: Timestamp, deadline: i64, now: Timestamp) -> bool {
    last_start(not_after, deadline) < now
}

fn last_start(not_after: Timestamp, deadline: i64) -> Timestamp {
    let last = not_after.checked_sub(SignedDuration::from_secs(deadline));
    last.unwrap_or(Timestamp::MIN)
}
