//! Whether a failed attempt is followed by another, and when. Pure.
//!
//! Called by `status` for every verdict that is about to be stored, and by `plan` when a read-back decides; `attempts` asks
//! which endings need a cool-down.

use jiff::{SignedDuration, Timestamp};

use crate::api::Reason;
use crate::flashjob::verdict::Outcome;
use crate::seam::{Bug, planted};

/// Wait after the first failure; it doubles with every one that follows.
const FIRST_SECONDS: i64 = 10;
/// Longest wait between two attempts.
const MAX_SECONDS: i64 = 600;

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: the device has failed.
    Final,
    /// Another attempt, not before this time.
    At(Timestamp),
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Its verdict.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Attempts that failed in this round, this one included.
    pub failures: usize,
    /// When the verdict was found.
    pub at: Timestamp,
}

/// What bounds retries.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `backoffLimitPerDevice`.
    pub retries: i64,
    /// How long an address is kept after an interrupted transfer.
    pub cool_down_seconds: i64,
}

/// Decides what follows a failed attempt. Of an unknown outcome nothing follows: the device may have been flashed, and only
/// what is read back from it can tell.
#[must_use]
pub fn retry(failure: &Failure, limits: &Limits) -> Retry {
    match failure.outcome {
        Outcome::Failed if makes_sense(failure.reason) => bounded(failure, limits),
        Outcome::Succeeded | Outcome::Skipped | Outcome::Failed | Outcome::Unknown => Retry::Final,
    }
}

/// Decides what follows an attempt of unknown outcome whose device came back as it was before.
#[must_use]
pub fn retry_untouched(failure: &Failure, limits: &Limits) -> Retry {
    bounded(failure, limits)
}

/// Within the limit, after back-off and cool-down.
fn bounded(failure: &Failure, limits: &Limits) -> Retry {
    let allowed = usize::try_from(limits.retries).unwrap_or(0);
    let counted = if planted(Bug::RetryCountedTwice) {
        2
    } else {
        1
    };
    if failure.failures * counted > allowed {
        return Retry::Final;
    }
    let wait = back_off(failure.failures);
    let cool_down = if cut_off(failure.reason) {
        limits.cool_down_seconds
    } else {
        0
    };
    let wait = SignedDuration::from_secs(wait.max(cool_down));
    Retry::At(failure.at.checked_add(wait).unwrap_or(Timestamp::MAX))
}

/// Seconds that are waited after so many failures of a device, cool-down apart.
#[must_use]
pub fn back_off(failures: usize) -> i64 {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    (FIRST_SECONDS << doublings.min(10)).min(MAX_SECONDS)
}

/// Whether the same flash may end otherwise the next time. A word that is not listed here is not retried.
const fn makes_sense(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TransferFailed
            // The registry may be out of reach for a moment; the device was not touched.
            | Reason::FirmwareNotFound
            | Reason::ContactFailed
            | Reason::AgentFailed
            | Reason::FlashFailed
            | Reason::DeadlineExceeded
            | Reason::Evicted
    )
}

