//! What a person may order of a job or a class, what is written for it, and what is said of it. Pure.
//!
//! Called by `kubectl flashjob` and by the console, so that both go by the same rules.

pub mod approve;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod rerun;
pub mod stop;
pub mod suspend;

use jiff::Timestamp;

/// An id that no order before this moment has: what is ordered again under another id is done again.
fn new_id(now: Timestamp) -> String {
    now.strftime("%FT%T.%3fZ").to_string()
}
