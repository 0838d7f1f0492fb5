//! A leader over the simulated API: its memory, its watches, its passes as `reconcile` makes them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{
    GATEWAY, MAX_OF_GATEWAY,
    objects::{Api, Event},
    planted::Bug,
    task::{About, Op, Task, ops_of},
};
use crate::{
    api::{FlashJobSpec, Reason, Verification, VerificationMode, conditions},
    device,
    flashjob::{
        controller::{orphans::plan_orphans, remember::remember},
        fixtures::{BOUNDS, classes, effective_of, open_classes},
        observe::{
            World,
            cache::State,
            ledger::Ledger,
            objects::{AttemptKey, Identity},
            selection::Selection,
            waits::Now,
        },
        plan::{
            self, DeviceView, Plan,
            attempt::{Removal, Step},
        },
        spec::job::Job,
        status,
    },
    names::ANNOTATION_DEFAULT_CLASS,
};

/// Nothing is read back.
const NOTHING: Option<Verification> = Some(Verification {
    mode: Some(VerificationMode::None),
    expected_version: None,
    timeout_seconds: None,
});

pub struct Leader {
    pub state: State,
    pub tasks: Vec<Task>,
    pub term: u32,
    pub bug: Option<Bug>,
    pub max_in_flight: usize,
    /// What the watches alone say: for a planted bug.
    pub cache: Ledger,
    /// Milliseconds by which its clock is ahead of the API server's.
    skew: i64,
    attempts: u32,
}

impl Leader {
    /// A new leader: everything is built from LISTs. What is `late` was created after the list of its kind was made, and
    /// comes by the watch.
    pub fn elected(
        api: &mut Api,
        place: usize,
        bug: Option<Bug>,
        max_in_flight: usize,
        late: &[String],
    ) -> Self {
        api.term += 1;
        api.note(|| format!("LEADER {} on replica {place}, late {late:?}", api.term));
        let mut state = State::default();
        state.akri_installed = true;
        state.classes = if api.limited {
            limited_classes()
        } else {
            open_classes()
        };
        let mut leader = Self {
            state,
            tasks: Vec::new(),
            term: api.term,
            bug,
            max_in_flight,
            cache: Ledger::default(),
            skew: api.skews[place],
            attempts: 0,
        };
        let instances = api.instances.values().cloned().map(Event::Instance);
        let jobs = api.jobs.values().cloned().map(Event::Job);
        let records = api.records.values().cloned().map(Event::Record);
        let services = api.services.values().cloned().map(Event::Service);
        let is_late =
            |pod: &&crate::flashjob::observe::objects::ObservedPod| late.contains(&pod.sight.name);
        let (after, before): (Vec<_>, Vec<_>) = api.pods.values().partition(is_late);
        let pods = before.into_iter().cloned().map(Event::Pod);
        let forged = api.forged.values().cloned().map(Event::Forged);
        instances
            .chain(forged)
            .chain(jobs)
            .chain(records)
            .chain(services)
            .chain(pods)
            .for_each(|event| leader.take_in(event));
        let mut watches = super::objects::Watches::default();
        watches[2].extend(after.into_iter().cloned().map(Event::Pod));
        api.watches[place] = Some(Box::new(watches));
        leader
    }

    /// What its own clock shows.
    pub fn time(&self, api: &Api) -> Timestamp {
        self.by_its_clock(api.now)
    }

