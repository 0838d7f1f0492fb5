//! What strikes a world: processes that die or stop, a Lease that is lost, hands, users, Akri, nodes.

use std::collections::BTreeSet;

use super::{DEVICES, JOBS, election::Stage, task::Wire, world::World};
use crate::flashjob::{
    fixtures::{endpoint, uuid},
    observe::objects::ObservedPod,
    plan::attempt::PodRemoval,
};

/// A process that is stopped and goes on.
pub const STOP: usize = 1;
/// The Lease.
pub const LEASE: usize = 2;
/// Hands.
pub const HAND: usize = 3;
/// Users.
pub const USER: usize = 4;
/// A process that dies.
pub const CRASH: usize = 0;
/// How many kinds there are.
pub const KINDS: usize = 8;

impl World {
    /// One fault of a kind that this world has.
    pub fn fault(&mut self) {
        let kind = self.only.unwrap_or_else(|| self.chance.draw(KINDS));
        if self.weather & (1 << kind) == 0 {
            return;
        }
        match kind {
            0 => self.crash(),
            1 => self.stop(),
            2 => self.trouble_lease(),
            3 => self.by_hand(),
            4 => self.user(),
            5 => self.akri(),
            6 => self.lose_node(),
            _ => self.cut_watch(),
        }
    }

    /// A replica dies; what it had sent may still arrive. Not while the Lease is deleted: a process that starts then cannot know
    /// that there is a leader who has not noticed yet.
    fn crash(&mut self) {
        if self.api.lease.is_none() {
            return;
        }
        let place = self.leading().unwrap_or(0);
        self.api.note(|| format!("KILL    replica {place}"));
        let before = self.replicas[place].restart(&mut self.api);
        self.bury(before);
    }

    /// A replica is stopped for a while, and goes on as if nothing had happened; or it is shut down in good order.
    fn stop(&mut self) {
        let place = self.leading().unwrap_or(0);
        let seconds = [2, 8, 14, 30, 90][self.chance.draw(5)];
        if self.chance.one_in(3) {
            let Some(leader) = self.replicas[place].leader() else {
                return;
            };
            let sent = |wire: &Wire| matches!(wire, Wire::Sent(..));
            if leader.tasks.iter().any(|task| sent(&task.wire)) {
                return;
            }
            drop(self.replicas[place].release(&mut self.api));
            drop(self.replicas[place].restart(&mut self.api));
            return;
        }
        self.api
            .note(|| format!("STOP    replica {place} for {seconds} s"));
        let replica = &mut self.replicas[place];
        replica.asleep = self.api.now + seconds * 1_000;
        // It may go on with its work before it looks at the Lease again.
        replica.next_tick = replica.asleep + i64::try_from(self.chance.draw(2_000)).unwrap();
    }

    /// The Lease cannot be reached by a replica, or is deleted.
    fn trouble_lease(&mut self) {
        let place = self.chance.draw(2);
        if self.chance.one_in(4) {
            self.api.note(|| "LEASE deleted by hand".into());
            self.api.lease = None;
            return;
        }
        let seconds = [3, 9, 20][self.chance.draw(3)];
        self.api
            .note(|| format!("LEASE out of reach of replica {place} for {seconds} s"));
        self.replicas[place].cut_off = self.api.now + seconds * 1_000;
    }

    /// A watch ends and begins anew, with events in between that nobody is told of.
    fn cut_watch(&mut self) {
        let Some(place) = self.leading() else { return };
        let Self { api, replicas, .. } = self;
        if let Stage::Leading { leader, .. } = &mut replicas[place].stage {
            api.note(|| format!("WATCHES of replica {place} begin anew"));
            leader.relist(api, place);
        }
    }

    /// A person deletes something of ours.
    fn by_hand(&mut self) {
        match self.chance.draw(5) {
            0 => self.strip_pod(),
            1 => self.delete_pod_by_hand(),
            2 => self.delete_service_by_hand(),
            3 => self.delete_record_by_hand(),
            _ => {
                // helm uninstall: all of it.
                self.delete_record_by_hand();
                self.delete_service_by_hand();
                self.delete_pod_by_hand();
            }
        }
    }

    fn delete_pod_by_hand(&mut self) {
        if let Some(pod) = self.chance.pick(self.api.pods.values().cloned()) {
            self.api
                .note(|| format!("HAND    deletes pod {}", pod.sight.name));
            drop(self.api.delete_pod(&pod, None));
        }
    }

    fn delete_service_by_hand(&mut self) {
        if let Some(service) = self.chance.pick(self.api.services.values().cloned()) {
            let sight = service.sight;
            self.api
                .note(|| format!("HAND    deletes service {}", sight.name));
            self.api.delete_service(&sight.name, &sight.uid);
        }
    }

