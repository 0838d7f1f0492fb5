//! What the bare client writes for a device: the very objects that the operator would write, made before the clock runs.

use std::collections::BTreeMap;

use flashjob_operator::{
    api::{FlashJob, Guarded, Instance, Round},
    device::Inventory,
    flash_pod::intent::Record,
    flashjob::{
        blueprint::{AttemptOf, Blueprint, FlashPod, Parts},
        spec::job::Job,
    },
    identifiers::Uuid,
};
use helm_release::{ApplyMethod, Info, Stamp, Status, secret};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use super::{chart::flash_pod, jobs};
use testbed::{Fleet, Space, job::job};

/// The writes of one device.
pub struct Device {
    /// 1.
    pub pending: Secret,
    /// 2.
    pub service: Value,
    /// 4.
    pub pod: Pod,
    /// 5.
    pub deployed: Secret,
}

/// A device as the operator would flash it.
pub struct Drawn {
    /// Its release and its values.
    pub blueprint: Blueprint,
    /// Its objects, the Pod among them.
    pub parts: Parts,
    /// The release record, before the Pod.
    pub pending: Record,
    /// The release record, with the Pod.
    pub deployed: Record,
}

/// The writes of all devices.
pub async fn devices(space: &Space, fleet: &Fleet) -> Vec<Device> {
    let drawn = drawn(space, fleet).await;
    drawn.into_iter().map(device_of).collect()
}

fn device_of(drawn: Drawn) -> Device {
    let (labels, now) = (BTreeMap::new(), Timestamp::now());
    Device {
        pending: secret(&drawn.pending, &labels, Stamp::Created(now)).unwrap(),
        service: drawn.parts.others[0].clone(),
        pod: serde_json::from_value(drawn.parts.pod.unwrap()).unwrap(),
        deployed: secret(&drawn.deployed, &labels, Stamp::Modified(now)).unwrap(),
    }
}

/// All devices, for a `FlashJob` that exists and is suspended: it owns the objects, and nobody works on it.
pub async fn drawn(space: &Space, fleet: &Fleet) -> Vec<Drawn> {
    let owner = job("raw", &fleet.uuids()[..1], &json!({"suspend": true}));
    let owner = jobs::create(space, owner).await;
    let guard: Guarded<FlashJob> =
        serde_json::from_value(serde_json::to_value(&owner).unwrap()).unwrap();
    let job = Job::parse(&guard).unwrap();
    let round = job.wanted_round(1).unwrap();
    let flash_pod = flash_pod();
    let api: Api<Instance> = Api::namespaced(space.client.clone(), &space.name);
    let mut inventory = Inventory::default();
    for instance in api.list(&ListParams::default()).await.unwrap() {
        inventory.apply(&instance);
    }
    let uuids: Vec<Uuid> = fleet.uuids().into_iter().map(Uuid::from).collect();
    let make = |(index, uuid): (usize, &Uuid)| {
        let device = inventory.by_uuid(uuid).unwrap().as_ref().unwrap();
        let attempt = AttemptOf {
            index,
            uuid,
            device,
            shared: None,
            number: 1,
            nonce: uuid.as_str(),
        };
        draw(&flash_pod, &job, &round, &attempt)
    };
    uuids.iter().enumerate().map(make).collect()
}

fn draw(flash_pod: &FlashPod, job: &Job, round: &Round, attempt: &AttemptOf<'_>) -> Drawn {
    let blueprint = flash_pod.blueprint(job, round, attempt).unwrap();
    // Which address it is makes no difference to what a write costs.
    let [before, after] = [None, Some("192.0.2.1")].map(|address| {
        let Blueprint {
            release,
            intent,
            merged,
            ..
        } = &blueprint;
        flash_pod
            .objects(intent, release, 1, &merged.overrides, address)
            .unwrap()
    });
    let parts = Parts::of(&after, &blueprint.release, &job.namespace);
    let without = Parts::of(&before, &blueprint.release, &job.namespace).manifest_without_pod;
    let now = Timestamp::now();
    let record = |status, manifest| Record {
        name: blueprint.release.clone(),
        namespace: job.namespace.clone(),
        version: 1,
        apply_method: ApplyMethod::ServerSide,
        config: blueprint.merged.overrides.clone(),
        manifest,
        info: Info {
            first_deployed: Some(now),
            last_deployed: Some(now),
            deleted: None,
            status,
            description: "flashing".into(),
            notes: String::new(),
        },
        chart: flash_pod.chart_for(&round.version),
        hooks: Vec::new(),
        attachment: Some(blueprint.intent.clone()),
    };
    let pending = record(Status::PendingInstall, without);
    let deployed = record(Status::Deployed, after.manifest.clone());
    Drawn {
        blueprint,
        parts,
        pending,
        deployed,
    }
}
