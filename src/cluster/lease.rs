//! Who leads: one pure decision over the Lease as client-go writes and reads it.
//!
//! Another holder's clock is never read: a lease has expired when *this* process has seen no change of it for as long
//! as the record says. Called by `election`.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};

/// The times of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long others respect a lease that is not renewed.
    pub duration: Duration,
    /// How long this process believes in its own lease after the last renewal.
    pub renew_deadline: Duration,
    /// How often the holder renews.
    pub renew_period: Duration,
    /// How often others look.
    pub poll_period: Duration,
    /// How long a process that takes over an expired lease waits before its first write.
    pub settle_period: Duration,
}

impl LeaseTimes {
    /// How long a process that takes the Lease waits before its first write: until none of its last holder's can be under way.
    #[must_use]
    pub fn wait_after(&self, former: Former) -> Duration {
        match former {
            Former::Released => Duration::ZERO,
            // The rest has passed while the Lease was seen to expire.
            Former::Expired => self.settle_period,
            Former::Unknown => self.duration + self.settle_period,
        }
    }

    /// How long after a process stops believing in its lease its successor writes for the first time, at the earliest: every write of
    /// the process has to have ended by then.
    #[must_use]
    pub fn grace(&self) -> Duration {
        (self.duration + self.settle_period).saturating_sub(self.renew_deadline)
    }
}

/// The Lease as it was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The object; absent where it does not exist.
    pub lease: Option<Lease>,
    /// Boot time at which this content was seen first.
    pub since: Duration,
    /// The object as it was last seen, where somebody deleted it: its holder may not have noticed yet.
    pub vanished: Option<Lease>,
}

impl Observed {
    /// What is known after another look: the time stays where nothing changed.
    #[must_use]
    pub fn look(self, lease: Option<Lease>, boot_time: Duration) -> Self {
        let same = self.lease.as_ref().map(record) == lease.as_ref().map(record);
        let vanished = if lease.is_none() {
            self.lease.or(self.vanished)
        } else {
            None
        };
        Self {
            since: if same { self.since } else { boot_time },
            lease,
            vanished,
        }
    }
}

/// What is known of the last holder of a Lease that nobody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// It gave the Lease up in good order: none of its writes can be under way.
    Released,
    /// It was not seen to renew the Lease for as long as that is respected.
    Expired,
    /// Nothing: there is no Lease, and somebody may have deleted it a moment ago.
    Unknown,
}

/// What to do about the Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nobody holds it: write ourselves in.
    Acquire {
        /// What is known of its last holder.
        former: Former,
    },
    /// Somebody holds it, at most until this boot time.
    Wait {
        /// When it expires unless it changes.
        until: Duration,
    },
    /// We hold it: renew.
    Renew,
    /// We held it and do not any more.
    Lost,
}

/// What a process named `identity` does about the Lease; `held` says whether it believes to hold it.
#[must_use]
pub fn decide(
    observed: &Observed,
    identity: &str,
    held: bool,
    default_duration: Duration,
    boot_time: Duration,
) -> Decision {
    if held {
        let ours = observed.lease.as_ref().map(holder) == Some(identity);
        return if ours {
            Decision::Renew
        } else {
            Decision::Lost
        };
    }
    let last = observed.lease.as_ref().or(observed.vanished.as_ref());
    let holder = last.map_or("", holder);
    if holder.is_empty() {
        let former = observed.lease.as_ref();
        return Decision::Acquire {
            former: former.map_or(Former::Unknown, |_| Former::Released),
        };
    }
    if holder == identity && observed.lease.is_some() {
        return Decision::Renew; // the answer to our own acquisition was lost
    }
    let seconds = last.and_then(|lease| lease.spec.as_ref()?.lease_duration_seconds);
    let duration = seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(default_duration, Duration::from_secs);
    let until = observed.since + duration;
    if boot_time >= until {
        Decision::Acquire {
            former: Former::Expired,
        }
    } else {
        Decision::Wait { until }
    }
}

/// Identity of the holder of the Lease; empty where nobody holds it.
#[must_use]
pub fn holder(lease: &Lease) -> &str {
    lease
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

/// The part of the Lease whose change is a sign of life.
fn record(lease: &Lease) -> (Option<&str>, Option<&LeaseSpec>) {
    (lease.metadata.uid.as_deref(), lease.spec.as_ref())
}

/// The spec that makes `identity` the holder: a renewal if it is already, else a transition.
#[must_use]
pub fn held_spec(
    before: Option<&LeaseSpec>,
    identity: &str,
    duration: Duration,
    now: Timestamp,
) -> LeaseSpec {
    let renewal = before
        .filter(|spec| spec.holder_identity.as_deref() == Some(identity) && !identity.is_empty());
    let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: i32::try_from(duration.as_secs()).ok(),
        acquire_time: renewal
            .and_then(|spec| spec.acquire_time.clone())
            .or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(match (before, renewal) {
            (None, _) => 0,
            (Some(_), Some(_)) => transitions,
            (Some(_), None) => transitions.saturating_add(1),
        }),
        ..LeaseSpec::default()
    }
}

