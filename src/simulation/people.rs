//! People: who delete and change what is ours by hand, and users who change their jobs.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    DEVICES, JOBS,
    api::{Actor, Key},
    attempt::uid,
    laws::{is_labelled, is_of_pool},
    world::{LAB, World},
};
use crate::{
    flashjob::fixtures::{endpoint, uuid},
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, LABEL_UUID, TRACKING_FINALIZER},
};

/// A Pod that is younger may not have been seen by those who watch.
const SEEN_AFTER: SignedDuration = SignedDuration::from_secs(15);

impl World {
    /// A person deletes or changes something of ours.
    pub fn by_hand(&mut self) {
        match self.chance.draw(6) {
            0 => self.strip_pod(),
            1 => self.delete_by_hand("pods"),
            2 => self.delete_by_hand("services"),
            3 => self.delete_record_by_hand(),
            4 => self.relabel(),
            _ => {
                // helm uninstall: all of it.
                self.delete_record_by_hand();
                self.delete_by_hand("services");
                self.delete_by_hand("pods");
            }
        }
    }

    fn keys_of(&self, plural: &'static str) -> Vec<Key> {
        self.own(plural).map(|(own, _)| own.key.clone()).collect()
    }

    fn delete_by_hand(&mut self, plural: &'static str) {
        let mut keys = self.keys_of(plural);
        if plural == "services" && self.shape.pooled {
            // Those that nobody leases, too.
            let all = self.api.all(plural).map(|(key, _)| key.clone());
            let free = all.filter(|key| is_of_pool(key) && !keys.contains(key));
            keys.extend(free.collect::<Vec<_>>());
        }
        if let Some(key) = self.chance.pick(keys) {
            self.note(|| format!("HAND    deletes {plural} {}", key.name));
            self.api.delete(&key, Actor::Person, None);
        }
    }

