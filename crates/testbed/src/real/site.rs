//! A place where devices are flashed: a namespace, devices that are discovered in it, and a load balancer.

use serde_json::{Value, json};

use super::{
    NODE, VERSION, World, board::Board, discovery::Discovery, load_balancer::LoadBalancer,
};
use crate::{
    Space,
    job::{Seen, job},
    seconds,
};

/// Name of the job of a site.
pub const JOB: &str = "real";

/// See the module's documentation; all of it is gone when it is dropped.
pub struct Site {
    /// What all sites share.
    pub world: &'static World,
    /// The namespace.
    pub space: Space,
    /// The devices, in the order in which the job names them.
    pub boards: Vec<Board>,
    _services: (LoadBalancer, Discovery),
}

impl Site {
    /// One with a device for each of these faults.
    pub async fn new(name: &str, faults: &[&str]) -> Self {
        let world = World::shared();
        let space = Space::on(world.plane, name).await;
        let boards: Vec<_> = faults
            .iter()
            .map(|fault| Board::start(world, fault))
            .collect();
        let client = world.plane.client("fleet").await;
        let addresses = boards.iter().map(|board| board.address).collect();
        let discovery = Discovery::start(client.clone(), &space.name, addresses).await;
        Self {
            world,
            boards,
            _services: (LoadBalancer::start(client), discovery),
            space,
        }
    }

    /// Uids of the devices, in their order, once all have been discovered.
    pub async fn uuids(&self) -> Vec<String> {
        let path = format!("/apis/akri.sh/v0/namespaces/{}/instances", self.space.name);
        let found = self.space.eventually("all devices", seconds(30), async || {
            let list = self.world.plane.get(&path)?;
            let instances = list["items"].as_array()?;
            let of = |board: &Board| {
                let is_its = |instance: &&Value| {
                    instance["spec"]["brokerProperties"]["HOST_ENDPOINT"]
                        == board.address.to_string()
                };
                let uid = &instances.iter().find(is_its)?["metadata"]["uid"];
                uid.as_str().map(str::to_owned)
            };
            self.boards.iter().map(of).collect::<Option<Vec<_>>>()
        });
        found.await
    }

    /// Applies a job for all of them; the uids that it names.
    pub async fn apply(&self, more: &Value) -> Vec<String> {
        let uuids = self.uuids().await;
        let mut spec = json!({
            "firmware": World::firmware(), "version": VERSION, "flashjobPodImage": self.world.image,
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        self.space.apply(&job(JOB, &uuids, &spec).to_string());
        uuids
    }

    /// Waits until the job has ended.
    pub async fn finished(&self, within: u64) -> Seen {
        self.space.finished(JOB, within).await
    }

    /// Flashes all of them; the job at its end, and the uids that it names.
    pub async fn flash(&self, more: Value) -> (Seen, Vec<String>) {
        let uuids = self.apply(&more).await;
        (self.finished(240).await, uuids)
    }

    /// Waits until so many devices receive firmware at the same time; the names of their Pods.
    pub async fn receiving(&self, count: usize) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{}/pods", self.space.name);
        let receives = |pod: &Value| {
            let name = pod["metadata"]["name"].as_str()?.to_owned();
            let is_running = pod["status"]["phase"] == "Running";
            let log = is_running.then(|| self.space.try_kubectl(&["logs", &name]))?;
            log.ok()?.contains("Verified device").then_some(name)
        };
        self.space
            .eventually("devices that receive firmware", seconds(60), async || {
                let pods = self.world.plane.get(&path)?;
                let names = pods["items"].as_array()?.iter().filter_map(receives);
                Some(names.collect::<Vec<_>>()).filter(|names| names.len() >= count)
            })
            .await
    }

    /// Asserts that each device has the firmware, received once, and that the job says so after one attempt.
    pub fn assert_flashed_once(&self, done: &Seen, uuids: &[String]) {
        for (board, uuid) in std::iter::zip(&self.boards, uuids) {
            let (device, proof) = (done.device(uuid), board.proof().unwrap());
            let said = json!([device["phase"], device["reason"], device["attempts"]]);
            let seen = json!([
                proof["memory"],
                proof["updates"],
                proof["overlaps"],
                proof["boots"]
            ]);
            let wanted = json!([["Succeeded", "Verified", 1], [self.world.hash, 1, 0, 1]]);
            assert_eq!(json!([said, seen]), wanted, "{uuid}\n{}", self.space.dump());
        }
    }

    /// Asserts that no device was told anything, and none has anything of the firmware.
    pub fn assert_untouched(&self) {
        for board in &self.boards {
            let proof = board.proof().unwrap();
            let seen = (&proof["updates"], &proof["memory"]);
            assert_eq!(seen, (&json!(0), &json!(null)));
        }
    }

    /// Values of the flash chart by which Pods find the attestation service and are as restricted as Kubernetes knows them.
    pub fn values() -> Value {
        json!({
            "diceAuth": {"host": NODE.to_string()},
            "podSecurityContext": {"runAsNonRoot": true, "runAsUser": 65532},
        })
    }
}
