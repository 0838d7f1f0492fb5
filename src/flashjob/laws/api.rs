//! A very small API server with kubelet, load balancer and devices behind it: what is true, whoever believes what.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::{
    api::{FlashJob, Instance, SelectedDevice},
    flashjob::{
        attempts::PodRemoval,
        fixtures::{address, at, sight},
        job::Job,
        ledger::Attempt,
        sight::{AttemptKey, ContainerSight, Identity, PodSight, RecordSight, ServiceSight, Sight},
        verdict::Outcome,
    },
    names::TRACKING_FINALIZER,
    release::Status,
};

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum Event {
    Record(RecordSight),
    Service(ServiceSight),
    Pod(PodSight),
    Gone(String),
    Job(Box<FlashJob>),
    JobGone(String),
}

/// What became of one Pod.
#[derive(Clone, Debug)]
pub struct Flash {
    pub identity: Identity,
    pub ran: bool,
    pub result: Option<Outcome>,
    /// Its Pod was taken away before its end could be read.
    pub stripped: bool,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Conflict,
}

#[derive(Default)]
pub struct Api {
    pub now: i64,
    pub version: u64,
    pub records: BTreeMap<String, RecordSight>,
    pub services: BTreeMap<String, ServiceSight>,
    pub pods: BTreeMap<String, PodSight>,
    pub jobs: BTreeMap<String, FlashJob>,
    pub selections: BTreeMap<(String, i64), Vec<SelectedDevice>>,
    pub instances: BTreeMap<String, Instance>,
    /// By Pod uid.
    pub flashes: BTreeMap<String, Flash>,
    /// Events not delivered yet, of Secrets, Services, Pods and FlashJobs.
    pub events: [VecDeque<Event>; 4],
    /// Pods whose node is gone, by name.
    pub dead: Vec<String>,
}

impl Api {
    pub fn time(&self) -> Timestamp {
        at(self.now)
    }

    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn fresh(&mut self, identity: &Identity, name: &str) -> Sight {
        let version = self.next();
        sight(identity, name, version, self.time())
    }

    fn tell(&mut self, event: Event) {
        let queue = match event {
            Event::Record(_) => 0,
            Event::Service(_) => 1,
            Event::Pod(_) => 2,
            _ => 3,
        };
        self.events[queue].push_back(event);
    }

    pub fn put_job(&mut self, mut job: FlashJob) -> FlashJob {
        job.metadata.resource_version = Some(self.next().to_string());
        let uid = job.metadata.uid.clone().unwrap();
        self.jobs.insert(uid, job.clone());
        self.tell(Event::Job(Box::new(job.clone())));
        job
    }

    pub fn drop_job(&mut self, uid: &str) {
        self.jobs.remove(uid);
        self.tell(Event::JobGone(uid.to_owned()));
    }

    /// A status write, guarded by uid and resourceVersion.
    pub fn put_status(&mut self, wanted: &FlashJob) -> Result<FlashJob, Refused> {
        let known = self
            .jobs
            .get(wanted.metadata.uid.as_ref().unwrap())
            .ok_or(Refused::NotFound)?;
        if known.metadata.resource_version != wanted.metadata.resource_version {
            return Err(Refused::Conflict);
        }
        let mut job = known.clone();
        job.status.clone_from(&wanted.status);
        Ok(self.put_job(job))
    }

    pub fn create_record(
        &mut self,
        identity: &Identity,
        revision: u32,
    ) -> Result<RecordSight, Refused> {
        let name = format!("sh.helm.release.v1.flash-{}.v{revision}", identity.uuid);
        if let Some(known) = self.records.get(&name) {
            let ours = known.sight.identity.key == identity.key;
            return if ours {
                Ok(known.clone())
            } else {
                Err(Refused::Conflict)
            };
        }
        let sight = self.fresh(identity, &name);
        let status = Status::PendingInstall;
        let record = RecordSight {
            sight,
            revision,
            status,
            has_pod: false,
            foreign: false,
            by_helm: false,
            stored: None,
        };
        self.records.insert(name, record.clone());
        self.tell(Event::Record(record.clone()));
        Ok(record)
    }

