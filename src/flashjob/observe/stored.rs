//! What the stored status says of a device, and of one attempt at it. Pure.
//!
//! A device that waits for its next attempt, or whose version is being read back, is known by its entry in `status.devices`
//! alone: such an entry is *tracked*, and never left out. Called by `plan`, `status` and `remember`.

use crate::api::{DevicePhase, DeviceStatus, Reason, Word};
use crate::flashjob::spec::job::Job;
use crate::identifiers::AttemptId;

/// What follows a stored verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing: the device is final.
    Final,
    /// Another attempt: this one is over.
    Retried,
    /// The version is read back: the record stays, as the lock.
    Verifying,
}

/// The entry of the device at an index.
#[must_use]
pub fn entry(job: &Job, index: usize) -> Option<&DeviceStatus> {
    let mut devices = job.status.devices.iter();
    devices.find(|device| index_of(device) == Some(index))
}

/// Index of the device that an entry is of.
#[must_use]
pub fn index_of(device: &DeviceStatus) -> Option<usize> {
    usize::try_from(device.index).ok()
}

/// Id of the attempt whose Pod an entry names.
#[must_use]
pub fn attempt_id(device: &DeviceStatus) -> Option<AttemptId> {
    let (_, id) = device.pod.as_deref()?.rsplit_once('-')?;
    Some(id.into())
}

/// Attempts at a device that failed in this round and are followed by another.
#[must_use]
pub fn failures(job: &Job, index: usize) -> usize {
    entry(job, index).map_or(0, |device| device.earlier_failures.len())
}

/// Why earlier attempts at a device failed, oldest first, as a text; empty where none did.
#[must_use]
pub fn failures_of(device: &DeviceStatus) -> String {
    let words = device.earlier_failures.iter().map(Word::as_str);
    words.collect::<Vec<_>>().join(", ")
}

/// Whether nothing but this entry knows how far the device has come.
#[must_use]
pub fn is_tracked(device: &DeviceStatus) -> bool {
    let ended = [
        DevicePhase::Succeeded,
        DevicePhase::Failed,
        DevicePhase::Skipped,
    ];
    let is_final = ended.into_iter().any(|phase| device.is(phase));
    device.is(DevicePhase::Verifying) || (!is_final && !device.earlier_failures.is_empty())
}

/// The word in an entry as a reason.
#[must_use]
pub fn reason(device: &DeviceStatus) -> Option<Reason> {
    device.reason.as_ref()?.known()
}

/// Whether the verdict of this attempt is stored although its device is not final, and what follows it.
#[must_use]
pub fn stage(job: &Job, index: usize, attempt: &AttemptId) -> Option<Stage> {
    let device = entry(job, index).filter(|device| attempt_id(device).as_ref() == Some(attempt))?;
    if device.is(DevicePhase::Verifying) {
        return Some(Stage::Verifying);
    }
    let retried = device.is(DevicePhase::Waiting) && !device.earlier_failures.is_empty();
    retried.then_some(Stage::Retried)
}
