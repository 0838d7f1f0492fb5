//! An API server in memory: objects with versions, and the history that watches are told.
//!
//! All writes go by the same rules: deletions wait for finalizers and for the kubelet, and what nothing holds is gone.

mod asked;
mod serve;
mod write;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

pub use asked::{Asked, Verb};
pub use serve::{Answer, refusal};

/// Plural, apiVersion and kind of what the server knows.
const KINDS: [(&str, &str, &str); 14] = [
    ("configmaps", "v1", "ConfigMap"),
    ("controllerrevisions", "apps/v1", "ControllerRevision"),
    ("deployments", "apps/v1", "Deployment"),
    ("events", "events.k8s.io/v1", "Event"),
    (
        "flashclasses",
        "application.flashjob.nbfc.io/v1alpha1",
        "FlashClass",
    ),
    (
        "flashjobs",
        "application.flashjob.nbfc.io/v1alpha1",
        "FlashJob",
    ),
    ("instances", "akri.sh/v0", "Instance"),
    ("leases", "coordination.k8s.io/v1", "Lease"),
    ("namespaces", "v1", "Namespace"),
    ("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
    ("nodes", "v1", "Node"),
    ("pods", "v1", "Pod"),
    ("secrets", "v1", "Secret"),
    ("services", "v1", "Service"),
];

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The operator: which replica, and its how many-eth process.
    Operator(usize, u32),
    /// kubelet, load balancer, garbage collector, Akri.
    Nature,
    /// A person who may do everything.
    Person,
    /// Somebody who forges objects.
    Hostile,
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub plural: &'static str,
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(plural: &str, namespace: &str, name: &str) -> Self {
        let known = kind(plural).unwrap_or_else(|| panic!("the kind {plural} is known"));
        Self {
            plural: known.0,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

fn kind(plural: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    KINDS.iter().find(|(known, ..)| *known == plural)
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub key: Key,
    pub by: Actor,
    pub before: Option<Arc<Value>>,
    /// Absent where it is gone.
    pub after: Option<Arc<Value>>,
    /// What a watch is told that saw it before: the last form, with the version of the end.
    pub told: Arc<Value>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Api {
    pub version: u64,
    pub objects: BTreeMap<Key, Arc<Value>>,
    pub changes: Vec<Change>,
    /// What happened up to this version is forgotten: watches that ask for it begin anew.
    pub forgotten: u64,
    /// Time on the server's clock.
    pub now: Timestamp,
    pub actor: Actor,
    uids: u64,
    /// By token, the version of lists that were answered in part, and the rest of them.
    pages: BTreeMap<String, (u64, Vec<Arc<Value>>)>,
    /// Lists of Pods leave one out, as those of a cache that lags behind do.
    pub stale_lists: bool,
}

impl Api {
    pub fn new(now: Timestamp) -> Self {
        Self {
            version: 1,
            objects: BTreeMap::new(),
            changes: Vec::new(),
            forgotten: 0,
            now,
            actor: Actor::Nature,
            uids: 0,
            pages: BTreeMap::new(),
            stale_lists: false,
        }
    }

    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(&Key::new(plural, namespace, name))
    }

    /// Every object of a kind.
    pub fn all(&self, plural: &str) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let first = Key::new(plural, "", "");
        let plural = first.plural;
        self.objects
            .range(first..)
            .take_while(move |(key, _)| key.plural == plural)
    }

    /// Changes an object as somebody may who is asked for no version. Nothing where it is not there.
    pub fn edit(&mut self, key: &Key, by: Actor, change: impl FnOnce(&mut Value)) {
        let Some(known) = self.objects.get(key) else {
            return;
        };
        let mut object = Value::clone(known);
        change(&mut object);
        self.actor = by;
        self.store(key, object);
    }

    /// Makes an object; its uid may be given.
    pub fn make(&mut self, key: &Key, by: Actor, mut object: Value) -> Arc<Value> {
        self.actor = by;
        self.uids += 1;
        let (_, version, name) = kind(key.plural).unwrap();
        object["apiVersion"] = json!(version);
        object["kind"] = json!(name);
        let meta = &mut object["metadata"];
        meta["name"] = json!(key.name);
        if !key.namespace.is_empty() {
            meta["namespace"] = json!(key.namespace);
        }
        if meta["uid"].is_null() {
            meta["uid"] = json!(format!("uid-{}", self.uids));
        }
        meta["creationTimestamp"] = json!(self.now);
        meta["generation"] = json!(1);
        if key.plural == "pods" && object["status"].is_null() {
            object["status"] = json!({"phase": "Pending"});
        }
        self.store(key, object)
    }

    /// Stores an object, or lets it go where it is being deleted and nothing holds it any more. What does not change it is no
    /// change.
    fn store(&mut self, key: &Key, mut object: Value) -> Arc<Value> {
        let before = self.objects.get(key).cloned();
        if let Some(before) = &before {
            object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
            if object == **before {
                return Arc::clone(before);
            }
            if object["spec"] != before["spec"] {
                let generation = before["metadata"]["generation"].as_i64().unwrap_or(1);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let goes = goes(&object);
        let after = (!goes).then(|| Arc::clone(&object));
        match &after {
            Some(after) => drop(self.objects.insert(key.clone(), Arc::clone(after))),
            None => drop(self.objects.remove(key)),
        }
        self.changes.push(Change {
            version: self.version,
            key: key.clone(),
            by: self.actor,
            before,
            after,
            told: Arc::clone(&object),
        });
        object
    }

    /// Deletes an object as DELETE does. `grace` is that of the request. Returns what is left of it.
    pub fn delete(&mut self, key: &Key, by: Actor, grace: Option<i64>) -> Option<Arc<Value>> {
        let known = Arc::clone(self.objects.get(key)?);
        self.actor = by;
        let mut object = Value::clone(&known);
        let now = json!(self.now);
        let meta = &mut object["metadata"];
        if meta["deletionTimestamp"].is_null() {
            meta["deletionTimestamp"] = now;
        }
        if key.plural == "pods" {
            let own = known["spec"]["terminationGracePeriodSeconds"].as_i64();
            let before = meta["deletionGracePeriodSeconds"].as_i64();
            let wanted = grace.unwrap_or(own.unwrap_or(30));
            let at_once = known["spec"]["nodeName"].is_null() || has_ended(&known);
            let wanted = if at_once { 0 } else { wanted };
            meta["deletionGracePeriodSeconds"] =
                json!(before.map_or(wanted, |before| before.min(wanted)));
        }
        self.store(key, object);
        self.objects.get(key).cloned()
    }
}

/// Whether the Pod has ended.
pub fn has_ended(pod: &Value) -> bool {
    matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    )
}

fn goes(object: &Value) -> bool {
    let meta = &object["metadata"];
    let held = meta["finalizers"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    let waits = meta["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0;
    !meta["deletionTimestamp"].is_null() && !held && !waits
}
