//! A refusal: why something that was asked for is not done.

use super::Reason;

/// Why something that was asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In one word.
    pub reason: Reason,
    /// File, key and what is wrong.
    pub message: String,
}
