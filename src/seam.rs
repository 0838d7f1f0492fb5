//! Where the simulation takes hold of the code that it runs: clocks, chance, tasks, and bugs that are planted on purpose.
//!
//! A simulated process has clocks of its own, dies, and is stopped for a while, beside others on the same thread. In a build without
//! tests nothing here does anything.

use std::time::Duration;

use jiff::Timestamp;

/// A rule that the code does not keep where this bug is planted: the simulation has to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A write leaves the process whether or not it holds the lease.
    NoLeaseCheck,
}

/// What the clocks of a simulated process show: wall-clock time, and the time since its machine booted.
pub type Clocks = (Timestamp, Duration);

#[cfg(test)]
pub(crate) use crate::simulation::process::{aside, clocks, planted, random, within};

#[cfg(not(test))]
pub(crate) use real::{aside, clocks, planted, random, within};

#[cfg(not(test))]
mod real {
    use tokio::task::JoinError;

    use super::{Bug, Clocks};

    /// Whether this bug is planted.
    #[must_use]
    pub const fn planted(_: Bug) -> bool {
        false
    }

    /// The clocks of the simulated process that runs; none outside of the simulation.
    #[must_use]
    pub const fn clocks() -> Option<Clocks> {
        None
    }

    /// Makes a task part of the process that starts it.
    pub const fn within<F: Future>(task: F) -> F {
        task
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>() -> [u8; N] {
        rand::random()
    }

    /// Does work that takes a while on a thread of its own.
    ///
    /// # Errors
    /// When it panics.
    pub async fn aside<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        tokio::task::spawn_blocking(work).await
    }
}
