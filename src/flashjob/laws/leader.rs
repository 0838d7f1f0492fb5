//! The leader over the simulated API: passes as `reconcile` makes them, steps as `act` takes them, one request at a time.

use std::{collections::VecDeque, sync::Arc};

use jiff::SignedDuration;

use super::api::{Api, Event, Refused, may_be_launched, pod_name};
use crate::{
    api::{FlashJobStatus, Reason},
    device,
    flashjob::{
        attempts::{PodRemoval, RecordRemoval, Step},
        conditions,
        fixtures::{BOUNDS, effective_of, open_classes},
        job::Job,
        ledger::Attempt,
        memory::{Found, Trouble, Waiting},
        plan::{self, Plan, World},
        remember::remember,
        roster::Roster,
        sight::{AttemptKey, Identity, PodSight},
        state::State,
        status,
        sweep::plan_orphans,
        verdict::{Outcome, Verdict},
    },
    release::{Key, Status},
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It never arrives.
    Refused,
    /// It is carried out, and its answer is lost.
    Lost,
}

/// One request of a step.
#[derive(Clone, Debug)]
enum Op {
    CreateRecord,
    FindRecord(u32),
    ApplyService,
    CreatePod,
    FindPod,
    PutDeployed,
    ReadVerdict,
    Confirm,
    CheckNode,
    AskForPod,
    DeletePod(PodRemoval),
    Untrack,
    DeleteService,
    DeleteRecords,
    FailRecord,
}

/// A step that is being taken.
struct Running {
    identity: Identity,
    ops: VecDeque<Op>,
    /// The attempt as it was when its removal began.
    seen: Option<Attempt>,
    /// Index, where it is an attempt's first step.
    index: Option<usize>,
}

pub struct Leader {
    pub state: State,
    running: Vec<Running>,
    nonce: u32,
    pub max_in_flight: usize,
}

impl Leader {
    /// A new leader: everything is built from LISTs.
    pub fn elected(api: &mut Api, nonce: u32, max_in_flight: usize) -> Self {
        let mut state = State::default();
        state.akri_installed = true;
        state.classes = open_classes();
        api.events.iter_mut().for_each(VecDeque::clear);
        api.instances
            .values()
            .for_each(|instance| state.inventory.apply(instance));
        let mut leader = Self {
            state,
            running: Vec::new(),
            nonce,
            max_in_flight,
        };
        let jobs = api.jobs.values().cloned().map(Box::new).map(Event::Job);
        let records = api.records.values().cloned().map(Event::Record);
        let services = api.services.values().cloned().map(Event::Service);
        let pods = api.pods.values().cloned().map(Event::Pod);
        jobs.chain(records)
            .chain(services)
            .chain(pods)
            .for_each(|event| leader.take_in(event));
        leader
    }

    /// The leader dies; requests under way may still be carried out.
    pub fn die(mut self, api: &mut Api, mut arrives: impl FnMut() -> bool) -> u32 {
        for place in 0..self.running.len() {
            if arrives() {
                self.step(api, place, Fate::Lost);
                break;
            }
        }
        self.nonce
    }

    pub fn take_in(&mut self, event: Event) {
        let state = &mut self.state;
        let _news = match event {
            Event::Record(record) => state.ledger.see_record(record),
            Event::Service(service) => state.ledger.see_service(service),
            Event::Pod(pod) => state.ledger.see_pod(pod),
            Event::Gone(uid) => state.ledger.see_gone(&uid).is_some(),
            Event::Job(job) => state.see_job(Job::of_answer(*job).unwrap()),
            Event::JobGone(uid) => {
                state.see_job_gone(&uid);
                true
            }
        };
    }

    pub fn busy(&self) -> usize {
        self.running.len()
    }

    pub fn world(&self) -> World {
        self.state
            .world(None, self.max_in_flight, "native".into(), BOUNDS)
    }

    /// One pass over a job. Returns the plan and whether the status says something new.
    pub fn pass(
        &mut self,
        api: &mut Api,
        uid: &str,
        mut write: impl FnMut() -> Option<Fate>,
    ) -> Option<(Plan, bool)> {
        let job = self.state.job(uid)?.clone();
        self.load_roster(api, &job);
        if !job.deleting && !job.round_is_current() {
            self.open_round(api, &job, write());
            return Some((Plan::default(), true));
        }
        let (now, world) = (api.time(), self.world());
        let plan = self
            .state
            .observed(&job, &world, |observed| plan::plan(observed, now));
        remember(&mut self.state, &job, &plan, now);
        let wanted = self.state.observed(&job, &world, |observed| {
            status::compose(observed, &plan, now)
        });
        self.start(&job, &plan);
        let news = !conditions::same_but_times(&job.status, &wanted);
        if news && let Some(fate) = write() {
            self.write_status(api, &job, wanted, fate);
        }
        if job.deleting
            && self.state.ledger.of_job(uid).next().is_none()
            && api.left_of(uid) == 0
            && api.jobs.contains_key(uid)
        {
            api.drop_job(uid);
        }
        Some((plan, news))
    }

