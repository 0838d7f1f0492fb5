//! The suspension of a job, and its end, under the plugin's own field manager. Pure.

use flashjob_operator::{flashjob::spec::job::Job, steer::suspend};
use kube::api::DynamicObject;

pub use suspend::suspended;

/// Field manager of `spec.suspend`.
pub const MANAGER: &str = "kubectl-flashjob-suspend";

/// What is said of a job that was let go on.
///
/// # Errors
/// Why it does not, with the command that helps.
pub fn resumed(before: &Job, now: &DynamicObject) -> Result<String, String> {
    suspend::resumed(before, now, MANAGER)
}
