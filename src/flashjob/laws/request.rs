//! What can be asked of the simulated API server, and what it answers.

use std::sync::Arc;

use super::objects::Api;
use crate::{
    api::{FlashJobStatus, Reason, SelectedDevice},
    flashjob::{
        observe::objects::{Identity, ObservedPod, ObservedRecord, ObservedService},
        plan::attempt::PodRemoval,
        spec::job::Job,
        verdict::Outcome,
    },
};
use helm_release::Status;

/// One request, as it goes over the wire.
#[derive(Clone, Debug)]
pub enum Request {
    CreateRecord(Identity, u32),
    FindRecord(Identity, u32),
    PutRecord(Box<ObservedRecord>, Status),
    DeleteRecord(String, String),
    ApplyService(Identity),
    FindService(String),
    HoldService(Box<ObservedService>),
    FreeService(String, String),
    DeleteService(String, String),
    CreatePod(Identity),
    FindPod(String),
    ReadLog(Box<ObservedPod>),
    FindNode(String),
    DeletePod(Box<ObservedPod>, PodRemoval),
    Untrack(Box<ObservedPod>),
    AddFinalizer(Arc<Job>),
    StoreSelection(Arc<Job>, i64, usize, Vec<SelectedDevice>),
    PutStatus(Arc<Job>, Box<FlashJobStatus>, Precondition),
    FindLeft(String),
    RemoveFinalizer(String),
}

/// What a status write demands of the object that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The uid and resourceVersion that were read.
    UidAndVersion,
    /// Nothing but the name.
    Name,
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Reply {
    Record(ObservedRecord),
    Service(ObservedService),
    Pod(Option<ObservedPod>),
    Job(Arc<Job>),
    Verdict(Outcome, Reason),
    NodeLost(bool),
    Left(usize),
    /// A DELETE was accepted; the object is still there.
    Deleting,
    /// The object is gone, or never was.
    Gone,
    Done,
}

/// Why there is no answer that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Conflict,
    AlreadyExists,
    /// It was never sent, or turned away at the door.
    Unreachable,
    /// It was not sent: this process does not hold the lease.
    NotLeader,
    /// Nobody knows whether it was carried out.
    Unknown,
}

pub type Answer = Result<Reply, Refused>;

impl Request {
    /// uid of the object that it is about, where it names one.
    pub fn uid(&self) -> Option<&str> {
        match self {
            Self::PutRecord(record, _) => Some(&record.sight.uid),
            Self::HoldService(service) => Some(&service.sight.uid),
            Self::DeleteRecord(_, uid)
            | Self::FreeService(_, uid)
            | Self::DeleteService(_, uid) => Some(uid),
            Self::ReadLog(pod) | Self::DeletePod(pod, _) | Self::Untrack(pod) => {
                Some(&pod.sight.uid)
            }
            _ => None,
        }
    }

    /// What it asks for, in one word.
    pub fn name(&self) -> String {
        let whole = format!("{self:?}");
        let name = whole.split('(').next();
        name.unwrap_or_default().to_owned()
    }

    pub const fn is_write(&self) -> bool {
        !matches!(
            self,
            Self::FindRecord(..)
                | Self::FindService(_)
                | Self::FindPod(_)
                | Self::ReadLog(_)
                | Self::FindNode(_)
                | Self::FindLeft(_)
        )
    }
}

impl Api {
    /// Carries a request out; `term` is that of the leader who sent it.
    pub fn serve(&mut self, request: &Request, term: u32) -> Answer {
        if request.is_write() && term < self.term {
            let name = request.name();
            self.broken(|| format!("{name} of leader {term} took effect after another had begun"));
        }
        self.check_own(request);
        if self.violation.is_some() {
            return Err(Refused::NotFound);
        }
        match request {
            Request::CreateRecord(who, revision) => {
                self.create_record(who, *revision).map(Reply::Record)
            }
            Request::FindRecord(who, revision) => self
                .records
                .get(&super::objects::record_name(who, *revision))
                .filter(|record| record.sight.identity.key == who.key)
                .map(|record| Reply::Record(record.clone()))
                .ok_or(Refused::NotFound),
            Request::PutRecord(seen, status) => self.put_record(seen, *status).map(Reply::Record),
            Request::DeleteRecord(name, uid) => {
                if let Some(record) = self.records.get(name) {
                    let who = record.sight.identity.clone();
                    self.check_removal(&who);
                }
                self.delete_record(name, uid);
                Ok(Reply::Gone)
            }
            Request::ApplyService(who) => Ok(Reply::Service(self.apply_service(who))),
            Request::FindService(name) => {
                let found = self.services.get(name).cloned();
                found.map(Reply::Service).ok_or(Refused::NotFound)
            }
            Request::HoldService(seen) => self.hold_service(seen).map(Reply::Service),
            Request::FreeService(name, uid) => {
                self.check_service_removal(name);
                self.free_service(name, uid);
                Ok(Reply::Done)
            }
            Request::DeleteService(name, uid) => {
                self.check_service_removal(name);
                Ok(self.delete_service(name, uid))
            }
            Request::CreatePod(who) => self.create_pod(who).map(|pod| Reply::Pod(Some(pod))),
            Request::FindPod(name) => Ok(Reply::Pod(self.pods.get(name).cloned())),
            Request::ReadLog(pod) => Ok(self.read_log(pod)),
            Request::FindNode(pod) => Ok(Reply::NodeLost(self.dead.contains(pod))),
            Request::DeletePod(seen, how) => self.delete_pod(seen, Some(*how)),
            Request::Untrack(seen) => {
                self.untrack(seen, true);
                Ok(Reply::Done)
            }
            Request::AddFinalizer(job) => self.add_finalizer(job),
            Request::StoreSelection(job, round, first, devices) => {
                self.store_selection(&job.uid, *round, *first, devices)
            }
            Request::PutStatus(job, status, demands) => {
                self.put_status(job, status, *demands).map(Reply::Job)
            }
            Request::FindLeft(uid) => Ok(Reply::Left(self.left_of(uid))),
            Request::RemoveFinalizer(uid) => {
                self.remove_finalizer(uid);
                Ok(Reply::Done)
            }
        }
    }
}