    pub fn sweep(&mut self, api: &Api) {
        for (identity, step) in plan_orphans(&mut self.state, &BOUNDS, api.time()) {
            self.begin_step(identity, &step);
        }
        self.state.tidy();
    }

    fn load_roster(&mut self, api: &Api, job: &Job) {
        let Some(round) = &job.status.round else {
            return;
        };
        if self
            .state
            .rosters
            .get(&job.uid)
            .is_some_and(|roster| roster.round == round.number)
        {
            return;
        }
        let devices = api.selections[&(job.uid.clone(), round.number)].clone();
        let before = self.state.rosters.insert(
            job.uid.clone(),
            Arc::new(Roster::new(round.number, devices)),
        );
        if before.is_some_and(|before| before.round != round.number) {
            self.state.memory(&job.uid).begin_round();
        }
    }

    fn open_round(&mut self, api: &mut Api, job: &Job, fate: Option<Fate>) {
        let Some(fate) = fate.filter(|fate| *fate != Fate::Refused) else {
            return;
        };
        let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
        let key = (job.uid.clone(), number);
        let uuids = &job.spec.as_ref().unwrap().uuid;
        let devices = api
            .selections
            .entry(key)
            .or_insert_with(|| device::select(uuids, &self.state.inventory))
            .clone();
        let roster = Roster::new(number, devices);
        let wanted = status::open_round(job, &roster, "hash", effective_of(job), api.time());
        if self.write_status(api, job, wanted, fate) {
            self.state.rosters.insert(job.uid.clone(), Arc::new(roster));
            self.state.memory(&job.uid).begin_round();
        }
    }

    fn write_status(
        &mut self,
        api: &mut Api,
        job: &Job,
        wanted: FlashJobStatus,
        fate: Fate,
    ) -> bool {
        let mut object = job.object.clone();
        object.status = Some(wanted);
        if fate == Fate::Refused {
            return false;
        }
        let answer = api.put_status(&object);
        match answer {
            Ok(answer) if fate == Fate::Answered => {
                self.state.see_job(Job::of_answer(answer).unwrap())
            }
            _ => false,
        }
    }

    fn start(&mut self, job: &Job, plan: &Plan) {
        for (identity, step) in &plan.steps {
            self.begin_step(identity.clone(), step);
        }
        for begin in &plan.begin {
            self.nonce += 1;
            let identity = Identity {
                key: AttemptKey {
                    job_uid: job.uid.clone(),
                    id: format!("x{}", self.nonce),
                },
                job_name: Some(job.name.clone()),
                namespace: job.namespace.clone(),
                round: job.status.round.as_ref().unwrap().number,
                uuid: begin.uuid.clone(),
                endpoint: Some(begin.device.endpoint.to_string()),
            };
            self.state.ledger.begin_step(&identity);
            let ops = [Op::CreateRecord, Op::ApplyService].into();
            self.running.push(Running {
                identity,
                ops,
                seen: None,
                index: Some(begin.index),
            });
        }
    }

    fn begin_step(&mut self, identity: Identity, step: &Step) {
        self.state.ledger.begin_step(&identity);
        let mut ops = VecDeque::new();
        match step {
            Step::ApplyService => ops.push_back(Op::ApplyService),
            Step::Launch { .. } => ops.extend([Op::CreatePod, Op::PutDeployed]),
            Step::MarkDeployed => ops.push_back(Op::PutDeployed),
            Step::ReadVerdict => ops.push_back(Op::ReadVerdict),
            Step::ConfirmInterrupted => ops.push_back(Op::Confirm),
            Step::CheckNode => ops.push_back(Op::CheckNode),
            Step::Remove(removal) => {
                ops.push_back(Op::AskForPod);
                ops.extend(removal.pod.map(Op::DeletePod));
                ops.extend(removal.untrack.then_some(Op::Untrack));
                ops.extend(removal.service.then_some(Op::DeleteService));
                match &removal.record {
                    RecordRemoval::Keep => {}
                    RecordRemoval::Delete => ops.push_back(Op::DeleteRecords),
                    RecordRemoval::Fail(_) => ops.push_back(Op::FailRecord),
                }
            }
        }
        let seen = self.state.ledger.attempt(&identity.key).cloned();
        self.running.push(Running {
            identity,
            ops,
            seen,
            index: None,
        });
    }

