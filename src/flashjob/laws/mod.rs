//! Laws of the loop, over a simulated world in which requests fail, answers get lost, watches lag, leaders die, people delete
//! what they please, and Pods end as they will. What plans say is carried out request by request, in any order.

mod api;
mod leader;

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::json;

use self::{
    api::Api,
    leader::{Fate, Leader},
};
use super::{
    attempts::Step,
    conditions,
    fixtures::{endpoint, instance, uuid},
    job::Finals,
    plan,
    sight::Identity,
    status,
    verdict::Outcome,
};
use crate::{api::ConditionType, names::FINALIZER, release::Status};

/// Jobs of the world; they share devices.
const JOBS: [&str; 2] = ["job-1", "job-2"];
/// Devices that each job names; two of its UUIDs are of one device.
const DEVICES: usize = 4;
const PARALLELISM: usize = 2;
const MAX_IN_FLIGHT: usize = 3;

/// Chance, as numbers that shrink well: 0 is always the quiet choice.
struct Tape {
    numbers: Vec<u16>,
    next: usize,
}

impl Tape {
    fn draw(&mut self, below: usize) -> usize {
        let number = self.numbers.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(number) % below
    }

    fn over(&self) -> bool {
        self.next >= self.numbers.len()
    }

    fn fate(&mut self) -> Fate {
        match self.draw(16) {
            14 => Fate::Refused,
            15 => Fate::Lost,
            _ => Fate::Answered,
        }
    }
}

/// What must hold whenever a Pod is created.
fn may_create(api: &Api, who: &Identity) {
    if api.pods.contains_key(&api::pod_name(who)) {
        return;
    }
    let Some(job) = api.job(&who.key.job_uid).filter(|job| {
        job.status
            .round
            .as_ref()
            .is_some_and(|round| round.number == who.round)
    }) else {
        return;
    };
    let uuids = &job.spec.as_ref().unwrap().uuid;
    let succeeded = |uid: &str| {
        uuids
            .iter()
            .position(|one| one == uid)
            .is_some_and(|index| job.finals.succeeded.contains(index))
    };
    assert!(
        !succeeded(&who.uuid),
        "{who:?} is flashed again after its success was stored"
    );
    let twin = api
        .flashes
        .values()
        .map(|flash| &flash.identity)
        .find(|other| {
            (&other.key.job_uid, other.round, &other.endpoint)
                == (&who.key.job_uid, who.round, &who.endpoint)
                && succeeded(&other.uuid)
        });
    assert!(
        twin.is_none(),
        "{who:?} is flashed again after {twin:?} succeeded"
    );
}

struct World {
    api: Api,
    leader: Option<Leader>,
    tape: Tape,
    finals: BTreeMap<(String, i64), Finals>,
    renamed: usize,
    calm: usize,
}

impl World {
    fn new(numbers: Vec<u16>) -> Self {
        let mut api = Api {
            now: 1_000,
            ..Api::default()
        };
        // Device 3 is known under two UUIDs: uuid-3 and uuid-2.
        (0..DEVICES).for_each(|index| {
            drop(
                api.instances
                    .insert(uuid(index), instance(&uuid(index), index.min(DEVICES - 2))),
            );
        });
        for uid in JOBS {
            let object = json!({
                "metadata": {"name": uid, "namespace": "lab", "uid": uid, "generation": 1, "finalizers": [FINALIZER]},
                "spec": {"uuid": (0..DEVICES).map(uuid).collect::<Vec<_>>(), "firmware": "f:1", "version": "1", "parallelism": PARALLELISM,
                         "verification": {"mode": "None"}},
            });
            api.put_job(serde_json::from_value(object).unwrap());
        }
        let leader = Some(Leader::elected(&mut api, 0, MAX_IN_FLIGHT));
        let mut tape = Tape { numbers, next: 0 };
        let calm = 1 + tape.draw(12);
        Self {
            api,
            leader,
            tape,
            finals: BTreeMap::new(),
            renamed: 0,
            calm,
        }
    }

    fn leader(&mut self) -> &mut Leader {
        self.leader.as_mut().unwrap()
    }

    /// Something happens.
    fn happen(&mut self) {
        self.api.now += 1;
        match self.tape.draw(64) {
            // Some worlds are calmer than others: then devices get further before something strikes.
            52..=59 if self.tape.draw(self.calm) > 0 => self.request(),
            20..=31 => self.pass(),
            32..=41 => self.deliver(),
            42..=47 => self.advance_pod(),
            48..=49 => self.give_address(),
            50 => self.api.now += [1, 10, 60, 130, 400][self.tape.draw(5)],
            52 => self.crash(),
            53..=55 => self.by_hand(),
            56 => self.user(),
            57 => self.akri(),
            59 => self.lose_node(),
            60 => {
                let World { api, leader, .. } = self;
                leader.as_mut().unwrap().sweep(api);
            }
            _ => self.request(),
        }
    }

