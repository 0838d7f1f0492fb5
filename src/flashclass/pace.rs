//! What a class adds to the order and pace of a job. Pure.

use crate::api::Window;

/// What the class adds to the job's own order and pace.
#[derive(Clone, Debug, Default)]
pub struct ClassPace<'a> {
    /// Lists of windows, each of which has to be open.
    pub windows: Vec<&'a [Window]>,
    /// Most devices of the first step.
    pub max_first_step: Option<usize>,
    /// What is asked of approvals.
    pub approvals: Option<ApprovalRules>,
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
