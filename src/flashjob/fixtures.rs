//! Values that the tests of this room begin with. Tests change what they are about.

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::{
    attempts::Bounds,
    job::Job,
    ledger::{Attempt, Ledger},
    limits::line::Line,
    memory::{Found, Memory},
    plan::{self, Derived, Observed, Plan, World},
    roster::Roster,
    sight::{
        Address, AttemptKey, ContainerSight, Identity, PodSight, RecordSight, ServiceSight, Sight,
    },
    status,
    verdict::{Outcome, Verdict},
};
use crate::{
    api::{Effective, FlashClassRef, FlashJobStatus, Instance, Reason},
    device::{self, Inventory},
    flashclass::{Class, Classes, Terms},
    names::{ANNOTATION_DEFAULT_CLASS, FINALIZER, TRACKING_FINALIZER},
    release::Status,
};

/// uid of the job that fixtures are about.
pub const JOB: &str = "job-1";

/// Seconds after the epoch.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Bounds that differ from each other.
pub const BOUNDS: Bounds = Bounds {
    address_seconds: 120,
    start_seconds: 300,
    cool_down_seconds: 90,
    lost_seconds: 100,
    retry_seconds: 10,
    helm_seconds: 50,
};

/// UUID of the device at an index.
pub fn uuid(index: usize) -> String {
    format!("uuid-{index}")
}

/// Normalised endpoint of the device at an index.
pub fn endpoint(index: usize) -> String {
    format!("192.0.2.{}:80", index + 1)
}

pub fn identity(index: usize, id: &str) -> Identity {
    Identity {
        key: AttemptKey {
            job_uid: JOB.into(),
            id: id.into(),
        },
        job_name: Some("lamps".into()),
        namespace: "lab".into(),
        round: 1,
        uuid: uuid(index),
        endpoint: Some(endpoint(index)),
        footprint: None,
    }
}

pub fn sight(identity: &Identity, name: &str, version: u64, created: Timestamp) -> Sight {
    let uid = format!("{name}/{version}");
    Sight {
        identity: identity.clone(),
        name: name.into(),
        uid,
        version,
        created,
        deleting: None,
        watched: true,
    }
}

/// A Pod that the kubelet has not taken up yet.
pub fn pod(identity: &Identity) -> PodSight {
    let name = format!("flash-{}-{}", identity.uuid, identity.key.id);
    PodSight {
        sight: sight(identity, &name, 3, at(0)),
        phase: "Pending".into(),
        reason: None,
        message: None,
        node: Some("node-a".into()),
        started: None,
        finished: None,
        active_deadline_seconds: 600,
        finalizers: vec![TRACKING_FINALIZER.into()],
        container: ContainerSight::Waiting {
            reason: None,
            message: None,
        },
    }
}

pub fn running(identity: &Identity) -> PodSight {
    PodSight {
        phase: "Running".into(),
        started: Some(at(0)),
        container: ContainerSight::Running,
        ..pod(identity)
    }
}

pub fn ended(identity: &Identity) -> PodSight {
    let container = ContainerSight::Terminated {
        exit_code: 0,
        reason: Some("Completed".into()),
    };
    PodSight {
        phase: "Succeeded".into(),
        container,
        ..running(identity)
    }
}

pub fn service(identity: &Identity, address: Address) -> ServiceSight {
    let name = format!("flash-{}-{}", identity.uuid, identity.key.id);
    ServiceSight {
        sight: sight(identity, &name, 2, at(0)),
        address,
        restricted: true,
    }
}

pub fn address() -> Address {
    Address::Ipv4("198.51.100.7".into())
}

pub fn record(identity: &Identity, status: Status, has_pod: bool) -> RecordSight {
    let name = format!("sh.helm.release.v1.flash-{}.v1", identity.uuid);
    RecordSight {
        sight: sight(identity, &name, 1, at(0)),
        revision: 1,
        status,
        has_pod,
        foreign: false,
        by_helm: false,
        settled: None,
        stored: None,
    }
}

/// An attempt of which these objects exist.
pub fn attempt(
    record: Option<RecordSight>,
    service: Option<ServiceSight>,
    pod: Option<PodSight>,
) -> Attempt {
    let mut ledger = Ledger::default();
    let who = identity(0, "a");
    ledger.begin_step(&who);
    take_in(&mut ledger, record, service, pod);
    let mut attempt = ledger.attempt(&who.key).unwrap().clone();
    attempt.step = false;
    attempt
}

pub fn take_in(
    ledger: &mut Ledger,
    record: Option<RecordSight>,
    service: Option<ServiceSight>,
    pod: Option<PodSight>,
) {
    record.map(|record| ledger.see_record(record));
    service.map(|service| ledger.see_service(service));
    pod.map(|pod| ledger.see_pod(pod));
}

pub fn found(index: Option<usize>, outcome: Outcome, reason: Reason) -> Found {
    let verdict = Verdict {
        outcome,
        reason,
        message: "said so".into(),
        log_tail: String::new(),
    };
    Found {
        index,
        uuid: uuid(index.unwrap_or(0)),
        verdict,
        at: at(50),
    }
}

