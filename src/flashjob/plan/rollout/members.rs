//! The devices that a job selects now, in order, and how they stand: what steps and limits count. Pure; called by `pace`.
//!
//! Kept as ranges of indexes, so that a pass costs the same for a hundred devices and for a hundred thousand.

use std::ops::Range;

use crate::flashjob::{
    observe::{Observed, stored},
    spec::{intervals::Intervals, job::Finals},
};

/// See the module's documentation. A device's position here is its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// Indexes of all of them.
    pub(super) indexes: Intervals,
    /// Those that are final.
    pub(super) done: Intervals,
    /// Those of them that failed.
    pub(super) failed: Intervals,
    /// Those that are final or have an attempt.
    pub(super) begun: Intervals,
}

impl Members {
    /// The selected devices: those that the spec names, are final, or have an attempt.
    #[must_use]
    pub fn of(observed: &Observed<'_>, finals: &Finals) -> Self {
        let Some(roster) = observed.roster else {
            return Self::default();
        };
        let all = Intervals::below(roster.devices().len());
        let attempts = observed.ledger.of_job(&observed.job.uid);
        let attempts = attempts
            .filter(|(_, attempt)| attempt.identity.round == roster.round)
            .filter_map(|(_, attempt)| roster.index_of(&attempt.identity.uuid));
        // A device that is read back or waits for a retry has begun, whatever is left of its attempt.
        let stored = observed.job.status.devices.iter();
        let tracked = stored
            .filter(|device| stored::is_tracked(device))
            .filter_map(stored::index_of);
        let begun: Intervals = attempts.chain(tracked).collect();
        let done = finals.all().intersection(&all);
        let begun = begun.intersection(&all).union(&done);
        Self {
            indexes: observed.wanted().union(&begun),
            failed: finals.failed.intersection(&all),
            done,
            begun,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn selected(&self) -> usize {
        self.indexes.len()
    }

    /// The indexes of the first `end`.
    #[must_use]
    pub fn first(&self, end: usize) -> Intervals {
        self.indexes
            .intersection(&Intervals::below(self.index_at(end)))
    }

    /// Final devices among the first `end`.
    #[must_use]
    pub fn done(&self, end: usize) -> usize {
        self.done.count_below(self.index_at(end))
    }

    /// Failed devices at these places.
    #[must_use]
    pub fn failed(&self, places: &Range<usize>) -> usize {
        let before = |place| self.failed.count_below(self.index_at(place));
        before(places.end).saturating_sub(before(places.start))
    }

    /// Devices that are neither final nor begun.
    #[must_use]
    pub fn unstarted(&self) -> usize {
        self.indexes.len().saturating_sub(self.begun.len())
    }

    /// Whether any device at these places is final or begun.
    #[must_use]
    pub fn any_begun(&self, places: &Range<usize>) -> bool {
        let first = self.begun.first_from(self.index_at(places.start));
        !places.is_empty() && first.is_some_and(|index| index < self.index_at(places.end))
    }

    /// Index of the device at this place; beyond the last one, an index that no device has.
    fn index_at(&self, place: usize) -> usize {
        self.indexes.nth(place).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[usize]) -> Intervals {
        numbers.iter().copied().collect()
    }

    #[test]
    fn places_are_counted_among_the_devices_that_are_selected() {
        let members = Members {
            indexes: of(&[0, 1, 4, 6]),
            done: of(&[1, 4]),
            failed: of(&[4]),
            begun: of(&[1, 4, 6]),
        };
        assert_eq!(members.selected(), 4);
        assert_eq!(
            [0, 1, 2, 3, 9].map(|end| members.done(end)),
            [0, 0, 1, 2, 2]
        );
        assert_eq!(
            [0..4, 0..2, 2..3, 3..9].map(|places| members.failed(&places)),
            [1, 0, 1, 0]
        );
        assert_eq!(
            [0..1, 0..2, 3..4, 4..9, 1..1].map(|places| members.any_begun(&places)),
            [false, true, true, false, false]
        );
        assert_eq!(members.unstarted(), 1);
        assert_eq!(members.first(3), of(&[0, 1, 4]));
        assert_eq!(members.first(99), members.indexes);
    }

    proptest! {
        #[test]
        fn what_is_counted_of_a_part_is_counted_of_the_whole(
            states in proptest::collection::vec(0_u8..5, 0..30),
            at in 0_usize..40,
        ) {
            let those = |wanted: fn(u8) -> bool| -> Intervals {
                let places = states.iter().enumerate();
                places.filter(|(_, state)| wanted(**state)).map(|(index, _)| index).collect()
            };
            let members = Members {
                indexes: those(|state| state > 0),
                begun: those(|state| state > 1),
                done: those(|state| state > 2),
                failed: those(|state| state > 3),
            };
            let selected = members.selected();
            prop_assert_eq!(members.failed(&(0..at)) + members.failed(&(at..selected)), members.failed(&(0..selected)));
            prop_assert_eq!(members.done(selected), members.done.len());
            prop_assert_eq!(members.first(at).len(), at.min(selected));
            prop_assert_eq!(members.any_begun(&(0..selected)), members.unstarted() < selected);
        }
    }
}
