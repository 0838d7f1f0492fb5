//! What the simulation knows: the devices, who they are at the moment, and every flash so far. Writes nothing.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt};
use serde::Serialize;
use tokio::{sync::Semaphore, task::AbortHandle};

use super::{
    akri::Instance,
    device::{Device, Outcome},
    load_balancer::Pool,
    params::Params,
    reach::Reach,
};

/// Writes to the API server at the same time.
const WRITES: usize = 32;

/// A value behind a lock that a panic elsewhere does not spoil.
#[derive(Debug, Default)]
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    /// Locks it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A device as it is known at the moment.
#[derive(Debug, Clone)]
pub struct Known {
    /// What stays the same.
    pub device: Device,
    /// Uid that it had first.
    pub first_uid: String,
    /// Uid of its Instance.
    pub uid: String,
    /// Name of its Instance.
    pub name: String,
    /// Version that it reports.
    pub version: String,
    /// How often it was discovered again.
    pub discovered: u32,
    /// Flashes that came to their end.
    pub flashes: u32,
}

/// What is to be expected of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Uid of its first Instance.
    pub uuid: String,
    /// `HOST_ENDPOINT`.
    pub endpoint: String,
    /// Its fate.
    pub outcome: Outcome,
    /// Verdict on its transfer that an operator has to reach: `Succeeded`, `Failed`, or none.
    pub verdict: Option<&'static str>,
    /// Version that it reports now.
    pub version: String,
    /// Flashes that came to their end so far.
    pub flashes: u32,
}

/// One flash of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flash {
    /// `HOST_ENDPOINT` of the device.
    pub endpoint: String,
    /// The flash pod.
    pub pod: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub pod_uid: String,
    /// Firmware that it carries.
    pub firmware: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; none while it runs.
    pub end: Option<Timestamp>,
    /// How it ended; none while it runs, and when its pod was ended before the device was done.
    pub outcome: Option<Outcome>,
    /// Whether another flash of this device was under way when it began: this corrupts a device.
    pub overlapped: bool,
}

/// What the simulation knows, and the means of its parts.
pub struct World {
    /// The API server.
    pub client: Client,
    /// What the fleet is like.
    pub params: Params,
    /// Directory of the pods' logs.
    pub log_directory: PathBuf,
    /// Bounds the writes under way.
    pub writes: Semaphore,
    /// Addresses for Services.
    pub pool: Shared<Pool>,
    /// Uids of the Services that wait for their address or were given one.
    pub serving: Shared<HashSet<String>>,
    /// Which Services lead to which pods.
    pub reach: Reach,
    /// Every flash so far.
    pub journal: Shared<Vec<Flash>>,
    devices: Shared<HashMap<String, Known>>,
    order: Vec<String>,
    uids: Shared<HashMap<String, String>>,
    tasks: Shared<HashMap<String, Option<AbortHandle>>>,
}

impl World {
    /// A world of these devices.
    pub fn new(
        client: Client,
        params: Params,
        log_directory: PathBuf,
        found: Vec<(Device, Instance)>,
    ) -> Self {
        let order = found
            .iter()
            .map(|(device, _)| device.endpoint.clone())
            .collect();
        let mut devices = HashMap::new();
        let mut uids = HashMap::new();
        for (device, instance) in found {
            let (endpoint, uid) = (device.endpoint.clone(), instance.uid().unwrap_or_default());
            uids.insert(uid.clone(), endpoint.clone());
            let version = instance
                .spec
                .broker_properties
                .get("VERSION")
                .cloned()
                .unwrap_or_default();
            let known = Known {
                device,
                first_uid: uid.clone(),
                uid,
                name: instance.name_any(),
                version,
                discovered: 0,
                flashes: 0,
            };
            devices.insert(endpoint, known);
        }
        let pool = Shared(Mutex::new(Pool::new(params.addresses)));
        Self {
            client,
            params,
            log_directory,
            writes: Semaphore::new(WRITES),
            pool,
            serving: Shared::default(),
            reach: Reach::default(),
            journal: Shared::default(),
            devices: Shared(Mutex::new(devices)),
            order,
            uids: Shared(Mutex::new(uids)),
            tasks: Shared::default(),
        }
    }

