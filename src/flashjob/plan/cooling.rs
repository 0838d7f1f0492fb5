//! Devices whose flash was cut off and whose address is kept until they must have stopped dialling it. Pure.
//!
//! Counted by `attempt`, said by `status` of a job that is deleted: nothing else keeps such a job.

use jiff::Timestamp;

/// How many devices cool down, and until when the last of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// Devices.
    pub devices: usize,
    /// When the last of them has cooled down.
    pub until: Timestamp,
}

impl Cooling {
    /// With one device more, which cools down until then.
    pub(super) fn and(others: Option<Self>, until: Timestamp) -> Self {
        Self {
            devices: others.map_or(0, |others| others.devices) + 1,
            until: others.map_or(until, |others| others.until.max(until)),
        }
    }
}