    fn request(&mut self) {
        let busy = self.leader().busy();
        if busy > 0 {
            let (place, fate) = (self.tape.draw(busy), self.tape.fate());
            let World { api, leader, .. } = self;
            leader.as_mut().unwrap().step(api, place, fate);
        }
    }

    fn pass(&mut self) {
        let uid = JOBS[self.tape.draw(2)];
        let World {
            api, leader, tape, ..
        } = self;
        // A status write may have to wait for its turn.
        leader
            .as_mut()
            .unwrap()
            .pass(api, uid, || (tape.draw(2) > 0).then(|| tape.fate()));
    }

    fn deliver(&mut self) {
        let (queue, many) = (self.tape.draw(4), self.tape.draw(8));
        for _ in 0..=many {
            let Some(event) = self.api.events[queue].pop_front() else {
                return;
            };
            self.leader().take_in(event);
        }
    }

    fn pick(&mut self, mut names: Vec<String>) -> Option<String> {
        if names.is_empty() {
            None
        } else {
            Some(names.swap_remove(self.tape.draw(names.len())))
        }
    }

    fn advance_pod(&mut self) {
        let Some(name) = self.pick(self.api.pods.keys().cloned().collect()) else {
            return;
        };
        let natural = [Outcome::Succeeded, Outcome::Failed][self.tape.draw(2)];
        self.api.advance_pod(&name, natural);
    }

    fn give_address(&mut self) {
        if let Some(name) = self.pick(self.api.services.keys().cloned().collect()) {
            self.api.give_address(&name);
        }
    }

    fn crash(&mut self) {
        let World {
            api, leader, tape, ..
        } = self;
        let nonce = leader.take().unwrap().die(api, || tape.draw(2) == 1);
        self.leader = Some(Leader::elected(api, nonce, MAX_IN_FLIGHT));
    }

    /// A person deletes something of ours.
    fn by_hand(&mut self) {
        match self.tape.draw(4) {
            0 => self.strip_pod(),
            1 => {
                if let Some(pod) = self
                    .pick(self.api.pods.keys().cloned().collect())
                    .map(|name| self.api.pods[&name].clone())
                {
                    self.api.delete_pod(&pod, None).unwrap();
                }
            }
            2 => {
                if let Some(name) = self.pick(self.api.services.keys().cloned().collect()) {
                    let uid = self.api.services[&name].sight.uid.clone();
                    self.api.delete_service(&name, &uid);
                }
            }
            _ => {
                if let Some(name) = self.pick(self.api.records.keys().cloned().collect()) {
                    let uid = self.api.records[&name].sight.uid.clone();
                    self.api.delete_record(&name, &uid);
                }
            }
        }
    }

    /// A person takes the tracking finalizer off a Pod and kills it: no end of it can ever be read. That it was launched is
    /// known from its record or the stored status.
    fn strip_pod(&mut self) {
        let Some(name) = self.pick(self.api.pods.keys().cloned().collect()) else {
            return;
        };
        let pod = self.api.pods[&name].clone();
        let who = &pod.sight.identity;
        let deployed = self
            .api
            .records
            .values()
            .any(|record| record.sight.identity.key == who.key && record.has_pod);
        let shown = self.api.job(&who.key.job_uid).is_some_and(|job| {
            let mut devices = job.status.devices.iter();
            devices.any(|device| device.pod.as_ref() == Some(&name) && device.phase == "Flashing")
        });
        if deployed || shown {
            self.api.flashes.get_mut(&pod.sight.uid).unwrap().stripped = true;
            self.api.untrack(&pod);
            self.api
                .delete_pod(&pod, Some(super::attempts::PodRemoval::Lost))
                .unwrap();
        }
    }

