//! A FlashJob as users and clients wrote it becomes a [`job::Job`]: identity without options, defaults applied in one place, index sets
//! ready to use, texts of others bounded. What today's rules refuse is said here, with the field.
//!
//! Pure. This room never sees an object of the cluster other than the FlashJob itself.

pub(crate) mod bounded_text;
pub mod finals;
pub mod int_or_percent;
pub mod intervals;
pub mod job;
pub mod rerun;
pub mod selector;
pub mod stamps;
pub mod step_state;
pub mod steps;
pub(crate) mod tampered;
pub mod windows;
