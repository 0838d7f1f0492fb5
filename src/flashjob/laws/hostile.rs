//! A hostile writer: somebody who may write in a namespace makes, copies, changes and deletes objects with the labels of ours.
//!
//! It has no key, so nothing that it writes bears a valid seal; `belief` takes such objects in as unsealed, and so does the leader
//! here. A planted bug believes one kind of them.

use jiff::Timestamp;

use super::{
    DEVICES,
    objects::{Api, Event},
    planted::Bug,
    request::Request,
    world::World,
};
use crate::flashjob::{
    fixtures::{self, endpoint},
    observe::{
        belief::unsealed_bug,
        ledger::{Ledger, ObjectKind, UnsealedObject},
        objects::{
            Address, AttemptKey, Identity, ObservedObject, ObservedPod, ObservedRecord,
            ObservedService,
        },
    },
};
use helm_release::Status;

/// Most objects that are there at the same time.
const MOST: usize = 6;

/// An object that nobody of ours wrote, as a leader would see it who believed it.
#[derive(Clone, Debug)]
pub enum Forgery {
    Record(ObservedRecord),
    Service(ObservedService),
    Pod(ObservedPod),
}

impl Forgery {
    pub const fn sight(&self) -> &ObservedObject {
        match self {
            Self::Record(record) => &record.sight,
            Self::Service(service) => &service.sight,
            Self::Pod(pod) => &pod.sight,
        }
    }

    fn sight_mut(&mut self) -> &mut ObservedObject {
        match self {
            Self::Record(record) => &mut record.sight,
            Self::Service(service) => &mut service.sight,
            Self::Pod(pod) => &mut pod.sight,
        }
    }

    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Record(_) => ObjectKind::Secret,
            Self::Service(_) => ObjectKind::Service,
            Self::Pod(_) => ObjectKind::Pod,
        }
    }

    /// The watch that tells of the object: its place in the list of watches of one leader.
    pub const fn queue(&self) -> usize {
        match self {
            Self::Record(_) => 0,
            Self::Service(_) => 1,
            Self::Pod(_) => 2,
        }
    }

    /// What is kept of an object without a valid seal.
    fn unsealed(&self) -> UnsealedObject {
        let sight = self.sight();
        let release = match self {
            Self::Record(record) => {
                Some((format!("flash-{}", sight.identity.uuid), record.revision))
            }
            Self::Service(_) | Self::Pod(_) => None,
        };
        UnsealedObject {
            kind: self.kind(),
            namespace: sight.identity.namespace.clone(),
            name: sight.name.clone(),
            uid: sight.uid.clone(),
            version: sight.version,
            job_uid: sight.identity.key.job_uid.clone(),
            uuid: sight.identity.uuid.clone(),
            endpoint: sight.identity.endpoint.clone(),
            release,
            locks: true,
            ended: matches!(self, Self::Pod(pod) if pod.ended()),
            deleting: false,
            finalizers: Vec::new(),
        }
    }

    /// Takes it in as what it is, or, with the bug, as what it claims to be.
    pub fn seen(self, ledger: &mut Ledger, bug: Option<Bug>) {
        if bug != Some(unsealed_bug(self.kind())) {
            ledger.see_unsealed(self.unsealed());
            return;
        }
        match self {
            Self::Record(record) => drop(ledger.see_record(record)),
            Self::Service(service) => drop(ledger.see_service(service)),
            Self::Pod(pod) => drop(ledger.see_pod(pod)),
        }
    }
}

impl World {
    /// The hostile writer does something.
    pub fn hostile(&mut self) {
        let full = self.api.forged.len() >= MOST;
        match self.chance.draw(4) {
            0 if !self.api.forged.is_empty() => {
                let uid = self.chance.pick(self.api.forged.keys().cloned());
                self.api.withdraw(&uid.unwrap());
            }
            1 if !self.api.forged.is_empty() => self.change_forgery(),
            _ if !full => self.forge(),
            _ => {}
        }
    }

    /// Touches an object, or gives it the labels of another attempt.
    fn change_forgery(&mut self) {
        let uid = self.chance.pick(self.api.forged.keys().cloned()).unwrap();
        let other = self.claimed();
        let relabel = self.chance.one_in(2);
        let version = self.api.next();
        let forged = self.api.forged.get_mut(&uid).unwrap();
        forged.sight_mut().version = version;
        if relabel {
            let namespace = forged.sight().identity.namespace.clone();
            forged.sight_mut().identity = Identity { namespace, ..other };
        }
        let forged = forged.clone();
        self.api.tell_of(&forged);
    }

