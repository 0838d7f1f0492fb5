//! What strikes a world: processes that die or stop, a Lease that is lost, watches that end, nodes, webhooks, requests that get lost.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    api::{Actor, Asked, Key, Verb, has_ended},
    attempt::uid,
    chance::Chance,
    process::Process,
    wire::{Fate, Journey, Role, SYSTEM},
    world::World,
};
use crate::names;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A process dies.
    Crash,
    /// A process is stopped and goes on, or ends in good order.
    Stop,
    /// The Lease is deleted, or cannot be reached.
    Lease,
    /// A person deletes or changes objects of ours.
    Hand,
    /// A user changes jobs.
    User,
    /// Devices come and go.
    Akri,
    /// A node is lost.
    Node,
    /// Watches end.
    Watch,
    /// A webhook refuses deletions for a while.
    Webhook,
    /// A person takes labels off objects of ours.
    Label,
    /// For a while nothing happens: Pods, load balancer and people stand still, and times run out.
    Lull,
}

impl Fault {
    const ALL: [Self; 11] = [
        Self::Crash,
        Self::Stop,
        Self::Lease,
        Self::Hand,
        Self::User,
        Self::Akri,
        Self::Node,
        Self::Watch,
        Self::Webhook,
        Self::Label,
        Self::Lull,
    ];
}

/// Which faults strike, and how often.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Kinds of faults that this world has, as bits.
    kinds: usize,
    /// The same where a world is made for some: then no others are drawn.
    only: &'static [Fault],
    /// Faults strike once in so many times.
    rarity: usize,
    /// Nothing strikes any more.
    pub calm: bool,
}

impl Weather {
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            kinds: chance.draw(1 << Fault::ALL.len()),
            only: &[],
            rarity: 1 + chance.draw(10),
            calm: false,
        }
    }

    /// Nothing but these kinds of faults strikes, and often.
    pub fn only(only: &'static [Fault], chance: &mut Chance) -> Self {
        Self {
            kinds: only
                .iter()
                .fold(0, |kinds, fault| kinds | 1 << *fault as usize),
            only,
            rarity: 1 + chance.draw(3),
            calm: false,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        !self.calm && self.kinds & (1 << fault as usize) != 0
    }
}

impl World {
    /// What becomes of a request that leaves its process now.
    pub fn journey(&mut self, process: &Process, role: Role, asked: &Asked) -> Journey {
        let draw = |chance: &mut Chance, below| {
            Duration::from_millis(1 + u64::try_from(chance.draw(below)).unwrap())
        };
        let mut journey = Journey {
            there: draw(&mut self.chance, 15),
            back: draw(&mut self.chance, 15),
            fate: Fate::Served,
        };
        if self.weather.calm {
            return journey;
        }
        if role == Role::Lease && Instant::now() < self.cut_off[process.place] {
            journey.fate = Fate::Broken;
            return journey;
        }
        if role == Role::Write && asked.verb == Verb::Delete && Instant::now() < self.refused {
            journey.fate = Fate::TurnedAway(409, "Conflict", "a webhook says so");
            return journey;
        }
        if self.weather.has(Fault::Crash) && self.chance.one_in(100 * self.weather.rarity) {
            let carried_out = self.chance.one_in(2);
            journey.fate = Fate::Crash { carried_out };
            return journey;
        }
        match self.chance.draw(160) {
            // A webhook may say so of any write, whatever the object is like.
            0..=1 if asked.is_write() && role == Role::Write => {
                journey.fate = Fate::TurnedAway(409, "Conflict", "a webhook says so");
            }
            2 => journey.fate = Fate::TurnedAway(429, "TooManyRequests", "too many requests"),
            3 if asked.is_write() => {
                journey.fate =
                    Fate::TurnedAway(500, "InternalError", "failed calling webhook \"w\"");
            }
            4 if asked.verb == Verb::List && asked.query.contains_key("continue") => {
                journey.fate = Fate::TurnedAway(410, "Expired", "the continue token has expired");
            }
            5..=6 => journey.fate = Fate::Broken,
            7..=9 => journey.fate = Fate::AnswerBroken,
            10 => journey.fate = Fate::AnswerLost,
            // On its way, and then in the API server, which counts the time-out from the arrival.
            11..=12 if role == Role::Write => journey.there = draw(&mut self.chance, 8_400),
            11..=12 => journey.there = draw(&mut self.chance, 4_400),
            13..=14 => journey.back = draw(&mut self.chance, 4_400),
            _ => {}
        }
        journey
    }

    /// How long an event takes to its watch, after the one before it.
    pub fn delay_of_event(&mut self) -> Duration {
        let below = match self.chance.draw(40) {
            0 if !self.weather.calm => 5_000,
            1..=5 => 400,
            _ => 20,
        };
        Duration::from_millis(u64::try_from(self.chance.draw(below)).unwrap())
    }

