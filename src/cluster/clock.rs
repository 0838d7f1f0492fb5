//! The one place that reads the clocks. Everything that decides takes the time as a value.

use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

use crate::seam;

/// Wall-clock time: for what people and other programs read, never for measuring how long something took.
#[must_use]
pub fn now() -> Timestamp {
    seam::clocks().map_or_else(Timestamp::now, |(wall, _)| wall)
}

/// Time since the machine booted, suspended time included. A lease that expired while the machine slept has expired.
///
/// # Panics
/// Where the kernel has no such clock: Linux has had it since 2.6.39.
#[must_use]
pub fn boot_time() -> Duration {
    if let Some((_, boot)) = seam::clocks() {
        return boot;
    }
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .expect("Linux has CLOCK_BOOTTIME")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_never_goes_back() {
        let before = boot_time();
        assert!(boot_time() >= before);
        assert!(before > Duration::ZERO);
    }
}
