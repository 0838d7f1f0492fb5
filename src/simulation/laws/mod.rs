//! The laws: what must hold whenever something changes, and what must hold in the end.
//!
//! They see what the API server is asked and what it has, never what the operator believes.

mod begin;
mod changes;
mod end;
mod requests;
mod verdicts;

pub use changes::is_of_pool;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    GATEWAY, MAX_IN_FLIGHT, MAX_OF_GATEWAY, PARALLELISM,
    api::{Actor, Key, has_ended},
    attempt::{is_deleting, uid},
    pods::{address_of, dialled_node, told_address},
    world::{Shape, World},
};
use crate::{
    api::SelectedDevice,
    device::Footprint,
    flashjob::{
        observe::objects::{AttemptKey, Identity},
        spec::job::Job,
        verdict::Outcome,
    },
    identifiers::JobUid,
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND},
};

/// What became of one Pod.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each may be so without the others"
)]
pub struct Flash {
    pub who: Identity,
    pub key: Key,
    pub ran: bool,
    pub result: Option<Outcome>,
    /// The device has the firmware.
    pub taken: bool,
    /// Its end was read, or the API server said that it is gone.
    pub read: bool,
    /// A person took its Pod away before its end could be read.
    pub stripped: bool,
    pub log: String,
}

/// An object of the operator's, by its uid.
#[derive(Clone, Debug)]
pub struct Own {
    pub who: Identity,
    pub key: Key,
}

/// What the laws remember.
#[derive(Debug, Default)]
pub struct Laws {
    shape: Shape,
    /// By Pod uid.
    pub flashes: BTreeMap<String, Flash>,
    pub jobs: BTreeMap<JobUid, Arc<Job>>,
    /// What the operator made, by uid, whatever became of its labels.
    pub own: BTreeMap<String, Own>,
    /// uids of what a hostile writer made.
    pub forged: BTreeSet<String>,
    /// Attempts that were recorded.
    pub begun: BTreeSet<AttemptKey>,
    /// Slices of selections by job uid, round and first index.
    pub slices: BTreeMap<(JobUid, i64, usize), Vec<SelectedDevice>>,
    /// uids of Pods whose node is gone.
    pub dead: BTreeSet<String>,
    /// What the device of an attempt shared when it was recorded.
    pub shared: BTreeMap<AttemptKey, Footprint>,
    /// Attempts of which a stored status has said that their device is read back: their record is no more than a lock.
    pub read_back: BTreeSet<AttemptKey>,
    /// Versions of the devices that have taken a firmware, by endpoint.
    pub versions: BTreeMap<String, String>,
    /// Devices that were flashed, by endpoint, and when Akri finds them again.
    pub away: BTreeMap<String, Instant>,
    /// The process that leads, as far as the API server can know: it has listed FlashJobs while it held the Lease.
    pub leader: Option<Actor>,
    /// Who wrote the Lease last.
    pub holder: Option<Actor>,
}

impl Laws {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            ..Self::default()
        }
    }

    /// The selection of a round, from all its slices.
    pub fn selection(&self, uid: &JobUid, round: i64) -> Vec<SelectedDevice> {
        let from = (uid.clone(), round, 0);
        let of_round = self
            .slices
            .range(from..)
            .take_while(|((owner, number, _), _)| owner == uid && *number == round);
        of_round.flat_map(|(_, devices)| devices.clone()).collect()
    }

    fn index_of(&self, who: &Identity) -> Option<usize> {
        let selection = self.selection(&who.key.job_uid, who.round);
        selection.iter().position(|device| device.uuid == who.uuid)
    }

    /// The job, if it is there and still in the round of this attempt.
    fn job_in_round(&self, who: &Identity) -> Option<&Job> {
        let job = self.jobs.get(&who.key.job_uid)?;
        let round = job.status.round.as_ref()?;
        (round.number == who.round).then_some(job)
    }

    /// Flashes of the same job in the same round.
    fn flashes_of_round(&self, who: &Identity) -> impl Iterator<Item = &Flash> {
        self.flashes.values().filter(move |flash| {
            let other = &flash.who;
            (&other.key.job_uid, other.round) == (&who.key.job_uid, who.round)
        })
    }

    /// Whether a device may be seen to be as it was before a flash of which nobody knows how it ended.
    fn came_back_untouched(&self, flash: &Flash) -> bool {
        let unread = flash.stripped || flash.result != Some(Outcome::Succeeded);
        self.shape.verified && !flash.taken && unread
    }
}

impl World {
    /// The operator's own objects of a kind that exist. One whose labels somebody took away is the operator's only as long as it
    /// remembers its uid; a Pod is found by the name that its record gives.
    pub fn own(&self, plural: &'static str) -> impl Iterator<Item = (&Own, &Arc<Value>)> {
        let own = self.laws.own.iter();
        own.filter(move |(_, own)| own.key.plural == plural)
            .filter_map(move |(own_uid, own)| {
                let object = self.api.objects.get(&own.key)?;
                let found = plural == "pods" || is_labelled(object);
                (found && uid(object) == own_uid).then_some((own, object))
            })
    }

    /// The operator's own Pods that have not ended.
    pub fn live_pods(&self) -> impl Iterator<Item = (&Own, &Arc<Value>)> {
        self.own("pods").filter(|(_, pod)| !has_ended(pod))
    }

    /// No device has two live Pods, no limit is exceeded, no device is flashed twice in a round.
    pub fn check(&mut self) {
        let broken = self
            .two_at_once()
            .or_else(|| self.too_many_slots())
            .or_else(|| self.crowded())
            .or_else(|| self.flashed_too_often())
            .or_else(|| self.address_lost());
        if let Some(what) = broken {
            self.broken(|| what);
        }
    }