/// The spec by which a holder gives the Lease up, as client-go does: no holder, one second.
#[must_use]
pub fn released_spec(before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: before.and_then(|spec| spec.lease_transitions),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const FALLBACK: Duration = Duration::from_secs(15);

    fn lease(holder: &str, seconds: Option<i32>) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.into()),
                lease_duration_seconds: seconds,
                renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)), // ages ago by any clock
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    #[rstest]
    #[case::absent(None, false, 0, Decision::Acquire { former: Former::Unknown })]
    #[case::released(Some(lease("", Some(1))), false, 0, Decision::Acquire { former: Former::Released })]
    #[case::others_and_fresh(Some(lease("b", Some(10))), false, 9, Decision::Wait { until: Duration::from_secs(110) })]
    #[case::others_and_expired(Some(lease("b", Some(10))), false, 10, Decision::Acquire { former: Former::Expired })]
    #[case::others_without_duration(Some(lease("b", None)), false, 14, Decision::Wait { until: Duration::from_secs(115) })]
    #[case::ours_though_not_known(Some(lease("a", Some(10))), false, 0, Decision::Renew)]
    #[case::ours(Some(lease("a", Some(10))), true, 99, Decision::Renew)]
    #[case::ours_taken(Some(lease("b", Some(10))), true, 0, Decision::Lost)]
    #[case::ours_emptied(Some(lease("", Some(10))), true, 0, Decision::Lost)]
    #[case::ours_deleted(None, true, 0, Decision::Lost)]
    fn the_decision_follows_from_holder_and_local_time(
        #[case] lease: Option<Lease>,
        #[case] held: bool,
        #[case] seconds_unchanged: u64,
        #[case] expected: Decision,
    ) {
        let since = Duration::from_secs(100);
        let observed = Observed {
            lease,
            since,
            ..Observed::default()
        };
        let now = since + Duration::from_secs(seconds_unchanged);
        assert_eq!(decide(&observed, "a", held, FALLBACK, now), expected);
    }

    #[test]
    fn a_lease_that_vanished_is_respected_as_long_as_its_holder_may_believe_in_it() {
        let at = Duration::from_secs;
        let seen = Observed::default().look(Some(lease("b", Some(10))), at(5));
        let vanished = seen.look(None, at(8));
        let wait = Decision::Wait { until: at(18) };
        assert_eq!(decide(&vanished, "a", false, FALLBACK, at(9)), wait);
        let still = vanished.look(None, at(17));
        assert_eq!(decide(&still, "a", false, FALLBACK, at(17)), wait);
        let expired = Decision::Acquire {
            former: Former::Expired,
        };
        assert_eq!(decide(&still, "a", false, FALLBACK, at(18)), expired);
        let free = Observed::default().look(Some(lease("", Some(1))), at(5));
        let gone = free.look(None, at(6));
        let unknown = Decision::Acquire {
            former: Former::Unknown,
        };
        assert_eq!(decide(&gone, "a", false, FALLBACK, at(6)), unknown);
    }

    #[rstest]
    #[case::released(Former::Released, 0)]
    #[case::expired(Former::Expired, 2_500)]
    #[case::unknown(Former::Unknown, 9_500)]
    fn the_first_write_waits_until_none_of_the_last_holder_can_be_under_way(
        #[case] former: Former,
        #[case] millis: u64,
    ) {
        let times = LeaseTimes {
            duration: Duration::from_secs(7),
            renew_deadline: Duration::from_secs(5),
            renew_period: Duration::from_secs(1),
            poll_period: Duration::from_millis(500),
            settle_period: Duration::from_millis(2_500),
        };
        assert_eq!(times.wait_after(former), Duration::from_millis(millis));
    }

    #[test]
    fn any_change_of_the_record_starts_the_time_anew_and_nothing_else_does() {
        let at = Duration::from_secs;
        let first = Observed {
            since: at(1),
            ..Observed::default()
        }
        .look(Some(lease("b", Some(10))), at(5));
        assert_eq!(first.since, at(5));
        let mut touched = lease("b", Some(10));
        touched.metadata.resource_version = Some("2".into());
        let second = first.look(Some(touched), at(6));
        assert_eq!(second.since, at(5));
        let mut renewed = lease("b", Some(10));
        renewed.spec.as_mut().expect("spec").renew_time =
            Some(MicroTime(Timestamp::from_second(7).expect("time")));
        assert_eq!(second.look(Some(renewed), at(7)).since, at(7));
    }

    #[test]
    fn a_renewal_keeps_acquire_time_and_transitions_and_a_take_over_does_not() {
        let time = |seconds| Timestamp::from_second(seconds).expect("time");
        let first = held_spec(None, "a", FALLBACK, time(1));
        assert_eq!(first.lease_transitions, Some(0));
        let renewed = held_spec(Some(&first), "a", FALLBACK, time(2));
        assert_eq!(renewed.acquire_time, Some(MicroTime(time(1))));
        assert_eq!(renewed.renew_time, Some(MicroTime(time(2))));
        assert_eq!(renewed.lease_transitions, Some(0));
        let taken = held_spec(Some(&renewed), "b", FALLBACK, time(3));
        assert_eq!(taken.acquire_time, Some(MicroTime(time(3))));
        assert_eq!(taken.lease_transitions, Some(1));
    }

    #[test]
    fn a_released_lease_is_written_as_client_go_writes_it() {
        let held = held_spec(None, "a", FALLBACK, Timestamp::UNIX_EPOCH);
        let json = serde_json::to_value(released_spec(Some(&held), Timestamp::UNIX_EPOCH));
        assert_eq!(
            json.expect("json"),
            serde_json::json!({
                "holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 0,
                "acquireTime": "1970-01-01T00:00:00.000000Z", "renewTime": "1970-01-01T00:00:00.000000Z",
            })
        );
    }
}
