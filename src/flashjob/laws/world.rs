//! One world from one seed: what happens next, to whom. What plans say is carried out request by request, in any order.

use serde_json::json;

use super::{
    DEVICES, JOBS, MAX_IN_FLIGHT, PARALLELISM,
    devices::{AWAITED, Ending},
    election::{Begin, REQUEST_TIMEOUT, Replica},
    leader::Leader,
    objects::Api,
    planted::Bug,
    request::{Refused, Request},
    task::Wire,
};
use crate::{
    flashjob::{fixtures::uuid, observe::objects::AttemptKey, verdict::Outcome},
    simulation::chance::Chance,
};
use helm_release::Status;

/// By how much the clock of a replica may be off, in milliseconds.
const SKEW: i64 = 130_000;

pub struct World {
    pub api: Api,
    pub replicas: [Replica; 2],
    pub chance: Chance,
    pub bug: Option<Bug>,
    /// Requests of leaders that are gone, with the time until which they may still arrive.
    pub late: Vec<(Request, i64, u32)>,
    /// Faults strike once in so many times: a device gets further in a calmer world.
    pub calm: usize,
    /// Kinds of faults that this world has, as bits.
    pub weather: usize,
    /// The only kind of fault that strikes, where a world is about one.
    pub only: Option<usize>,
    /// Somebody writes objects with the labels of ours.
    pub hostile: bool,
    /// Uids given to devices and jobs so far.
    pub renamed: usize,
    pub steps: usize,
    checked: u64,
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>, trace: bool) -> Self {
        let mut chance = Chance::new(seed);
        let mut api = Api {
            now: 1_000_000,
            trace,
            ..Api::default()
        };
        // The last device is known under two UUIDs.
        for index in 0..DEVICES {
            let found = api.instance_of(&uuid(index), index.min(DEVICES - 2), index / 2);
            api.put_instance(found);
        }
        let replicas = [Replica::new(0, api.now), Replica::new(1, api.now)];
        let mut world = Self {
            api,
            replicas,
            bug,
            late: Vec::new(),
            calm: 1 + chance.draw(12),
            weather: chance.draw(1 << super::faults::KINDS),
            only: None,
            hostile: false,
            renamed: 0,
            steps: 0,
            checked: 0,
            chance,
        };
        // The clocks of the replicas may be off, and addresses too few; that costs no draw.
        let off = |draw: u64| (i64::try_from(draw % 3).unwrap() - 1) * SKEW;
        world.api.skews = [off(seed), off(seed / 3)];
        world.api.shares = seed % 7 == 3;
        world.api.limited = world.chance.one_in(2);
        world.api.retries = world.chance.draw(3);
        world.api.stepped = world.chance.one_in(2);
        world.api.verified = world.chance.one_in(2);
        for name in JOBS {
            world.create_job(name);
        }
        // Somebody leads before anything happens.
        (0..3).for_each(|_| world.pass_time(REQUEST_TIMEOUT));
        world
    }

    pub fn create_job(&mut self, name: &str) {
        self.renamed += 1;
        let uid = format!("{name}-{}", self.renamed);
        let canary =
            json!({"name": "canary", "devices": 1, "soakSeconds": 20, "maxFailedDevices": "100%"});
        let steps: Vec<_> = self.api.stepped.then_some(canary).into_iter().collect();
        let mode = if self.api.verified { "Version" } else { "None" };
        let object = json!({
            "metadata": {"name": name, "namespace": "lab", "uid": uid, "generation": 1},
            "spec": {"uuid": self.names_of_devices(), "firmware": "f:1", "version": format!("1.0.{}", self.renamed),
                     "parallelism": PARALLELISM, "backoffLimitPerDevice": self.api.retries, "steps": steps,
                     "verification": {"mode": mode, "timeoutSeconds": AWAITED}},
        });
        self.api.put_job(serde_json::from_value(object).unwrap());
    }

    /// Something happens, and the laws are asked if it changed anything.
    pub fn happen(&mut self) {
        self.steps += 1;
        self.api.now += i64::try_from(self.chance.draw(200)).unwrap();
        self.tick();
        self.find_devices();
        if self.hostile && self.chance.one_in(16) {
            self.hostile();
        }
        match self.chance.draw(100) {
            0..=11 => self.pass(),
            12..=27 => self.deliver(),
            28..=39 => self.advance_pod(),
            40..=43 => self.balance(),
            44..=45 => self.arrive_late(),
            46..=47 => self.sweep(),
            48 => self.jump(),
            49..=58 if self.chance.one_in(self.calm) => self.fault(),
            _ => self.request(),
        }
        self.check();
    }

    pub fn check(&mut self) {
        if self.checked != self.api.version {
            self.checked = self.api.version;
            self.api.check();
        }
    }

    /// Replicas look at the Lease when it is their time.
    fn tick(&mut self) {
        for place in 0..2 {
            let due = self.replicas[place].next_tick <= self.api.now;
            if !due || !self.replicas[place].is_awake(self.api.now) {
                continue;
            }
            let reached = !self.chance.one_in(16);
            let Self {
                api,
                replicas,
                chance,
                bug,
                ..
            } = self;
            let mut begin = Begin {
                bug: *bug,
                max_in_flight: MAX_IN_FLIGHT,
                late: &mut |api| late_pods(api, chance),
            };
            let before = replicas[place].tick(api, reached, &mut begin);
            self.bury(before);
        }
    }

    /// What a leader had sent when it ended may still arrive.
    pub fn bury(&mut self, leader: Option<Box<Leader>>) {
        let Some(leader) = leader else { return };
        for task in leader.tasks {
            if let Wire::Sent(_, request, until) = task.wire {
                self.late.push((request, until, leader.term));
            }
        }
    }

    /// Time goes on and nothing else happens but that the Lease is looked after.
    pub fn pass_time(&mut self, mut millis: i64) {
        while millis > 0 {
            let part = millis.min(1_000);
            millis -= part;
            self.api.now += part;
            self.tick();
            self.find_devices();
        }
    }

    fn jump(&mut self) {
        let seconds = [1, 10, 60, 130, 400][self.chance.draw(5)];
        self.api.note(|| format!("TIME goes on by {seconds} s"));
        self.pass_time(seconds * 1_000);
    }

    /// A replica that leads, or believes so; any if there are two.
    pub fn leading(&mut self) -> Option<usize> {
        let first = self.chance.draw(2);
        [first, 1 - first]
            .into_iter()
            .find(|place| self.replicas[*place].leader().is_some())
    }

    fn awake_leader(&mut self) -> Option<(usize, &mut Leader, &mut Api)> {
        let place = self.leading()?;
        let Self { api, replicas, .. } = self;
        let replica = &mut replicas[place];
        if !replica.is_awake(api.now) {
            return None;
        }
        Some((place, replica.leader()?, api))
    }

    /// The request of some task goes one step further: it is sent, carried out, or its answer is taken in.
    fn request(&mut self) {
        let Some(place) = self.leading() else { return };
        let Self {
            api,
            replicas,
            chance,
            bug,
            ..
        } = self;
        let awake = replicas[place].is_awake(api.now);
        let may_write = replicas[place].may_write(api.now, *bug);
        let Some(leader) = replicas[place].leader() else {
            return;
        };
        if leader.tasks.is_empty() {
            return;
        }
        let task = chance.draw(leader.tasks.len());
        match &leader.tasks[task].wire {
            Wire::Sent(..) => {
                let lost = chance.one_in(16);
                arrive(api, leader, task, lost);
            }
            Wire::Idle if awake => {
                let refused = match chance.draw(16) {
                    0 => Some(Refused::Unreachable),
                    1 => Some(Refused::Conflict),
                    _ => None,
                };
                send(api, leader, task, refused, may_write);
            }
            Wire::Answered(..) if awake => leader.answered(api, task),
            Wire::Idle | Wire::Answered(..) => {}
        }
    }

    fn pass(&mut self) {
        let (which, writes) = (self.chance.draw(8), self.chance.one_in(2));
        let Some((_, leader, api)) = self.awake_leader() else {
            return;
        };
        let mut uids: Vec<String> = leader.state.jobs().map(|job| job.uid.clone()).collect();
        uids.sort_unstable();
        if !uids.is_empty() {
            leader.pass(api, &uids[which % uids.len()], writes);
        }
    }

    fn deliver(&mut self) {
        let (queue, many) = (self.chance.draw(5), self.chance.draw(8));
        let Some((place, leader, api)) = self.awake_leader() else {
            return;
        };
        for _ in 0..=many {
            let watches = api.watches[place].as_mut().unwrap();
            let Some(event) = watches[queue].pop_front() else {
                return;
            };
            leader.hear(event, api.now);
        }
    }

    fn sweep(&mut self) {
        if let Some((_, leader, api)) = self.awake_leader() {
            leader.sweep(api);
        }
    }

    fn advance_pod(&mut self) {
        if let Some(name) = self.chance.pick(self.api.pods.keys().cloned()) {
            let outcome = [Outcome::Succeeded, Outcome::Failed][self.chance.draw(2)];
            let taken = !self.chance.one_in(4);
            self.api.advance_pod(&name, Ending { outcome, taken });
        }
    }

    fn balance(&mut self) {
        if let Some(name) = self.chance.pick(self.api.services.keys().cloned()) {
            self.api.balance(&name);
        }
    }

    /// A request of a leader that is gone arrives, if it still can.
    fn arrive_late(&mut self) {
        let now = self.api.now;
        self.late.retain(|(_, until, _)| *until > now);
        if self.late.is_empty() {
            return;
        }
        let place = self.chance.draw(self.late.len());
        let (request, _, term) = self.late.swap_remove(place);
        self.api
            .note(|| format!("LATE    {term} {}", request.name()));
        let _ = self.api.serve(&request, term);
    }
}

