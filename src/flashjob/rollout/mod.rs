//! Order and pace of a rollout: steps, approvals, limits of failures, windows, suspension. Pure.
//!
//! | file | what it decides |
//! |---|---|
//! | `amount` | what `10%` of so many devices is |
//! | `members`, `ladder`, `steps`, `check` | which devices a step has, when the next one begins, which steps are refused |
//! | `thresholds` | when a job stops, and what lets it go on |
//! | `schedule`, `clock` | when windows are open, and the time is right |
//! | `pace`, `hold` | how far a job may go now, and why devices wait |
//! | `events` | what is told when it changes |

pub mod amount;
pub mod check;
pub mod clock;
pub mod events;
#[cfg(test)]
pub mod fixtures;
pub mod hold;
pub mod ladder;
pub mod members;
pub mod pace;
pub mod schedule;
pub mod steps;
pub mod thresholds;
