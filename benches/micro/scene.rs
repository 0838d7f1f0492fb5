//! A job of many devices in the midst of its round: what is stored, what is in flight, what waits.

use flashjob_operator::{
    api::{FlashJobStatus, Instance, Reason},
    device::{Device, Inventory, select},
    flashclass::{OperatorDefaults, Terms},
    flashjob::{
        blueprint::AttemptOf,
        observe::{
            Derived, Observed, World,
            bounds::Bounds,
            ledger::Ledger,
            memory::{Found, Memory},
            objects::{
                Address, AttemptKey, ContainerSight, Identity, ObservedObject, ObservedPod,
                ObservedRecord, ObservedService,
            },
            selection::Selection,
            wait_queue::Line,
            waits::Moment,
        },
        plan::{
            Plan, plan,
            select_devices::{Choice, selection_status},
        },
        spec::{intervals::Intervals, job::Job, stamps::Stamping},
        status,
        verdict::{Outcome, Verdict},
    },
    identifiers::Uuid,
    names::{FINALIZER, TRACKING_FINALIZER},
};
use helm_release::Status;
use jiff::Timestamp;
use serde_json::{Value, json};

/// uid of the job.
const JOB: &str = "6a4c1b7e-0c1f-4a57-9a39-8a6a3c0f6f10";

/// Everything that a plan is made from.
pub struct Scene {
    /// The job.
    pub job: Job,
    roster: Selection,
    inventory: Inventory,
    ledger: Ledger,
    line: Line,
    memory: Memory,
    terms: Terms,
    world: World,
}

/// When it is.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_700).unwrap()
}

fn uuid(index: usize) -> Uuid {
    format!("{index:08x}-5d37-4c3a-9a55-3f0a6a1c7b21").into()
}

fn endpoint(index: usize) -> String {
    format!("198.51.100.{}:{}", index % 254 + 1, 8000 + index / 254)
}

impl Scene {
    /// A job of that many devices, the first of which are done and the next in flight. Every n-th has failed, if `faults` is n.
    pub fn new(devices: usize, done: usize, in_flight: usize, faults: usize) -> Self {
        let mut inventory = Inventory::default();
        for index in 0..devices {
            inventory.apply(&instance(index));
        }
        let uuids: Vec<Uuid> = (0..devices).map(uuid).collect();
        let roster = Selection::new(1, select(&uuids, &inventory));
        let fresh = job(None);
        let terms = Terms::default();
        let spec = fresh.spec.as_ref().unwrap();
        let effective = terms.effective(spec, &OperatorDefaults::default());
        let mut status = status::open_round(&fresh, &roster, "", (effective, None), now());
        let choice = Choice {
            chosen: Intervals::parse(&format!("0-{}", devices - 1), devices).unwrap(),
            ..Choice::default()
        };
        status.selection = Some(selection_status(&fresh, roster.devices(), &choice));
        let mut scene = Self {
            job: job(Some(&status)),
            roster,
            inventory,
            ledger: Ledger::default(),
            line: Line::default(),
            memory: Memory::default(),
            terms,
            world: world(in_flight),
        };
        for index in 0..done {
            let found = found(index, faults > 0 && index % faults == 0);
            scene
                .memory
                .verdicts
                .insert(format!("{index:08x}").into(), found);
        }
        scene.store(&Plan::default());
        scene.memory = Memory::default();
        for index in done..(done + in_flight).min(devices) {
            scene.launch(index);
        }
        let plan = plan(&scene.observed(), now());
        scene.store(&plan);
        scene
    }

