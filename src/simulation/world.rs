//! One world from one seed: an API server, two replicas of the operator, what is behind the API server, and what strikes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{
    DEVICES, GATEWAY, JOBS, MAX_OF_GATEWAY, PARALLELISM, POOL,
    api::{Actor, Answer, Api, Asked, Key},
    chance::Chance,
    devices::AWAITED,
    faults::Weather,
    laws::Laws,
    process::{BEGINNING, Process},
    run::Plan,
    wire::{SYSTEM, Shared},
};
use crate::{
    flashjob::fixtures::uuid,
    names::{ANNOTATION_DEFAULT_CLASS, SEAL_KEY_TYPE},
};

/// Namespace of the jobs.
pub const LAB: &str = "lab";
/// By how much the clock of a replica may be off, in milliseconds.
const SKEW: i64 = 130_000;

/// What differs from world to world.
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "a world may have each without the others"
)]
pub struct Shape {
    /// Devices behind one gateway are limited.
    pub limited: bool,
    /// `backoffLimitPerDevice` of every job.
    pub retries: usize,
    /// Every job begins with one device.
    pub stepped: bool,
    /// Jobs read the version of their devices back.
    pub verified: bool,
    /// The load balancer gives every Service the same address.
    pub shares: bool,
    /// Somebody writes objects with the labels of ours.
    pub hostile: bool,
    /// Seconds that the load balancer takes, at least.
    pub address_seconds: i64,
    /// Whenever a process ends, a person takes the labels off everything.
    pub unlabels: bool,
    /// Devices dial the node of their Pod.
    pub on_node: bool,
    /// Devices lease the Services of a pool, of which there are fewer than devices may be in flight.
    pub pooled: bool,
}

/// See the module's documentation.
pub struct World {
    pub api: Api,
    pub chance: Chance,
    pub shape: Shape,
    pub weather: Weather,
    pub laws: Laws,
    pub begun: Instant,
    /// The process of each replica.
    pub processes: [Option<Arc<Process>>; 2],
    /// Milliseconds by which the wall clock of each replica is ahead.
    pub skews: [i64; 2],
    /// Until when the Lease is out of reach of a replica.
    pub cut_off: [Instant; 2],
    /// Until when a webhook refuses deletions.
    pub refused: Instant,
    /// How long nothing happens now.
    pub lull: Duration,
    /// How many times the watches of each replica were cut.
    pub cuts: [u64; 2],
    /// Wakes watches. Not a watch channel, which wakes in an order of its own.
    pub news: Arc<Notify>,
    /// The version of which watches know.
    told: u64,
    /// Uids given to devices and jobs so far.
    pub renamed: usize,
    /// Requests that arrived.
    pub requests: u64,
    /// Those of them that are about neither the Lease nor an event.
    pub about_work: u64,
    /// Requests of the operator that changed something, but for the Lease and events.
    pub writes: u64,
    history: DefaultHasher,
    pub trace: bool,
    /// How many changes the laws have seen.
    pub seen: usize,
    /// The first law that was broken.
    pub violation: Option<String>,
}

impl World {
    pub fn new(plan: &Plan) -> Self {
        let Plan {
            seed,
            hostile,
            trace,
            ..
        } = *plan;
        let mut chance = Chance::new(seed);
        let now = Instant::now();
        let off = |draw: u64| (i64::try_from(draw % 3).unwrap() - 1) * SKEW;
        let shape = Shape {
            limited: chance.one_in(2),
            retries: chance.draw(3),
            stepped: chance.one_in(2),
            verified: chance.one_in(2),
            shares: seed % 7 == 3,
            hostile,
            address_seconds: 0,
            unlabels: false,
            on_node: plan.on_node || (seed % 13 == 11 && !plan.pooled),
            pooled: plan.pooled || (seed % 13 == 5 && !plan.on_node),
        };
        let mut world = Self {
            api: Api::new(Timestamp::from_second(BEGINNING).unwrap()),
            weather: Weather::new(&mut chance),
            laws: Laws::new(shape),
            chance,
            shape,
            begun: now,
            processes: [None, None],
            skews: [off(seed), off(seed / 3)],
            cut_off: [now; 2],
            refused: now,
            lull: Duration::ZERO,
            cuts: [0; 2],
            news: Arc::default(),
            told: 0,
            renamed: 0,
            requests: 0,
            about_work: 0,
            writes: 0,
            history: DefaultHasher::new(),
            trace,
            seen: 0,
            violation: None,
        };
        world.furnish();
        world
    }