    /// One fault of a kind that this world has.
    pub fn fault(&mut self) {
        let drawn = self.chance.draw(Fault::ALL.len());
        let only = self.weather.only;
        let of_only = only.get(drawn % only.len().max(1));
        self.strike(*of_only.unwrap_or(&Fault::ALL[drawn]));
    }

    fn strike(&mut self, fault: Fault) {
        if !self.weather.has(fault) || !self.chance.one_in(self.weather.rarity) {
            return;
        }
        match fault {
            Fault::Crash => self.crash(),
            Fault::Stop => self.stop(),
            Fault::Lease => self.trouble_lease(),
            Fault::Hand => self.by_hand(),
            Fault::User => self.user(),
            Fault::Akri => self.akri(),
            Fault::Node => self.lose_node(),
            Fault::Watch => self.cut_watches(),
            Fault::Webhook => self.refuse_deletions(),
            Fault::Label => self.relabel(),
            Fault::Lull => self.stand_still(),
        }
    }

    /// The process that leads, or the other one, or none.
    fn some_process(&mut self) -> Option<Arc<Process>> {
        let leading = self.processes.iter().flatten().find(|process| {
            let actor = Actor::Operator(process.place, process.life);
            self.laws.leader == Some(actor)
        });
        let leading = leading.cloned();
        if self.chance.one_in(4) || leading.is_none() {
            let all: Vec<_> = self.processes.iter().flatten().cloned().collect();
            return self.chance.pick(all);
        }
        leading
    }

    /// A process dies; what it had sent may still arrive.
    fn crash(&mut self) {
        if !self.chance.one_in(4) {
            return;
        }
        if let Some(process) = self.some_process() {
            self.note(|| format!("KILL    replica {}", process.place));
            process.kill();
        }
    }

    /// A process is stopped for a while, and goes on as if nothing had happened; or it is shut down in good order.
    fn stop(&mut self) {
        let seconds = [2, 8, 14, 30, 90][self.chance.draw(5)];
        let ends = self.chance.one_in(3);
        let Some(process) = self.some_process() else {
            return;
        };
        let place = process.place;
        if ends {
            self.note(|| format!("TERM    replica {place}"));
            process.ask_to_end();
            return;
        }
        if process.is_stopped() {
            return;
        }
        self.note(|| format!("STOP    replica {place} for {seconds} s"));
        process.stop(true);
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            process.stop(false);
        });
    }

    /// The Lease cannot be reached by a replica, or is deleted.
    fn trouble_lease(&mut self) {
        let place = self.chance.draw(2);
        if self.chance.one_in(4) {
            self.note(|| "LEASE deleted by hand".into());
            let key = Key::new("leases", SYSTEM, names::LEASE);
            self.api.delete(&key, Actor::Person, None);
            return;
        }
        let seconds = [3, 9, 20][self.chance.draw(3)];
        self.note(|| format!("LEASE out of reach of replica {place} for {seconds} s"));
        self.cut_off[place] = Instant::now() + Duration::from_secs(seconds);
    }

    /// The watches of a replica end; what happened meanwhile may be forgotten.
    fn cut_watches(&mut self) {
        let place = self.chance.draw(2);
        let forgets = self.chance.one_in(2);
        self.note(|| format!("WATCHES of replica {place} end, forgetting: {forgets}"));
        self.cuts[place] += 1;
        if forgets {
            self.api.forgotten = self.api.version;
            self.api.forget_pages();
        }
        self.news.notify_waiters();
    }

    fn refuse_deletions(&mut self) {
        let seconds = [1, 3, 9][self.chance.draw(3)];
        self.note(|| format!("WEBHOOK refuses deletions for {seconds} s"));
        self.refused = Instant::now() + Duration::from_secs(seconds);
    }

    fn stand_still(&mut self) {
        let seconds = [1, 10, 60, 130, 400][self.chance.draw(5)];
        self.note(|| format!("LULL    of {seconds} s"));
        self.lull = Duration::from_secs(seconds);
    }

    fn lose_node(&mut self) {
        let pods = self.own("pods").filter(|(_, pod)| {
            let scheduled = !pod["spec"]["nodeName"].is_null();
            scheduled && !has_ended(pod)
        });
        let uids: Vec<String> = pods.map(|(_, pod)| uid(pod).to_owned()).collect();
        if let Some(uid) = self.chance.pick(uids) {
            self.note(|| format!("NODE of {uid} is lost"));
            self.laws.dead.insert(uid);
        }
    }

    /// A process of a replica ended.
    pub fn ended(&mut self, place: usize) {
        self.cuts[place] += 1;
        if self.shape.unlabels && !self.weather.calm {
            self.unlabel_all();
        }
        self.news.notify_waiters();
    }
}
