//! Scheduler, kubelet and load balancer, and the garbage collector.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    api::{Actor, Answer, Asked, Key, has_ended},
    attempt::{has_finalizer, is_deleting, uid},
    devices::Ending,
    world::World,
};
use crate::{
    flashjob::verdict::Outcome,
    names::{FLASH_CONTAINER, LABEL_ATTEMPT},
};

/// By which the load balancer holds a Service whose address it has not taken back.
const CLEANUP: &str = "service.kubernetes.io/load-balancer-cleanup";
/// What the flash image writes where all went well.
const SENT: &str = "Verified device\nFirmware sent to IoT\n";
/// What it writes where the device is not known.
const REFUSED: &str = "Not verified device\n";

impl World {
    pub fn advance_some_pod(&mut self) {
        let keys: Vec<Key> = self.api.all("pods").map(|(key, _)| key.clone()).collect();
        if let Some(key) = self.chance.pick(keys) {
            let outcome = [Outcome::Succeeded, Outcome::Failed][self.chance.draw(2)];
            let taken = !self.chance.one_in(4);
            self.advance_pod(&key, Ending { outcome, taken });
        }
    }

    /// Scheduler and kubelet take the next step of a Pod; `natural` is how its flash ends if it ends by itself. Returns whether
    /// there was one.
    pub fn advance_pod(&mut self, key: &Key, natural: Ending) -> bool {
        let Some(pod) = self.api.objects.get(key).cloned() else {
            return false;
        };
        let uid = uid(&pod).to_owned();
        if self.laws.dead.contains(&uid) {
            return false;
        }
        if has_ended(&pod) {
            let waits = pod["metadata"]["deletionGracePeriodSeconds"].as_i64();
            if waits.unwrap_or(0) > 0 {
                self.api.delete(key, Actor::Nature, Some(0));
            }
            return waits.unwrap_or(0) > 0;
        }
        if pod["spec"]["nodeName"].is_null() {
            let node = format!("node-of-{uid}");
            self.api.edit(key, Actor::Nature, |pod| {
                pod["spec"]["nodeName"] = json!(node);
            });
            return true;
        }
        let begun = !pod["status"]["startTime"].is_null();
        if is_deleting(&pod) {
            let outcome = if begun {
                Outcome::Unknown
            } else {
                Outcome::Failed
            };
            self.end_pod(key, &uid, Ending { outcome, ..natural }, begun);
        } else if begun {
            // Without its address the device cannot dial in.
            let outcome = if self.is_served(key, &pod) {
                natural.outcome
            } else {
                Outcome::Failed
            };
            self.end_pod(key, &uid, Ending { outcome, ..natural }, true);
        } else {
            self.start_pod(key, &uid);
        }
        true
    }

    /// Whether the device of a Pod reaches it: at the node, or where its Service has the address that the device was told.
    fn is_served(&self, key: &Key, pod: &Value) -> bool {
        if dialled_node(pod).is_some() {
            return true;
        }
        let told = told_address(pod);
        let services = self.services_of(key);
        told.is_some() && services.into_iter().any(|one| address_of(one) == told)
    }

    /// The Services that lead to a Pod, whatever labels a person took off it since: its name tells its attempt.
    pub fn services_of(&self, key: &Key) -> Vec<&Value> {
        let id = key.name.rsplit('-').next();
        let leads = |service: &Value| service["spec"]["selector"][LABEL_ATTEMPT].as_str() == id;
        let all = self.api.all("services");
        let here =
            all.filter(|(other, service)| other.namespace == key.namespace && leads(service));
        here.map(|(_, service)| &**service).collect()
    }

    fn start_pod(&mut self, key: &Key, uid: &str) {
        if let Some(flash) = self.laws.flashes.get_mut(uid) {
            flash.ran = true;
        }
        let now = json!(self.api.now);
        self.api.edit(key, Actor::Nature, |pod| {
            pod["status"] = json!({
                "phase": "Running", "startTime": now,
                "containerStatuses": [{"name": FLASH_CONTAINER, "ready": true, "restartCount": 0, "image": "i", "imageID": "i",
                    "containerID": "c://1", "state": {"running": {"startedAt": now}}}],
            });
        });
    }

