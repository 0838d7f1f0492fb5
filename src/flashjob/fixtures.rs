//! Values that the tests of this room begin with. Tests change what they are about.

mod scene;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::verdict::{Outcome, Verdict};
use crate::flashjob::{
    observe::{
        bounds::Bounds,
        ledger::{Attempt, Ledger},
        memory::{Found, ValuesOf, ValuesTrial, Waiting},
        objects::{
            Address, AttemptKey, ContainerSight, Identity, ObservedObject, ObservedPod,
            ObservedRecord, ObservedService,
        },
    },
    spec::job::Job,
};
use crate::{
    api::{Effective, EngineName, FlashClassRef, FlashJobStatus, Instance, Reason, Refusal},
    flash_pod::intent::{FrozenDevice, Intent, JobRef, Record, Stored, attempt_id},
    flashclass::{Class, Classes, OperatorDefaults, Terms},
    identifiers::Uuid,
    names::{FINALIZER, TRACKING_FINALIZER},
};
use helm_chart::{Chart, Metadata};
use helm_release::{ApplyMethod, Info, Status};

pub use self::scene::Scene;

/// uid of the job that fixtures are about.
pub const JOB: &str = "job-1";

/// A trial of values that ended with this refusal.
pub fn refused_trial(refusal: Refusal) -> ValuesTrial {
    let of = ValuesOf {
        generation: 1,
        chart: 1,
    };
    ValuesTrial::refused(of, refusal)
}

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
pub fn uuid(index: usize) -> Uuid {
    format!("uuid-{index}").into()
}