    fn two_at_once(&self) -> Option<String> {
        let mut live: BTreeMap<&Option<String>, &str> = BTreeMap::new();
        for (own, _) in self.live_pods() {
            let (endpoint, name) = (&own.who.endpoint, own.key.name.as_str());
            if let Some(other) = live.insert(endpoint, name) {
                return Some(format!(
                    "{endpoint:?} has two live Pods, {other} and {name}"
                ));
            }
        }
        None
    }

    /// Attempts that hold a slot as the cluster has it.
    fn slots(&self) -> BTreeSet<&AttemptKey> {
        let records = self
            .own("secrets")
            .filter(|(_, record)| !is_failed(record))
            .map(|(own, _)| &own.who.key)
            .filter(|key| !self.laws.read_back.contains(key));
        let pods = self.own("pods").map(|(own, _)| &own.who.key);
        let services = self.own("services").map(|(own, _)| &own.who.key);
        records.chain(pods).chain(services).collect()
    }

    fn too_many_slots(&self) -> Option<String> {
        let mut slots: BTreeMap<&str, usize> = BTreeMap::new();
        for key in self.slots() {
            *slots.entry(key.job_uid.as_str()).or_default() += 1;
        }
        let exceeded = slots.values().any(|used| *used > PARALLELISM)
            || slots.values().sum::<usize>() > MAX_IN_FLIGHT;
        exceeded.then(|| format!("more slots are in use than there are: {slots:?}"))
    }

    /// A gateway with more devices in flight than its limit allows, by what they shared when they were recorded.
    fn crowded(&self) -> Option<String> {
        let mut behind: BTreeMap<&str, usize> = BTreeMap::new();
        let slots = self.slots().into_iter();
        for shared in slots.filter_map(|key| self.laws.shared.get(key)) {
            for gateway in shared.properties.get(GATEWAY).into_iter().flatten() {
                *behind.entry(gateway).or_default() += 1;
            }
        }
        let over = behind.values().any(|many| *many > MAX_OF_GATEWAY);
        let exceeded = self.shape.limited && over;
        exceeded.then(|| {
            let slots = self.slots();
            format!("a gateway has more devices in flight than its limit: {behind:?}, {slots:?}")
        })
    }

    fn flashed_too_often(&self) -> Option<String> {
        let mut ran: BTreeMap<(&str, i64, &str), usize> = BTreeMap::new();
        for flash in self.laws.flashes.values().filter(|flash| flash.ran) {
            let who = &flash.who;
            let device = (who.key.job_uid.as_str(), who.round, who.uuid.as_str());
            *ran.entry(device).or_default() += 1;
        }
        let allowed = 1 + self.shape.retries;
        let (device, times) = ran.iter().find(|(_, times)| **times > allowed)?;
        Some(format!(
            "{device:?} was flashed {times} times in a round, allowed are {allowed}"
        ))
    }

    /// The address that the device of a live Pod was told is its Service's, and the device of no other live Pod was told it.
    fn address_lost(&self) -> Option<String> {
        let mut told: BTreeMap<String, &str> = BTreeMap::new();
        for (own, pod) in self.live_pods() {
            if self.laws.dead.contains(uid(pod)) {
                continue;
            }
            let name = own.key.name.as_str();
            if self.shape.on_node {
                let Some(node) = dialled_node(pod) else {
                    return Some(format!("{name} does not have its port on its node"));
                };
                if let Some(other) = told.insert(node.clone(), name) {
                    return Some(format!("{other} and {name} live and were told {node}"));
                }
                continue;
            }
            let Some(address) = told_address(pod) else {
                return Some(format!("{name} was created without an address"));
            };
            let services = self.services_of(&own.key);
            let service = services
                .iter()
                .find(|service| address_of(service).as_ref() == Some(&address));
            let service = service.or(services.first()).copied();
            if self.shape.pooled && !service.is_some_and(|service| admits_alone(service, own)) {
                return Some(format!("{name} lives and its Service admits others"));
            }
            let has = service.and_then(address_of);
            if has.as_ref() != Some(&address) {
                return Some(format!(
                    "{name} lives and was told {address}, its Service has {has:?}"
                ));
            }
            if let Some(other) = told.insert(address.clone(), name) {
                return Some(format!("{other} and {name} live and were told {address}"));
            }
        }
        None
    }

    /// What of a job keeps its finalizer on: a Service that is being deleted does not.
    pub fn left_of(&self, job_uid: &JobUid) -> Vec<String> {
        let tracked = |object: &Value| {
            super::attempt::has_finalizer(object, crate::names::TRACKING_FINALIZER)
        };
        let stays = self
            .own("services")
            .filter(|(_, service)| !is_deleting(service) || tracked(service));
        let all = self.own("secrets").chain(self.own("pods")).chain(stays);
        let of_job = all.filter(|(own, _)| own.who.key.job_uid == *job_uid);
        of_job.map(|(own, _)| own.key.name.clone()).collect()
    }
}

/// Whether a Service admits the device of its Pod and nobody else.
fn admits_alone(service: &Value, own: &Own) -> bool {
    let endpoint = own.who.endpoint.as_deref().unwrap_or_default();
    let address = endpoint.split(':').next().unwrap_or_default();
    service["spec"]["loadBalancerSourceRanges"] == json!([format!("{address}/32")])
}

/// Whether an object bears the labels by which the operator finds it.
pub fn is_labelled(object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let mut all = [LABEL_JOB_UID, LABEL_ATTEMPT, LABEL_ROUND].into_iter();
    all.all(|label| !labels[label].is_null())
}

/// Whether a release record says that its release failed.
pub fn is_failed(record: &Value) -> bool {
    record["metadata"]["labels"]["status"] == "failed"
}
