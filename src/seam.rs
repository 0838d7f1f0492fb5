//! Where the simulation takes hold of the code that it runs: clocks, chance, tasks, and bugs that are planted on purpose.
//!
//! A simulated process has clocks of its own, dies, and is stopped for a while, beside others on the same thread. In a build without
//! tests nothing here does anything.

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;

/// A rule that the code does not keep where this bug is planted: the simulation has to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// Steps 7 and 8 are swapped: what is left of a flash goes before its verdict is stored.
    RemoveBeforeStoring,
    /// A write leaves the process whether or not it holds the lease.
    NoLeaseCheck,
    /// A new leader does not wait until no write of the former one can be under way.
    NoWaitAfterTakeOver,
    /// Slots are counted by what the watches have told so far, not by what was begun.
    CountSlotsFromCache,
    /// A Pod that is not seen is taken for gone without asking the API server.
    InterruptedWithoutLiveGet,
    /// The lock is free as soon as the DELETE of the Pod is accepted.
    UnlockOnDeleteAccepted,
    /// A device that begins is not counted on what it shares with others.
    NotCountedOnWhatItShares,
    /// A flash of which nobody knows how it ended counts as failed, and is followed by another.
    UnknownIsFailed,
    /// Steps are not looked at.
    AllStepsAtOnce,
    /// A device is free for others as soon as it was flashed, while its version is still being read back.
    UnlockWhileReadBack,
    /// A device succeeds as soon as the firmware was sent to it.
    SentIsEnough,
    /// A status write demands nothing but the name of the job.
    VerdictWithoutUid,
    /// Records are believed without a seal.
    RecordNotSealed,
    /// Services are believed without a seal.
    ServiceNotSealed,
    /// Pods are believed without a seal.
    PodNotSealed,
    /// A record whose DELETE met a conflict is taken for gone.
    ConflictIsGone,
    /// A Service that somebody deletes is let go, whatever becomes of its flash.
    FreeWhatIsDeleted,
    /// A flash begins whoever has its address.
    SharesAddresses,
    /// A DELETE names no uid.
    DeleteWithoutUid,
    /// A watch does not tell of objects that were deleted.
    DeletionsUntold,
    /// An object of ours that leaves its watch while somebody deletes it is taken for gone.
    DeletingIsGone,
    /// A new leader looks for nothing but what bears its labels.
    LabelsTellAll,
    /// A status that was stored is not taken into the ledger.
    StatusSkipsLedger,
    /// A failure counts twice against the retries of its device.
    RetryCountedTwice,
    /// How long the Lease is held is read off the wall clock.
    LeaseByWallClock,
    /// A write of which nobody knows what became of it counts as over at once.
    UnclearIsOver,
    /// A Service of a pool is leased although another attempt has it.
    LeasesWhatIsLeased,
}

/// What the clocks of a simulated process show: wall-clock time, and the time since its machine booted.
pub type Clocks = (Timestamp, Duration);

#[cfg(test)]
pub(crate) use crate::simulation::process::{aside, clocks, planted, random, within};

#[cfg(not(test))]
pub(crate) use real::{aside, clocks, planted, random, within};

/// Starts a task that is part of the process that starts it.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(within(task))
}

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
