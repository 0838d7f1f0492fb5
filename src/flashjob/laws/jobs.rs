//! FlashJobs and their selections in the simulated API server.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    objects::{Api, Event},
    request::{Answer, Precondition, Refused, Reply},
};
use crate::{
    api::{FlashJob, FlashJobStatus, SelectedDevice},
    flashjob::spec::job::Job,
    names::FINALIZER,
};

impl Api {
    pub fn put_job(&mut self, mut object: FlashJob) -> Arc<Job> {
        object.metadata.resource_version = Some(self.next().to_string());
        let job = Arc::new(Job::of_answer(object).unwrap());
        self.check_verdicts(&job);
        self.note_read_back(&job);
        self.jobs.insert(job.uid.clone(), Arc::clone(&job));
        self.tell(3, &Event::Job(Arc::clone(&job)));
        job
    }

    /// The job, as a person means it: by its name.
    pub fn job_named(&self, name: &str) -> Option<&Arc<Job>> {
        self.jobs.values().find(|job| job.name == name)
    }

    /// Somebody changes a job.
    pub fn edit_job(&mut self, uid: &str, change: impl FnOnce(&mut FlashJob)) {
        let Some(job) = self.jobs.get(uid) else {
            return;
        };
        let mut object = job.to_object();
        let before = object.spec.clone();
        change(&mut object);
        if object.spec != before {
            object.metadata.generation = Some(job.generation + 1);
        }
        self.put_job(object);
    }

    /// DELETE: it stays as long as it has finalizers.
    pub fn delete_job(&mut self, uid: &str) {
        let now = self.time();
        self.edit_job(uid, |object| {
            object.metadata.deletion_timestamp.get_or_insert(Time(now));
        });
        self.drop_job_if_free(uid);
    }

    fn drop_job_if_free(&mut self, uid: &str) {
        if self
            .jobs
            .get(uid)
            .is_some_and(|job| job.deleting && !job.has_finalizer)
        {
            self.drop_job(uid);
        }
    }

    /// The job is gone, its finalizer taken off by whomever. The garbage collector takes its slices.
    pub fn drop_job(&mut self, uid: &str) {
        self.jobs.remove(uid);
        self.slices.retain(|(owner, _, _), _| owner != uid);
        self.next();
        self.tell(3, &Event::JobGone(uid.to_owned()));
    }

    pub fn add_finalizer(&mut self, seen: &Job) -> Answer {
        let known = self.jobs.get(&seen.uid).ok_or(Refused::NotFound)?;
        if known.version != seen.version || known.deleting {
            return Err(Refused::Conflict);
        }
        self.edit_job(&seen.uid, |object| {
            object.metadata.finalizers = Some(vec![FINALIZER.into()]);
        });
        Ok(Reply::Done)
    }

    pub fn remove_finalizer(&mut self, uid: &str) {
        self.check_job_gone(uid);
        self.edit_job(uid, |object| object.metadata.finalizers = None);
        self.drop_job_if_free(uid);
    }

    /// A status write, guarded as the writer asks.
    pub fn put_status(
        &mut self,
        seen: &Job,
        status: &FlashJobStatus,
        demands: Precondition,
    ) -> Result<Arc<Job>, Refused> {
        let known = self.job_named(&seen.name).ok_or(Refused::NotFound)?;
        let same = known.uid == seen.uid && known.version == seen.version;
        if demands == Precondition::UidAndVersion && !same {
            return Err(Refused::Conflict);
        }
        let mut object = known.to_object();
        object.status = Some(status.clone());
        Ok(self.put_job(object))
    }

    /// POST of one slice of a selection.
    pub fn store_selection(
        &mut self,
        uid: &str,
        round: i64,
        first: usize,
        devices: &[SelectedDevice],
    ) -> Answer {
        let key = (uid.to_owned(), round, first);
        if self.slices.contains_key(&key) {
            return Err(Refused::AlreadyExists);
        }
        self.note(|| format!("SLICE {key:?} {} devices", devices.len()));
        self.slices.insert(key, devices.to_vec());
        Ok(Reply::Done)
    }

    /// The selection of a round, from all its slices.
    pub fn selection(&self, uid: &str, round: i64) -> Vec<SelectedDevice> {
        let from = (uid.to_owned(), round, 0);
        let of_round = self
            .slices
            .range(from..)
            .take_while(|((owner, number, _), _)| owner == uid && *number == round);
        of_round.flat_map(|(_, devices)| devices.clone()).collect()
    }
}