    /// What is there before anything begins.
    fn furnish(&mut self) {
        for name in [SYSTEM, LAB, "evil"] {
            self.make("namespaces", "", name, json!({}));
        }
        let key = "c2VhbHMgb2YgYSBzaW11bGF0ZWQgd29ybGQhISEhISE=";
        self.make(
            "secrets",
            SYSTEM,
            "flashjob-operator-seal",
            json!({"type": SEAL_KEY_TYPE, "data": {"current": key}}),
        );
        let mut spec = json!({});
        if self.shape.limited {
            let limit = json!({"by": "Property", "property": GATEWAY, "max": MAX_OF_GATEWAY});
            spec["inFlightLimits"] = json!([limit]);
        }
        if self.shape.on_node {
            spec["defaults"] = json!({"values": {"service": {"mode": "HostPort", "node": "{{ device.nodes | first }}"}}});
        }
        if self.shape.pooled {
            spec["defaults"] =
                json!({"values": {"service": {"mode": "Pool", "pool": {"size": POOL}}}});
        }
        let class =
            json!({"metadata": {"annotations": {ANNOTATION_DEFAULT_CLASS: "true"}}, "spec": spec});
        self.make("flashclasses", "", "default", class);
        // The last device is known under two UUIDs.
        for index in 0..DEVICES {
            self.put_instance(uuid(index).as_str(), index.min(DEVICES - 2), index / 2);
        }
        for name in JOBS {
            self.create_job(name);
        }
        self.settle();
    }

    pub fn make(&mut self, plural: &str, namespace: &str, name: &str, object: Value) {
        let key = Key::new(plural, namespace, name);
        self.api.now = self.time();
        self.api.make(&key, Actor::Person, object);
    }

    pub fn create_job(&mut self, name: &str) {
        self.renamed += 1;
        let canary =
            json!({"name": "canary", "devices": 1, "soakSeconds": 20, "maxFailedDevices": "100%"});
        let steps: Vec<_> = self.shape.stepped.then_some(canary).into_iter().collect();
        let mode = if self.shape.verified {
            "Version"
        } else {
            "None"
        };
        let job = json!({
            "metadata": {"uid": format!("{name}-{}", self.renamed)},
            "spec": {"uuid": self.names_of_devices(), "firmware": "f:1", "version": format!("1.0.{}", self.renamed),
                     "parallelism": PARALLELISM, "backoffLimitPerDevice": self.shape.retries, "steps": steps,
                     "verification": {"mode": mode, "timeoutSeconds": AWAITED}},
        });
        self.make("flashjobs", LAB, name, job);
    }

    /// The API server's clock, which shows seconds.
    pub fn time(&self) -> Timestamp {
        let passed = i64::try_from(self.begun.elapsed().as_secs()).unwrap();
        Timestamp::from_second(BEGINNING + passed).unwrap()
    }

