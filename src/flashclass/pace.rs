//! What a class adds to the order and pace of a job. Pure.

use crate::api::{RequireFor, Window};

/// What the class adds to the job's own order and pace.
#[derive(Clone, Debug, Default)]
pub struct ClassPace<'a> {
    /// Lists of windows, each of which has to be open.
    pub windows: Vec<&'a [Window]>,
    /// What is asked of the steps.
    pub steps: ClassSteps,
    /// What is asked of approvals.
    pub approvals: Option<ApprovalRules>,
}

/// What the class makes of the steps of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSteps {
    /// Most devices of the first one.
    pub max_first: Option<usize>,
    /// Those that begin only once somebody has approved.
    pub require_for: RequireFor,
}

/// What the classes ask of approvals together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRules {
    /// Name of the first class that asks.
    pub class: String,
    /// How many people have to approve.
    pub required: usize,
    /// The person who asked for the round is none of them.
    pub not_requester: bool,
}
