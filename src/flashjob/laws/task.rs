//! What a leader has under way: requests in order, each sent, carried out and answered at moments of their own.

use std::{collections::VecDeque, sync::Arc};

use super::request::{Answer, Request};
use crate::{
    api::{FlashJobStatus, SelectedDevice},
    flashjob::{
        observe::{ledger::Attempt, objects::Identity, selection::Selection},
        plan::attempt::{PodRemoval, RecordRemoval, Step},
        spec::job::Job,
    },
};

/// One thing to do; most are one request.
#[derive(Clone, Debug)]
pub enum Op {
    CreateRecord,
    FindRecord(u32),
    ApplyService,
    FindService,
    CreatePod,
    FindPod,
    PutDeployed,
    ReadVerdict,
    Confirm,
    ConfirmUnlaunched,
    CheckNode,
    AskForPod,
    DeletePod(PodRemoval),
    Untrack,
    HoldService,
    FreeService,
    DeleteService,
    DeleteRecords,
    DeleteRecord(String, String),
    FailRecord,
    AddFinalizer,
    StoreSelection(i64, usize, Vec<SelectedDevice>),
    SaveStatus(Box<FlashJobStatus>),
    Adopt(Box<Selection>),
    FindLeft,
    RemoveFinalizer,
}

/// Where the request of a task is.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "most are on their way or answered"
)]
pub enum Wire {
    Idle,
    /// On its way until this time; after that, client and server have given it up.
    Sent(Op, Request, i64),
    Answered(Op, Request, Answer),
}

/// Whom a task is about.
#[derive(Clone, Debug)]
pub enum About {
    Attempt(Identity),
    Job(Arc<Job>),
}

pub struct Task {
    pub about: About,
    pub ops: VecDeque<Op>,
    pub wire: Wire,
    /// The attempt as it was when the step began.
    pub seen: Option<Attempt>,
    /// Index, where it is an attempt's first step.
    pub index: Option<usize>,
}

impl About {
    /// Whom, in a history.
    pub fn name(&self) -> &str {
        match self {
            Self::Attempt(identity) => &identity.key.id,
            Self::Job(job) => &job.uid,
        }
    }
}

impl Task {
    pub fn new(about: About, ops: impl IntoIterator<Item = Op>) -> Self {
        Self {
            about,
            ops: ops.into_iter().collect(),
            wire: Wire::Idle,
            seen: None,
            index: None,
        }
    }

    pub fn who(&self) -> &Identity {
        match &self.about {
            About::Attempt(identity) => identity,
            About::Job(job) => panic!("a task of job {} is of no attempt", job.uid),
        }
    }

    pub fn job(&self) -> &Arc<Job> {
        match &self.about {
            About::Job(job) => job,
            About::Attempt(identity) => panic!("a task of {identity:?} is of no job"),
        }
    }
}

/// The requests of a step, in order.
pub fn ops_of(step: &Step) -> Vec<Op> {
    match step {
        Step::Adopt => unreachable!("no other operator was ever in this world"),
        Step::ApplyService => vec![Op::ApplyService],
        Step::HoldService => vec![Op::HoldService],
        Step::Launch { .. } => vec![Op::CreatePod, Op::PutDeployed],
        Step::MarkDeployed => vec![Op::PutDeployed],
        Step::ReadVerdict => vec![Op::ReadVerdict],
        Step::ConfirmInterrupted => vec![Op::Confirm],
        Step::ConfirmUnlaunched => vec![Op::ConfirmUnlaunched],
        Step::CheckNode => vec![Op::CheckNode],
        Step::Remove(removal) => {
            let mut ops = vec![Op::AskForPod];
            ops.extend(removal.pod.map(Op::DeletePod));
            ops.extend(removal.untrack.then_some(Op::Untrack));
            ops.extend(removal.free.then_some(Op::FreeService));
            ops.extend(removal.service.then_some(Op::DeleteService));
            match &removal.record {
                RecordRemoval::Keep => {}
                RecordRemoval::Delete => ops.push(Op::DeleteRecords),
                RecordRemoval::Fail(_) => ops.push(Op::FailRecord),
            }
            ops
        }
    }
}
