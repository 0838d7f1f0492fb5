//! When a job is looked at again.

use std::time::Duration;

/// When the next pass is due, if nothing happens before.
pub type NextPass = Option<Duration>;