/// An Instance at the endpoint of an index.
pub fn instance(uid: &str, index: usize) -> Instance {
    instance_with(
        uid,
        &json!({"HOST_ENDPOINT": endpoint(index), "DEVICE": "esp32s3", "APPLICATION_TYPE": "lamp", "VERSION": "0.1.0"}),
    )
}

pub fn instance_with(uid: &str, properties: &Value) -> Instance {
    serde_json::from_value(json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {"name": format!("i-{uid}"), "namespace": "lab", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"configurationName": "lamps", "brokerProperties": properties, "nodes": ["node-a"]},
    }))
    .unwrap()
}

/// What holds of a job that no class says anything about, and the class that it began with: none.
pub fn effective_of(job: &Job) -> (Effective, Option<FlashClassRef>) {
    let fallback = crate::api::FlashJobSpec::default();
    let spec = job.spec.as_ref().unwrap_or(&fallback);
    let effective = Terms::default().effective(spec, "native", BOUNDS.address_seconds);
    (effective, None)
}

/// One class, the default one, that allows everything.
pub fn open_classes() -> Classes {
    classes(&[
        json!({"metadata": {"name": "default", "annotations": {ANNOTATION_DEFAULT_CLASS: "true"}}, "spec": {}}),
    ])
}

/// These classes; what the API server would set is set.
pub fn classes(objects: &[Value]) -> Classes {
    let mut classes = Classes::default();
    classes.installed = true;
    for object in objects {
        let mut object = object.clone();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(format!("class-{name}"));
        metadata["resourceVersion"] = json!("7");
        metadata["generation"] = json!(2);
        let guard = serde_json::from_value(object).unwrap();
        classes.see(Class::parse(&guard).unwrap());
    }
    classes
}

/// A spec that names this many devices; nothing is read back from them.
pub fn spec(devices: usize) -> Value {
    let uuids: Vec<String> = (0..devices).map(uuid).collect();
    json!({"uuid": uuids, "firmware": "registry/esp32:1", "version": "0.2.0", "verification": {"mode": "None"}})
}

pub fn job_of(spec: &Value, status: Option<&FlashJobStatus>) -> Job {
    let guard: DeserializeGuard<crate::api::FlashJob> = serde_json::from_value(json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "lamps", "namespace": "lab", "uid": JOB, "resourceVersion": "10", "generation": 1, "finalizers": [FINALIZER],
        },
        "spec": spec, "status": status,
    }))
    .unwrap();
    Job::parse(&guard).unwrap()
}

/// Everything that a plan is made from, for a job of some devices in its first round.
pub struct Scene {
    pub job: Job,
    pub roster: Option<Roster>,
    pub inventory: Inventory,
    pub ledger: Ledger,
    pub line: Line,
    pub memory: Memory,
    pub terms: Terms,
    pub world: World,
}

impl Scene {
    /// All devices are there and none has begun.
    pub fn new(devices: usize) -> Self {
        Self::of(&spec(devices))
    }

    /// As [`Scene::new`], with another spec.
    pub fn of(spec: &Value) -> Self {
        let fresh = job_of(spec, None);
        let mut inventory = Inventory::default();
        let uuids = fresh
            .spec
            .as_ref()
            .map(|spec| spec.uuid.clone())
            .unwrap_or_default();
        for (index, uid) in uuids.iter().enumerate() {
            inventory.apply(&instance(uid, index));
        }
        let roster = Roster::new(1, device::select(&uuids, &inventory));
        let status = status::open_round(&fresh, &roster, "hash", effective_of(&fresh), at(0));
        Self {
            job: job_of(spec, Some(&status)),
            roster: Some(roster),
            inventory,
            ledger: Ledger::default(),
            line: Line::default(),
            memory: Memory::default(),
            terms: Terms::default(),
            world: World {
                akri_installed: true,
                chart: None,
                max_in_flight: 100,
                engine: "native".into(),
                bounds: BOUNDS,
            },
        }
    }

    pub fn observed(&self) -> Observed<'_> {
        Observed {
            job: &self.job,
            roster: self.roster.as_ref(),
            inventory: &self.inventory,
            ledger: &self.ledger,
            line: &self.line,
            memory: &self.memory,
            terms: &self.terms,
            world: &self.world,
            derived: Derived::default(),
        }
    }

    pub fn plan(&self, second: i64) -> Plan {
        plan::plan(&self.observed(), at(second))
    }

    pub fn status(&self, second: i64) -> FlashJobStatus {
        status::compose(&self.observed(), &self.plan(second), at(second))
    }

    /// The stored status becomes this one.
    pub fn store(&mut self, status: FlashJobStatus) {
        let mut object = self.job.object.clone();
        object.status = Some(status);
        self.job = Job::of_answer(object).unwrap();
    }

    /// Changes the stored status.
    pub fn stored(&mut self, change: impl FnOnce(&mut FlashJobStatus)) {
        let mut status = self.job.status.clone();
        change(&mut status);
        self.store(status);
    }

    /// Changes the spec without a new status.
    pub fn edit(&mut self, change: impl FnOnce(&mut crate::api::FlashJobSpec)) {
        let mut object = self.job.object.clone();
        change(&mut object.spec);
        object.metadata.generation = object.metadata.generation.map(|generation| generation + 1);
        self.job = Job::of_answer(object).unwrap();
    }
}
