//! Everything the leader holds in memory, behind one lock that is never held across a wait. Calls nothing.
//!
//! Fed by watches and by the answers of the operator's own writes; read by `plan`. Lost in a crash and built anew from LISTs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    belief::Repair,
    ledger::{Ledger, UnsealedObject},
    memory::Memory,
    stored,
    waits::Moment,
};
use crate::{
    api::DevicePhase,
    device::Inventory,
    flashclass::{Classes, Facts, Frozen, Namespaces, OperatorDefaults, Terms, terms},
    identifiers::{AttemptId, JobUid},
    seal::Seals,
    seam::{Bug, planted},
};
use crate::{
    api::Refusal,
    flashjob::{
        observe::{
            Derived, Observed, World, bounds::Bounds, objects::AttemptKey, selection::Selection,
            wait_queue::Line,
        },
        spec::{job::Job, stamps::Stamping},
    },
};
use jiff::Timestamp;

/// How many uids of deleted FlashJobs are remembered. An answer is late by seconds.
const GONE_JOBS: usize = 10_000;

/// See the module's documentation.
#[derive(Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says of something else whether it was listed or changed"
)]
pub struct Cache {
    /// FlashJobs by uid, as last read or written.
    jobs: BTreeMap<JobUid, Arc<Job>>,
    /// uids of FlashJobs that were deleted lately: answers to writes that were under way may still come.
    gone_jobs: HashSet<JobUid>,
    /// Frozen selections, by job uid.
    pub rosters: HashMap<JobUid, Arc<Selection>>,
    /// Memories, by job uid.
    pub memories: BTreeMap<JobUid, Memory>,
    /// Objects, locks and slots.
    pub ledger: Ledger,
    /// Devices that wait for a place under a limit.
    pub line: Line,
    /// Akri's devices.
    pub inventory: Inventory,
    /// Akri's Instance kind exists.
    pub akri_installed: bool,
    /// Whether the API server stamps who asks and who approves, and when it was asked.
    pub stamping: (Stamping, Option<Timestamp>),
    /// Every class.
    pub classes: Classes,
    /// Labels of all namespaces.
    pub namespaces: Namespaces,
    /// All namespaces were listed: one that is not among them does not exist.
    pub namespaces_listed: bool,
    /// The operator's own namespace.
    pub own_namespace: String,
    /// Class defaults that rounds began with, by job uid.
    pub frozen: HashMap<JobUid, Arc<Frozen>>,
    /// Something changed that the status of a class may speak of.
    pub news_of_classes: bool,
    /// Namespaces that are being deleted: nothing starts there.
    pub terminating: BTreeSet<String>,
    /// By which the operator knows its own objects; without them none is believed.
    pub seals: Option<Arc<Seals>>,
    /// Marks that objects of ours have lost, to be put back.
    pub repairs: Vec<Repair>,
    /// Everything of every kind was listed once.
    pub listed: bool,
    /// Objects without a valid seal that were seen for the first time, to be spoken of.
    pub met: Vec<UnsealedObject>,
    /// Budget of status bytes of all jobs: when the next write may begin.
    pub status_free_at: Option<Timestamp>,
}

impl Cache {
    /// Takes in a FlashJob that a watch brings. Returns false where it is older than what is known.
    pub fn see_job(&mut self, job: Job) -> bool {
        self.gone_jobs.remove(&job.uid);
        self.take_job(job)
    }

    /// Takes in a FlashJob as a write of the operator's own left it. The answer may come after the event that it was deleted:
    /// then the job stays deleted.
    pub fn see_written_job(&mut self, job: Job) -> bool {
        let skips = planted(Bug::StatusSkipsLedger);
        !self.gone_jobs.contains(&job.uid) && self.take_job_into(job, !skips)
    }

    fn take_job(&mut self, job: Job) -> bool {
        self.take_job_into(job, true)
    }

    fn take_job_into(&mut self, job: Job, ledger: bool) -> bool {
        if self
            .jobs
            .get(&job.uid)
            .is_some_and(|known| known.version >= job.version)
        {
            return false;
        }
        if planted(Bug::UnlockWhileReadBack) {
            self.ledger.see_job_gone(&job.uid);
        } else if ledger {
            self.ledger.see_job(&job);
        }
        self.jobs.insert(job.uid.clone(), Arc::new(job));
        self.news_of_classes = true;
        true
    }

    /// A FlashJob is gone. Its attempts stay in the ledger, for the sweep.
    pub fn see_job_gone(&mut self, uid: &JobUid) {
        self.jobs.remove(uid);
        if self.gone_jobs.len() >= GONE_JOBS {
            self.gone_jobs.clear();
        }
        self.gone_jobs.insert(uid.clone());
        self.ledger.see_job_gone(uid);
        self.rosters.remove(uid);
        self.frozen.remove(uid);
        self.line.stand(uid, Vec::new());
        self.news_of_classes = true;
    }

    /// Whether a namespace is gone, or on its way: rights that were bound in it may be gone already, and nothing starts in it.
    #[must_use]
    pub fn is_ending(&self, namespace: &str) -> bool {
        let gone = self.namespaces_listed && !self.namespaces.contains_key(namespace);
        gone || self.terminating.contains(namespace)
    }

    /// The job of this uid.
    #[must_use]
    pub fn job(&self, uid: &JobUid) -> Option<&Arc<Job>> {
        self.jobs.get(uid)
    }

