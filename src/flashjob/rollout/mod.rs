//! Order and pace of a rollout: steps, approvals, limits of failures, windows, suspension. Pure.
//!
//! | file | what it decides |
//! |---|---|
//! | `amount` | what `10%` of so many devices is |
//! | `ladder`, `steps`, `check` | which devices a step has, when the next one begins, which steps are refused |
//! | `thresholds` | when a job stops, and what lets it go on |
//! | `schedule` | when windows are open |

pub mod amount;
pub mod check;
#[cfg(test)]
pub mod fixtures;
pub mod ladder;
pub mod schedule;
pub mod steps;
pub mod thresholds;