    /// PUT of a record as it was seen, with another status.
    pub fn put_record(
        &mut self,
        seen: &RecordSight,
        status: Status,
    ) -> Result<RecordSight, Refused> {
        let version = self.next();
        let record = self
            .records
            .get_mut(&seen.sight.name)
            .ok_or(Refused::NotFound)?;
        if (record.sight.version, &record.sight.uid) != (seen.sight.version, &seen.sight.uid) {
            return Err(Refused::Conflict);
        }
        record.sight.version = version;
        record.status = status;
        record.has_pod |= status == Status::Deployed;
        let record = record.clone();
        self.tell(Event::Record(record.clone()));
        Ok(record)
    }

    pub fn delete_record(&mut self, name: &str, uid: &str) {
        if self
            .records
            .get(name)
            .is_some_and(|record| record.sight.uid == uid)
        {
            self.records.remove(name);
            self.tell_gone(0, uid);
        }
    }

    fn tell_gone(&mut self, queue: usize, uid: &str) {
        self.events[queue].push_back(Event::Gone(uid.to_owned()));
    }

    pub fn apply_service(&mut self, identity: &Identity) -> ServiceSight {
        let name = pod_name(identity);
        if let Some(known) = self.services.get(&name) {
            return known.clone();
        }
        let sight = self.fresh(identity, &name);
        let service = ServiceSight {
            sight,
            address: crate::flashjob::sight::Address::None,
            restricted: false,
        };
        self.services.insert(name, service.clone());
        self.tell(Event::Service(service.clone()));
        service
    }

    pub fn give_address(&mut self, name: &str) {
        let version = self.next();
        let service = self.services.get_mut(name).unwrap();
        service.sight.version = version;
        service.address = address();
        let service = service.clone();
        self.tell(Event::Service(service));
    }

    pub fn delete_service(&mut self, name: &str, uid: &str) {
        if self
            .services
            .get(name)
            .is_some_and(|service| service.sight.uid == uid)
        {
            self.services.remove(name);
            self.tell_gone(1, uid);
        }
    }

    pub fn create_pod(&mut self, identity: &Identity) -> PodSight {
        let name = pod_name(identity);
        if let Some(known) = self.pods.get(&name) {
            return known.clone();
        }
        let sight = self.fresh(identity, &name);
        let pod = PodSight {
            sight,
            node: None,
            ..crate::flashjob::fixtures::pod(identity)
        };
        let flash = Flash {
            identity: identity.clone(),
            ran: false,
            result: None,
            stripped: false,
        };
        self.flashes.insert(pod.sight.uid.clone(), flash);
        self.pods.insert(name, pod.clone());
        self.tell(Event::Pod(pod.clone()));
        pod
    }

    fn change_pod(&mut self, name: &str, change: impl FnOnce(&mut PodSight)) {
        let version = self.next();
        let pod = self.pods.get_mut(name).unwrap();
        change(pod);
        pod.sight.version = version;
        let pod = pod.clone();
        if pod.sight.deleting.is_some() && pod.finalizers.is_empty() && pod.ended() {
            self.pods.remove(name);
            self.tell_gone(2, &pod.sight.uid);
        } else {
            self.tell(Event::Pod(pod));
        }
    }

    /// Deletes a Pod as a client asks for it; none is one who names nothing but the Pod.
    pub fn delete_pod(&mut self, seen: &PodSight, how: Option<PodRemoval>) -> Result<(), Refused> {
        let name = &seen.sight.name;
        let Some(pod) = self
            .pods
            .get(name)
            .filter(|pod| pod.sight.uid == seen.sight.uid)
        else {
            return Ok(());
        };
        if how == Some(PodRemoval::Unstarted) && pod.sight.version != seen.sight.version {
            return Err(Refused::Conflict);
        }
        let now = self.time();
        self.change_pod(name, |pod| {
            pod.sight.deleting.get_or_insert(now);
            if how == Some(PodRemoval::Lost) {
                // Grace 0: the API server no longer waits for the kubelet.
                pod.phase = "Failed".into();
            }
        });
        Ok(())
    }

