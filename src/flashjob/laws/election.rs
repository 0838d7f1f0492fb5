//! Two replicas and the Lease between them: the operator's own decision and fence, over the simulated API server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

use super::{leader::Leader, objects::Api, planted::Bug};
use crate::cluster::{
    Fence,
    lease::{Decision, Observed, decide, held_spec, released_spec},
};

/// How long others respect a lease that is not renewed.
const DURATION: Duration = Duration::from_secs(12);
/// How long a leader believes in its lease after the last renewal.
const RENEW_DEADLINE: i64 = 7_000;
/// Pause between two looks at the Lease, or renewals.
const PERIOD: i64 = 2_000;
/// Time-out of every request; a new leader waits as long before its first LIST.
pub const REQUEST_TIMEOUT: i64 = 4_000;

/// What a replica is.
pub enum Stage {
    Standby,
    /// It holds the Lease, and waits until no write of a former leader can be under way.
    Won {
        lease: Lease,
        renewed: i64,
        ready: i64,
    },
    Leading {
        lease: Lease,
        renewed: i64,
        leader: Box<Leader>,
    },
}

/// A process of the operator.
pub struct Replica {
    pub place: usize,
    lives: u32,
    fence: Fence,
    observed: Observed,
    pub stage: Stage,
    pub next_tick: i64,
    /// Until when the process is stopped.
    pub asleep: i64,
    /// Until when the Lease cannot be reached.
    pub cut_off: i64,
}

impl Replica {
    pub fn new(place: usize, now: i64) -> Self {
        Self {
            place,
            lives: 0,
            fence: Fence::default(),
            observed: Observed {
                since: boot(now),
                ..Observed::default()
            },
            stage: Stage::Standby,
            next_tick: now,
            asleep: 0,
            cut_off: 0,
        }
    }

    fn identity(&self) -> String {
        format!("replica-{}_{}", self.place, self.lives)
    }

    pub fn leader(&mut self) -> Option<&mut Leader> {
        match &mut self.stage {
            Stage::Leading { leader, .. } => Some(leader),
            Stage::Standby | Stage::Won { .. } => None,
        }
    }

    pub fn is_awake(&self, now: i64) -> bool {
        now >= self.asleep
    }

    /// Whether a write may leave this process now.
    pub fn may_write(&self, now: i64, bug: Option<Bug>) -> bool {
        bug == Some(Bug::NoLeaseCheck) || self.fence.is_held(boot(now))
    }

    /// The process dies and is started again. Returns what it led.
    pub fn restart(&mut self, api: &mut Api) -> Option<Box<Leader>> {
        let before = std::mem::replace(self, Self::new(self.place, api.now));
        self.lives = before.lives + 1;
        self.asleep = 0;
        self.step_down(api, before.stage)
    }

    fn step_down(&mut self, api: &mut Api, stage: Stage) -> Option<Box<Leader>> {
        self.fence.close();
        self.lives += 1;
        self.observed = Observed {
            lease: api.lease.clone(),
            since: boot(api.now),
            vanished: None,
        };
        match stage {
            Stage::Leading { leader, .. } => {
                api.note(|| format!("END of leader {}", leader.term));
                api.watches[self.place] = None;
                Some(leader)
            }
            Stage::Standby | Stage::Won { .. } => None,
        }
    }

