//! What an attempt knows about itself: the write-ahead intent, the facts for the values of a device, and the values that are the
//! operator's own. Pure.
//!
//! Called by `blueprint`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::AttemptOf;
use crate::{
    api::Round,
    device::{self, Endpoint, Footprint},
    flash_pod::{
        device_values::{DeviceContext, DeviceFacts, JobFacts, ReleaseFacts},
        intent::{FrozenDevice, InstanceRef, Intent, JobRef, attempt_id},
    },
    flashjob::spec::job::Job,
    identifiers::AttemptId,
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_JOB, GROUP, LABEL_JOB_UID, LABEL_ROUND, TRACKING_FINALIZER,
        VERSION,
    },
};

/// Longest label value.
const MAX_LABEL: usize = 63;

/// `firmware` is what Pods pull where the digest of the round's firmware is known.
pub(super) fn intent(
    job: &Job,
    round: &Round,
    firmware: Option<&str>,
    attempt: &AttemptOf<'_>,
) -> Intent {
    let number = u32::try_from(round.number).unwrap_or(u32::MAX);
    let device = attempt.device;
    let own = Footprint::from_iter([device]);
    Intent {
        job: JobRef {
            name: job.name.clone(),
            namespace: job.namespace.clone(),
            uid: job.uid.clone(),
        },
        round: number,
        attempt: attempt.number,
        nonce: attempt.nonce.to_owned(),
        attempt_id: attempt_id(&job.uid, number, attempt.number, attempt.nonce),
        index: u32::try_from(attempt.index).unwrap_or(u32::MAX),
        firmware: firmware.unwrap_or(&round.firmware).to_owned(),
        version: round.version.clone(),
        device: FrozenDevice {
            uuid: attempt.uuid.to_owned(),
            endpoint: device.host_endpoint.to_string(),
            address: device.endpoint.address().to_string(),
            device_type: device.device_type.to_string(),
            application_type: device::owned(device.application_type.as_ref()).unwrap_or_default(),
            version: device::owned(device.version.as_ref()).unwrap_or_default(),
            instance: InstanceRef {
                name: device.name.to_string(),
                namespace: device.namespace.to_string(),
            },
            configuration: device::owned(device.configuration.as_ref()).unwrap_or_default(),
            nodes: device.nodes.iter().map(ToString::to_string).collect(),
            properties: device.properties.to_map(),
            // What its own Instance says stands above.
            shared: attempt
                .shared
                .filter(|shared| **shared != own)
                .cloned()
                .unwrap_or_default(),
        },
        pool_service: None,
        seal: None,
    }
}

pub(super) fn context(intent: &Intent, release: &str) -> DeviceContext {
    let device = &intent.device;
    DeviceContext {
        device: DeviceFacts {
            uuid: device.uuid.to_string(),
            endpoint: device.endpoint.clone(),
            address: device.address.clone(),
            kind: device.device_type.clone(),
            application_type: device.application_type.clone(),
            version: device.version.clone(),
            nodes: device.nodes.clone(),
            configuration: device.configuration.clone(),
            properties: device.properties.clone(),
        },
        job: JobFacts {
            name: intent.job.name.clone(),
            namespace: intent.job.namespace.clone(),
            uid: intent.job.uid.to_string(),
            firmware: intent.firmware.clone(),
            version: intent.version.clone(),
        },
        release: ReleaseFacts {
            name: release.to_owned(),
            attempt: intent.attempt_id.to_string(),
        },
    }
}

/// What the operator itself sets, over everything else.
pub(super) fn owned(job: &Job, flash_image: Option<&str>, intent: &Intent) -> Value {
    let endpoint = intent.device.endpoint.parse::<Endpoint>();
    let endpoint = endpoint.map_or_else(
        |_| intent.device.endpoint.clone(),
        |endpoint| endpoint.to_string(),
    );
    let mut owned = owned_values(
        &intent.job,
        (&intent.attempt_id, intent.round),
        &endpoint,
        job.active_deadline_seconds(),
    );
    if let Some(image) = flash_image {
        owned["image"] = json!({ "reference": image });
    }
    owned
}

/// The same for an attempt that nobody makes.
pub(super) fn sample_owned() -> Value {
    let job = JobRef {
        name: "sample".into(),
        namespace: "sample".into(),
        uid: "00000000-0000-4000-8000-000000000000".into(),
    };
    owned_values(&job, (&"0123456789".into(), 1), "192.0.2.1", 600)
}

fn owned_values(
    job: &JobRef,
    (attempt, round): (&AttemptId, u32),
    endpoint: &str,
    deadline_seconds: i64,
) -> Value {
    json!({
        "operator": {
            "attempt": attempt,
            "app": label_value(&job.name),
            "ownerReferences": [{
                "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "FlashJob", "name": job.name, "uid": job.uid,
                "controller": true, "blockOwnerDeletion": false,
            }],
            "finalizers": [TRACKING_FINALIZER],
            "labels": { LABEL_JOB_UID: job.uid, LABEL_ROUND: round.to_string() },
            "annotations": { ANNOTATION_ENDPOINT: endpoint, ANNOTATION_JOB: job.name },
        },
        "activeDeadlineSeconds": deadline_seconds,
    })
}

/// A name as a label value: as it is, or shortened with a hash where it is too long.
#[must_use]
pub fn label_value(name: &str) -> String {
    if name.len() <= MAX_LABEL {
        return name.to_owned();
    }
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    let head = name
        .get(..MAX_LABEL - 9)
        .unwrap_or(name)
        .trim_end_matches(['.', '-', '_']);
    format!("{head}-{}", &hash[..8])
}
