//! How long something of an attempt has been waited for: from when this leader saw it first, by a clock that nobody sets. Pure.
//!
//! The clocks of the API server and of a node may be minutes away from the operator's: what they say is shown, never measured by.
//! So no wait is shorter than its bound; a new leader begins it anew, and it takes at most its bound once more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ledger::Attempt;
use crate::flashjob::observe::{bounds::Bounds, objects::ObservedPod};

/// A moment on a clock that only runs forward: how long the machine has been up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The moment at which the machine had been up for so long.
    #[must_use]
    pub const fn new(up: Duration) -> Self {
        Self(up)
    }
}

/// The same moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock on the wall, for what people and other programs read.
    pub wall: Timestamp,
    /// By the clock that waiting is measured by.
    pub steady: Moment,
}

impl Now {
    /// What the clock on the wall will show when so many seconds will have passed since a moment.
    fn after(&self, since: Moment, seconds: i64) -> Timestamp {
        let passed = self.steady.0.saturating_sub(since.0);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let left = SignedDuration::from_secs(seconds).saturating_sub(passed);
        self.wall
            .checked_add(left)
            .unwrap_or(if left.is_negative() {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            })
    }
}

#[cfg(test)]
impl From<Timestamp> for Now {
    /// Both clocks agree: the machine has been up since 1970.
    fn from(wall: Timestamp) -> Self {
        let up = Duration::try_from(wall.as_duration()).unwrap_or_default();
        Self {
            wall,
            steady: Moment(up),
        }
    }
}

/// When this leader saw first what is waited for of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    begun: Moment,
    /// The newest revision of its release, and when it was first seen.
    revision: Option<(u32, Moment)>,
    pod: Option<PodWaits>,
    /// That its ending is stored.
    ended: Option<Moment>,
}

/// The same of its Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PodWaits {
    uid: String,
    created: Moment,
    started: Option<Moment>,
    deleting: Option<Moment>,
}

impl Waits {
    /// What is known of an attempt now, after what was known of it before; `ended` where its ending is stored.
    #[must_use]
    pub fn of(attempt: &Attempt, ended: bool, known: Option<&Self>, now: Moment) -> Self {
        let first = |holds: bool, known: Option<Moment>| holds.then(|| known.unwrap_or(now));
        let revision = attempt.record().map(|record| {
            let known = known.and_then(|known| known.revision);
            known
                .filter(|(revision, _)| *revision == record.revision)
                .unwrap_or((record.revision, now))
        });
        let pod = attempt.pod.as_ref().map(|pod| {
            let known = known.and_then(|known| known.pod.as_ref());
            let known = known.filter(|known| known.uid == pod.sight.uid);
            PodWaits {
                uid: pod.sight.uid.clone(),
                created: known.map_or(now, |known| known.created),
                started: first(pod.started.is_some(), known.and_then(|known| known.started)),
                deleting: first(
                    pod.sight.deleting.is_some(),
                    known.and_then(|known| known.deleting),
                ),
            }
        });
        Self {
            begun: known.map_or(now, |known| known.begun),
            revision,
            pod,
            ended: first(ended, known.and_then(|known| known.ended)),
        }
    }
}

/// Until when an attempt is waited for.
#[derive(Clone, Debug)]
pub struct Deadlines<'a> {
    bounds: &'a Bounds,
    now: Now,
    waits: Waits,
}

impl<'a> Deadlines<'a> {
    /// Those that follow from what was seen, and when.
    #[must_use]
    pub const fn new(bounds: &'a Bounds, now: Now, waits: Waits) -> Self {
        Self { bounds, now, waits }
    }

    /// Whether this time has come.
    #[must_use]
    pub fn is_over(&self, deadline: Timestamp) -> bool {
        deadline <= self.now.wall
    }

    /// Until when a Service may be without an address.
    #[must_use]
    pub fn address(&self) -> Timestamp {
        let seconds = self.bounds.address_seconds;
        self.now.after(self.waits.begun, seconds)
    }