    /// Whose object it claims to be: of an attempt that exists, of one that never was, or of nobody's job.
    fn claimed(&mut self) -> Identity {
        let api = &self.api;
        let records = api.records.values().map(|record| &record.sight);
        let services = api.services.values().map(|service| &service.sight);
        let pods = api.pods.values().map(|pod| &pod.sight);
        let known = records.chain(services).chain(pods);
        let known: Vec<Identity> = known.map(|sight| sight.identity.clone()).collect();
        if let Some(known) = self.chance.pick(known)
            && !self.chance.one_in(3)
        {
            return Identity {
                footprint: None,
                ..known
            };
        }
        let index = self.chance.draw(DEVICES);
        let job = self.chance.pick(self.api.jobs.keys().cloned());
        let rounds = |uid: &String| {
            let round = self.api.jobs.get(uid)?.status.round.as_ref()?;
            Some(round.number)
        };
        let round = job.as_ref().and_then(rounds).unwrap_or(1);
        Identity {
            key: AttemptKey {
                job_uid: job.unwrap_or_else(|| "nobody".into()),
                id: format!("f{}", self.api.version),
            },
            round,
            ..fixtures::identity(index, "")
        }
    }

    fn forge(&mut self) {
        let claimed = self.claimed();
        let namespace = ["lab", "evil"][self.chance.draw(2)];
        let who = Identity {
            namespace: namespace.into(),
            endpoint: claimed.endpoint.clone().or(Some(endpoint(0))),
            ..claimed
        };
        let (kind, ended) = (self.chance.draw(3), self.chance.one_in(2));
        let now = self.api.time();
        let number = self.api.next();
        let name = format!("forged-{number}");
        let forged = match kind {
            0 => Forgery::Record(forged_record(&who, number, now, self.chance.one_in(2))),
            1 => Forgery::Service(ObservedService {
                sight: fixtures::sight(&who, &name, number, now),
                ..fixtures::service(&who, Address::Ipv4("198.51.100.66".into()))
            }),
            _ => {
                let pod = if ended {
                    fixtures::ended(&who)
                } else {
                    fixtures::pod(&who)
                };
                Forgery::Pod(ObservedPod {
                    sight: fixtures::sight(&who, &name, number, now),
                    ..pod
                })
            }
        };
        let uid = forged.sight().uid.clone();
        self.api.forged.insert(uid, forged.clone());
        self.api.tell_of(&forged);
    }
}

fn forged_record(who: &Identity, number: u64, now: Timestamp, deployed: bool) -> ObservedRecord {
    let status = if deployed {
        Status::Deployed
    } else {
        Status::PendingInstall
    };
    let revision = 90 + u32::try_from(number % 9).unwrap();
    let name = format!("sh.helm.release.v1.flash-{}.v{revision}", who.uuid);
    ObservedRecord {
        sight: fixtures::sight(who, &name, number, now),
        revision,
        ..fixtures::record(who, status, deployed)
    }
}

impl Api {
    fn tell_of(&mut self, forged: &Forgery) {
        self.tell(forged.queue(), &Event::Forged(forged.clone()));
    }

    fn withdraw(&mut self, uid: &str) {
        if let Some(forged) = self.forged.remove(uid) {
            self.next();
            self.tell(forged.queue(), &Event::Gone(uid.to_owned()));
        }
    }

    /// The hostile writer goes, and takes everything along.
    pub fn withdraw_all(&mut self) {
        let uids: Vec<String> = self.forged.keys().cloned().collect();
        for uid in &uids {
            self.withdraw(uid);
        }
    }

    /// No leader reads, changes or deletes what it did not write, and nothing is made for an attempt that no leader began.
    pub fn check_own(&mut self, request: &Request) {
        if let Some(forged) = request.uid().and_then(|uid| self.forged.get(uid)) {
            let what = format!("{} of {:?}", request.name(), forged.kind());
            self.broken(|| format!("{what}, which no leader wrote"));
        }
        let (Request::ApplyService(who) | Request::CreatePod(who)) = request else {
            return;
        };
        if !self.begun.contains(&who.key) {
            let name = request.name();
            self.broken(|| format!("{name} for an attempt that no leader began: {who:?}"));
        }
    }
}