    /// A user changes the firmware, deletes a job, or even takes its finalizer off.
    fn user(&mut self) {
        let Some(mut job) = self
            .pick(self.api.jobs.keys().cloned().collect())
            .map(|uid| self.api.jobs[&uid].clone())
        else {
            return;
        };
        match self.tape.draw(16) {
            0..=12 => {
                let generation = job.metadata.generation.unwrap() + 1;
                job.metadata.generation = Some(generation);
                job.spec.firmware = format!("f:{generation}");
            }
            13..=14 => {
                let time = self.api.time();
                job.metadata
                    .deletion_timestamp
                    .get_or_insert(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
            }
            _ => {
                return self.api.drop_job(&job.metadata.uid.unwrap());
            }
        }
        self.api.put_job(job);
    }

    /// Akri loses a device, or finds it again under another uid.
    fn akri(&mut self) {
        let Some(uid) = self.pick(self.api.instances.keys().cloned().collect()) else {
            return;
        };
        let index = (0..DEVICES).find(|index| {
            self.api.instances[&uid]
                .spec
                .broker_properties
                .get("HOST_ENDPOINT")
                == Some(&endpoint(*index))
        });
        self.api.instances.remove(&uid);
        self.leader().state.inventory.delete(&uid);
        if self.tape.draw(8) < 7 {
            self.renamed += 1;
            let found = instance(&format!("new-{}", self.renamed), index.unwrap());
            self.leader().state.inventory.apply(&found);
            self.api
                .instances
                .insert(found.metadata.uid.clone().unwrap(), found);
        }
    }

    fn lose_node(&mut self) {
        let Some(name) = self.pick(self.api.pods.keys().cloned().collect()) else {
            return;
        };
        let pod = &self.api.pods[&name];
        if pod.node.is_some() && !pod.ended() {
            self.api.dead.push(name);
        }
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        let mut live: BTreeMap<&Option<String>, &str> = BTreeMap::new();
        for pod in self.api.pods.values().filter(|pod| !pod.ended()) {
            let other = live.insert(&pod.sight.identity.endpoint, &pod.sight.name);
            assert_eq!(
                other, None,
                "two live Pods of {:?}, one is {}",
                pod.sight.identity.endpoint, pod.sight.name
            );
        }
        let slots = self.api.slots();
        assert!(slots.values().all(|used| *used <= PARALLELISM), "{slots:?}");
        assert!(slots.values().sum::<usize>() <= MAX_IN_FLIGHT, "{slots:?}");
        let mut ran: BTreeMap<(&str, i64, &str), usize> = BTreeMap::new();
        for flash in self.api.flashes.values().filter(|flash| flash.ran) {
            let who = &flash.identity;
            *ran.entry((&who.key.job_uid, who.round, &who.uuid))
                .or_default() += 1;
        }
        assert!(
            ran.values().all(|times| *times == 1),
            "a device was flashed twice in a round: {ran:?}"
        );
        for uid in self.api.jobs.keys() {
            let job = self.api.job(uid).unwrap();
            let Some(round) = &job.status.round else {
                continue;
            };
            for index in job.finals.succeeded.iter() {
                let proof = self.api.flashes.values().any(|flash| {
                    let who = &flash.identity;
                    let same = (&who.key.job_uid, who.round, &who.uuid)
                        == (uid, round.number, &uuid(index));
                    same && flash.result == Some(Outcome::Succeeded)
                });
                assert!(
                    proof,
                    "device {index} of {uid} never succeeded in round {}",
                    round.number
                );
            }
            let (finals, key) = (job.finals, (uid.clone(), round.number));
            let before = self.finals.get(&key).cloned().unwrap_or_default();
            for index in 0..DEVICES {
                let verdicts = |finals: &Finals| {
                    [
                        finals.succeeded.contains(index),
                        finals.failed.contains(index),
                        finals.skipped.contains(index),
                    ]
                };
                let now = verdicts(&finals);
                assert!(
                    now.iter().filter(|holds| **holds).count() <= 1,
                    "device {index} of {uid} has two verdicts"
                );
                assert!(
                    !before.contains(index) || verdicts(&before) == now,
                    "a stored verdict of {uid} changed"
                );
            }
            self.finals.insert(key, finals);
        }
    }

    /// Nobody interferes any more: everything comes to its end.
    fn drain(&mut self) {
        for _ in 0..3_000 {
            if !self.quiet_round() {
                return;
            }
            self.check();
        }
        panic!("the world does not come to rest: {:?}", self.api.pods);
    }

    /// Does all there is to do; when there is nothing, time goes on. False when nothing will ever happen again.
    fn quiet_round(&mut self) -> bool {
        let World { api, leader, .. } = self;
        let leader = leader.as_mut().unwrap();
        let mut moved = false;
        for queue in 0..4 {
            while let Some(event) = api.events[queue].pop_front() {
                leader.take_in(event);
                moved = true;
            }
        }
        while leader.busy() > 0 {
            leader.step(api, 0, Fate::Answered);
            moved = true;
        }
        let services: Vec<String> = api.services.keys().cloned().collect();
        for name in services
            .iter()
            .filter(|name| api.services[*name].address == super::sight::Address::None)
            .collect::<Vec<_>>()
        {
            api.give_address(name);
            moved = true;
        }
        let pods: Vec<String> = api.pods.keys().cloned().collect();
        for name in &pods {
            let before = api.pods.get(name).cloned();
            api.advance_pod(name, Outcome::Succeeded);
            moved |= api.pods.get(name) != before.as_ref();
        }
        let mut wake = None;
        for uid in JOBS {
            if let Some((plan, news)) = leader.pass(api, uid, || Some(Fate::Answered)) {
                moved |= news || !is_empty(&plan);
                wake = [wake, plan.wake_at].into_iter().flatten().min();
            }
        }
        leader.sweep(api);
        moved |= leader.busy() > 0 || api.events.iter().any(|queue| !queue.is_empty());
        if moved {
            return true;
        }
        // A lost Pod of a job that is gone has no pass that would say when to look again.
        let orphaned = !leader.state.orphaned().is_empty();
        let next = wake
            .map(jiff::Timestamp::as_second)
            .or(orphaned.then_some(api.now + 100));
        api.now = next.map_or(api.now, |next| next.max(api.now + 1));
        next.is_some()
    }

    /// What must hold in the end.
    fn check_end(&mut self) {
        assert!(self.api.pods.is_empty(), "{:?}", self.api.pods);
        assert!(self.api.services.is_empty(), "{:?}", self.api.services);
        for record in self.api.records.values() {
            let uid = &record.sight.identity.key.job_uid;
            assert!(
                record.status == Status::Failed && self.api.jobs.contains_key(uid),
                "left behind: {record:?}"
            );
        }
        for flash in self.api.flashes.values().filter(|flash| flash.ran) {
            let who = &flash.identity;
            let Some(job) = self.api.job(&who.key.job_uid) else {
                continue;
            };
            if job
                .status
                .round
                .as_ref()
                .is_none_or(|round| round.number != who.round)
            {
                continue;
            }
            let index = job
                .spec
                .as_ref()
                .unwrap()
                .uuid
                .iter()
                .position(|uid| *uid == who.uuid)
                .unwrap();
            assert!(
                job.finals.contains(index),
                "{who:?} was flashed and has no verdict"
            );
            let lost = self.api.dead.contains(&api::pod_name(who));
            let succeeded = flash.result == Some(Outcome::Succeeded) && !lost;
            // Where no end could be read, a success may have been read before.
            if flash.stripped && succeeded {
                continue;
            }
            assert_eq!(
                job.finals.succeeded.contains(index),
                succeeded,
                "verdict of {who:?}: {flash:?}"
            );
        }
        let now = self.api.time();
        for uid in self.api.jobs.keys() {
            let leader = self.leader.as_ref().unwrap();
            let (job, world) = (leader.state.job(uid).unwrap(), leader.world());
            let finished = conditions::holds(&job.status.conditions, ConditionType::Finished);
            assert!(finished && job.finals.len() == DEVICES, "{:#?}", job.status);
            leader.state.observed(job, &world, |observed| {
                let plan = plan::plan(observed, now);
                assert!(is_empty(&plan), "an end that is none: {plan:?}");
                assert!(conditions::same_but_times(
                    &job.status,
                    &status::compose(observed, &plan, now)
                ));
            });
        }
    }
}

fn is_empty(plan: &plan::Plan) -> bool {
    plan.steps.is_empty()
        && plan.begin.is_empty()
        && plan.release.is_empty()
        && plan.refuse.is_empty()
}

fn live(numbers: Vec<u16>) {
    let mut world = World::new(numbers);
    while !world.tape.over() {
        world.happen();
        world.check();
    }
    world.drain();
    world.check_end();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        rng_seed: RngSeed::Fixed(20_260_101),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_every_law_holds(numbers in proptest::collection::vec(any::<u16>(), 0..3_000)) {
        live(numbers);
    }
}

#[test]
fn left_alone_every_device_is_flashed_once_and_its_twin_is_skipped() {
    let mut world = World::new(Vec::new());
    world.drain();
    world.check_end();
    assert!(world.api.records.is_empty());
    let runs = world.api.flashes.len();
    assert_eq!(
        runs,
        JOBS.len() * (DEVICES - 1),
        "the second UUID of a device is not flashed"
    );
}

#[test]
fn a_plan_that_was_carried_out_leaves_the_next_one_empty() {
    let mut world = World::new(Vec::new());
    world.drain();
    let World { api, leader, .. } = &mut world;
    for uid in JOBS {
        let (plan, news) = leader
            .as_mut()
            .unwrap()
            .pass(api, uid, || Some(Fate::Answered))
            .unwrap();
        assert!(is_empty(&plan) && !news);
        assert!(
            !plan
                .steps
                .iter()
                .any(|(_, step)| matches!(step, Step::Launch { .. }))
        );
    }
}
