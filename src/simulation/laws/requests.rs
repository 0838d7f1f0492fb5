//! What a request of the operator must keep to, whatever comes of it.

use serde_json::Value;

use super::changes::is_of_pool;
use crate::simulation::{
    api::{Actor, Asked, Verb},
    attempt::uid,
    world::{LAB, World},
};

impl World {
    /// Asked before a request is carried out.
    pub fn before_request(&mut self, by: Actor, asked: &Asked) {
        self.see_leader(by, asked);
        if !asked.is_write() || matches!(asked.key.plural, "leases" | "events") {
            return;
        }
        if let Some(leader) = self.laws.leader.filter(|leader| *leader != by) {
            let (verb, plural, name) = (asked.verb, asked.key.plural, &asked.key.name);
            self.broken(|| {
                format!(
                    "{verb:?} of {plural} {name} by {by:?} took effect after another had begun: {leader:?}"
                )
            });
        }
        if !names_its_object(asked) {
            let (verb, plural, name) = (asked.verb, asked.key.plural, &asked.key.name);
            self.broken(|| format!("{verb:?} of {plural} {name} names no uid"));
        }
        let known = self.api.objects.get(&asked.key);
        let meant = known.filter(|known| asked.verb != Verb::Create && is_meant(asked, known));
        // Revisions that somebody adds to a release of ours go with it.
        let history = (asked.verb, asked.key.plural) == (Verb::Delete, "secrets")
            && asked.key.namespace == LAB;
        if !history && meant.is_some_and(|known| self.laws.forged.contains(uid(known))) {
            let (verb, plural, name) = (asked.verb, asked.key.plural, &asked.key.name);
            self.broken(|| format!("{verb:?} of {plural} {name}, which no leader wrote"));
        }
    }

    /// A process leads once it has listed FlashJobs while it holds the Lease.
    fn see_leader(&mut self, by: Actor, asked: &Asked) {
        let lists = asked.key.plural == "flashjobs" && asked.verb == Verb::List;
        if lists && self.laws.holder == Some(by) {
            self.laws.leader = Some(by);
        }
    }

    /// Asked when it was carried out. Who asks for a Pod that is gone knows that it is gone.
    pub fn after_request(&mut self, by: Actor, asked: &Asked, code: u16) {
        if asked.key.plural == "leases" && asked.is_write() && code == 200 {
            self.laws.holder = Some(by);
        }
        if asked.verb == Verb::Get && asked.key.plural == "pods" && code == 404 {
            let flashes = self.laws.flashes.values_mut();
            let of_pod = flashes.filter(|flash| flash.key == asked.key);
            of_pod.for_each(|flash| flash.read = true);
        }
    }
}

/// Whether a change names the object that it is about, by more than its name. What is applied is the operator's own by its name.
fn names_its_object(asked: &Asked) -> bool {
    let meta = &asked.body["metadata"];
    match asked.verb {
        Verb::Delete => asked.body["preconditions"]["uid"].is_string(),
        Verb::Replace | Verb::Merge => {
            meta["uid"].is_string() && meta["resourceVersion"].is_string()
        }
        Verb::Apply if is_of_pool(&asked.key) => {
            meta["uid"].is_string() && meta["resourceVersion"].is_string()
        }
        Verb::JsonPatch => {
            let tests = asked.body.as_array().into_iter().flatten();
            let mut tests = tests.filter(|test| test["op"] == "test");
            tests.any(|test| test["path"] == "/metadata/uid")
        }
        _ => true,
    }
}

/// Whether a request is about this object and not about another one that had its name.
fn is_meant(asked: &Asked, known: &Value) -> bool {
    let meta = &asked.body["metadata"]["uid"];
    let precondition = &asked.body["preconditions"]["uid"];
    let demanded = [meta, precondition].into_iter().find(|uid| !uid.is_null());
    demanded.is_none_or(|demanded| demanded == uid(known))
}
