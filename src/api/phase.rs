//! Where a job, a step and a device stand: closed sets.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// The phases of the original operator, for display only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum Phase {
    /// Nothing has begun, or something keeps the job from going on, and nothing is in flight.
    InProgress,
    /// Devices are flashed, read back, or tried again.
    Running,
    /// Every device succeeded.
    Completed,
    /// The job ended with a failed device or could not start.
    Failed,
}

/// What a step is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum StepState {
    /// Its devices are flashed.
    Running,
    /// They are final; it is watched.
    Soaking,
    /// It waits for somebody to approve it.
    AwaitingApproval,
}

/// Where a device stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum DevicePhase {
    /// Not begun.
    Pending,
    /// Its release is recorded.
    Reserved,
    /// Its Service waits for an address.
    AwaitingAddress,
    /// Its Pod exists.
    Flashing,
    /// Flashed; its version is being read back.
    Verifying,
    /// Waiting before the next try.
    Waiting,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Not flashed because it was not needed.
    Skipped,
}

impl DevicePhase {
    /// All of them, in the order in which a device goes through them.
    pub const ALL: &'static [Self] = Self::VARIANTS;
}