    /// The devices, in the order of their endpoints.
    pub fn reports(&self) -> Vec<Report> {
        let devices = self.devices.lock();
        let report = |endpoint: &String| {
            let known = &devices[endpoint];
            Report {
                uuid: known.first_uid.clone(),
                endpoint: endpoint.clone(),
                outcome: known.device.outcome,
                verdict: known.device.outcome.verdict(),
                version: known.version.clone(),
                flashes: known.flashes,
            }
        };
        self.order.iter().map(report).collect()
    }

    /// A device by its endpoint.
    pub fn known(&self, endpoint: &str) -> Option<Known> {
        self.devices.lock().get(endpoint).cloned()
    }

    /// The next outcome of the device that has, or had, that uid.
    pub fn outcome_of(&self, uid: &str) -> Option<Outcome> {
        let endpoint = self.uids.lock().get(uid).cloned()?;
        self.next_outcome(&endpoint)
    }

    fn next_outcome(&self, endpoint: &str) -> Option<Outcome> {
        let devices = self.devices.lock();
        let known = devices.get(endpoint)?;
        Some(
            known
                .device
                .outcome_after(known.flashes, self.params.healed_after),
        )
    }

    /// A flash begins, once per pod: its outcome, or none when the pod is known or the device is not one of this fleet.
    pub fn begin(&self, pod_uid: &str, endpoint: &str, pod: &Pod) -> Option<Outcome> {
        let outcome = self.next_outcome(endpoint)?;
        {
            let mut tasks = self.tasks.lock();
            // The task that plays it stays known: a pod that is being deleted is seen running again.
            if tasks.contains_key(pod_uid) {
                return None;
            }
            tasks.insert(pod_uid.to_owned(), None);
        }
        let mut journal = self.journal.lock();
        let overlapped = journal
            .iter()
            .any(|flash| flash.endpoint == endpoint && flash.end.is_none());
        let firmware = pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|c| c.env.iter().flatten());
        let firmware = firmware
            .filter(|env| env.name == "FIRMWARE")
            .find_map(|env| env.value.clone());
        journal.push(Flash {
            endpoint: endpoint.to_owned(),
            pod: pod.name_any(),
            namespace: pod.namespace().unwrap_or_default(),
            pod_uid: pod_uid.to_owned(),
            firmware: firmware.unwrap_or_default(),
            start: Timestamp::now(),
            end: None,
            outcome: None,
            overlapped,
        });
        Some(outcome)
    }

    /// Remembers who plays a pod.
    pub fn follow(&self, pod_uid: &str, task: AbortHandle) {
        if let Some(slot) = self.tasks.lock().get_mut(pod_uid) {
            *slot = Some(task);
        }
    }

    /// A flash came to its end.
    pub fn ended(&self, pod_uid: &str, outcome: Outcome) {
        let mut journal = self.journal.lock();
        let Some(flash) = journal.iter_mut().find(|flash| flash.pod_uid == pod_uid) else {
            return;
        };
        (flash.end, flash.outcome) = (Some(Timestamp::now()), Some(outcome));
        if let Some(known) = self.devices.lock().get_mut(&flash.endpoint) {
            known.flashes += 1;
        }
    }

    /// A pod has ended or is gone: what it did, if it is still at it, is over. A pod that ended is never begun again.
    pub fn interrupted(&self, pod_uid: &str) {
        let mut tasks = self.tasks.lock();
        // A pod seen for the first time when it had ended is none of this fleet's business either.
        let task = tasks.insert(pod_uid.to_owned(), None).flatten();
        drop(tasks);
        let mut journal = self.journal.lock();
        let running = journal
            .iter_mut()
            .find(|flash| flash.pod_uid == pod_uid && flash.end.is_none());
        let Some(flash) = running else { return };
        flash.end = Some(Timestamp::now());
        if let Some(known) = self.devices.lock().get_mut(&flash.endpoint) {
            known.flashes += 1;
        }
        if let Some(task) = task {
            task.abort();
        }
    }

    /// A device was discovered again.
    pub fn discovered(&self, endpoint: &str, instance: &Instance, times: u32, version: &str) {
        let uid = instance.uid().unwrap_or_default();
        self.uids.lock().insert(uid.clone(), endpoint.to_owned());
        if let Some(known) = self.devices.lock().get_mut(endpoint) {
            known.uid = uid;
            known.name = instance.name_any();
            version.clone_into(&mut known.version);
            known.discovered = times;
        }
    }
}
