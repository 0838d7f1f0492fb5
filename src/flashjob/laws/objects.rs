//! A very small API server: what is true, whoever believes what, and who is told of it when.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    hostile::Forgery,
    request::{Refused, Reply},
};
use crate::{
    api::Instance,
    device::Footprint,
    flashjob::{
        fixtures::sight,
        observe::objects::{
            Address, AttemptKey, Identity, ObservedObject, ObservedPod, ObservedRecord,
            ObservedService,
        },
        spec::job::Job,
        verdict::Outcome,
    },
    names::TRACKING_FINALIZER,
};
use helm_release::Status;

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum Event {
    Record(ObservedRecord),
    Service(ObservedService),
    Pod(ObservedPod),
    Gone(String),
    Job(Arc<Job>),
    JobGone(String),
    Instance(Arc<Instance>),
    InstanceGone(String),
    Forged(Forgery),
}

/// Watches of Secrets, Services, Pods, FlashJobs and Instances: events that are not delivered yet.
pub type Watches = [VecDeque<Event>; 5];

/// What became of one Pod.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each may be so without the others"
)]
pub struct Flash {
    pub identity: Identity,
    pub ran: bool,
    pub result: Option<Outcome>,
    /// The device has the firmware.
    pub taken: bool,
    /// Its end was read, or the API server said that it is gone.
    pub read: bool,
    /// A person took its Pod away before its end could be read.
    pub stripped: bool,
    /// Address that its device was told.
    pub address: Address,
}

#[derive(Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "a world may have each without the others"
)]
pub struct Api {
    /// Milliseconds.
    pub now: i64,
    /// Milliseconds by which the clock of each replica is ahead of this one.
    pub skews: [i64; 2],
    pub version: u64,
    pub records: BTreeMap<String, ObservedRecord>,
    pub services: BTreeMap<String, ObservedService>,
    pub pods: BTreeMap<String, ObservedPod>,
    /// By uid: what a hostile writer wrote.
    pub forged: BTreeMap<String, Forgery>,
    /// Attempts that a leader began.
    pub begun: BTreeSet<AttemptKey>,
    pub jobs: BTreeMap<String, Arc<Job>>,
    /// Slices of selections by job uid, round and first index.
    pub slices: BTreeMap<(String, i64, usize), Vec<crate::api::SelectedDevice>>,
    pub instances: BTreeMap<String, Arc<Instance>>,
    pub lease: Option<k8s_openapi::api::coordination::v1::Lease>,
    /// By Pod uid.
    pub flashes: BTreeMap<String, Flash>,
    /// By replica; none where nobody watches.
    pub watches: [Option<Box<Watches>>; 2],
    /// Pods whose node is gone, by name.
    pub dead: BTreeSet<String>,
    /// The load balancer gives every Service the same address.
    pub shares: bool,
    /// Devices behind one gateway are limited.
    pub limited: bool,
    /// `backoffLimitPerDevice` of every job.
    pub retries: usize,
    /// Every job begins with one device.
    pub stepped: bool,
    /// Jobs read the version of their devices back.
    pub verified: bool,
    /// Versions of the devices that have taken a firmware, by endpoint.
    pub versions: BTreeMap<String, String>,
    /// Attempts of which a stored status has said that their device is read back: their record is no more than a lock.
    pub read_back: BTreeSet<AttemptKey>,
    /// Devices that were flashed, by endpoint, and when Akri finds them again.
    pub away: BTreeMap<String, i64>,
    /// What the device of an attempt shared when it was recorded.
    pub shared: BTreeMap<AttemptKey, Arc<Footprint>>,
    /// The latest leader that has begun.
    pub term: u32,
    /// The first law that was broken.
    pub violation: Option<String>,
    /// Whether the history is printed.
    pub trace: bool,
}

