//! What a class adds to the order and pace of a job. Pure.

use crate::api::Window;

/// What the class adds to the job's own order and pace.
#[derive(Clone, Debug, Default)]
pub struct ClassPace<'a> {
    /// Lists of windows, each of which has to be open.
    pub windows: Vec<&'a [Window]>,
    /// Most devices of the first step.
    pub max_first_step: Option<usize>,
}
