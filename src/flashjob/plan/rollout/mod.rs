//! Order and pace of a rollout: steps, approvals, limits of failures, windows, suspension. Pure.
//!
//! | file | what it decides |
//! |---|---|
//! | `members`, `step_layout`, `steps` | which devices a step has, and when the next one begins |
//! | `approvals` | who approved, and whether that is enough |
//! | `failure_limits` | when a job stops, and what lets it go on |
//! | `start_times` | when the time is right |
//! | `pace`, `hold` | how far a job may go now, and why devices wait |

pub mod approvals;
pub mod failure_limits;
#[cfg(test)]
pub mod fixtures;
pub mod hold;
pub mod members;
pub mod pace;
pub mod start_times;
pub mod step_layout;
pub mod steps;