    /// The next request of a running step.
    pub fn step(&mut self, api: &mut Api, place: usize, fate: Fate) {
        let Running {
            identity,
            ops,
            seen,
            ..
        } = &mut self.running[place];
        let (identity, seen) = (identity.clone(), seen.clone());
        let Some(op) = ops.pop_front() else {
            return self.end(api, place, Ok(()));
        };
        let done = self.request(api, place, &identity, seen.as_ref(), &op, fate);
        if done.is_err() || self.running[place].ops.is_empty() {
            self.end(api, place, done);
        }
    }

    /// Carries out one request; its answer goes into the ledger.
    #[allow(clippy::too_many_lines, reason = "one arm a request of the API")]
    fn request(
        &mut self,
        api: &mut Api,
        place: usize,
        who: &Identity,
        seen: Option<&Attempt>,
        op: &Op,
        fate: Fate,
    ) -> Result<(), Refused> {
        let failed = Err(Refused::NotFound);
        if fate == Fate::Refused {
            // Whether a create was carried out is asked until the API server says so.
            if matches!(op, Op::FindRecord(_) | Op::FindPod) {
                self.running[place].ops.push_front(op.clone());
                return Ok(());
            }
            return failed;
        }
        let lost = fate == Fate::Lost;
        let attempt = self.state.ledger.attempt(&who.key).cloned();
        match op {
            Op::CreateRecord => {
                let revision = self
                    .state
                    .next_revision(&who.namespace, &format!("flash-{}", who.uuid));
                let record = api.create_record(who, revision)?;
                if lost {
                    self.running[place].ops.push_front(Op::FindRecord(revision));
                    return Ok(());
                }
                self.state.ledger.see_record(record);
            }
            Op::FindRecord(revision) => {
                let name = format!("sh.helm.release.v1.flash-{}.v{revision}", who.uuid);
                let found = api
                    .records
                    .get(&name)
                    .filter(|record| record.sight.identity.key == who.key);
                self.state
                    .ledger
                    .see_record(found.ok_or(Refused::NotFound)?.clone());
            }
            Op::ApplyService => {
                let service = api.apply_service(who);
                if lost {
                    return failed;
                }
                self.state.ledger.see_service(service);
            }
            Op::CreatePod => {
                if attempt.as_ref().and_then(Attempt::record).is_none() {
                    return failed;
                }
                super::may_create(api, who);
                let pod = api.create_pod(who);
                if lost {
                    self.running[place].ops.push_front(Op::FindPod);
                    return Ok(());
                }
                self.state.ledger.see_pod(pod);
            }
            Op::FindPod => {
                let found = api
                    .pods
                    .get(&pod_name(who))
                    .ok_or(Refused::NotFound)?
                    .clone();
                self.state.ledger.see_pod(found);
            }
            Op::PutDeployed | Op::FailRecord => {
                let source = if matches!(op, Op::FailRecord) {
                    seen
                } else {
                    attempt.as_ref()
                };
                let Some(record) = source.and_then(Attempt::record) else {
                    return failed;
                };
                let status = if matches!(op, Op::FailRecord) {
                    Status::Failed
                } else {
                    Status::Deployed
                };
                let record = api.put_record(record, status)?;
                if lost {
                    return failed;
                }
                self.state.ledger.see_record(record);
            }
            Op::ReadVerdict => {
                let Some(pod) = attempt.and_then(|attempt| attempt.pod) else {
                    return Ok(());
                };
                self.keep(api, who, verdict_of(api, &pod));
            }
            Op::Confirm => match api.pods.get(&pod_name(who)) {
                Some(pod) => {
                    self.state.ledger.see_pod(pod.clone());
                }
                None => self.keep(api, who, (Outcome::Unknown, Reason::Interrupted)),
            },
            Op::CheckNode => {
                if !api.dead.contains(&pod_name(who)) {
                    return failed;
                }
                self.state
                    .memory(&who.key.job_uid)
                    .lost
                    .insert(who.key.id.clone());
            }
            Op::AskForPod
            | Op::DeletePod(_)
            | Op::Untrack
            | Op::DeleteService
            | Op::DeleteRecords => {
                return self.remove(api, place, who, seen, op, lost);
            }
        }
        if lost { failed } else { Ok(()) }
    }

