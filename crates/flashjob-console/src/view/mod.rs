//! What is said of a job and its devices: made of what the operator's library says. Pure.

mod device;
mod failure;
#[cfg(test)]
mod fixtures;

pub use device::{DeviceEntry, DevicePage, Wanted, entries, page};
pub use failure::{FailureGroup, Failures, Help, failures};
