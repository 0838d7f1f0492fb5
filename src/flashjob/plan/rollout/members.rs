//! The devices that a job selects now, in order: what steps and limits count. Pure; called by `pace`.

use std::collections::BTreeSet;

use crate::flashjob::plan::rollout::step_layout::Fate;
use crate::flashjob::{
    observe::{Observed, stored},
    spec::job::Finals,
};

/// See the module's documentation. A device's position here is its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// Indexes, in order.
    pub indexes: Vec<usize>,
    /// How they stand.
    pub fates: Vec<Fate>,
    /// Whether they have an attempt.
    begun: Vec<bool>,
}

impl Members {
    /// The selected devices: those that the spec names, are final, or have an attempt.
    #[must_use]
    pub fn of(observed: &Observed<'_>, finals: &Finals) -> Self {
        let mut members = Self {
            indexes: Vec::new(),
            fates: Vec::new(),
            begun: Vec::new(),
        };
        let Some(roster) = observed.roster else {
            return members;
        };
        let attempts = observed.ledger.of_job(&observed.job.uid);
        let attempts = attempts
            .filter(|(_, attempt)| attempt.identity.round == roster.round)
            .filter_map(|(_, attempt)| roster.index_of(&attempt.identity.uuid));
        // A device that is read back or waits for a retry has begun, whatever is left of its attempt.
        let stored = observed.job.status.devices.iter();
        let tracked = stored
            .filter(|device| stored::is_tracked(device))
            .filter_map(stored::index_of);
        let begun: BTreeSet<usize> = attempts.chain(tracked).collect();
        for (index, device) in roster.devices().iter().enumerate() {
            let fate = if finals.failed.contains(index) {
                Fate::Failed
            } else if finals.contains(index) {
                Fate::Done
            } else {
                Fate::Open
            };
            let has_begun = begun.contains(&index);
            if fate != Fate::Open || has_begun || observed.job.wants(index, &device.uuid) {
                members.indexes.push(index);
                members.fates.push(fate);
                members.begun.push(has_begun);
            }
        }
        members
    }

    /// Devices that are neither final nor begun.
    #[must_use]
    pub fn unstarted(&self) -> usize {
        let open = self.fates.iter().zip(&self.begun);
        open.filter(|(fate, begun)| **fate == Fate::Open && !**begun)
            .count()
    }

    /// Whether any device at these places is final or begun.
    #[must_use]
    pub fn any_begun(&self, mut places: std::ops::Range<usize>) -> bool {
        places.any(|place| {
            let begun = self.begun.get(place).is_some_and(|begun| *begun);
            begun
                || self
                    .fates
                    .get(place)
                    .is_some_and(|fate| *fate != Fate::Open)
        })
    }
}