    /// Carries out one request of a removal.
    fn remove(
        &mut self,
        api: &mut Api,
        place: usize,
        who: &Identity,
        seen: Option<&Attempt>,
        op: &Op,
        lost: bool,
    ) -> Result<(), Refused> {
        match op {
            Op::AskForPod => {
                let unseen = seen.is_some_and(|seen| seen.pod.is_none() && may_be_launched(seen));
                if let Some(pod) = api.pods.get(&pod_name(who)).filter(|_| unseen) {
                    self.state.ledger.see_pod(pod.clone());
                    self.running[place].ops.clear();
                }
            }
            Op::DeletePod(how) => {
                let Some(pod) = seen.and_then(|seen| seen.pod.as_ref()) else {
                    return Ok(());
                };
                if *how == PodRemoval::Unstarted && pod.may_have_run() {
                    return Ok(());
                }
                if !api.pods.contains_key(&pod.sight.name) && !lost {
                    self.state.ledger.see_gone(&pod.sight.uid);
                }
                let answer = api.delete_pod(pod, Some(*how));
                if answer == Err(Refused::Conflict) && !lost {
                    self.state
                        .memory(&who.key.job_uid)
                        .releasing
                        .remove(&who.key.id);
                }
                answer?;
            }
            Op::Untrack => seen
                .and_then(|seen| seen.pod.as_ref())
                .into_iter()
                .for_each(|pod| api.untrack(pod)),
            Op::DeleteService => {
                if let Some(service) = seen.and_then(|seen| seen.service.as_ref()) {
                    api.delete_service(&service.sight.name, &service.sight.uid);
                    if !lost {
                        self.state.ledger.see_gone(&service.sight.uid);
                    }
                }
            }
            _ => self.delete_records(api, who, seen, lost),
        }
        if lost { Err(Refused::NotFound) } else { Ok(()) }
    }

    fn delete_records(
        &mut self,
        api: &mut Api,
        who: &Identity,
        seen: Option<&Attempt>,
        lost: bool,
    ) {
        let Some(newest) = seen.and_then(Attempt::record) else {
            return;
        };
        let release = Key::parse(&newest.sight.name).unwrap().release;
        let records = self
            .state
            .ledger
            .all()
            .flat_map(|(_, other)| other.records.values());
        let doomed: Vec<(String, String)> = records
            .filter(|record| {
                Key::parse(&record.sight.name).is_some_and(|key| key.release == release)
            })
            .filter(|record| {
                let older = record.revision < newest.revision && record.status == Status::Failed;
                record.sight.identity.key == who.key || older
            })
            .map(|record| (record.sight.name.clone(), record.sight.uid.clone()))
            .collect();
        for (name, uid) in doomed {
            api.delete_record(&name, &uid);
            if !lost {
                self.state.ledger.see_gone(&uid);
            }
        }
    }

    fn keep(&mut self, api: &Api, who: &Identity, (outcome, reason): (Outcome, Reason)) {
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
            at: api.time(),
        };
        self.state
            .memory(&who.key.job_uid)
            .verdicts
            .insert(who.key.id.clone(), found);
    }

    fn end(&mut self, api: &Api, place: usize, done: Result<(), Refused>) {
        let Running {
            identity, index, ..
        } = self.running.remove(place);
        let later = |seconds: i64| {
            api.time()
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap()
        };
        let key = identity.key;
        let recorded = self
            .state
            .ledger
            .attempt(&key)
            .is_some_and(|attempt| attempt.record().is_some());
        let memory = self.state.memory(&key.job_uid);
        if done.is_ok() {
            memory.trouble.remove(&key.id);
        } else {
            if let Some(index) = index.filter(|_| !recorded) {
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

fn verdict_of(api: &Api, pod: &PodSight) -> (Outcome, Reason) {
    if api.dead.contains(&pod.sight.name) {
        return (Outcome::Unknown, Reason::NodeLost);
    }
    match api.flashes[&pod.sight.uid].result {
        Some(Outcome::Succeeded) => (Outcome::Succeeded, Reason::FirmwareSent),
        Some(Outcome::Failed) => (Outcome::Failed, Reason::AttestationRefused),
        _ => (Outcome::Unknown, Reason::Interrupted),
    }
}
