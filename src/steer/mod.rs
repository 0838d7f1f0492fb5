//! What a person may order of a job, what is written for it, and what is said of it. Pure.
//!
//! Called by `kubectl flashjob` and by the console, so that both go by the same rules.

pub mod approve;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod rerun;
pub mod suspend;
