//! Steps as `act` takes them, one request at a time: what is sent, and what an answer means.

use jiff::SignedDuration;

use super::{
    leader::Leader,
    objects::{Api, pod_name},
    planted::Bug,
    request::{Answer, Precondition, Refused, Reply, Request},
    task::{About, Op, Task, Wire},
};
use crate::{
    api::Reason,
    flashjob::{
        observe::{
            ledger::Attempt,
            memory::{Found, Trouble, Waiting},
            objects::{Identity, ObservedService},
        },
        plan::attempt::PodRemoval,
        verdict::{Outcome, Verdict},
    },
};
use helm_release::{Key, Status};

impl Leader {
    /// The next request of a task; none where its next thing to do needs none, or it has nothing to do any more.
    pub fn next_request(&mut self, api: &mut Api, place: usize) -> Option<(Op, Request)> {
        let task = &mut self.tasks[place];
        let Some(op) = task.ops.pop_front() else {
            self.end(api, place, Ok(()));
            return None;
        };
        match self.request(api, place, &op) {
            Ok(Some(request)) => Some((op, request)),
            Ok(None) => {
                self.end_if_done(api, place);
                None
            }
            Err(refused) => {
                self.end(api, place, Err(refused));
                None
            }
        }
    }

    fn end_if_done(&mut self, api: &Api, place: usize) {
        if self.tasks[place].ops.is_empty() {
            self.end(api, place, Ok(()));
        }
    }

    fn request(
        &mut self,
        api: &mut Api,
        place: usize,
        op: &Op,
    ) -> Result<Option<Request>, Refused> {
        if let About::Job(_) = self.tasks[place].about {
            return Ok(self.job_request(place, op));
        }
        let task = &self.tasks[place];
        let (who, seen) = (task.who().clone(), task.seen.clone());
        let record = seen.as_ref().and_then(Attempt::record).cloned();
        let pod = seen.as_ref().and_then(|seen| seen.pod.clone());
        Ok(match op {
            Op::CreateRecord => {
                let release = format!("flash-{}", who.uuid);
                let revision = self.state.next_revision(&who.namespace, &release);
                Some(Request::CreateRecord(who, revision))
            }
            Op::FindRecord(revision) => Some(Request::FindRecord(who, *revision)),
            Op::FindService => Some(Request::FindService(pod_name(&who))),
            Op::ApplyService => Some(Request::ApplyService(who)),
            Op::CreatePod => {
                record.ok_or(Refused::NotFound)?;
                Some(Request::CreatePod(who))
            }
            Op::Confirm if self.bug == Some(Bug::InterruptedWithoutLiveGet) => {
                self.keep(api, &who, Outcome::Unknown, Reason::Interrupted);
                None
            }
            Op::FindPod | Op::Confirm | Op::ConfirmUnlaunched => {
                Some(Request::FindPod(pod_name(&who)))
            }
            Op::PutDeployed | Op::FailRecord => {
                let status = if matches!(op, Op::FailRecord) {
                    Status::Failed
                } else {
                    Status::Deployed
                };
                let record = record.ok_or(Refused::NotFound)?;
                Some(Request::PutRecord(Box::new(record), status))
            }
            Op::ReadVerdict => {
                let lost = &self.state.memory(&who.key.job_uid).lost;
                if lost.contains(&who.key.id) {
                    self.keep(api, &who, Outcome::Unknown, Reason::NodeLost);
                    None
                } else {
                    pod.map(|pod| Request::ReadLog(Box::new(pod)))
                }
            }
            Op::CheckNode => Some(Request::FindNode(pod_name(&who))),
            Op::AskForPod => {
                let unseen = seen.is_some_and(|seen| seen.may_have_unseen_pod());
                unseen.then(|| Request::FindPod(pod_name(&who)))
            }
            Op::DeletePod(how) => pod
                .filter(|pod| *how != PodRemoval::Unstarted || !pod.may_have_run())
                .map(|pod| Request::DeletePod(Box::new(pod), *how)),
            Op::Untrack => pod.map(|pod| Request::Untrack(Box::new(pod))),
            Op::HoldService => seen
                .and_then(|seen| seen.service)
                .filter(ObservedService::may_be_held)
                .map(|service| Request::HoldService(Box::new(service))),
            Op::FreeService => seen
                .and_then(|seen| seen.service)
                .map(|service| Request::FreeService(service.sight.name, service.sight.uid)),
            Op::DeleteService => seen
                .and_then(|seen| seen.service)
                .map(|service| Request::DeleteService(service.sight.name, service.sight.uid)),
            Op::DeleteRecords => {
                let doomed = self.doomed(&who, seen.as_ref());
                let ops = doomed.into_iter();
                let ops = ops.map(|(name, uid)| Op::DeleteRecord(name, uid));
                self.tasks[place].ops.extend(ops);
                None
            }
            Op::DeleteRecord(name, uid) => Some(Request::DeleteRecord(name.clone(), uid.clone())),
            other => panic!("{other:?} is of a job"),
        })
    }

