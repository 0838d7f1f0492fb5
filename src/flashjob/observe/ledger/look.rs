//! What the ledger answers: attempts, locks, slots. Changes nothing. Pure.

use super::{Attempt, Kind, Ledger};
use crate::flashjob::observe::{
    ledger::ObjectKind,
    objects::{AttemptKey, Identity, ObservedObject},
};
use crate::identifiers::{AttemptId, JobUid};

impl Ledger {
    /// The attempt of this key.
    #[must_use]
    pub fn attempt(&self, key: &AttemptKey) -> Option<&Attempt> {
        self.attempts.get(key)
    }

    /// Every attempt of a job, of any round.
    pub fn of_job<'a>(
        &'a self,
        job_uid: &'a JobUid,
    ) -> impl Iterator<Item = (&'a AttemptKey, &'a Attempt)> {
        let from = AttemptKey {
            job_uid: job_uid.clone(),
            id: AttemptId::default(),
        };
        self.attempts
            .range(from..)
            .take_while(move |(key, _)| key.job_uid == *job_uid)
    }

    /// Every attempt.
    pub fn all(&self) -> impl Iterator<Item = (&AttemptKey, &Attempt)> {
        self.attempts.iter()
    }

    /// What the object of this uid belongs to, where it is known to be the operator's.
    #[must_use]
    pub fn identity_of(&self, uid: &str) -> Option<&Identity> {
        let (key, kind) = self.by_uid.get(uid)?;
        let attempt = self.attempts.get(key).map(|attempt| &attempt.identity);
        match kind {
            Kind::Service => attempt.or_else(|| self.pool.identity_of(uid)),
            Kind::Record(_) | Kind::Pod => attempt,
        }
    }

    /// Whether an object with a valid seal may be the operator's: a seal can be copied, and the uid of what the operator wrote
    /// itself is known, or is the first that was seen. Where the record tells the uid of the Pod, it counts from the start.
    #[must_use]
    pub fn admits(&self, sight: &ObservedObject, kind: ObjectKind) -> bool {
        let Some(attempt) = self.attempts.get(&sight.identity.key) else {
            return true;
        };
        let believed = match kind {
            ObjectKind::Secret => None,
            ObjectKind::Service => attempt.service_uid.as_ref(),
            ObjectKind::Pod => attempt.pod_uid.as_ref().or_else(|| attempt.recorded_pod()),
        };
        attempt.identity.namespace == sight.identity.namespace
            && believed.is_none_or(|uid| *uid == sight.uid)
    }

    /// Whether this version of a record, or a later one, was taken in, or the record is gone: then it tells nothing new.
    #[must_use]
    pub fn knows_record(&self, uid: &str, version: u64) -> bool {
        if self.gone.contains(uid) {
            return true;
        }
        let Some((key, Kind::Record(revision))) = self.by_uid.get(uid) else {
            return false;
        };
        let attempt = self.attempts.get(key);
        let known = attempt.and_then(|attempt| attempt.records.get(revision));
        known.is_some_and(|known| known.sight.uid == uid && known.sight.version >= version)
    }

    /// Who holds the lock on this endpoint, if anybody does.
    #[must_use]
    pub fn holder(&self, endpoint: &str) -> Option<&Attempt> {
        let keys = self.by_endpoint.get(endpoint)?;
        keys.iter()
            .filter_map(|key| self.attempts.get(key))
            .find(|attempt| attempt.locks())
    }

    /// Attempts that hold a slot.
    pub fn in_flight(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts
            .values()
            .filter(|attempt| attempt.holds_slot())
    }

    /// Attempts that have, once had, or are given this address.
    pub fn at_address<'a>(&'a self, address: &str) -> impl Iterator<Item = &'a Attempt> + use<'a> {
        let keys = self.by_address.get(address).into_iter().flatten();
        keys.filter_map(|key| self.attempts.get(key))
    }

    /// uids of the jobs that have an attempt at this endpoint.
    pub fn jobs_at(&self, endpoint: &str) -> impl Iterator<Item = &JobUid> {
        let keys = self.by_endpoint.get(endpoint).into_iter().flatten();
        keys.map(|key| &key.job_uid)
    }

    /// Who keeps others from beginning the device at this endpoint: by the lock, or because a stored
    /// status says that it is being flashed or read back.
    #[must_use]
    pub fn holder_of(&self, endpoint: &str) -> Option<&Identity> {
        let locked = self.holder(endpoint).map(|attempt| &attempt.identity);
        locked.or_else(|| self.occupied.at(endpoint))
    }

    /// Slots in use by this job.
    #[must_use]
    pub fn slots_of(&self, job_uid: &JobUid) -> usize {
        self.of_job(job_uid)
            .filter(|(_, attempt)| attempt.holds_slot())
            .count()
    }

    /// Slots in use by all jobs.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.in_flight().count()
    }

    /// uids of what is known of a kind and namespace, to compare with a new LIST. `kind` is Secret, Service or Pod.
    #[must_use]
    pub fn uids(&self, kind: &str, namespace: Option<&str>) -> Vec<(String, String, String)> {
        let is_wanted = |sight: &&ObservedObject| {
            namespace.is_none_or(|wanted| wanted == sight.identity.namespace)
        };
        let attempts = self.attempts.values();
        let sights: Vec<&ObservedObject> = match kind {
            "Secret" => attempts
                .flat_map(|attempt| attempt.records.values())
                .map(|record| &record.sight)
                .collect(),
            "Service" => attempts
                .filter_map(|attempt| attempt.service.as_ref())
                // Those of pools are kept by themselves, whoever leases them.
                .filter(|service| !service.is_of_pool())
                .chain(self.pool.all())
                .map(|service| &service.sight)
                .collect(),
            _ => attempts
                .filter_map(|attempt| attempt.pod.as_ref())
                .map(|pod| &pod.sight)
                .collect(),
        };
        let sights = sights.into_iter().filter(is_wanted);
        let named = sights.map(|sight| {
            (
                sight.identity.namespace.clone(),
                sight.name.clone(),
                sight.uid.clone(),
            )
        });
        let mut found: Vec<_> = named.collect();
        let unsealed = self.unsealed.all().filter(|object| {
            object.kind.as_str() == kind
                && namespace.is_none_or(|wanted| wanted == object.namespace)
        });
        found.extend(unsealed.map(|object| {
            (
                object.namespace.clone(),
                object.name.clone(),
                object.uid.clone(),
            )
        }));
        found
    }
}
