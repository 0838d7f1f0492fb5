//! Nobody interferes any more: everything comes to its end, and then nothing is left to do.

use super::{
    devices::Ending,
    election::REQUEST_TIMEOUT,
    leader::Leader,
    objects::Api,
    task::Wire,
    world::{World, arrive, is_empty, send},
};
use crate::{
    api::{ConditionType, conditions},
    flashjob::{observe::objects::Address, plan, status},
};

/// Rounds after which a world that is left alone must have come to rest.
const PATIENCE: usize = 3_000;

impl World {
    /// Lets everything come to its end, and asks the laws of the end.
    pub fn end(&mut self) {
        self.api.note(|| "CALM".into());
        self.api.withdraw_all();
        while !self.late.is_empty() {
            let (request, until, term) = self.late.remove(0);
            if self.api.now < until {
                let _ = self.api.serve(&request, term);
            }
            self.check();
        }
        let Some(place) = self.settle() else {
            return self.api.broken(|| "nobody leads in the end".into());
        };
        for _ in 0..PATIENCE {
            if self.api.violation.is_some() {
                return;
            }
            if !self.quiet_round(place) {
                self.api.check_end();
                return self.check_rest(place);
            }
            self.check();
        }
        self.api.broken(|| "the world does not come to rest".into());
    }

    /// One replica leads and nobody contests it any more.
    fn settle(&mut self) -> Option<usize> {
        for replica in &mut self.replicas {
            replica.asleep = 0;
            replica.cut_off = 0;
        }
        for _ in 0..30 {
            self.pass_time(REQUEST_TIMEOUT);
            let leads = |place: &usize| {
                let replica = &mut self.replicas[*place];
                let now = self.api.now;
                replica.leader().is_some() && replica.may_write(now, None)
            };
            if let Some(place) = [0, 1].into_iter().find(leads) {
                drop(self.replicas[1 - place].restart(&mut self.api));
                self.replicas[place].hold();
                return Some(place);
            }
        }
        None
    }

    /// Does all there is to do; when there is nothing, time goes on. False when nothing will ever happen again.
    fn quiet_round(&mut self, place: usize) -> bool {
        let mut moved = self.find_devices();
        let Self { api, replicas, .. } = self;
        let leader = replicas[place].leader().unwrap();
        moved |= deliver_all(api, leader, place);
        moved |= run_tasks(api, leader);
        let waits = |name: &&String| {
            let service = &api.services[*name];
            let deleting = service.sight.deleting.is_some();
            (service.address == Address::None && !deleting) || (deleting && !service.tracked())
        };
        let services: Vec<String> = api.services.keys().filter(waits).cloned().collect();
        for name in services {
            api.balance(&name);
            moved = true;
        }
        let pods: Vec<String> = api.pods.keys().cloned().collect();
        for name in pods {
            let before = api.version;
            api.advance_pod(&name, Ending::GOOD);
            moved |= api.version != before;
        }
        let mut wake = None;
        for uid in uids(leader) {
            if let Some((plan, news)) = leader.pass(api, &uid, true) {
                moved |= news || !is_empty(&plan);
                wake = [wake, plan.wake_at].into_iter().flatten().min();
            }
        }
        leader.sweep(api);
        let told = api.watches[place].iter().flat_map(|all| all.iter());
        moved |= !leader.tasks.is_empty() || told.into_iter().any(|queue| !queue.is_empty());
        if moved {
            return true;
        }
        // A lost Pod of a job that is gone has no pass that would say when to look again.
        let orphaned = !leader.state.orphaned().is_empty();
        let next = wake.map(|at| leader.moment_of(at));
        let next = next.or(orphaned.then_some(api.now + 100_000));
        let found = api.away.values().copied().min();
        let next = [next, found].into_iter().flatten().min();
        api.now = next.map_or(api.now, |next| next.max(api.now + 1_000));
        next.is_some()
    }

    /// A plan that was carried out leaves the next one empty, and the status as it is.
    fn check_rest(&mut self, place: usize) {
        let Self { api, replicas, .. } = self;
        let leader = replicas[place].leader().unwrap();
        let (now, world) = (leader.time(api), leader.world(api.time()));
        for uid in uids(leader) {
            let job = leader.state.job(&uid).unwrap();
            let finished = conditions::holds(&job.status.conditions, ConditionType::Finished);
            let at_rest = leader.state.observed(job, &world, |observed| {
                let plan = plan::plan(observed, now);
                is_empty(&plan)
                    && conditions::same_but_times(
                        &job.status,
                        &status::compose(observed, &plan, now),
                    )
            });
            let spec = job.spec.as_ref().unwrap();
            let selection = api.selection(
                &uid,
                job.status.round.as_ref().map_or(0, |round| round.number),
            );
            let all = spec.uuid.iter().all(|named| {
                let index = selection.iter().position(|device| device.uuid == *named);
                index.is_some_and(|index| job.finals.contains(index))
            });
            if !(finished && at_rest && all) {
                let status = format!("{:?}", job.status);
                return api.broken(|| format!("{uid} is not at its end: {status}"));
            }
        }
    }
}

pub fn uids(leader: &Leader) -> Vec<String> {
    let mut uids: Vec<String> = leader.state.jobs().map(|job| job.uid.clone()).collect();
    uids.sort_unstable();
    uids
}

fn deliver_all(api: &mut Api, leader: &mut Leader, place: usize) -> bool {
    let mut moved = false;
    for queue in 0..5 {
        while let Some(event) = api.watches[place].as_mut().unwrap()[queue].pop_front() {
            leader.hear(event, api.now);
            moved = true;
        }
    }
    moved
}

fn run_tasks(api: &mut Api, leader: &mut Leader) -> bool {
    let moved = !leader.tasks.is_empty();
    while !leader.tasks.is_empty() {
        match leader.tasks[0].wire {
            Wire::Idle => send(api, leader, 0, None, true),
            Wire::Sent(..) => arrive(api, leader, 0, false),
            Wire::Answered(..) => leader.answered(api, 0),
        }
    }
    moved
}
