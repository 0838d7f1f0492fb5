//! Devices as they really are, and Akri, which finds them again some time after they were flashed.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{
    DEVICES, GATEWAY, GATEWAYS,
    api::{Actor, Key},
    attempt::uid,
    world::{LAB, World},
};
use crate::flashjob::{
    fixtures::{endpoint, uuid},
    observe::objects::Identity,
    verdict::Outcome,
};

/// Time from the end of a flash until Akri finds the device again.
const AWAY: Duration = Duration::from_secs(30);
/// Within which jobs expect that, in seconds.
pub const AWAITED: i64 = 300;
/// Version of a device that was never flashed.
pub const FACTORY: &str = "0.1.0";

/// How the flash of a Pod ends if nobody interferes.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub outcome: Outcome,
    /// Whether the device takes the firmware, unless it failed: it may have it though nobody knows, or keep what it had though
    /// all of it was sent.
    pub taken: bool,
}

impl Ending {
    pub const GOOD: Self = Self {
        outcome: Outcome::Succeeded,
        taken: true,
    };
}

impl World {
    /// Akri makes an Instance of the device at the endpoint of an index, behind one of the gateways.
    pub fn put_instance(&mut self, uid: &str, index: usize, gateway: usize) {
        let at = endpoint(index);
        let version = self.laws.versions.get(&at).map_or(FACTORY, String::as_str);
        let gateway = GATEWAYS[gateway % GATEWAYS.len()];
        let two = self.shape.on_node && index % 2 == 1;
        let node = if two { "node-b" } else { "node-a" };
        let instance = json!({
            "metadata": {"uid": uid},
            "spec": {"configurationName": "lamps", "nodes": [node], "brokerProperties": {
                "HOST_ENDPOINT": at, "DEVICE": "esp32s3", "APPLICATION_TYPE": "lamp", "VERSION": version, GATEWAY: gateway,
            }},
        });
        let key = Key::new("instances", LAB, &format!("i-{uid}"));
        self.api.now = self.time();
        self.api.make(&key, Actor::Nature, instance);
    }

    /// The version that an attempt brings: that of its round.
    fn version_of(&self, who: &Identity) -> String {
        let job = self.laws.jobs.get(&who.key.job_uid);
        let round = job.and_then(|job| job.status.round.as_ref());
        let round = round.filter(|round| round.number == who.round);
        round.map_or_else(
            || format!("of round {}", who.round),
            |round| round.version.clone(),
        )
    }

    /// A flash that ran has ended: the device may have taken the firmware, and Akri loses it for a while.
    pub fn flashed(&mut self, pod_uid: &str, ending: Ending) {
        let Some(flash) = self.laws.flashes.get(pod_uid) else {
            return;
        };
        let who = flash.who.clone();
        let Some(at) = who.endpoint.clone().filter(|_| self.shape.verified) else {
            return;
        };
        if ending.taken && ending.outcome != Outcome::Failed {
            let version = self.version_of(&who);
            self.note(|| format!("DEVICE  {at} has {version} by {}", who.key.id));
            self.laws.versions.insert(at.clone(), version);
            self.laws.flashes.get_mut(pod_uid).unwrap().taken = true;
        }
        self.laws.away.insert(at, Instant::now() + AWAY);
    }

    /// Akri finds the devices whose time has come, each under another uid.
    pub fn find_devices(&mut self) {
        let now = Instant::now();
        let due = |index: &usize| {
            let until = self.laws.away.get(&endpoint(*index));
            until.is_some_and(|until| *until <= now)
        };
        let due: Vec<usize> = (0..DEVICES).filter(due).collect();
        for index in due {
            self.laws.away.remove(&endpoint(index));
            for key in self.instances_at(index) {
                self.api.delete(&key, Actor::Nature, None);
            }
            self.find_device(index);
        }
    }

    /// Akri finds the device at the endpoint of an index under a uid of its own.
    pub fn find_device(&mut self, index: usize) {
        self.renamed += 1;
        self.note(|| format!("AKRI    finds {}", endpoint(index)));
        let gateway = self.chance.draw(GATEWAYS.len());
        let uid = format!("new-{}", self.renamed);
        self.put_instance(&uid, index, gateway);
    }

    fn instances_at(&self, index: usize) -> Vec<Key> {
        let at = endpoint(index);
        let all = self.api.all("instances");
        let there =
            all.filter(|(_, found)| found["spec"]["brokerProperties"]["HOST_ENDPOINT"] == at);
        there.map(|(key, _)| key.clone()).collect()
    }

    /// What a user names who looks at the Instances now; a device that is away is named as it was once.
    pub fn names_of_devices(&self) -> Vec<String> {
        let keys = (0..DEVICES).flat_map(|index| self.instances_at(index));
        let found = keys.map(|key| uid(&self.api.objects[&key]).to_owned());
        let mut names: Vec<String> = found.collect();
        let before = (0..DEVICES)
            .map(|index| uuid(index).to_string())
            .filter(|uuid| !names.contains(uuid));
        let missing = before
            .take(DEVICES.saturating_sub(names.len()))
            .collect::<Vec<_>>();
        names.extend(missing);
        names
    }
}