    fn job_request(&mut self, place: usize, op: &Op) -> Option<Request> {
        let job = self.tasks[place].job().clone();
        Some(match op {
            Op::AddFinalizer => Request::AddFinalizer(job),
            Op::StoreSelection(round, first, devices) => {
                Request::StoreSelection(job, *round, *first, devices.clone())
            }
            Op::SaveStatus(status) => {
                let demands = if self.bug == Some(Bug::VerdictWithoutUid) {
                    Precondition::Name
                } else {
                    Precondition::UidAndVersion
                };
                Request::PutStatus(job, status.clone(), demands)
            }
            Op::Adopt(roster) => {
                let roster = std::sync::Arc::new((**roster).clone());
                let known = self.state.rosters.get(&job.uid);
                let opens = known.is_none_or(|known| known.round != roster.round);
                self.state.rosters.insert(job.uid.clone(), roster);
                if opens {
                    self.state.memory(&job.uid).begin_round();
                }
                return None;
            }
            Op::FindLeft => Request::FindLeft(job.uid.clone()),
            Op::RemoveFinalizer => Request::RemoveFinalizer(job.uid.clone()),
            other => panic!("{other:?} is of an attempt"),
        })
    }

    /// Takes an answer in, and ends the task with its last one.
    pub fn answered(&mut self, api: &mut Api, place: usize) {
        let wire = std::mem::replace(&mut self.tasks[place].wire, Wire::Idle);
        let Wire::Answered(op, request, answer) = wire else {
            return;
        };
        match self.take(api, place, &op, &request, answer) {
            Ok(()) => self.end_if_done(api, place),
            Err(refused) => self.end(api, place, Err(refused)),
        }
    }

    fn take(
        &mut self,
        api: &mut Api,
        place: usize,
        op: &Op,
        request: &Request,
        answer: Answer,
    ) -> Result<(), Refused> {
        let task = &mut self.tasks[place];
        match (op, request, answer) {
            // Whether a create was carried out is asked until the API server says so.
            (Op::CreateRecord, Request::CreateRecord(_, revision), Err(error))
                if is_to_be_looked_up(error) =>
            {
                task.ops.push_front(Op::FindRecord(*revision));
            }
            (Op::CreatePod, _, Err(error)) if is_to_be_looked_up(error) => {
                task.ops.push_front(Op::FindPod);
            }
            (Op::ApplyService, _, Err(Refused::Unknown)) => {
                task.ops.push_front(Op::FindService);
            }
            (
                Op::FindRecord(_) | Op::FindPod | Op::FindService,
                _,
                Err(Refused::Unknown | Refused::Unreachable),
            ) => {
                task.ops.push_front(op.clone());
            }
            (Op::DeletePod(PodRemoval::Unstarted), _, Err(Refused::Conflict)) => {
                // It started after all: it is followed to its end.
                let key = task.who().key.clone();
                let memory = self.state.memory(&key.job_uid);
                memory.releasing.remove(&key.id);
                return Err(Refused::Conflict);
            }
            (_, Request::DeleteRecord(_, uid), Err(Refused::Conflict))
                if self.bug == Some(Bug::ConflictIsGone) =>
            {
                self.state.ledger.see_gone(uid);
            }
            (_, _, Err(error)) => return Err(error),
            (Op::FindPod, _, Ok(Reply::Pod(None))) => return Err(Refused::NotFound),
            (Op::Confirm, _, Ok(Reply::Pod(None))) => {
                let who = task.who().clone();
                self.keep(api, &who, Outcome::Unknown, Reason::Interrupted);
            }
            (Op::ConfirmUnlaunched, _, Ok(Reply::Pod(None))) => {
                let key = task.who().key.clone();
                self.state.memory(&key.job_uid).unlaunched.insert(key.id);
            }
            (Op::AskForPod, _, Ok(Reply::Pod(Some(pod)))) => {
                self.state.ledger.see_pod(pod);
                task.ops.clear();
            }
            (Op::FindLeft, _, Ok(Reply::Left(left))) => {
                if left > 0 {
                    task.ops.clear();
                }
            }
            (Op::CheckNode, _, Ok(Reply::NodeLost(lost))) => {
                let key = task.who().key.clone();
                if !lost {
                    return Err(Refused::NotFound);
                }
                self.state.memory(&key.job_uid).lost.insert(key.id);
            }
            (Op::ReadVerdict, _, Ok(Reply::Verdict(outcome, reason))) => {
                let who = task.who().clone();
                self.keep(api, &who, outcome, reason);
                if self.bug == Some(Bug::RemoveBeforeStoring) {
                    self.tasks[place].ops.extend([
                        Op::DeletePod(PodRemoval::Ended),
                        Op::Untrack,
                        Op::FreeService,
                        Op::DeleteService,
                        Op::DeleteRecords,
                    ]);
                }
            }
            (_, _, Ok(reply)) => self.see(op, request, reply),
        }
        Ok(())
    }