    /// A law is broken.
    pub fn broken(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.note(|| format!("BROKEN {what}"));
            self.violation = Some(what);
        }
    }

    /// A line of the history.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>9.3} {}", self.begun.elapsed().as_secs_f64(), line());
        }
    }

    /// What the history was so far, as a number.
    pub fn history(&self) -> u64 {
        self.history.clone().finish()
    }

    fn remember(&mut self, by: Actor, asked: &Asked, code: u16) {
        let at = self.begun.elapsed().as_millis();
        // Names of events are made of the machine's time.
        let name = match asked.key.plural {
            "events" => "",
            _ => &asked.key.name,
        };
        let line = (at, by, asked.key.plural, name, code);
        line.hash(&mut self.history);
        (asked.verb as u8, &asked.subresource).hash(&mut self.history);
        self.note(|| {
            let Key {
                plural,
                namespace,
                name,
            } = &asked.key;
            let at = if asked.subresource.is_empty() {
                String::new()
            } else {
                format!("/{}", asked.subresource)
            };
            // Names of events are made of the machine's time.
            let name = match *plural {
                "events" => name.split('.').next().unwrap_or_default(),
                _ => name,
            };
            format!(
                "{by:?} {:?} {plural}{at} {namespace}/{name} {code}",
                asked.verb
            )
        });
    }

    /// A request leaves its process.
    pub fn sent(&mut self, process: &Process, asked: &Asked) {
        let place = process.place;
        (place, asked.key.plural, asked.verb as u8).hash(&mut self.history);
    }

    /// A request was refused before it arrived.
    pub fn turned_away(&mut self, process: &Process, asked: &Asked, code: u16) {
        let by = Actor::Operator(process.place, process.life);
        self.remember(by, asked, code);
    }

    /// A request that is answered by a stream arrived.
    pub fn arrived(&mut self, by: Actor, asked: &Asked) {
        self.requests += 1;
        self.remember(by, asked, 200);
    }

    /// Carries out a request of the operator; the laws are asked before and after.
    pub fn serve(&mut self, by: Actor, asked: &Asked) -> Answer {
        self.requests += 1;
        self.about_work += u64::from(!matches!(asked.key.plural, "leases" | "events"));
        self.api.now = self.time();
        self.before_request(by, asked);
        if self.trace && asked.subresource == "status" && asked.key.plural == "flashjobs" {
            let status = asked.body["status"].to_string();
            self.note(|| format!("STATUS  {status}"));
        }
        let before = self.api.version;
        let answer = if asked.subresource == "log" {
            self.log_of(asked)
        } else if asked.key.plural == "nodes" {
            self.node(asked)
        } else {
            self.api.serve(asked, by)
        };
        let changed = self.api.version != before;
        if changed && !matches!(asked.key.plural, "leases" | "events") {
            self.writes += 1;
        }
        self.remember(by, asked, answer.code());
        self.after_request(by, asked, answer.code());
        self.settle();
        answer
    }

    /// The laws see what changed, and watches hear of it.
    pub fn settle(&mut self) {
        while let Some(change) = self.api.changes.get(self.seen).cloned() {
            self.seen += 1;
            self.see(&change);
        }
        let version = self.api.version;
        if self.told != version {
            self.told = version;
            self.check();
            self.news.notify_waiters();
        }
    }

    /// How long nothing happens.
    fn pause(&mut self) -> Duration {
        let pause = u64::try_from(self.chance.draw(400)).unwrap();
        std::mem::take(&mut self.lull) + Duration::from_millis(pause)
    }

    /// Something happens behind the API server, or strikes.
    pub fn happen(&mut self) {
        self.api.now = self.time();
        self.find_devices();
        match self.chance.draw(40) {
            0..=19 => self.advance_some_pod(),
            20..=29 => self.balance_some_service(),
            30..=31 => self.collect_garbage(),
            32..=33 if self.shape.hostile => self.hostile(),
            34..=39 => self.fault(),
            _ => {}
        }
        self.settle();
    }
}

/// Lets a world live for so many steps, and then come to its end.
pub async fn live(world: &Shared, steps: usize) {
    for _ in 0..steps {
        let pause = world.lock().unwrap().pause();
        sleep(pause).await;
        let mut world = world.lock().unwrap();
        world.happen();
        if world.violation.is_some() {
            return;
        }
    }
    super::calm::end(world).await;
}

/// A world that others can share.
pub fn shared(world: World) -> Shared {
    Arc::new(Mutex::new(world))
}
