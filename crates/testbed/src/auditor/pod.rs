//! The life of a flash Pod, as the writes to it tell it.

use serde_json::Value;

use super::history::{
    History, LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, Moment, UnclearCreate, label, normalised,
};
use super::write::{Write, is_operator};

/// A flash Pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid of its FlashJob.
    pub job: String,
    /// Round.
    pub round: i64,
    /// Attempt.
    pub attempt: String,
    /// Uid of its device.
    pub uuid: String,
    /// Endpoint of its device.
    pub endpoint: String,
    /// Firmware that it carries.
    pub firmware: String,
    /// Version of that.
    pub version: String,
    /// Who created it; none where the answer to the create is not in the log.
    pub creator: Option<String>,
    /// It was created then, or later.
    pub created: Moment,
    /// By then it existed.
    pub seen: Moment,
    /// By then its container ran.
    pub ran: Option<Moment>,
    /// By then it had ended, or had been deleted without ever having been put on a node.
    pub ended: Option<Moment>,
    /// It may have ended then, though nothing says so: a delete whose answer nobody saw.
    pub may_have_ended: Option<Moment>,
    bound: bool,
}

impl Pod {
    /// `namespace/name`.
    pub fn shown(&self) -> String {
        format!("Pod {}/{}", self.namespace, self.name)
    }

    /// Whether the operator made it, as far as is known: a person may make one by `helm rollback`.
    pub fn is_ours(&self) -> bool {
        self.creator.as_deref().is_none_or(is_operator)
    }

    /// The moment from which on it may not be alive any more.
    pub fn end(&self) -> Option<&Moment> {
        match (&self.ended, &self.may_have_ended) {
            (Some(ended), Some(may)) if may.earlier_than(ended) => Some(may),
            (ended, may) => ended.as_ref().or(may.as_ref()),
        }
    }
}

fn env(object: &Value, name: &str) -> Option<String> {
    let containers = object.pointer("/spec/containers")?.as_array()?;
    let all = containers
        .iter()
        .filter_map(|container| container["env"].as_array());
    let found = all.flatten().find(|variable| variable["name"] == name)?;
    Some(found["value"].as_str()?.to_owned())
}

/// Whether a container of it ran. A kubelet that ends a Pod which never started makes up a state for its containers.
fn ran(object: &Value) -> bool {
    let statuses = object
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    statuses.into_iter().flatten().any(|status| {
        let terminated = &status["state"]["terminated"];
        !status["state"]["running"].is_null()
            || (!terminated.is_null() && terminated["reason"] != "ContainerStatusUnknown")
    })
}

fn ended(object: &Value) -> bool {
    let phase = object.pointer("/status/phase").and_then(Value::as_str);
    let deleting = object.pointer("/metadata/deletionTimestamp").is_some();
    let bound = object.pointer("/spec/nodeName").is_some();
    let grace = object
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64);
    let kept = object.pointer("/metadata/finalizers").is_some();
    matches!(phase, Some("Succeeded" | "Failed"))
        || (deleting && !bound)
        || (deleting && grace == Some(0) && !kept)
}

fn keep_earliest(kept: &mut Option<Moment>, moment: &Moment) {
    if kept.as_ref().is_none_or(|kept| moment.earlier_than(kept)) {
        *kept = Some(moment.clone());
    }
}

impl History {
    /// Takes in a write to a Pod.
    pub(super) fn see_pod(&mut self, write: &Write) {
        let key = (write.namespace.clone(), write.name.clone());
        if write.unclear || write.verb == "deletecollection" {
            self.may_end(write);
            if write.birth && write.resource == "pods" {
                let tried = UnclearCreate {
                    moment: write.moment.clone(),
                    user: write.user.clone(),
                    object: write.object.clone(),
                };
                self.unclear_creates.entry(key).or_insert(tried);
            }
            return;
        }
        let Some(uid) = write.text("/metadata/uid") else {
            return;
        };
        if write.birth {
            self.creators.insert(uid.clone(), write.user.clone());
        }
        // Labels make it a flash Pod when it is first seen with them. Later somebody may have changed them.
        if !self.pods.contains_key(&uid) {
            let Some(pod) = self.new_pod(write, &uid) else {
                return;
            };
            self.pods.insert(uid.clone(), pod);
        }
        let Some(pod) = self.pods.get_mut(&uid) else {
            return;
        };
        if write.moment.earlier_than(&pod.seen) {
            pod.seen = write.moment.clone();
        }
        if write.birth {
            pod.created = write.moment.clone();
            pod.creator = Some(write.user.clone());
        }
        pod.bound |= write.object.pointer("/spec/nodeName").is_some();
        if ran(&write.object) {
            keep_earliest(&mut pod.ran, &write.moment);
        }
        if ended(&write.object) {
            keep_earliest(&mut pod.ended, &write.moment);
        }
    }

    fn new_pod(&self, write: &Write, uid: &str) -> Option<Pod> {
        let key = (write.namespace.clone(), write.name.clone());
        let tried = self.unclear_creates.get(&key);
        let labelled = tried.map_or(&write.object, |tried| &tried.object);
        // Of its creation nothing may be known but the second.
        let stamp = write
            .text("/metadata/creationTimestamp")
            .and_then(|text| text.parse().ok());
        let stamp = stamp.unwrap_or(write.moment.received);
        let created = tried.map_or_else(
            || Moment {
                version: None,
                received: stamp,
                ..write.moment.clone()
            },
            |tried| Moment {
                version: None,
                ..tried.moment.clone()
            },
        );
        Some(Pod {
            namespace: write.namespace.clone(),
            name: write.name.clone(),
            job: label(labelled, LABEL_JOB_UID)?,
            round: label(labelled, LABEL_ROUND)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            attempt: label(labelled, LABEL_ATTEMPT)?,
            uuid: env(&write.object, "UUID").unwrap_or_default(),
            endpoint: normalised(&env(&write.object, "HOST_ENDPOINT").unwrap_or_default()),
            firmware: env(&write.object, "FIRMWARE").unwrap_or_default(),
            version: env(&write.object, "VERSION").unwrap_or_default(),
            creator: self
                .creators
                .get(uid)
                .or_else(|| tried.map(|tried| &tried.user))
                .cloned(),
            created,
            seen: write.moment.clone(),
            ran: None,
            ended: None,
            may_have_ended: None,
            bound: false,
        })
    }

    /// A delete of which nobody knows whether it was carried out ends a Pod that was on no node.
    fn may_end(&mut self, write: &Write) {
        if !write.verb.starts_with("delete") {
            return;
        }
        let one = |pod: &Pod| write.verb == "deletecollection" || pod.name == write.name;
        let meant = |pod: &&mut Pod| pod.namespace == write.namespace && one(pod) && !pod.bound;
        for pod in self.pods.values_mut().filter(meant) {
            let moment = Moment {
                version: None,
                ..write.moment.clone()
            };
            keep_earliest(&mut pod.may_have_ended, &moment);
        }
    }
}