/// Pods that were created after the list was made: only where a record speaks for them, as they are created after it.
fn late_pods(api: &Api, chance: &mut Chance) -> Vec<String> {
    let recorded = |key: &AttemptKey| {
        let mut records = api.records.values();
        records.any(|record| record.sight.identity.key == *key && record.status != Status::Failed)
    };
    let pods = api
        .pods
        .values()
        .filter(|pod| recorded(&pod.sight.identity.key));
    let late = pods.filter(|_| chance.one_in(4));
    late.map(|pod| pod.sight.name.clone()).collect()
}

/// Sends the next request of a task, unless it gets stuck on its way out, or something before the API server refuses it: a
/// webhook may say `Conflict` of any write, whatever the object is like.
pub fn send(
    api: &mut Api,
    leader: &mut Leader,
    place: usize,
    refused: Option<Refused>,
    may_write: bool,
) {
    let Some((op, request)) = leader.next_request(api, place) else {
        return;
    };
    let stuck = if request.is_write() && !may_write {
        Some(Refused::NotLeader)
    } else {
        refused.filter(|refused| request.is_write() || *refused != Refused::Conflict)
    };
    let (term, about) = (leader.term, &leader.tasks[place].about);
    let what = || request.name();
    api.note(|| format!("SEND    {term} {} {} {stuck:?}", what(), about.name()));
    let task = &mut leader.tasks[place];
    task.wire = match stuck {
        Some(refused) => Wire::Answered(op, request, Err(refused)),
        None => Wire::Sent(op, request, api.now + REQUEST_TIMEOUT),
    };
}

