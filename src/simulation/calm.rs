//! Nobody interferes any more: everything comes to its end, and then nothing is left to do.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    api::{Actor, Key},
    attempt::uid,
    devices::Ending,
    laws::is_labelled,
    wire::Shared,
    world::World,
};

/// Time within which a world that is left alone must have come to rest.
const PATIENCE: Duration = Duration::from_hours(3);
/// How long nothing is written by an operator that has nothing to do.
const REST: Duration = Duration::from_mins(3);

/// Most requests of a minute, but for those about the Lease and events, of operators that are left alone.
const MOST_IN_A_MINUTE: u64 = 1_000;

/// How long a person waits before what lost its labels is removed by hand: nobody else may know of it.
const TIDY_AFTER: Duration = Duration::from_mins(5);

/// Lets everything come to its end, and asks the laws of the end.
pub async fn end(world: &Shared) {
    world.lock().unwrap().calm_down();
    let (until, tidied) = (Instant::now() + PATIENCE, Instant::now() + TIDY_AFTER);
    let mut minute = (Instant::now(), world.lock().unwrap().about_work);
    loop {
        let pause = {
            let mut world = world.lock().unwrap();
            if Instant::now() >= tidied {
                world.tidy();
            }
            let moved = world.everything_behind();
            world.settle();
            world.check_haste(&mut minute);
            if world.violation.is_some() {
                return;
            }
            if world.is_over() {
                break;
            }
            if Instant::now() >= until {
                let what = world.what_is_left();
                return world.broken(|| format!("the world does not come to rest: {what}"));
            }
            if moved { 200 } else { 2_000 }
        };
        sleep(Duration::from_millis(pause)).await;
    }
    // What is under way comes to its end, too, and what a new leader found only now.
    let rest = Instant::now() + REST;
    while Instant::now() < rest {
        world.lock().unwrap().everything_behind();
        sleep(Duration::from_secs(2)).await;
    }
    let before = world.lock().unwrap().writes;
    sleep(REST).await;
    let mut world = world.lock().unwrap();
    let written = world.writes - before;
    if written > 0 {
        world.broken(|| format!("{written} writes though there is nothing to do"));
    }
    world.check_end();
}

impl World {
    fn calm_down(&mut self) {
        self.note(|| "CALM".into());
        self.api.now = self.time();
        self.weather.calm = true;
        self.shape.hostile = false;
        self.withdraw_all();
        self.cut_off = [Instant::now(); 2];
        for process in self.processes.iter().flatten() {
            process.stop(false);
        }
        self.settle();
    }

    /// All that happens behind the API server. Returns whether anything did.
    pub fn everything_behind(&mut self) -> bool {
        self.api.now = self.time();
        let before = self.api.version;
        self.find_devices();
        let keys = |world: &Self, plural| -> Vec<Key> {
            let all = world.api.all(plural);
            all.map(|(key, _)| key.clone()).collect()
        };
        for key in keys(self, "services") {
            self.balance(&key);
        }
        for key in keys(self, "pods") {
            self.advance_pod(&key, Ending::GOOD);
        }
        self.collect_garbage();
        self.api.actor = Actor::Nature;
        self.api.version != before
    }

    /// An operator that is left alone does not ask for the same again and again.
    fn check_haste(&mut self, (begun, before): &mut (Instant, u64)) {
        if begun.elapsed() >= Duration::from_mins(1) {
            (*begun, *before) = (Instant::now(), self.about_work);
        }
        let asked = self.about_work - *before;
        if asked > MOST_IN_A_MINUTE {
            self.broken(|| format!("{asked} requests within a minute, and no end of them"));
        }
    }

    /// A person removes what a person took the labels off, and the operator does not remember.
    fn tidy(&mut self) {
        let all = self.api.objects.iter();
        let lost = all.filter(|(key, object)| {
            let own = self.laws.own.contains_key(uid(object));
            own && key.plural != "pods" && !is_labelled(object)
        });
        let lost: Vec<Key> = lost.map(|(key, _)| key.clone()).collect();
        for key in lost {
            self.note(|| format!("HAND    removes {key:?}, which has lost its labels"));
            self.api.edit(&key, Actor::Person, |object| {
                object["metadata"]["finalizers"] = json!([]);
            });
            self.api.delete(&key, Actor::Person, None);
        }
    }

    fn is_over(&self) -> bool {
        let left = self.own("pods").chain(self.own("services")).next();
        let records = self.own("secrets");
        let open = records.filter(|(_, record)| !super::laws::is_failed(record));
        let deleting = self.laws.jobs.values().any(|job| job.deleting);
        left.is_none()
            && open.count() == 0
            && !deleting
            && self.laws.away.is_empty()
            && self.is_finished()
    }

    fn what_is_left(&self) -> String {
        let plurals = ["pods", "services", "secrets"].into_iter();
        let own = plurals.flat_map(|plural| self.own(plural));
        let names: Vec<_> = own.map(|(own, _)| own.key.name.clone()).collect();
        let jobs = self.laws.jobs.values().map(|job| {
            let conditions = job.status.conditions.iter();
            let conditions: Vec<_> = conditions
                .map(|condition| format!("{}={}", condition.type_, condition.reason))
                .collect();
            format!("{} deleting {}: {conditions:?}", job.uid, job.deleting)
        });
        format!("{names:?}, {:?}", jobs.collect::<Vec<_>>())
    }
}