/// Normalised endpoint of the device at an index.
pub fn endpoint(index: usize) -> String {
    format!("192.0.2.{}:{}", index % 250 + 1, 80 + index / 250)
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

pub fn sight(identity: &Identity, name: &str, version: u64, created: Timestamp) -> ObservedObject {
    let uid = format!("{name}/{version}");
    ObservedObject {
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
pub fn pod(identity: &Identity) -> ObservedPod {
    let name = format!("flash-{}-{}", identity.uuid, identity.key.id);
    ObservedPod {
        sight: sight(identity, &name, 3, at(0)),
        phase: "Pending".into(),
        reason: None,
        message: None,
        node: Some("node-a".into()),
        started: None,
        finished: None,
        active_deadline_seconds: 600,
        finalizers: vec![TRACKING_FINALIZER.into()],
        address: Some("198.51.100.7".into()),
        container: ContainerSight::Waiting {
            reason: None,
            message: None,
        },
    }
}

pub fn running(identity: &Identity) -> ObservedPod {
    ObservedPod {
        phase: "Running".into(),
        started: Some(at(0)),
        container: ContainerSight::Running,
        ..pod(identity)
    }
}

pub fn ended(identity: &Identity) -> ObservedPod {
    let container = ContainerSight::Terminated {
        exit_code: 0,
        reason: Some("Completed".into()),
    };
    ObservedPod {
        phase: "Succeeded".into(),
        container,
        ..running(identity)
    }
}

pub fn service(identity: &Identity, address: Address) -> ObservedService {
    let name = format!("flash-{}-{}", identity.uuid, identity.key.id);
    ObservedService {
        sight: sight(identity, &name, 2, at(0)),
        address,
        restricted: true,
        finalizers: vec![TRACKING_FINALIZER.into()],
    }
}

pub fn address() -> Address {
    Address::Ipv4("198.51.100.7".into())
}

pub fn record(identity: &Identity, status: Status, has_pod: bool) -> ObservedRecord {
    let name = format!("sh.helm.release.v1.flash-{}.v1", identity.uuid);
    ObservedRecord {
        sight: sight(identity, &name, 1, at(0)),
        revision: 1,
        status,
        has_pod,
        foreign: false,
        by_helm: false,
        settled: None,
        stored: None,
        history: None,
        chart_proven: false,
    }
}

fn chart() -> Chart {
    Chart {
        metadata: Metadata {
            name: "flash-pod".into(),
            version: "0.1.0".into(),
            api_version: "v2".into(),
            app_version: None,
            kube_version: None,
            raw: json!({}),
        },
        values: json!({}).into(),
        schema: None,
        templates: Arc::default(),
        files: Arc::default(),
    }
}

/// A record that says which attempt at its device it is of.
pub fn numbered(identity: &Identity, attempt: u32, status: Status) -> ObservedRecord {
    let known = record(identity, status, true);
    let (job_uid, nonce) = (&identity.key.job_uid, "nonce");
    let stored = Stored {
        record: Record {
            name: format!("flash-{}", identity.uuid),
            namespace: identity.namespace.clone(),
            version: attempt,
            apply_method: ApplyMethod::ServerSide,
            config: json!({}),
            manifest: String::new(),
            info: Info {
                status,
                ..Info::default()
            },
            chart: chart(),
            hooks: Vec::new(),
            attachment: Some(Intent {
                job: JobRef {
                    name: "lamps".into(),
                    namespace: identity.namespace.clone(),
                    uid: job_uid.clone(),
                },
                round: 1,
                attempt,
                nonce: nonce.into(),
                attempt_id: attempt_id(job_uid, 1, attempt, nonce),
                index: 0,
                firmware: "registry/esp32:1".into(),
                version: "0.2.0".into(),
                device: FrozenDevice::default(),
                pool_service: None,
                seal: None,
            }),
        },
        labels: BTreeMap::new(),
        uid: known.sight.uid.clone(),
        resource_version: "1".into(),
        created_at: None,
        modified_at: None,
        deleting: false,
    };
    let mut sight = known.sight;
    sight.uid = format!("{}/{attempt}", sight.uid);
    ObservedRecord {
        sight,
        revision: attempt,
        settled: (status == Status::Failed).then_some(attempt),
        stored: Some(Arc::new(stored)),
        chart_proven: true,
        ..known
    }
}

/// A record whose attempt leases this Service of a pool.
pub fn leasing(identity: &Identity, service: &str) -> ObservedRecord {
    let mut record = numbered(identity, 1, Status::PendingInstall);
    let mut stored = record.stored.as_deref().cloned().unwrap();
    let intent = stored.record.attachment.as_mut().unwrap();
    intent.pool_service = Some(service.to_owned());
    record.stored = Some(Arc::new(stored));
    record
}

/// An attempt of which these objects exist.
pub fn attempt(
    record: Option<ObservedRecord>,
    service: Option<ObservedService>,
    pod: Option<ObservedPod>,
) -> Attempt {
    let mut ledger = Ledger::default();
    let who = identity(0, "a");
    ledger.begin_action(&who);
    take_in(&mut ledger, record, service, pod);
    let mut attempt = ledger.attempt(&who.key).unwrap().clone();
    attempt.acting = false;
    attempt
}

pub fn take_in(
    ledger: &mut Ledger,
    record: Option<ObservedRecord>,
    service: Option<ObservedService>,
    pod: Option<ObservedPod>,
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

/// A device that waits for this reason until 500.
pub fn waiting(reason: Reason) -> Waiting {
    Waiting {
        reason,
        message: "m".into(),
        until: at(500),
        tries: 1,
    }
}

/// What the native engine's operator says.
pub fn operator_defaults() -> OperatorDefaults {
    OperatorDefaults {
        engine: EngineName::Native.into(),
        chart_allow: Vec::new(),
        address_timeout_seconds: BOUNDS.address_seconds,
    }
}

/// What holds of a job that no class says anything about, and the class that it began with: none.
pub fn effective_of(job: &Job) -> (Effective, Option<FlashClassRef>) {
    let fallback = crate::api::FlashJobSpec::default();
    let spec = job.spec.as_ref().unwrap_or(&fallback);
    let effective = Terms::default().effective(spec, &operator_defaults());
    (effective, None)
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
    let uuids: Vec<Uuid> = (0..devices).map(uuid).collect();
    json!({"uuid": uuids, "firmware": "registry/esp32:1", "version": "0.2.0", "verification": {"mode": "None"}})
}

pub fn job_of(spec: &Value, status: Option<&FlashJobStatus>) -> Job {
    let guard: crate::api::Guarded<crate::api::FlashJob> = serde_json::from_value(json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {
            "name": "lamps", "namespace": "lab", "uid": JOB, "resourceVersion": "10", "generation": 1, "finalizers": [FINALIZER],
        },
        "spec": spec, "status": status,
    }))
    .unwrap();
    Job::parse(&guard).unwrap()
}