/// A request reaches the API server, or is given up; its answer is on its way, or lost.
pub fn arrive(api: &mut Api, leader: &mut Leader, place: usize, lost: bool) {
    let wire = std::mem::replace(&mut leader.tasks[place].wire, Wire::Idle);
    let Wire::Sent(op, request, until) = wire else {
        return;
    };
    let overdue = api.now >= until;
    let answer = if overdue {
        Err(Refused::Unknown)
    } else {
        api.serve(&request, leader.term)
    };
    let lost = lost || overdue;
    let (term, about) = (leader.term, &leader.tasks[place].about);
    api.note(|| {
        let how = if overdue { "never arrived" } else { "lost" };
        let result = if lost {
            how
        } else if answer.is_ok() {
            "ok"
        } else {
            "refused"
        };
        format!(
            "ANSWER  {term} {} {} {result}",
            request.name(),
            about.name()
        )
    });
    let answer = if lost { Err(Refused::Unknown) } else { answer };
    leader.tasks[place].wire = Wire::Answered(op, request, answer);
}

/// Whether a plan changes nothing.
pub fn is_empty(plan: &crate::flashjob::plan::Plan) -> bool {
    plan.steps.is_empty()
        && plan.begin.is_empty()
        && plan.release.is_empty()
        && plan.refuse.is_empty()
}
