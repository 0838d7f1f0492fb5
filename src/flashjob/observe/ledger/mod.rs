//! The ledger: every object of every attempt, the locks on devices and the slots in use. Pure; kept by the single leader.
//!
//! It is built from LISTs and updated by the answers of the operator's own writes and by watch events. A resource version never
//! goes back, so a stale event changes nothing; an object leaves only by a DELETED event or a 404 of its uid. Hence a stale
//! watch can neither start a device twice nor exceed a limit.

mod attempt;
mod look;
mod pool;
mod unsealed;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::flashjob::{
    observe::{
        objects::{
            Address, AttemptKey, Identity, ObservedObject, ObservedPod, ObservedRecord,
            ObservedService,
        },
        status_locks::Occupied,
    },
    spec::job::Job,
};
use crate::identifiers::{AttemptId, JobUid};
use crate::names::TRACKING_FINALIZER;

use pool::PoolServices;

pub use attempt::{Attempt, Standing};
pub use unsealed::{ObjectKind, Unsealed, UnsealedObject};

/// How many uids of deleted objects are remembered, so that late events cannot bring them back.
const TOMBSTONES: usize = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Record(u32),
    Service,
    Pod,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Ledger {
    attempts: BTreeMap<AttemptKey, Attempt>,
    by_uid: HashMap<String, (AttemptKey, Kind)>,
    by_endpoint: HashMap<String, BTreeSet<AttemptKey>>,
    /// Who had an address at some time, or is given it beforehand.
    by_address: HashMap<String, BTreeSet<AttemptKey>>,
    gone: HashSet<String>,
    gone_order: VecDeque<String>,
    /// Objects of the operator's form that it did not write.
    pub unsealed: Unsealed,
    pool: PoolServices,
    occupied: Occupied,
    freed: bool,
}

impl Ledger {
    /// Takes in a release record. Returns false where it is older than what is known.
    pub fn see_record(&mut self, record: ObservedRecord) -> bool {
        let known = |attempt: &Attempt| {
            attempt
                .records
                .get(&record.revision)
                .map(|known| (known.sight.uid.clone(), known.sight.version))
        };
        if !self.is_news(&record.sight, known) {
            return false;
        }
        let record = record.kept();
        let revision = record.revision;
        let held = self.holds(&record.sight.identity.key);
        let key = record.sight.identity.key.clone();
        self.index(&record.sight, Kind::Record(revision));
        let attempt = self.attempt_mut(&record.sight.identity);
        attempt.records.insert(revision, record);
        if let Some(address) = attempt.given_address() {
            self.index_address(&address, &key);
        }
        self.attach(&key);
        self.note_freed(&key, held);
        true
    }

    /// Takes in a Service. Returns false where it is older than what is known.
    pub fn see_service(&mut self, service: ObservedService) -> bool {
        if service.is_of_pool() {
            return self.see_pool_service(service);
        }
        let known = |attempt: &Attempt| {
            attempt
                .service
                .as_ref()
                .map(|known| (known.sight.uid.clone(), known.sight.version))
        };
        if !self.is_news(&service.sight, known) {
            return false;
        }
        self.index(&service.sight, Kind::Service);
        let identity = service.sight.identity.clone();
        if let Address::Ipv4(address) = &service.address {
            self.index_address(address, &identity.key);
        }
        let attempt = self.attempt_mut(&identity);
        attempt.service_uid = Some(service.sight.uid.clone());
        attempt.service = Some(service);
        true
    }

    /// Takes in a Pod. Returns false where it is older than what is known.
    pub fn see_pod(&mut self, pod: ObservedPod) -> bool {
        let known = |attempt: &Attempt| {
            attempt
                .pod
                .as_ref()
                .map(|known| (known.sight.uid.clone(), known.sight.version))
        };
        if !self.is_news(&pod.sight, known) {
            return false;
        }
        self.index(&pod.sight, Kind::Pod);
        let identity = pod.sight.identity.clone();
        if let Some(address) = &pod.address {
            self.index_address(address, &identity.key);
        }
        let attempt = self.attempt_mut(&identity);
        attempt.pod_uid = Some(pod.sight.uid.clone());
        attempt.pod = Some(pod);
        attempt.pod_seen = true;
        true
    }

    /// Takes in an object that bears no valid seal. Returns whether it was not known before.
    pub fn see_unsealed(&mut self, object: UnsealedObject) -> bool {
        !self.gone.contains(&object.uid) && self.unsealed.see(object)
    }

    /// Takes in what a job's stored status says: which devices it flashes or reads back.
    pub fn see_job(&mut self, job: &Job) {
        self.freed |= self.occupied.see(job);
    }

    /// A job is gone, and its status with it.
    pub fn see_job_gone(&mut self, uid: &JobUid) {
        self.freed |= self.occupied.forget(uid);
    }

