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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::well(Outcome::Succeeded, ["7", "", ""])]
    #[case::badly(Outcome::Failed, ["", "7", ""])]
    #[case::nobody_knows_how(Outcome::Unknown, ["", "7", ""])]
    #[case::without_a_flash(Outcome::Skipped, ["", "", "7"])]
    fn a_device_that_ends_is_in_one_set(#[case] outcome: Outcome, #[case] sets: [&str; 3]) {
        let mut finals = Finals::default();
        assert!(finals.is_empty());
        finals.add(7, outcome);
        let Finals {
            succeeded,
            failed,
            skipped,
        } = &finals;
        assert_eq!([succeeded, failed, skipped].map(Intervals::to_string), sets);
        assert_eq!((finals.is_empty(), finals.len()), (false, 1));
        assert_eq!((finals.contains(7), finals.contains(6)), (true, false));
    }
}