    /// What a plan is made from.
    pub fn observed(&self) -> Observed<'_> {
        Observed {
            job: &self.job,
            roster: Some(&self.roster),
            inventory: &self.inventory,
            ledger: &self.ledger,
            line: &self.line,
            memory: &self.memory,
            terms: &self.terms,
            world: &self.world,
            derived: Derived::default(),
        }
    }

    /// The first attempt at the first device.
    pub fn attempt(&self) -> AttemptOf<'_> {
        let selected = &self.roster.devices()[0];
        let device: &Device = self
            .inventory
            .by_uuid(&selected.uuid)
            .unwrap()
            .as_ref()
            .unwrap();
        AttemptOf {
            index: 0,
            uuid: &selected.uuid,
            device,
            shared: None,
            number: 1,
            nonce: "5f1d",
        }
    }

    fn store(&mut self, plan: &Plan) {
        let status = status::compose(&self.observed(), plan, now());
        self.job = job(Some(&status));
    }

    fn launch(&mut self, index: usize) {
        let identity = Identity {
            key: AttemptKey {
                job_uid: JOB.into(),
                id: format!("{index:08x}").into(),
            },
            job_name: Some("lamps".into()),
            namespace: "lab".into(),
            round: 1,
            uuid: uuid(index),
            endpoint: Some(endpoint(index)),
            footprint: None,
        };
        let release = format!("flash-{}", uuid(index));
        let object = format!("{release}-{index:08x}");
        self.ledger.see_record(ObservedRecord {
            sight: sight(&identity, format!("sh.helm.release.v1.{release}.v1")),
            revision: 1,
            status: Status::Deployed,
            has_pod: true,
            foreign: false,
            by_helm: false,
            settled: None,
            stored: None,
            history: None,
            chart_proven: false,
        });
        self.ledger.see_service(ObservedService {
            sight: sight(&identity, object.clone()),
            address: Address::Ipv4("192.0.2.1".into()),
            restricted: true,
            finalizers: vec![TRACKING_FINALIZER.into()],
        });
        self.ledger.see_pod(ObservedPod {
            sight: sight(&identity, format!("{object}-pod")),
            phase: "Running".into(),
            reason: None,
            message: None,
            node: Some("node-a".into()),
            started: Some(now()),
            finished: None,
            active_deadline_seconds: 600,
            finalizers: vec![TRACKING_FINALIZER.into()],
            address: Some("192.0.2.1".into()),
            container: ContainerSight::Running,
        });
    }
}

fn sight(identity: &Identity, name: String) -> ObservedObject {
    ObservedObject {
        identity: identity.clone(),
        uid: format!("uid of {name}"),
        name,
        version: 7,
        created: now(),
        deleting: None,
        watched: true,
    }
}

fn found(index: usize, failed: bool) -> Found {
    let (outcome, reason, message) = if failed {
        let message = "the device refused the attestation; see its log";
        (Outcome::Failed, Reason::AttestationRefused, message)
    } else {
        (Outcome::Succeeded, Reason::FirmwareSent, "")
    };
    Found {
        index: Some(index),
        uuid: uuid(index),
        verdict: Verdict {
            outcome,
            reason,
            message: message.into(),
            log_tail: String::new(),
        },
        at: now(),
    }
}

fn instance(index: usize) -> Instance {
    let properties = json!({
        "HOST_ENDPOINT": endpoint(index), "DEVICE": "esp32s3", "APPLICATION_TYPE": "fmnist", "VERSION": "0.1.0",
    });
    let object: Value = json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {
            "name": format!("lamps-{index}"), "namespace": "lab", "uid": uuid(index),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"configurationName": "lamps", "brokerProperties": properties, "nodes": ["node-a"]},
    });
    serde_json::from_value(object).unwrap()
}

fn job(status: Option<&FlashJobStatus>) -> Job {
    let guard = serde_json::from_value(json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "lamps", "namespace": "lab", "uid": JOB, "resourceVersion": "10", "generation": 1,
            "finalizers": [FINALIZER],
        },
        "spec": {
            "deviceSelector": {"configurations": ["lamps"]}, "firmware": "registry.example.com/esp32:2", "version": "0.2.0",
            "parallelism": 100, "verification": {"mode": "None"},
        },
        "status": status,
    }));
    Job::parse(&guard.unwrap()).unwrap()
}

fn world(in_flight: usize) -> World {
    World {
        akri_installed: true,
        stamping: Stamping::NotAsked,
        chart: None,
        max_in_flight: in_flight,
        operator: OperatorDefaults::default(),
        bounds: Bounds {
            address_seconds: 120,
            start_seconds: 300,
            cool_down_seconds: 90,
            lost_seconds: 100,
            helm_seconds: 150,
            retry_seconds: 10,
        },
        steady: Moment::new(std::time::Duration::from_secs(1_000)),
    }
}