/// Whether a flash that ended for this reason may have been cut off in the middle of its transfer: the device keeps dialling the
/// address that it was told.
#[must_use]
pub const fn cut_off(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Interrupted
            | Reason::DeadlineExceeded
            | Reason::TransferFailed
            | Reason::NodeLost
            | Reason::Evicted
            | Reason::VerdictUnknown
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use strum::VariantArray;

    use super::*;

    const LIMITS: Limits = Limits {
        retries: 3,
        cool_down_seconds: 90,
    };

    fn failure(outcome: Outcome, reason: Reason, failures: usize) -> Failure {
        Failure {
            outcome,
            reason,
            failures,
            at: Timestamp::from_second(1_000).unwrap(),
        }
    }

    /// Seconds until the next attempt; none if there is none.
    fn wait(retry: Retry) -> Option<i64> {
        match retry {
            Retry::Final => None,
            Retry::At(at) => Some(at.as_second() - 1_000),
        }
    }

    /// Every reason that a verdict can have, and the wait after the first failure.
    const VERDICTS: &[(Reason, Option<i64>)] = &[
        (Reason::AttestationRefused, None),
        (Reason::TransferFailed, Some(90)),
        (Reason::FirmwareNotFound, Some(10)),
        (Reason::ContactFailed, Some(10)),
        (Reason::AgentFailed, Some(10)),
        (Reason::FlashFailed, Some(10)),
        (Reason::DeadlineExceeded, Some(90)),
        (Reason::Evicted, Some(90)),
        // The device may have been flashed.
        (Reason::Interrupted, None),
        (Reason::VerdictUnknown, None),
        (Reason::NodeLost, None),
        // Of the read-back: the same firmware would end the same way.
        (Reason::VersionMismatch, None),
        (Reason::NotSeen, None),
        // The device itself is in the way, and has its own time-out where time may help.
        (Reason::DeviceInvalid, None),
        (Reason::DeviceNotFound, None),
        (Reason::DeviceMismatch, None),
        (Reason::DeviceNotAllowed, None),
        (Reason::Expired, None),
        // No failures.
        (Reason::FirmwareSent, None),
        (Reason::Verified, None),
        (Reason::AlreadyAtVersion, None),
        (Reason::DuplicateEndpoint, None),
    ];

    #[test]
    fn the_reason_decides_whether_a_retry_makes_sense() {
        for reason in Reason::VARIANTS {
            let listed = VERDICTS.iter().find(|(listed, _)| listed == reason);
            let expected = listed.and_then(|(_, wait)| *wait);
            let found = wait(retry(&failure(Outcome::Failed, *reason, 1), &LIMITS));
            assert_eq!(found, expected, "{reason}");
        }
    }

    #[test]
    fn what_may_have_been_flashed_and_what_was_is_not_flashed_again() {
        for outcome in [Outcome::Unknown, Outcome::Succeeded, Outcome::Skipped] {
            for reason in Reason::VARIANTS {
                let found = retry(&failure(outcome, *reason, 1), &LIMITS);
                assert_eq!(found, Retry::Final, "{outcome:?} {reason}");
            }
        }
    }

    #[test]
    fn a_device_that_came_back_as_it_was_is_retried_after_the_cool_down() {
        let interrupted = failure(Outcome::Unknown, Reason::Interrupted, 1);
        assert_eq!(wait(retry_untouched(&interrupted, &LIMITS)), Some(90));
        let spent = failure(Outcome::Unknown, Reason::Interrupted, 4);
        assert_eq!(wait(retry_untouched(&spent, &LIMITS)), None);
    }

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes() {
        let limits = Limits {
            retries: 20,
            cool_down_seconds: 90,
        };
        let waits = |reason| {
            (1..=9).map(move |failures| {
                wait(retry(&failure(Outcome::Failed, reason, failures), &limits)).unwrap()
            })
        };
        assert!(waits(Reason::ContactFailed).eq([10, 20, 40, 80, 160, 320, 600, 600, 600]));
        assert!(
            waits(Reason::TransferFailed).eq([90, 90, 90, 90, 160, 320, 600, 600, 600]),
            "never before the cool-down is over"
        );
    }

    #[rstest]
    #[case::none_allowed(0, 1, None)]
    #[case::the_first_of_one(1, 1, Some(10))]
    #[case::spent(1, 2, None)]
    #[case::the_last_of_three(3, 3, Some(40))]
    #[case::lowered_meanwhile(1, 3, None)]
    #[case::nonsense_allows_none(-1, 1, None)]
    fn there_are_no_more_retries_than_the_limit(
        #[case] retries: i64,
        #[case] failures: usize,
        #[case] expected: Option<i64>,
    ) {
        let limits = Limits {
            retries,
            cool_down_seconds: 90,
        };
        let failure = failure(Outcome::Failed, Reason::ContactFailed, failures);
        assert_eq!(wait(retry(&failure, &limits)), expected);
    }
}