    fn by_its_clock(&self, millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond + self.skew).unwrap()
    }

    /// What its clock shows as a time of the world.
    pub fn moment_of(&self, time: Timestamp) -> i64 {
        time.as_millisecond() - self.skew
    }

    /// Takes in an event that a watch brings at this time of the world.
    pub fn hear(&mut self, event: Event, millisecond: i64) {
        if let Event::Instance(instance) = &event {
            let now = self.by_its_clock(millisecond);
            let uid = instance.metadata.uid.as_deref().unwrap_or_default();
            self.state.inventory.note_appeared(uid, now);
        }
        self.take_in(event);
    }

    pub fn take_in(&mut self, event: Event) {
        if self.bug == Some(Bug::CountSlotsFromCache) {
            see(&mut self.cache, &event, None);
        }
        let state = &mut self.state;
        see(&mut state.ledger, &event, self.bug);
        match event {
            Event::Job(job) => self.see_job(&job),
            Event::JobGone(uid) => state.see_job_gone(&uid),
            Event::Instance(instance) => state.inventory.apply(&instance),
            Event::InstanceGone(uid) => state.inventory.delete(&uid),
            Event::Record(_)
            | Event::Service(_)
            | Event::Pod(_)
            | Event::Gone(_)
            | Event::Forged(_) => {}
        }
    }

    pub fn see_written_job(&mut self, job: &Job) {
        self.state.see_written_job(job.clone());
        self.note_job(job);
    }

    pub fn see_job(&mut self, job: &Job) {
        self.state.see_job(job.clone());
        self.note_job(job);
    }

    fn note_job(&mut self, job: &Job) {
        if self.bug == Some(Bug::UnlockWhileReadBack) {
            self.state.ledger.see_job_gone(&job.uid);
        }
    }

    /// A watch begins anew: what the new list does not hold is asked for, and is gone.
    pub fn relist(&mut self, api: &mut Api, place: usize) {
        let kinds = ["Secret", "Service", "Pod"].into_iter().enumerate();
        let gone: Vec<(usize, String)> = kinds
            .flat_map(|(queue, kind)| {
                let known = self.state.ledger.uids(kind, None);
                known.into_iter().map(move |(_, _, uid)| (queue, uid))
            })
            .collect();
        let records = api.records.values().cloned().map(Event::Record);
        let services = api.services.values().cloned().map(Event::Service);
        let pods = api.pods.values().cloned().map(Event::Pod);
        let mut lists: [Vec<Event>; 3] = [records.collect(), services.collect(), pods.collect()];
        for forged in api.forged.values() {
            lists[forged.queue()].push(Event::Forged(forged.clone()));
        }
        let exists = |uid: &String| {
            if api.forged.contains_key(uid) {
                return true;
            }
            let records = api.records.values().map(|record| &record.sight.uid);
            let services = api.services.values().map(|service| &service.sight.uid);
            let pods = api.pods.values().map(|pod| &pod.sight.uid);
            records
                .chain(services)
                .chain(pods)
                .any(|known| known == uid)
        };
        let gone: Vec<_> = gone.into_iter().filter(|(_, uid)| !exists(uid)).collect();
        let Some(watches) = &mut api.watches[place] else {
            return;
        };
        for (queue, list) in lists.into_iter().enumerate() {
            watches[queue] = list.into();
        }
        for (queue, uid) in gone {
            watches[queue].push_back(Event::Gone(uid));
        }
    }

    pub fn world(&self, now: Timestamp) -> World {
        let mut max_in_flight = self.max_in_flight;
        if self.bug == Some(Bug::CountSlotsFromCache) {
            max_in_flight +=
                self.state.ledger.slots() - self.cache.slots().min(self.state.ledger.slots());
        }
        self.state.world(
            None,
            max_in_flight,
            "native".into(),
            BOUNDS,
            Now::from(now).steady,
        )
    }

    fn is_busy(&self, uid: &str) -> bool {
        let of = |task: &Task| matches!(&task.about, About::Job(job) if job.uid == uid);
        self.tasks.iter().any(of)
    }

    /// One pass over a job; its status is written if it is news and `writes`. Returns the plan, and whether there is news.
    pub fn pass(&mut self, api: &Api, uid: &str, writes: bool) -> Option<(Plan, bool)> {
        let job = Arc::clone(self.state.job(uid)?);
        if self.is_busy(uid) {
            return None;
        }
        if !job.has_finalizer {
            if !job.deleting {
                self.write(&job, [Op::AddFinalizer]);
            }
            return Some((Plan::default(), !job.deleting));
        }
        self.load_selection(api, &job);
        let named = !job.spec.as_ref().unwrap().uuid.is_empty();
        if !job.deleting && named && !job.round_is_current() {
            self.open_round(api, &job);
            return Some((Plan::default(), true));
        }
        if !job.deleting && job.round_is_current() && self.append_devices(api, &job) {
            return Some((Plan::default(), true));
        }
        self.state.note_read_back(&job);
        let (now, world, job) = (
            self.time(api),
            self.world(api.time()),
            self.as_planned(&job),
        );
        let plan = self
            .state
            .observed(&job, &world, |observed| plan::plan(observed, now));
        remember(&mut self.state, &job, &plan, now);
        let wanted = self.state.observed(&job, &world, |observed| {
            status::compose(observed, &plan, now)
        });
        let plan = self.unheld(plan);
        self.start(&job, &plan);
        self.free_what_is_deleted(&job);
        let news = !conditions::same_but_times(&job.status, &wanted);
        if news && writes {
            self.write(&job, [Op::SaveStatus(Box::new(wanted))]);
        } else if job.deleting && self.state.ledger.of_job(uid).next().is_none() {
            self.write(&job, [Op::FindLeft, Op::RemoveFinalizer]);
        }
        Some((plan, news))
    }

    /// The job as it is; for planted bugs without its steps or its verification, or with as many slots more as the cache does
    /// not know of.
    fn as_planned(&self, job: &Arc<Job>) -> Arc<Job> {
        let mut planned = Arc::clone(job);
        match self.bug {
            Some(Bug::AllStepsAtOnce) => change_spec(&mut planned, |spec| spec.steps.clear()),
            Some(Bug::SentIsEnough) => {
                change_spec(&mut planned, |spec| spec.verification = NOTHING);
            }
            Some(Bug::CountSlotsFromCache) => {
                let known = self.state.ledger.slots_of(&job.uid);
                let seen = self.cache.slots_of(&job.uid);
                let unknown = i32::try_from(known - seen.min(known)).unwrap();
                let more = |spec: &mut FlashJobSpec| {
                    spec.parallelism = spec.parallelism.map(|limit| limit + unknown);
                };
                change_spec(&mut planned, more);
            }
            _ => {}
        }
        planned
    }

    fn write(&mut self, job: &Arc<Job>, ops: impl IntoIterator<Item = Op>) {
        self.tasks.push(Task::new(About::Job(Arc::clone(job)), ops));
    }

    pub fn sweep(&mut self, api: &Api) {
        let both = Now {
            wall: self.time(api),
            ..Now::from(api.time())
        };
        for (identity, step) in plan_orphans(&mut self.state, &BOUNDS, both) {
            self.begin_step(identity, &step);
        }
        self.state.tidy();
    }

    fn load_selection(&mut self, api: &Api, job: &Job) {
        let Some(round) = &job.status.round else {
            return;
        };
        let known = self.state.rosters.get(&job.uid);
        if known.is_some_and(|roster| roster.round == round.number) {
            return;
        }
        let devices = api.selection(&job.uid, round.number);
        let roster = Arc::new(Selection::named_by(&job.status, round.number, devices));
        let before = self.state.rosters.insert(job.uid.clone(), roster);
        if before.is_some_and(|before| before.round != round.number) {
            self.state.memory(&job.uid).begin_round();
        }
    }

    fn open_round(&mut self, api: &Api, job: &Arc<Job>) {
        let number = job.status.round.as_ref().map_or(0, |round| round.number) + 1;
        let mut devices = api.selection(&job.uid, number);
        let uuids = &job.spec.as_ref().unwrap().uuid;
        let missing = Selection::new(number, devices.clone()).missing(uuids);
        let selected = device::select(&missing, &self.state.inventory);
        let more = match self.state.rosters.get(&job.uid) {
            Some(before) => before.recall(selected),
            None => selected,
        };
        let slice = Op::StoreSelection(number, devices.len(), more.clone());
        let stored = (!more.is_empty()).then_some(slice);
        devices.extend(more);
        let roster = Selection::new(number, devices);
        let wanted = status::open_round(job, &roster, "hash", effective_of(job), self.time(api));
        let ops = [
            Op::SaveStatus(Box::new(wanted)),
            Op::Adopt(Box::new(roster)),
        ];
        self.write(job, stored.into_iter().chain(ops));
    }

    /// UUIDs that were added to the spec within a round. Whether there were any.
    fn append_devices(&mut self, api: &Api, job: &Arc<Job>) -> bool {
        let Some(roster) = self.state.rosters.get(&job.uid).cloned() else {
            return false;
        };
        let uuids = &job.spec.as_ref().unwrap().uuid;
        if roster.missing(uuids).is_empty() || roster.devices().is_empty() {
            return false;
        }
        let roster = roster.with_stored(api.selection(&job.uid, roster.round));
        let more = device::select(&roster.missing(uuids), &self.state.inventory);
        let slice = Op::StoreSelection(roster.round, roster.devices().len(), more.clone());
        let slice = (!more.is_empty()).then_some(slice);
        let devices = [roster.devices().to_vec(), more].concat();
        let mut wanted = job.status.clone();
        if let Some(selection) = &mut wanted.selection {
            selection.count = status::count(devices.len());
        }
        let roster = Selection::new(roster.round, devices);
        let ops = [
            Op::SaveStatus(Box::new(wanted)),
            Op::Adopt(Box::new(roster)),
        ];
        self.write(job, slice.into_iter().chain(ops));
        true
    }

    fn start(&mut self, job: &Job, plan: &Plan) {
        for (identity, step) in &plan.steps {
            self.begin_step(identity.clone(), step);
        }
        for begin in &plan.begin {
            self.attempts += 1;
            let identity = Identity {
                key: AttemptKey {
                    job_uid: job.uid.clone(),
                    id: format!("x{}n{}", self.term, self.attempts),
                },
                job_name: Some(job.name.clone()),
                namespace: job.namespace.clone(),
                round: job.status.round.as_ref().unwrap().number,
                uuid: begin.uuid.clone(),
                endpoint: Some(begin.device.endpoint.to_string()),
                footprint: Some(Arc::new(begin.shared.clone())),
            };
            let mut counted = identity.clone();
            if self.bug == Some(Bug::NotCountedOnWhatItShares) {
                counted.footprint = Some(Arc::default());
            }
            self.state.ledger.begin_step(&counted);
            let ops = [Op::CreateRecord, Op::ApplyService];
            let mut task = Task::new(About::Attempt(identity), ops);
            task.index = Some(begin.index);
            self.tasks.push(task);
        }
    }

    /// For a planted bug: what waits for an address that another flash has is launched.
    fn unheld(&self, mut plan: Plan) -> Plan {
        if self.bug == Some(Bug::SharesAddresses) {
            let waiting = |view: &&DeviceView| view.reason == Reason::AddressInUse;
            let uuids = plan.views.iter().filter(waiting).map(|view| &view.uuid);
            let attempts = uuids.filter_map(|uuid| {
                let mut all = self.state.ledger.in_flight();
                all.find(|attempt| attempt.identity.uuid == *uuid && attempt.pod.is_none())
            });
            let launch = Step::Launch {
                address: String::new(),
            };
            let steps = attempts.map(|attempt| (attempt.identity.clone(), launch.clone()));
            let steps: Vec<_> = steps.collect();
            plan.steps.extend(steps);
        }
        plan
    }

    /// For a planted bug.
    fn free_what_is_deleted(&mut self, job: &Job) {
        if self.bug != Some(Bug::FreeWhatIsDeleted) {
            return;
        }
        let free = Step::Remove(Removal {
            free: true,
            ..Removal::default()
        });
        let attempts = self.state.ledger.of_job(&job.uid);
        let doomed = attempts.filter(|(_, attempt)| {
            let service = attempt.service.as_ref();
            !attempt.step
                && service.is_some_and(|one| one.tracked() && one.sight.deleting.is_some())
        });
        let doomed: Vec<Identity> = doomed.map(|(_, one)| one.identity.clone()).collect();
        for identity in doomed {
            self.begin_step(identity, &free);
        }
    }

    fn begin_step(&mut self, identity: Identity, step: &Step) {
        self.state.ledger.begin_step(&identity);
        let seen = self.state.ledger.attempt(&identity.key).cloned();
        let mut task = Task::new(About::Attempt(identity), ops_of(step));
        task.seen = seen;
        self.tasks.push(task);
    }
}

fn change_spec(job: &mut Arc<Job>, change: impl FnOnce(&mut FlashJobSpec)) {
    if let Ok(spec) = &mut Arc::make_mut(job).spec {
        change(spec);
    }
}

/// One class, the default one: as many devices behind a gateway as the laws allow.
fn limited_classes() -> crate::flashclass::Classes {
    let limit = json!({"by": "Property", "property": GATEWAY, "max": MAX_OF_GATEWAY});
    let spec = json!({"inFlightLimits": [limit]});
    let annotations = json!({ANNOTATION_DEFAULT_CLASS: "true"});
    classes(&[json!({"metadata": {"name": "default", "annotations": annotations}, "spec": spec})])
}

fn see(ledger: &mut Ledger, event: &Event, bug: Option<Bug>) {
    match event.clone() {
        Event::Forged(forged) => forged.seen(ledger, bug),
        Event::Record(record) => drop(ledger.see_record(record)),
        Event::Service(service) => drop(ledger.see_service(service)),
        Event::Pod(pod) => drop(ledger.see_pod(pod)),
        Event::Gone(uid) => drop(ledger.see_gone(&uid)),
        Event::Job(_) | Event::JobGone(_) | Event::Instance(_) | Event::InstanceGone(_) => {}
    }
}
