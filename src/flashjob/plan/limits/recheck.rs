//! Whether a device that is recorded may still be launched under the limits as they are now. Pure.
//!
//! Asked by `plan` and, with the classes of that moment, by `act` right before each write that leads to a Pod. An attempt holds its
//! own place: it gives it up only where limits were lowered meanwhile, or where the device is found elsewhere than recorded.

use std::cell::LazyCell;

use jiff::Timestamp;

use crate::flashjob::plan::limits::capacity::Full;
use crate::{
    api::{Reason, Refusal},
    device::Footprint,
    flashclass::{Group, Limit, Terms},
    flashjob::observe::{
        ledger::{Attempt, Ledger},
        objects::AttemptKey,
    },
};

/// Why the attempt must not be launched, if so. `live` says what its device shares now, where that is known; it is asked only
/// where there is a limit.
#[must_use]
pub fn closed(
    terms: &Terms,
    ledger: &Ledger,
    attempt: &Attempt,
    live: impl FnOnce() -> Option<Footprint>,
) -> Option<Refusal> {
    let footprint = attempt.identity.footprint.as_deref()?;
    if attempt.pod.is_some() {
        return None;
    }
    let refusal = |message| {
        Some(Refusal {
            reason: Reason::GroupFull,
            message,
        })
    };
    let live = LazyCell::new(live);
    for limit in terms.in_flight_limits() {
        let groups = limit.groups(footprint);
        if let Some(group) = live.as_ref().and_then(|live| moved(limit, &groups, live)) {
            let uuid = &attempt.identity.uuid;
            return refusal(format!(
                "{uuid} is now {group} and was not when its release was recorded: FlashClass {} limits such devices, so it begins anew",
                limit.class
            ));
        }
        for group in groups {
            let (used, unknown) = before(ledger, attempt, limit, &group);
            if used >= limit.max {
                let full = Full {
                    limit: limit.clone(),
                    group,
                    used,
                    unknown,
                    kept_for: None,
                };
                return refusal(full.message());
            }
        }
    }
    None
}

/// Why the Service of an attempt must not be made yet, if so: as many devices as may be in flight come before it. A record that lost
/// its labels while nobody led is found only when others may have taken its slot.
#[must_use]
pub fn crowded(
    ledger: &Ledger,
    own: &Attempt,
    parallelism: usize,
    max_in_flight: usize,
) -> Option<Refusal> {
    let place = place(own);
    let (true, ..) = place else { return None };
    let ahead = ledger
        .in_flight()
        .filter(|other| self::place(other) < place);
    let (mut of_job, mut of_all) = (0, 0);
    for other in ahead {
        of_all += 1;
        of_job += usize::from(other.identity.key.job_uid == own.identity.key.job_uid);
    }
    let whose = if of_job >= parallelism.max(1) {
        format!("{of_job} devices of this FlashJob, as many as spec.parallelism allows,")
    } else if of_all >= max_in_flight.max(1) {
        format!("{of_all} devices of all FlashJobs, as many as the operator flashes at a time,")
    } else {
        return None;
    };
    Some(Refusal {
        reason: Reason::SlotsFull,
        message: format!("{whose} are in flight; this one goes on when one of them has ended"),
    })
}

/// The order in which attempts keep their slots: those with objects beside their record first.
fn place(attempt: &Attempt) -> (bool, Timestamp, &AttemptKey) {
    let alone = attempt.service.is_none() && attempt.pod.is_none();
    (alone, begun(attempt), &attempt.identity.key)
}

/// A group to which the device belongs now and did not when it was recorded.
fn moved(limit: &Limit, recorded: &[Group], live: &Footprint) -> Option<Group> {
    let now = limit.groups(live).into_iter();
    // A property that Akri does not show now has not changed.
    let mut now = now.filter(|group| group.value.is_some());
    now.find(|group| !recorded.contains(group))
}

/// How many devices in flight come before this one in a group, and of how many of them it is not known what they share: those
/// that are launched, and of the others those that began earlier.
fn before(ledger: &Ledger, own: &Attempt, limit: &Limit, group: &Group) -> (usize, usize) {
    let (mut used, mut unknown) = (0, 0);
    let turn = turn(own);
    let ahead = ledger.in_flight().filter(|other| self::turn(other) < turn);
    for other in ahead {
        match other.identity.footprint.as_deref() {
            None => unknown += 1,
            Some(footprint) if limit.groups(footprint).contains(group) => used += 1,
            Some(_) => {}
        }
    }
    (used + unknown, unknown)
}

fn turn(attempt: &Attempt) -> (bool, Timestamp, &AttemptKey) {
    let recorded = attempt.record();
    let launched = attempt.pod_seen || recorded.is_some_and(|record| record.has_pod);
    (!launched, begun(attempt), &attempt.identity.key)
}

fn begun(attempt: &Attempt) -> Timestamp {
    let recorded = attempt.record();
    recorded.map_or(Timestamp::MAX, |record| record.sight.created)
}