    /// A person takes a label off by which the operator finds its objects.
    pub fn relabel(&mut self) {
        let plural = ["pods", "services", "secrets"][self.chance.draw(3)];
        let label = [LABEL_JOB_UID, LABEL_ATTEMPT, LABEL_ROUND][self.chance.draw(3)];
        let keys = self.keys_of(plural);
        if let Some(key) = self.chance.pick(keys) {
            self.note(|| format!("HAND    takes {label} off {plural} {}", key.name));
            self.api.edit(&key, Actor::Person, |object| {
                if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
                    labels.remove(label);
                }
            });
        }
    }

    /// A person takes all of our labels off whatever bears them.
    pub fn unlabel_all(&mut self) {
        self.note(|| "HAND    takes all labels off everything".into());
        let plurals = ["pods", "services", "secrets"].into_iter();
        let keys: Vec<Key> = plurals.flat_map(|plural| self.keys_of(plural)).collect();
        for key in keys {
            self.api.edit(&key, Actor::Person, |object| {
                if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
                    let ours = [LABEL_JOB_UID, LABEL_ATTEMPT, LABEL_ROUND, LABEL_UUID];
                    labels.retain(|label, _| !ours.contains(&label.as_str()));
                }
            });
        }
    }

    /// Not of an attempt whose Pod may not have been seen yet, nor of one whose Pod a person took away: nothing else would speak
    /// for it.
    fn delete_record_by_hand(&mut self) {
        let now = self.api.now;
        let created = |object: &Value| -> Timestamp {
            let text = object["metadata"]["creationTimestamp"].clone();
            serde_json::from_value(text).expect("a time")
        };
        let young =
            |pod: &Value| !is_labelled(pod) || now.duration_since(created(pod)) < SEEN_AFTER;
        let pods = self.own("pods").filter(|(_, pod)| young(pod));
        let stripped = self.laws.flashes.values().filter(|flash| flash.stripped);
        let spared: BTreeSet<_> = pods
            .map(|(own, _)| &own.who.key)
            .chain(stripped.map(|flash| &flash.who.key))
            .collect();
        let records = self.own("secrets");
        let records = records.filter(|(own, _)| !spared.contains(&own.who.key));
        let keys: Vec<Key> = records.map(|(own, _)| own.key.clone()).collect();
        if let Some(key) = self.chance.pick(keys) {
            self.note(|| format!("HAND    deletes record {}", key.name));
            self.api.delete(&key, Actor::Person, None);
        }
    }

    /// A person takes the tracking finalizer off a Pod and kills it: no end of it can ever be read. That it was launched is
    /// known from its record or the stored status.
    fn strip_pod(&mut self) {
        let keys = self.keys_of("pods");
        let Some(key) = self.chance.pick(keys) else {
            return;
        };
        let pod = self.api.objects[&key].clone();
        let who = self.laws.own[uid(&pod)].who.clone();
        let deployed = self.own("secrets").any(|(own, record)| {
            own.who.key == who.key && record["metadata"]["labels"]["status"] == "deployed"
        });
        let shown = self.laws.jobs.get(&who.key.job_uid).is_some_and(|job| {
            let mut devices = job.status.devices.iter();
            devices
                .any(|device| device.pod.as_ref() == Some(&key.name) && device.phase == "Flashing")
        });
        if !deployed && !shown {
            return;
        }
        self.note(|| format!("HAND    strips pod {}", key.name));
        self.laws.flashes.get_mut(uid(&pod)).unwrap().stripped = true;
        self.api.edit(&key, Actor::Person, |pod| {
            if let Some(all) = pod["metadata"]["finalizers"].as_array_mut() {
                all.retain(|one| one != TRACKING_FINALIZER);
            }
        });
        self.api.delete(&key, Actor::Person, Some(0));
    }

    /// A user changes the firmware or the devices, deletes a job, makes it again, or even takes its finalizer off.
    pub fn user(&mut self) {
        let keys: Vec<Key> = self
            .api
            .all("flashjobs")
            .map(|(key, _)| key.clone())
            .collect();
        let Some(key) = self.chance.pick(keys) else {
            return self.recreate();
        };
        match self.chance.draw(16) {
            0..=6 => {
                self.note(|| format!("USER    gives {} another firmware", key.name));
                self.api.edit(&key, Actor::Person, |job| {
                    let number = job["metadata"]["generation"].as_i64().unwrap() + 1;
                    job["spec"]["firmware"] = json!(format!("f:{number}"));
                    let made = job["spec"]["version"].as_str().unwrap().rsplit('.').next();
                    job["spec"]["version"] =
                        json!(format!("{number}.0.{}", made.unwrap_or_default()));
                });
            }
            7..=10 => {
                let (uuid, add) = (uuid(self.chance.draw(DEVICES)), self.chance.one_in(2));
                self.note(|| format!("USER    names {uuid} in {}: {add}", key.name));
                self.api.edit(&key, Actor::Person, |job| {
                    let named = job["spec"]["uuid"].as_array_mut().unwrap();
                    named.retain(|known| *known != uuid.as_str());
                    if add {
                        named.push(json!(uuid));
                    }
                });
            }
            11..=12 => {
                self.note(|| format!("USER    deletes {}", key.name));
                self.api.delete(&key, Actor::Person, None);
            }
            13..=14 => self.recreate(),
            _ => {
                self.note(|| format!("USER    takes the finalizer off {}", key.name));
                self.api.delete(&key, Actor::Person, None);
                self.api.edit(&key, Actor::Person, |job| {
                    job["metadata"]["finalizers"] = json!([]);
                });
            }
        }
    }

    /// A job of a name that is free now is made.
    pub fn recreate(&mut self) {
        let free = |name: &&str| self.api.get("flashjobs", LAB, name).is_none();
        if let Some(name) = JOBS.into_iter().find(free) {
            self.note(|| format!("USER    makes {name}"));
            self.create_job(name);
        }
    }

    /// Akri loses a device, or finds it again under another uid.
    pub fn akri(&mut self) {
        let all = self.api.all("instances");
        let keys: Vec<Key> = all.map(|(key, _)| key.clone()).collect();
        let Some(key) = self.chance.pick(keys) else {
            return;
        };
        let found = &self.api.objects[&key];
        let at = found["spec"]["brokerProperties"]["HOST_ENDPOINT"].clone();
        let index = (0..DEVICES).find(|index| at == endpoint(*index));
        self.note(|| format!("AKRI    loses {}", key.name));
        self.api.delete(&key, Actor::Nature, None);
        if !self.chance.one_in(8) {
            self.find_device(index.unwrap());
        }
    }
}