    pub fn untrack(&mut self, seen: &PodSight) {
        if self
            .pods
            .get(&seen.sight.name)
            .is_some_and(|pod| pod.sight.uid == seen.sight.uid)
        {
            self.change_pod(&seen.sight.name, |pod| {
                pod.finalizers
                    .retain(|finalizer| finalizer != TRACKING_FINALIZER);
            });
        }
    }

    /// Scheduler and kubelet take the next step of a Pod; `natural` is how its flash ends if it ends by itself.
    pub fn advance_pod(&mut self, name: &str, natural: Outcome) {
        let Some(pod) = self.pods.get(name).cloned() else {
            return;
        };
        if pod.ended() || self.dead.iter().any(|dead| dead == name) {
            return;
        }
        let (uid, now) = (pod.sight.uid.clone(), self.time());
        if pod.node.is_none() {
            return self.change_pod(name, |pod| pod.node = Some("node-a".into()));
        }
        let begun = pod.container == ContainerSight::Running;
        if pod.sight.deleting.is_some() {
            return self.end_pod(
                name,
                if begun {
                    Outcome::Unknown
                } else {
                    Outcome::Failed
                },
                begun,
            );
        }
        if begun {
            return self.end_pod(name, natural, true);
        }
        self.flashes.get_mut(&uid).unwrap().ran = true;
        self.change_pod(name, |pod| {
            pod.phase = "Running".into();
            pod.started = Some(now);
            pod.container = ContainerSight::Running;
        });
    }

    fn end_pod(&mut self, name: &str, result: Outcome, begun: bool) {
        let uid = self.pods[name].sight.uid.clone();
        self.flashes.get_mut(&uid).unwrap().result = Some(result);
        self.change_pod(name, |pod| {
            pod.phase = if result == Outcome::Succeeded {
                "Succeeded"
            } else {
                "Failed"
            }
            .into();
            if begun {
                pod.container = ContainerSight::Terminated {
                    exit_code: 0,
                    reason: None,
                };
            }
        });
    }

    /// Everything of a job that would keep its finalizer on.
    pub fn left_of(&self, job_uid: &str) -> usize {
        let of = |sight: &Sight| usize::from(sight.identity.key.job_uid == job_uid);
        self.records
            .values()
            .map(|record| of(&record.sight))
            .sum::<usize>()
            + self
                .services
                .values()
                .map(|service| of(&service.sight))
                .sum::<usize>()
            + self.pods.values().map(|pod| of(&pod.sight)).sum::<usize>()
    }

    /// Attempts that hold a slot as the cluster has it, by job.
    pub fn slots(&self) -> BTreeMap<String, usize> {
        let records = self
            .records
            .values()
            .filter(|record| record.status != Status::Failed)
            .map(|record| &record.sight);
        let pods = self.pods.values().map(|pod| &pod.sight);
        let keys: std::collections::BTreeSet<&AttemptKey> = records
            .chain(pods)
            .map(|sight| &sight.identity.key)
            .collect();
        let mut slots = BTreeMap::new();
        for key in keys {
            *slots.entry(key.job_uid.clone()).or_default() += 1;
        }
        slots
    }

    pub fn job(&self, uid: &str) -> Option<Job> {
        Job::of_answer(self.jobs.get(uid)?.clone())
    }
}

pub fn pod_name(identity: &Identity) -> String {
    format!("flash-{}-{}", identity.uuid, identity.key.id)
}

/// Whether a Pod of an attempt may exist that was not seen.
pub fn may_be_launched(attempt: &Attempt) -> bool {
    !attempt.pod_seen
        && attempt
            .record()
            .is_some_and(|record| !record.has_pod && record.status.is_pending())
}
