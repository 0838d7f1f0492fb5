//! Which devices of a round are final, as its status says. Pure.

use super::{intervals::Intervals, tampered};
use crate::{api::FlashJobStatus, flashjob::verdict::Outcome};

/// Devices that are final in a round, by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finals {
    /// Ended well.
    pub succeeded: Intervals,
    /// Ended badly.
    pub failed: Intervals,
    /// Not flashed because it was not needed.
    pub skipped: Intervals,
}

impl Finals {
    /// Whether the device at this index is final.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.succeeded.contains(index)
            || self.failed.contains(index)
            || self.skipped.contains(index)
    }

    /// Adds a device that ended like this.
    pub fn add(&mut self, index: usize, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded => self.succeeded.insert(index),
            Outcome::Skipped => self.skipped.insert(index),
            Outcome::Failed | Outcome::Unknown => self.failed.insert(index),
        };
    }

    /// Indexes of all that are final.
    #[must_use]
    pub fn all(&self) -> Intervals {
        self.succeeded.union(&self.failed).union(&self.skipped)
    }

    /// How many devices are final.
    #[must_use]
    pub fn len(&self) -> usize {
        self.succeeded.len() + self.failed.len() + self.skipped.len()
    }

    /// Whether none is final.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As a status says.
    #[must_use]
    pub fn of(status: &FlashJobStatus) -> Self {
        let set = |text: &Option<String>| index_set(text.as_deref(), status);
        Self {
            succeeded: set(&status.completed_indexes),
            failed: set(&status.failed_indexes),
            skipped: set(&status.skipped_indexes),
        }
    }
}

/// A set of devices of the selection. Of one that cannot be read nothing is known: such a status was tampered with.
pub(super) fn index_set(text: Option<&str>, status: &FlashJobStatus) -> Intervals {
    text.and_then(|text| Intervals::parse(text, tampered::selected(status)).ok())
        .unwrap_or_default()
}