    /// Gives the Lease up in good order: no write is under way.
    pub fn release(&mut self, api: &mut Api) -> Option<Box<Leader>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Standby);
        if let Stage::Leading { lease, .. } = &stage
            && api.lease.as_ref() == Some(lease)
        {
            api.note(|| "LEASE released".into());
            let spec = released_spec(lease.spec.as_ref(), api.time());
            put(api, Some(spec));
        }
        self.step_down(api, stage)
    }

    /// A look at the Lease, and what follows. `reached` is false where no request gets through. Returns what it led before.
    pub fn tick(
        &mut self,
        api: &mut Api,
        reached: bool,
        begin: &mut Begin<'_>,
    ) -> Option<Box<Leader>> {
        let now = api.now;
        self.next_tick = now + PERIOD;
        let reached = reached && now >= self.cut_off;
        match std::mem::replace(&mut self.stage, Stage::Standby) {
            Stage::Standby => {
                if reached {
                    self.campaign(api, begin.bug);
                }
                None
            }
            Stage::Won {
                lease,
                renewed,
                ready,
            } if now < ready => {
                self.settle(api, reached, (lease, renewed, ready));
                None
            }
            // It slept too long: its fence would never open, and its first renewal ends it.
            Stage::Won { renewed, .. } if now >= renewed + RENEW_DEADLINE => {
                self.step_down(api, Stage::Standby)
            }
            Stage::Won { lease, renewed, .. } => {
                let until = boot(renewed + RENEW_DEADLINE);
                self.fence.open_until(until);
                let late = (begin.late)(api);
                let leader =
                    Leader::elected(api, self.place, begin.bug, begin.max_in_flight, &late);
                self.stage = Stage::Leading {
                    lease,
                    renewed,
                    leader: Box::new(leader),
                };
                None
            }
            Stage::Leading {
                lease,
                renewed,
                leader,
            } => self.keep(api, reached, (lease, renewed, leader)),
        }
    }

    fn campaign(&mut self, api: &mut Api, bug: Option<Bug>) {
        let now = boot(api.now);
        let observed = std::mem::replace(
            &mut self.observed,
            Observed {
                since: now,
                ..Observed::default()
            },
        );
        self.observed = observed.look(api.lease.clone(), now);
        let identity = self.identity();
        let released = match decide(&self.observed, &identity, false, DURATION, now) {
            Decision::Acquire { released } => released,
            Decision::Renew => false,
            Decision::Wait { .. } | Decision::Lost => return,
        };
        api.note(|| format!("LEASE won by {identity}, released {released}"));
        let before = self.observed.lease.as_ref();
        let before = before.and_then(|lease| lease.spec.as_ref());
        let spec = held_spec(before, &identity, DURATION, api.time());
        let lease = put(api, Some(spec));
        let wait = if released || bug == Some(Bug::NoWaitAfterTakeOver) {
            0
        } else {
            REQUEST_TIMEOUT
        };
        self.next_tick = api.now + wait.min(PERIOD);
        self.stage = Stage::Won {
            lease,
            renewed: api.now,
            ready: api.now + wait,
        };
    }

    /// The Lease is renewed while writes of a former leader are waited for; the fence stays closed.
    fn settle(&mut self, api: &mut Api, reached: bool, (lease, renewed, ready): (Lease, i64, i64)) {
        if is_lost(api, reached, &lease, renewed) {
            self.step_down(api, Stage::Standby);
            return;
        }
        let (lease, renewed) = self.renewed(api, reached, (lease, renewed));
        self.next_tick = ready.min(api.now + PERIOD);
        self.stage = Stage::Won {
            lease,
            renewed,
            ready,
        };
    }

    /// The Lease after a renewal, where it can be reached, and when it was renewed last.
    fn renewed(
        &self,
        api: &mut Api,
        reached: bool,
        (lease, renewed): (Lease, i64),
    ) -> (Lease, i64) {
        if !reached {
            return (lease, renewed);
        }
        let now = api.now;
        let spec = held_spec(lease.spec.as_ref(), &self.identity(), DURATION, api.time());
        (put(api, Some(spec)), now)
    }

    fn keep(
        &mut self,
        api: &mut Api,
        reached: bool,
        (lease, renewed, leader): (Lease, i64, Box<Leader>),
    ) -> Option<Box<Leader>> {
        if is_lost(api, reached, &lease, renewed) {
            let stage = Stage::Leading {
                lease,
                renewed,
                leader,
            };
            return self.step_down(api, stage);
        }
        let (lease, renewed) = self.renewed(api, reached, (lease, renewed));
        self.fence.open_until(boot(renewed + RENEW_DEADLINE));
        self.stage = Stage::Leading {
            lease,
            renewed,
            leader,
        };
        None
    }

    /// Nobody contests the Lease any more: it is held for ever.
    pub fn hold(&mut self) {
        self.fence.open_until(Duration::MAX);
    }
}

/// What a new leader begins with.
pub struct Begin<'a> {
    pub bug: Option<Bug>,
    pub max_in_flight: usize,
    /// Pods that were created after the first list was made.
    pub late: &'a mut dyn FnMut(&Api) -> Vec<String>,
}

/// Whether a holder finds that the Lease is not its own any more.
fn is_lost(api: &Api, reached: bool, lease: &Lease, renewed: i64) -> bool {
    api.now >= renewed + RENEW_DEADLINE
        || (reached && api.lease.as_ref().is_none_or(|known| known != lease))
}

fn put(api: &mut Api, spec: Option<k8s_openapi::api::coordination::v1::LeaseSpec>) -> Lease {
    let mut lease = Lease {
        spec,
        ..Lease::default()
    };
    lease.metadata.resource_version = Some(api.next().to_string());
    api.lease = Some(lease.clone());
    lease
}

fn boot(now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now).unwrap())
}