    /// Every job.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    /// The memory of a job.
    pub fn memory(&mut self, job_uid: &JobUid) -> &mut Memory {
        self.memories.entry(job_uid.clone()).or_default()
    }

    /// What the stored status of a job says of its attempts: those that are read back need no slot any more.
    pub fn note_read_back(&mut self, job: &Job) {
        let devices = job.status.devices.iter();
        let verifying = devices.filter(|device| device.is(DevicePhase::Verifying));
        let ids: HashSet<AttemptId> = verifying.filter_map(stored::attempt_id).collect();
        if !ids.is_empty() {
            self.ledger.note_read_back(&job.uid, |id| ids.contains(id));
        }
    }

    /// Next revision of a release, going by what is known of it.
    #[must_use]
    pub fn next_revision(&self, namespace: &str, release: &str) -> u32 {
        let records = self
            .ledger
            .all()
            .flat_map(|(_, attempt)| attempt.records.values());
        let of_release = records.filter(|record| {
            record.sight.identity.namespace == namespace
                && helm_release::Key::parse(&record.sight.name)
                    .is_some_and(|key| key.release == release)
        });
        let unsealed = self.ledger.unsealed.of_release(namespace, release);
        let unsealed = unsealed.filter_map(|object| object.release.as_ref());
        let taken = of_release
            .map(|record| record.revision)
            .chain(unsealed.map(|(_, revision)| *revision));
        taken.max().unwrap_or(0).saturating_add(1)
    }

    /// Jobs whose attempts are in the ledger while they themselves are gone.
    #[must_use]
    pub fn orphaned(&self) -> BTreeMap<JobUid, Vec<AttemptKey>> {
        let mut orphans: BTreeMap<JobUid, Vec<AttemptKey>> = BTreeMap::new();
        for (key, _) in self.ledger.all() {
            if !self.jobs.contains_key(&key.job_uid) {
                orphans
                    .entry(key.job_uid.clone())
                    .or_default()
                    .push(key.clone());
            }
        }
        orphans
    }

    /// Drops memories of jobs of which nothing is left.
    pub fn tidy(&mut self) {
        let live: HashSet<JobUid> = self
            .ledger
            .all()
            .map(|(key, _)| key.job_uid.clone())
            .collect();
        let jobs = &self.jobs;
        self.memories
            .retain(|uid, _| jobs.contains_key(uid) || live.contains(uid));
    }

    /// What its classes make of a job, now.
    #[must_use]
    pub fn terms(&self, job: &Job) -> Terms {
        let Some(asks) = job.asks() else {
            return Terms::default();
        };
        let facts = Facts {
            classes: &self.classes,
            namespaces: &self.namespaces,
            own_namespace: &self.own_namespace,
        };
        terms(&asks, self.frozen_of(job), &facts)
    }

    /// The class defaults of a job's round, if the spec still asks for this round.
    #[must_use]
    pub fn frozen_of(&self, job: &Job) -> Option<&Arc<Frozen>> {
        let round = job.status.round.as_ref()?.number;
        let frozen = self.frozen.get(&job.uid)?;
        (frozen.stored.round == round && job.round_is_current()).then_some(frozen)
    }

    /// Whether a lock, a slot or a place was given up since this was last asked: other jobs may be waiting for it.
    pub fn take_freed(&mut self) -> bool {
        let freed = self.ledger.take_freed();
        self.line.take_left() || freed
    }

    /// Whether anything happened that the status of a class may speak of, since this was last asked.
    pub fn take_news_of_classes(&mut self) -> bool {
        std::mem::take(&mut self.news_of_classes)
    }

    /// Hands everything that a plan of this job is made from to `read`.
    pub fn observed<T>(
        &self,
        job: &Job,
        world: &World,
        read: impl FnOnce(&Observed<'_>) -> T,
    ) -> T {
        let forgotten = Memory::default();
        let terms = self.terms(job);
        let observed = Observed {
            job,
            roster: self.rosters.get(&job.uid).map(Arc::as_ref),
            inventory: &self.inventory,
            ledger: &self.ledger,
            line: &self.line,
            memory: self.memories.get(&job.uid).unwrap_or(&forgotten),
            terms: &terms,
            world,
            derived: Derived::default(),
        };
        read(&observed)
    }

    /// What is true for all jobs.
    #[must_use]
    pub fn world(
        &self,
        chart: Option<Refusal>,
        max_in_flight: usize,
        operator: OperatorDefaults,
        bounds: Bounds,
        steady: Moment,
    ) -> World {
        World {
            steady,
            akri_installed: self.akri_installed,
            stamping: self.stamping.0,
            chart,
            max_in_flight,
            operator,
            bounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flashjob::fixtures::{JOB, Scene};

    #[test]
    fn an_answer_that_comes_after_its_job_was_deleted_does_not_bring_the_job_back() {
        let mut cache = Cache::default();
        let job = Scene::new(1).job;
        assert!(cache.see_job(job.clone()));
        cache.see_job_gone(&JOB.into());
        let mut answer = job.clone();
        answer.version += 1;
        assert!(!cache.see_written_job(answer));
        assert!(cache.job(&JOB.into()).is_none());
        assert!(cache.see_job(job), "a watch knows that it exists");
    }
}
