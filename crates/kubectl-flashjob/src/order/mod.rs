//! What a person may order of a job, what is written for it, and what is said of it. Pure.

pub mod choice;
pub mod create;
pub mod suspend;

pub use flashjob_operator::steer::{approve, rerun};