    /// Until when its Pod may take to start.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        let created = self.waits.pod.as_ref().map(|pod| pod.created);
        let seconds = self.bounds.start_seconds;
        self.now.after(created.unwrap_or(self.now.steady), seconds)
    }

    /// From when on its Pod is long overdue: its node may be lost.
    #[must_use]
    pub fn lost(&self, pod: &ObservedPod) -> Timestamp {
        let seen = self.waits.pod.as_ref();
        let seen = seen.map(|seen| seen.started.or(seen.deleting).unwrap_or(seen.created));
        let seconds = pod
            .active_deadline_seconds
            .saturating_add(self.bounds.lost_seconds);
        self.now.after(seen.unwrap_or(self.now.steady), seconds)
    }

    /// Until when a device that was cut off may be dialling its address.
    #[must_use]
    pub fn cool_down(&self) -> Timestamp {
        let ended = self.waits.ended.unwrap_or(self.now.steady);
        self.now.after(ended, self.bounds.cool_down_seconds)
    }

    /// Until when a pending revision of helm's is left alone.
    #[must_use]
    pub fn helm(&self) -> Timestamp {
        let seen = self.waits.revision.map(|(_, seen)| seen);
        let seconds = self.bounds.helm_seconds;
        self.now.after(seen.unwrap_or(self.now.steady), seconds)
    }

    /// How long a Service may be without an address, in seconds.
    #[must_use]
    pub const fn address_seconds(&self) -> i64 {
        self.bounds.address_seconds
    }

    /// How long its Pod may take to start, in seconds.
    #[must_use]
    pub const fn start_seconds(&self) -> i64 {
        self.bounds.start_seconds
    }
}

#[cfg(test)]
#[allow(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a type with a lifetime is not general enough"
)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::flashjob::fixtures::{BOUNDS, at, attempt, identity, pod, record, running};
    use helm_release::Status;

    fn up(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn seen(attempt: &Attempt, known: Option<&Waits>, second: u64) -> Waits {
        Waits::of(attempt, false, known, up(second))
    }

    /// Seconds from this moment until a deadline, whatever the clock on the wall shows.
    fn left(waits: &Waits, second: u64, deadline: impl Fn(&Deadlines<'_>) -> Timestamp) -> i64 {
        let of = |wall: i64| {
            let now = Now {
                wall: at(wall),
                steady: up(second),
            };
            let deadline = deadline(&Deadlines::new(&BOUNDS, now, waits.clone()));
            deadline.duration_since(now.wall).as_secs()
        };
        let found = of(0);
        // Set back and forth, ahead of the API server and behind it.
        for wall in [-3_600, -130, 130, 3_600, 1_700_000_000] {
            assert_eq!(of(wall), found, "with the clock at {wall}");
        }
        found
    }

    #[test]
    fn what_was_seen_first_counts_until_it_is_another() {
        let who = identity(0, "a");
        let pending = record(&who, Status::PendingInstall, false);
        let begun = seen(&attempt(Some(pending.clone()), None, None), None, 1_000);
        assert_eq!(left(&begun, 1_000, |until| until.address()), 120);
        let waiting = attempt(Some(pending), None, Some(pod(&who)));
        let waiting = seen(&waiting, Some(&begun), 1_010);
        assert_eq!(left(&waiting, 1_050, |until| until.address()), 70);
        assert_eq!(left(&waiting, 1_050, |until| until.start()), 260);
        assert_eq!(left(&waiting, 1_050, |until| until.helm()), 0);
        let again = seen(
            &attempt(None, None, Some(running(&who))),
            Some(&waiting),
            1_100,
        );
        let pod = running(&who);
        assert_eq!(left(&again, 1_100, |until| until.lost(&pod)), 700);
        assert_eq!(left(&again, 1_900, |until| until.lost(&pod)), -100);
        let mut other = running(&who);
        other.sight.uid = "another".into();
        let other = seen(&attempt(None, None, Some(other)), Some(&again), 1_900);
        assert_eq!(left(&other, 1_900, |until| until.lost(&pod)), 700);
    }

    #[rstest]
    #[case::it_has_not_ended(false, 90)]
    #[case::it_has(true, 50)]
    fn an_address_cools_down_from_when_its_ending_was_first_seen(
        #[case] ended: bool,
        #[case] expected: i64,
    ) {
        let who = attempt(None, None, Some(running(&identity(0, "a"))));
        let first = Waits::of(&who, ended, None, up(60));
        let later = Waits::of(&who, ended, Some(&first), up(100));
        assert_eq!(left(&later, 100, |until| until.cool_down()), expected);
    }

    #[test]
    fn a_new_leader_begins_each_wait_anew_and_no_wait_is_shorter_than_its_bound() {
        let who = identity(0, "a");
        let pending = record(&who, Status::PendingInstall, false);
        let known = seen(&attempt(Some(pending.clone()), None, None), None, 5);
        assert_eq!(left(&known, 115, |until| until.address()), 10);
        let anew = seen(&attempt(Some(pending), None, None), None, 115);
        assert_eq!(left(&anew, 115, |until| until.address()), 120);
    }
}