    fn end_pod(&mut self, key: &Key, uid: &str, ending: Ending, begun: bool) {
        let retried = self.shape.retries > 0;
        if let Some(flash) = self.laws.flashes.get_mut(uid) {
            flash.result = Some(ending.outcome);
        }
        if begun {
            self.flashed(uid, ending);
        }
        let (code, log) = match ending.outcome {
            Outcome::Succeeded => (0, SENT),
            Outcome::Failed if retried => (1, "it did not work\n"),
            Outcome::Failed => (0, REFUSED),
            _ => (137, "Verified device\n"),
        };
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let phase = if begun { phase } else { "Failed" };
        let now = json!(self.api.now);
        if let Some(flash) = self.laws.flashes.get_mut(uid) {
            log.clone_into(&mut flash.log);
        }
        self.api.edit(key, Actor::Nature, |pod| {
            pod["status"]["phase"] = json!(phase);
            if begun {
                pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": {
                    "exitCode": code, "finishedAt": now, "startedAt": pod["status"]["startTime"].clone(),
                    "reason": if code == 0 { "Completed" } else { "Error" },
                }});
            }
        });
        // It has nothing to wait for any more.
        if self
            .api
            .objects
            .get(key)
            .is_some_and(|pod| is_deleting(pod))
        {
            self.api.delete(key, Actor::Nature, Some(0));
        }
    }

    /// The log of a Pod, as its kubelet gives it.
    pub fn log_of(&mut self, asked: &Asked) -> Answer {
        let Some(pod) = self.api.objects.get(&asked.key).cloned() else {
            return Answer::not_found(asked);
        };
        let uid = uid(&pod);
        if self.laws.dead.contains(uid) {
            return Answer::refused(500, "InternalError", "dial tcp: no route to host");
        }
        let Some(flash) = self.laws.flashes.get_mut(uid) else {
            return Answer::Log("who knows\n".into());
        };
        if pod["status"]["containerStatuses"].is_null() {
            return Answer::refused(400, "BadRequest", "container is waiting to start");
        }
        flash.read |= has_ended(&pod);
        Answer::Log(flash.log.clone())
    }

    /// The node of a Pod: every Pod has one of its own.
    pub fn node(&mut self, asked: &Asked) -> Answer {
        let name = &asked.key.name;
        let uid = name.strip_prefix("node-of-").unwrap_or_default();
        let dead = self.laws.dead.contains(uid);
        if let Some(flash) = self.laws.flashes.get_mut(uid).filter(|_| dead) {
            flash.read = true;
        }
        let ready = if dead { "Unknown" } else { "True" };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}});
        Answer::Object(Arc::new(node))
    }

    pub fn balance_some_service(&mut self) {
        let keys: Vec<Key> = self
            .api
            .all("services")
            .map(|(key, _)| key.clone())
            .collect();
        if let Some(key) = self.chance.pick(keys) {
            self.balance(&key);
        }
    }

    /// The load balancer gives a Service the lowest address that no other has, or takes it back. Returns whether it did.
    pub fn balance(&mut self, key: &Key) -> bool {
        let Some(service) = self.api.objects.get(key).cloned() else {
            return false;
        };
        let held = has_finalizer(&service, CLEANUP);
        let others = service["metadata"]["finalizers"].as_array();
        let others = others.map_or(0, Vec::len) > usize::from(held);
        if is_deleting(&service) {
            if held && !others {
                self.api.edit(key, Actor::Nature, |service| {
                    service["metadata"]["finalizers"] = json!([]);
                });
            }
            return held && !others;
        }
        if address_of(&service).is_some() || service["spec"]["type"] != "LoadBalancer" {
            return false;
        }
        let created = service["metadata"]["creationTimestamp"].as_str();
        let created: Timestamp = created.unwrap_or_default().parse().unwrap();
        if self.api.now.duration_since(created).as_secs() < self.shape.address_seconds {
            return false;
        }
        let address = self.free_address();
        self.api.edit(key, Actor::Nature, |service| {
            let mut finalizers = service["metadata"]["finalizers"].as_array().cloned();
            finalizers.get_or_insert_default().push(json!(CLEANUP));
            service["metadata"]["finalizers"] = json!(finalizers);
            service["status"] = json!({"loadBalancer": {"ingress": [{"ip": address}]}});
        });
        true
    }

    fn free_address(&self) -> String {
        if self.shape.shares {
            return "198.51.100.1".into();
        }
        let taken: BTreeSet<String> = self
            .api
            .all("services")
            .filter_map(|(_, service)| address_of(service))
            .collect();
        let mut pool = (1..).map(|last| format!("198.51.100.{last}"));
        pool.find(|address| !taken.contains(address)).unwrap()
    }

    /// What is left of owners that are gone goes.
    pub fn collect_garbage(&mut self) {
        let exist: BTreeSet<String> = self
            .api
            .objects
            .values()
            .map(|object| uid(object).to_owned())
            .collect();
        let orphaned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| {
                let gone =
                    |owner: &Value| !exist.contains(owner["uid"].as_str().unwrap_or_default());
                !owners.is_empty() && owners.iter().all(gone)
            })
        };
        let doomed: Vec<Key> = self
            .api
            .objects
            .iter()
            .filter(|(_, object)| orphaned(object) && !is_deleting(object))
            .map(|(key, _)| key.clone())
            .collect();
        for key in doomed {
            self.api.delete(&key, Actor::Nature, None);
        }
    }
}

/// The address that a Service has.
pub fn address_of(service: &Value) -> Option<String> {
    let ip = service.pointer("/status/loadBalancer/ingress/0/ip")?;
    Some(ip.as_str()?.to_owned())
}

/// The node that a Pod has to run on, where it has the port of its flash there and tells its device the address of that.
pub fn dialled_node(pod: &Value) -> Option<String> {
    let (container, external) = flash(pod)?;
    let field = external.pointer("/valueFrom/fieldRef/fieldPath");
    let is_dialled = container["ports"][0]["hostPort"] == 4433
        && field.is_some_and(|field| field == "status.hostIP");
    let node = pod.pointer("/spec/nodeSelector/kubernetes.io~1hostname")?;
    is_dialled.then(|| node.as_str().map(str::to_owned))?
}

/// The address that a Pod tells its device.
pub fn told_address(pod: &Value) -> Option<String> {
    let (_, external) = flash(pod)?;
    Some(external["value"].as_str()?.to_owned())
}

/// The flash container of a Pod, and its variable `EXTERNAL_IP`.
fn flash(pod: &Value) -> Option<(&Value, &Value)> {
    let containers = pod["spec"]["containers"].as_array()?;
    let flash = containers
        .iter()
        .find(|container| container["name"] == FLASH_CONTAINER)?;
    let mut env = flash["env"].as_array()?.iter();
    let external = env.find(|env| env["name"] == "EXTERNAL_IP")?;
    Some((flash, external))
}