impl Api {
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now).unwrap()
    }

    /// A law is broken.
    pub fn broken(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.note(|| format!("BROKEN {what}"));
            self.violation = Some(what);
        }
    }

    /// A line of the history.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if self.trace {
            eprintln!(
                "{:>9.3} {}",
                self.time().as_duration().as_secs_f64(),
                line()
            );
        }
    }

    pub fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    pub fn fresh(&mut self, identity: &Identity, name: &str) -> ObservedObject {
        let version = self.next();
        sight(identity, name, version, self.time())
    }

    pub fn tell(&mut self, queue: usize, event: &Event) {
        self.note(|| super::trace::event(event));
        for watches in self.watches.iter_mut().flatten() {
            watches[queue].push_back(event.clone());
        }
    }

    pub fn create_record(
        &mut self,
        identity: &Identity,
        revision: u32,
    ) -> Result<ObservedRecord, Refused> {
        let name = record_name(identity, revision);
        let is_forged = |forged: &Forgery| {
            let sight = forged.sight();
            sight.name == name && sight.identity.namespace == identity.namespace
        };
        if self.records.contains_key(&name) || self.forged.values().any(is_forged) {
            return Err(Refused::AlreadyExists);
        }
        self.begun.insert(identity.key.clone());
        self.check_begin(identity);
        let record = ObservedRecord {
            sight: self.fresh(identity, &name),
            revision,
            status: Status::PendingInstall,
            has_pod: false,
            foreign: false,
            by_helm: false,
            settled: None,
            stored: None,
            chart_proven: false,
        };
        if let Some(shared) = &identity.footprint {
            self.shared.insert(identity.key.clone(), Arc::clone(shared));
        }
        self.records.insert(name, record.clone());
        self.tell(0, &Event::Record(record.clone()));
        Ok(record)
    }

    /// PUT of a record as it was seen, with another status.
    pub fn put_record(
        &mut self,
        seen: &ObservedRecord,
        status: Status,
    ) -> Result<ObservedRecord, Refused> {
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
        if status == Status::Failed {
            record.settled = Some(record.revision);
        }
        let record = record.clone();
        self.tell(0, &Event::Record(record.clone()));
        Ok(record)
    }

    pub fn delete_record(&mut self, name: &str, uid: &str) {
        if self
            .records
            .get(name)
            .is_some_and(|record| record.sight.uid == uid)
        {
            self.records.remove(name);
            self.next();
            self.tell(0, &Event::Gone(uid.to_owned()));
        }
    }

    /// Server-side apply of the Service of an attempt.
    pub fn apply_service(&mut self, identity: &Identity) -> ObservedService {
        let name = pod_name(identity);
        if let Some(known) = self.services.get(&name) {
            return known.clone();
        }
        let service = ObservedService {
            sight: self.fresh(&bare(identity), &name),
            address: Address::None,
            restricted: false,
            finalizers: vec![TRACKING_FINALIZER.into()],
        };
        self.services.insert(name, service.clone());
        self.tell(1, &Event::Service(service.clone()));
        service
    }

    /// The load balancer gives the lowest address that no Service has, or takes it back and lets a Service go that nobody else
    /// holds.
    pub fn balance(&mut self, name: &str) {
        let address = self.free_address();
        let version = self.next();
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if service.sight.deleting.is_some() {
            if !service.tracked() {
                let uid = service.sight.uid.clone();
                self.services.remove(name);
                self.tell(1, &Event::Gone(uid));
            }
            return;
        }
        if service.address == Address::None {
            service.sight.version = version;
            service.address = address;
            let service = service.clone();
            self.tell(1, &Event::Service(service));
        }
    }

    fn free_address(&self) -> Address {
        if self.shares {
            return Address::Ipv4("203.0.113.1".into());
        }
        let mut pool = (1..).map(|last| Address::Ipv4(format!("203.0.113.{last}")));
        let is_free = |address: &Address| {
            let mut services = self.services.values();
            services.all(|service| service.address != *address)
        };
        pool.find(is_free).unwrap()
    }

    /// A Service stays until nobody holds it, and the load balancer has taken its address back.
    pub fn delete_service(&mut self, name: &str, uid: &str) -> Reply {
        let (version, now) = (self.next(), self.time());
        let Some(service) = self
            .services
            .get_mut(name)
            .filter(|service| service.sight.uid == uid)
        else {
            return Reply::Gone;
        };
        if service.sight.deleting.is_none() {
            service.sight.deleting = Some(now);
            service.sight.version = version;
        }
        self.let_go_service(name);
        if self.services.contains_key(name) {
            Reply::Deleting
        } else {
            Reply::Gone
        }
    }

    /// Takes the tracking finalizer off a Service.
    pub fn free_service(&mut self, name: &str, uid: &str) {
        let version = self.next();
        let known = self.services.get_mut(name);
        let Some(service) = known.filter(|service| service.sight.uid == uid && service.tracked())
        else {
            return;
        };
        service
            .finalizers
            .retain(|finalizer| finalizer != TRACKING_FINALIZER);
        service.sight.version = version;
        self.let_go_service(name);
    }

    /// Puts the tracking finalizer on a Service that is not being deleted.
    pub fn hold_service(&mut self, seen: &ObservedService) -> Result<ObservedService, Refused> {
        let version = self.next();
        let service = self
            .services
            .get_mut(&seen.sight.name)
            .ok_or(Refused::NotFound)?;
        if (service.sight.version, &service.sight.uid) != (seen.sight.version, &seen.sight.uid) {
            return Err(Refused::Conflict);
        }
        service.finalizers.push(TRACKING_FINALIZER.into());
        service.sight.version = version;
        let service = service.clone();
        self.tell(1, &Event::Service(service.clone()));
        Ok(service)
    }

    /// A Service that changed goes, if it is being deleted and nobody holds it.
    fn let_go_service(&mut self, name: &str) {
        let service = self.services[name].clone();
        let held = service.tracked() || service.address != Address::None;
        if service.sight.deleting.is_some() && !held {
            self.services.remove(name);
            self.tell(1, &Event::Gone(service.sight.uid));
        } else {
            self.tell(1, &Event::Service(service));
        }
    }

    pub fn put_instance(&mut self, instance: Instance) {
        let instance = Arc::new(instance);
        let uid = instance.metadata.uid.clone().unwrap();
        self.instances.insert(uid, Arc::clone(&instance));
        self.tell(4, &Event::Instance(instance));
    }

    pub fn drop_instance(&mut self, uid: &str) {
        self.instances.remove(uid);
        self.tell(4, &Event::InstanceGone(uid.to_owned()));
    }

    /// Everything of a job that keeps its finalizer on: a Service that is being deleted does not.
    pub fn left_of(&self, job_uid: &str) -> usize {
        let of = |sight: &&ObservedObject| sight.identity.key.job_uid == job_uid;
        let services = self.services.values().map(|service| &service.sight);
        let stays = services.filter(|sight| {
            let service = &self.services[&sight.name];
            sight.deleting.is_none() || service.tracked()
        });
        let records = self.records.values().map(|record| &record.sight);
        let pods = self.pods.values().map(|pod| &pod.sight);
        records.chain(stays).chain(pods).filter(of).count()
    }

    /// Attempts that hold a slot as the cluster has it.
    pub fn slots(&self) -> BTreeSet<&AttemptKey> {
        let records = self
            .records
            .values()
            .filter(|record| record.status != Status::Failed)
            .map(|record| &record.sight)
            .filter(|sight| !self.read_back.contains(&sight.identity.key));
        let pods = self.pods.values().map(|pod| &pod.sight);
        let services = self.services.values().map(|service| &service.sight);
        let sights = records.chain(pods).chain(services);
        sights.map(|sight| &sight.identity.key).collect()
    }
}

/// As Service and Pod tell it: only the record says what a device shares.
pub fn bare(identity: &Identity) -> Identity {
    Identity {
        footprint: None,
        ..identity.clone()
    }
}

pub fn pod_name(identity: &Identity) -> String {
    format!("flash-{}-{}", identity.uuid, identity.key.id)
}

pub fn record_name(identity: &Identity, revision: u32) -> String {
    format!("sh.helm.release.v1.flash-{}.v{revision}", identity.uuid)
}