    /// The object of this uid is gone: a DELETED event, the answer to the operator's own DELETE, or a 404. Returns its attempt.
    pub fn see_gone(&mut self, uid: &str) -> Option<AttemptKey> {
        if self.gone.insert(uid.to_owned()) {
            self.gone_order.push_back(uid.to_owned());
            if self.gone_order.len() > TOMBSTONES
                && let Some(oldest) = self.gone_order.pop_front()
            {
                self.gone.remove(&oldest);
            }
        }
        self.freed |= self.unsealed.forget(uid).is_some();
        let (key, kind) = self.by_uid.remove(uid)?;
        if kind == Kind::Service {
            self.pool.forget(uid);
        }
        let held = self.holds(&key);
        if let Some(attempt) = self.attempts.get_mut(&key) {
            match kind {
                Kind::Record(revision) => drop(attempt.records.remove(&revision)),
                Kind::Service => attempt.service = None,
                Kind::Pod => {
                    let pod = attempt.pod.take();
                    attempt.pod_never_ran =
                        pod.is_some_and(|pod| pod.ended() && !pod.may_have_run());
                }
            }
        }
        self.note_freed(&key, held);
        self.drop_if_empty(&key);
        Some(key)
    }

    /// The answer to the operator's own write: the tracking finalizer is off the Pod or Service of this uid.
    pub fn see_untracked(&mut self, uid: &str) {
        let Some((key, kind)) = self.by_uid.get(uid) else {
            return;
        };
        let attempt = self.attempts.get_mut(key);
        let finalizers = attempt.and_then(|attempt| match kind {
            Kind::Pod => attempt.pod.as_mut().map(|pod| &mut pod.finalizers),
            Kind::Service => attempt.service.as_mut().map(|one| &mut one.finalizers),
            Kind::Record(_) => None,
        });
        if let Some(finalizers) = finalizers {
            finalizers.retain(|one| one != TRACKING_FINALIZER);
        }
    }

    /// An action begins for this attempt: from now on it holds its lock and a slot, before anything exists of it.
    pub fn begin_action(&mut self, identity: &Identity) {
        self.attempt_mut(identity).acting = true;
    }

    /// The action ended; what it made has been taken in before.
    pub fn end_action(&mut self, key: &AttemptKey) {
        let held = self.holds(key);
        if let Some(attempt) = self.attempts.get_mut(key) {
            attempt.acting = false;
        }
        self.note_freed(key, held);
        self.drop_if_empty(key);
    }

    /// These attempts of a job are read back, as its stored status says: their flashes are over for good.
    pub fn note_read_back(&mut self, job_uid: &JobUid, is_read_back: impl Fn(&AttemptId) -> bool) {
        let of_job = self.of_job(job_uid);
        let new = of_job
            .filter(|(key, attempt)| attempt.standing == Standing::Open && is_read_back(&key.id));
        let new: Vec<AttemptKey> = new.map(|(key, _)| key.clone()).collect();
        for key in new {
            let held = self.holds(&key);
            if let Some(attempt) = self.attempts.get_mut(&key) {
                attempt.standing = Standing::ReadBack;
            }
            self.note_freed(&key, held);
        }
    }

    /// Whether a lock or a slot was given up since this was last asked: other jobs may be waiting for it.
    pub fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    fn holds(&self, key: &AttemptKey) -> (bool, bool) {
        self.attempts.get(key).map_or((false, false), |attempt| {
            (attempt.locks(), attempt.holds_slot())
        })
    }

    fn note_freed(&mut self, key: &AttemptKey, before: (bool, bool)) {
        let now = self.holds(key);
        self.freed |= (before.0 && !now.0) || (before.1 && !now.1);
    }

    fn is_news(
        &self,
        sight: &ObservedObject,
        known: impl Fn(&Attempt) -> Option<(String, u64)>,
    ) -> bool {
        if self.gone.contains(&sight.uid) {
            return false;
        }
        match self.attempts.get(&sight.identity.key).and_then(known) {
            // Another object of that name: versions are comparable across objects of one kind.
            Some((_, version)) => sight.version > version,
            None => true,
        }
    }

    fn index(&mut self, sight: &ObservedObject, kind: Kind) {
        self.freed |= self.unsealed.forget(&sight.uid).is_some();
        self.by_uid
            .insert(sight.uid.clone(), (sight.identity.key.clone(), kind));
    }

    fn index_address(&mut self, address: &str, key: &AttemptKey) {
        let known = self.by_address.entry(address.to_owned()).or_default();
        known.insert(key.clone());
    }

    fn attempt_mut(&mut self, identity: &Identity) -> &mut Attempt {
        if let Some(endpoint) = &identity.endpoint {
            self.by_endpoint
                .entry(endpoint.clone())
                .or_default()
                .insert(identity.key.clone());
        }
        let attempt = self
            .attempts
            .entry(identity.key.clone())
            .or_insert_with(|| Attempt::new(identity.clone()));
        if attempt.identity.endpoint.is_none() {
            attempt.identity.endpoint.clone_from(&identity.endpoint);
        }
        if attempt.identity.footprint.is_none() {
            attempt.identity.footprint.clone_from(&identity.footprint);
        }
        if attempt.identity.job_name.is_none() {
            attempt.identity.job_name.clone_from(&identity.job_name);
        }
        // The id of every other attempt holds its round: only what is taken over is given one later.
        attempt.identity.round = identity.round;
        attempt
    }

    fn drop_if_empty(&mut self, key: &AttemptKey) {
        if !self.attempts.get(key).is_some_and(Attempt::is_empty) {
            return;
        }
        self.by_address.retain(|_, keys| {
            keys.remove(key);
            !keys.is_empty()
        });
        if let Some(attempt) = self.attempts.remove(key)
            && let Some(endpoint) = attempt.identity.endpoint
            && let Some(keys) = self.by_endpoint.get_mut(&endpoint)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_endpoint.remove(&endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests;