    /// Takes in what the API server has, or has no more.
    fn see(&mut self, op: &Op, request: &Request, reply: Reply) {
        let ledger = &mut self.state.ledger;
        match (request, reply) {
            (_, Reply::Record(record)) => drop(ledger.see_record(record)),
            (_, Reply::Service(service)) => drop(ledger.see_service(service)),
            (_, Reply::Pod(Some(pod))) => drop(ledger.see_pod(pod)),
            (_, Reply::Job(job)) => self.see_written_job(&job),
            (Request::DeletePod(pod, _), Reply::Gone) => drop(ledger.see_gone(&pod.sight.uid)),
            (Request::DeletePod(pod, _), Reply::Deleting) => {
                if self.bug == Some(Bug::UnlockOnDeleteAccepted) {
                    ledger.see_gone(&pod.sight.uid);
                }
            }
            (Request::DeleteService(_, uid) | Request::DeleteRecord(_, uid), Reply::Gone) => {
                drop(ledger.see_gone(uid));
            }
            (_, Reply::Deleting | Reply::Gone | Reply::Done | Reply::Pod(None)) => {}
            (_, other) => panic!("{op:?} was answered by {other:?}"),
        }
    }

    fn keep(&mut self, api: &mut Api, who: &Identity, outcome: Outcome, reason: Reason) {
        let (outcome, reason) = match outcome {
            Outcome::Unknown if self.bug == Some(Bug::UnknownIsFailed) => {
                (Outcome::Failed, Reason::FlashFailed)
            }
            known => (known, reason),
        };
        api.note(|| format!("VERDICT {} {outcome:?} {reason}", who.key.id));
        api.end_was_read(&pod_name(who));
        let roster = self
            .state
            .rosters
            .get(&who.key.job_uid)
            .filter(|roster| roster.round == who.round);
        let index = roster.and_then(|roster| roster.index_of(&who.uuid));
        let verdict = Verdict {
            outcome,
            reason,
            message: String::new(),
            log_tail: String::new(),
        };
        let found = Found {
            index,
            uuid: who.uuid.clone(),
            verdict,
            at: self.time(api),
        };
        let memory = self.state.memory(&who.key.job_uid);
        memory.verdicts.insert(who.key.id.clone(), found);
    }

    fn doomed(&self, who: &Identity, seen: Option<&Attempt>) -> Vec<(String, String)> {
        let Some(newest) = seen.and_then(Attempt::record) else {
            return Vec::new();
        };
        let release = Key::parse(&newest.sight.name).unwrap().release;
        let all = self.state.ledger.all();
        let records = all.flat_map(|(_, other)| other.records.values());
        let of_release = records.filter(|record| {
            Key::parse(&record.sight.name).is_some_and(|key| key.release == release)
        });
        let goes = of_release.filter(|record| {
            let older = record.revision < newest.revision && record.status == Status::Failed;
            record.sight.identity.key == who.key || older
        });
        goes.map(|record| (record.sight.name.clone(), record.sight.uid.clone()))
            .collect()
    }

    /// A task ended. Of an attempt, trouble is remembered and its mark is taken away.
    pub fn end(&mut self, api: &Api, place: usize, done: Result<(), Refused>) {
        let Task { about, index, .. } = self.tasks.remove(place);
        let About::Attempt(identity) = about else {
            return;
        };
        let now = self.time(api);
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        let key = identity.key;
        let attempt = self.state.ledger.attempt(&key);
        let goes_on = attempt
            .and_then(Attempt::record)
            .is_some_and(|record| record.status != Status::Failed);
        let memory = self.state.memory(&key.job_uid);
        if done.is_ok() {
            memory.trouble.remove(&key.id);
        } else {
            if let Some(index) = index.filter(|_| !goes_on) {
                let waiting = Waiting {
                    reason: Reason::ApiError,
                    message: String::new(),
                    until: later(5),
                    tries: 1,
                };
                memory.waiting.insert(index, waiting);
            }
            let trouble = Trouble {
                reason: Reason::ApiError,
                message: "no".into(),
                until: later(1),
                tries: 1,
            };
            memory.trouble.insert(key.id.clone(), trouble);
        }
        self.state.ledger.end_step(&key);
    }
}

fn is_to_be_looked_up(error: Refused) -> bool {
    matches!(error, Refused::AlreadyExists | Refused::Unknown)
}