    /// Not of an attempt whose Pod a leader has not been told of yet, nor of one whose Pod a person took away: nothing else
    /// would speak for it.
    fn delete_record_by_hand(&mut self) {
        let unseen = |pod: &ObservedPod| {
            let mut leaders = self
                .replicas
                .iter()
                .filter_map(|replica| match &replica.stage {
                    Stage::Leading { leader, .. } => Some(leader),
                    Stage::Standby | Stage::Won { .. } => None,
                });
            leaders.any(|leader| {
                let attempt = leader.state.ledger.attempt(&pod.sight.identity.key);
                attempt.is_none_or(|attempt| !attempt.pod_seen)
            })
        };
        let unseen: BTreeSet<_> = self
            .api
            .pods
            .values()
            .filter(|pod| unseen(pod))
            .map(|pod| &pod.sight.identity.key)
            .collect();
        let stripped = self.api.flashes.values().filter(|flash| flash.stripped);
        let stripped: BTreeSet<_> = stripped.map(|flash| &flash.identity.key).collect();
        let records = self.api.records.values();
        let known = records.filter(|record| {
            let key = &record.sight.identity.key;
            !unseen.contains(key) && !stripped.contains(key)
        });
        if let Some(record) = self.chance.pick(known.cloned().collect::<Vec<_>>()) {
            let sight = record.sight;
            self.api
                .note(|| format!("HAND    deletes record {}", sight.name));
            self.api.delete_record(&sight.name, &sight.uid);
        }
    }

    /// A person takes the tracking finalizer off a Pod and kills it: no end of it can ever be read. That it was launched is
    /// known from its record or the stored status.
    fn strip_pod(&mut self) {
        let Some(pod) = self.chance.pick(self.api.pods.values().cloned()) else {
            return;
        };
        let who = &pod.sight.identity;
        let mut records = self.api.records.values();
        let deployed = records.any(|record| record.sight.identity.key == who.key && record.has_pod);
        let shown = self.api.jobs.get(&who.key.job_uid).is_some_and(|job| {
            let mut devices = job.status.devices.iter();
            devices.any(|device| {
                device.pod.as_ref() == Some(&pod.sight.name) && device.phase == "Flashing"
            })
        });
        if deployed || shown {
            self.api
                .note(|| format!("HAND    strips pod {}", pod.sight.name));
            self.api.flashes.get_mut(&pod.sight.uid).unwrap().stripped = true;
            self.api.untrack(&pod, false);
            drop(self.api.delete_pod(&pod, Some(PodRemoval::Lost)));
        }
    }

    /// A user changes the firmware or the devices, deletes a job, makes it again, or even takes its finalizer off.
    fn user(&mut self) {
        let Some(uid) = self.chance.pick(self.api.jobs.keys().cloned()) else {
            return self.recreate();
        };
        match self.chance.draw(16) {
            0..=6 => self.api.edit_job(&uid, |object| {
                let number = object.metadata.generation.unwrap() + 1;
                object.spec.firmware = format!("f:{number}");
                let made = object.spec.version.rsplit('.').next().unwrap_or_default();
                object.spec.version = format!("{number}.0.{made}");
            }),
            7..=10 => {
                let (index, add) = (self.chance.draw(DEVICES), self.chance.one_in(2));
                self.api.edit_job(&uid, |object| {
                    object.spec.uuid.retain(|known| *known != uuid(index));
                    if add {
                        object.spec.uuid.push(uuid(index));
                    }
                });
            }
            11..=12 => self.api.delete_job(&uid),
            13..=14 => self.recreate(),
            _ => self.api.drop_job(&uid),
        }
    }

    /// A job of a name that is free now is made.
    pub fn recreate(&mut self) {
        let free = |name: &&str| self.api.job_named(name).is_none();
        if let Some(name) = JOBS.into_iter().find(free) {
            self.create_job(name);
        }
    }

    /// Akri loses a device, or finds it again under another uid.
    fn akri(&mut self) {
        let Some(uid) = self.chance.pick(self.api.instances.keys().cloned()) else {
            return;
        };
        let at = self.api.instances[&uid]
            .spec
            .broker_properties
            .get("HOST_ENDPOINT")
            .cloned();
        let index = (0..DEVICES).find(|index| at == Some(endpoint(*index)));
        self.api.drop_instance(&uid);
        if !self.chance.one_in(8) {
            self.find_device(index.unwrap());
        }
    }

    fn lose_node(&mut self) {
        if let Some(name) = self.chance.pick(self.api.pods.keys().cloned()) {
            self.api.lose_node(&name);
        }
    }
}
