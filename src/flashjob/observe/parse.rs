//! From objects of the API to what the operator keeps of them: parsing at the border. Reads values, calls nothing.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, Pod, PodSpec, PodStatus, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::ledger::ObjectKind;
use crate::flashjob::observe::objects::{
    Address, AttemptKey, ContainerSight, Identity, ObservedObject, ObservedPod, ObservedRecord,
    ObservedService,
};
use crate::{
    device::Endpoint,
    flash_pod::intent::{Record, Stored, is_foreign},
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_JOB, ENGINE_HELM, FLASH_CONTAINER, LABEL_ATTEMPT,
        LABEL_ENGINE, LABEL_JOB_UID, LABEL_ROUND, LABEL_SETTLED, LABEL_UUID, RELEASE_PREFIX,
    },
    seal::chart_digest,
};
use helm_release::{Key, Status, has_pod};

/// What is to be kept of a Pod; none if it is not of an attempt.
#[must_use]
pub fn pod(pod: &Pod) -> Option<ObservedPod> {
    let identity = labelled(&pod.metadata, ObjectKind::Pod)?.identity;
    pod_of(pod, identity)
}

/// The same of a Pod of which it is known what it belongs to, whatever its labels say.
#[must_use]
pub fn pod_of(pod: &Pod, identity: Identity) -> Option<ObservedPod> {
    let mut sight = sight_of(&pod.metadata, identity)?;
    if sight.identity.endpoint.is_none() {
        sight.identity.endpoint = pod
            .spec
            .as_ref()
            .and_then(|spec| environment(spec, "HOST_ENDPOINT"))
            .and_then(|text| normalised(&text));
    }
    let empty = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&empty);
    Some(ObservedPod {
        sight,
        phase: status.phase.clone().unwrap_or_default(),
        reason: status.reason.clone(),
        message: status.message.clone(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        started: status.start_time.as_ref().map(|time| time.0),
        finished: finished(status),
        active_deadline_seconds: pod
            .spec
            .as_ref()
            .and_then(|spec| spec.active_deadline_seconds)
            .unwrap_or_default(),
        finalizers: pod.metadata.finalizers.clone().unwrap_or_default(),
        address: pod
            .spec
            .as_ref()
            .and_then(|spec| environment(spec, "EXTERNAL_IP")),
        container: container(pod.spec.as_ref(), status),
    })
}

/// What a variable of the flash container says.
fn environment(spec: &PodSpec, name: &str) -> Option<String> {
    let container = spec
        .containers
        .iter()
        .find(|container| container.name == FLASH_CONTAINER)?;
    let mut env = container.env.iter().flatten();
    env.find(|env| env.name == name)
        .and_then(|env| env.value.clone())
}

fn flash_container(status: &PodStatus) -> Option<&ContainerStatus> {
    let flash = |container: &&ContainerStatus| container.name == FLASH_CONTAINER;
    status.container_statuses.iter().flatten().find(flash)
}

fn finished(status: &PodStatus) -> Option<Timestamp> {
    let cache = flash_container(status)?.state.as_ref()?;
    let finished = cache.terminated.as_ref()?.finished_at.as_ref()?;
    Some(finished.0)
}

fn container(spec: Option<&PodSpec>, status: &PodStatus) -> ContainerSight {
    let flash = flash_container(status);
    let cache = flash.and_then(|container| container.state.as_ref());
    if let Some(terminated) = cache.and_then(|cache| cache.terminated.as_ref()) {
        let made_up = terminated.reason.as_deref() == Some("ContainerStatusUnknown")
            && terminated.started_at.is_none();
        if made_up
            && flash.is_some_and(|container| {
                container
                    .container_id
                    .as_deref()
                    .unwrap_or_default()
                    .is_empty()
            })
        {
            // The kubelet says so of a container that never was, when its Pod is deleted before it started.
            return ContainerSight::Waiting {
                reason: terminated.reason.clone(),
                message: terminated.message.clone(),
            };
        }
        let never = |spec: &PodSpec| spec.restart_policy.as_deref() == Some("Never");
        let is_over = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if !is_over && !spec.is_some_and(never) {
            // It is started again, whatever this end was.
            return ContainerSight::Running;
        }
        return ContainerSight::Terminated {
            exit_code: terminated.exit_code,
            reason: terminated.reason.clone(),
        };
    }
    if cache.is_some_and(|cache| cache.running.is_some()) {
        return ContainerSight::Running;
    }
    if let Some(waiting) = cache.and_then(|cache| cache.waiting.as_ref()) {
        return ContainerSight::Waiting {
            reason: waiting.reason.clone(),
            message: waiting.message.clone().or_else(|| failed_before(status)),
        };
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    ContainerSight::Waiting {
        reason: unscheduled.and_then(|condition| condition.reason.clone()),
        message: unscheduled.and_then(|condition| condition.message.clone()),
    }
}

/// The init container that failed: a mesh may have injected it.
fn failed_before(status: &PodStatus) -> Option<String> {
    let mut all = status.init_container_statuses.iter().flatten();
    let (name, code) = all.find_map(|one| {
        let ended = one.state.as_ref()?.terminated.as_ref()?;
        (ended.exit_code != 0).then_some((&one.name, ended.exit_code))
    })?;
    Some(format!("its container {name} ended with exit code {code}"))
}

/// What is to be kept of a Service; none if it is not of an attempt.
#[must_use]
pub fn service(service: &Service) -> Option<ObservedService> {
    let identity = labelled(&service.metadata, ObjectKind::Service)?.identity;
    service_of(service, identity)
}

/// The same of a Service of which it is known what it belongs to, whatever its labels say.
#[must_use]
pub fn service_of(service: &Service, identity: Identity) -> Option<ObservedService> {
    let sight = sight_of(&service.metadata, identity)?;
    let ingress = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    // With two address families, the one that the device can use.
    let usable = |ip: &Option<String>| {
        ip.as_ref()
            .is_some_and(|ip| ip.parse::<std::net::Ipv4Addr>().is_ok())
    };
    let best = ingress.and_then(|all| {
        all.iter()
            .find(|ingress| usable(&ingress.ip))
            .or(all.first())
    });
    let address = match best.map(|ingress| (ingress.ip.as_deref(), ingress.hostname.as_deref())) {
        Some((Some(ip), _)) if ip.parse::<std::net::Ipv4Addr>().is_ok() => {
            Address::Ipv4(ip.to_owned())
        }
        Some((Some(other), _)) => Address::Unusable(format!("the address {other}")),
        Some((None, Some(host))) => Address::Unusable(format!("the host name {host}")),
        Some((None, None)) | None => Address::None,
    };
    let ranges = service
        .spec
        .as_ref()
        .and_then(|spec| spec.load_balancer_source_ranges.as_ref());
    Some(ObservedService {
        sight,
        address,
        restricted: ranges.is_some_and(|ranges| !ranges.is_empty()),
        finalizers: service.metadata.finalizers.clone().unwrap_or_default(),
    })
}

/// What is to be kept of a release Secret of an attempt; `stored` is its content, where that is the operator's and can be read.
#[must_use]
pub fn record_of(
    meta: &ObjectMeta,
    identity: Identity,
    stored: Option<Stored>,
) -> Option<ObservedRecord> {
    let sight = sight_of(meta, identity)?;
    let has_pod = stored
        .as_ref()
        .is_none_or(|stored| has_pod(&stored.record.manifest));
    record_sight(sight, stored, has_pod)
}

/// The same of a Secret that the operator wrote and got back as `stored`; whoever wrote it knows whether the Pod stands in it.
#[must_use]
pub fn written_record(secret: &Secret, stored: Stored, has_pod: bool) -> Option<ObservedRecord> {
    let sight = labelled(&secret.metadata, ObjectKind::Secret)?;
    record_sight(sight, Some(stored), has_pod)
}

/// A record that cannot be read still holds its lock.
fn record_sight(
    mut sight: ObservedObject,
    stored: Option<Stored>,
    has_pod: bool,
) -> Option<ObservedRecord> {
    let key = Key::parse(&sight.name)?;
    let Some(stored) = stored else {
        return Some(ObservedRecord {
            sight,
            revision: key.revision,
            status: Status::Unknown,
            has_pod,
            foreign: true,
            by_helm: false,
            settled: None,
            stored: None,
            history: None,
            chart_proven: false,
        });
    };
    if let Some(intent) = &stored.record.attachment {
        sight.identity.job_name = Some(intent.job.name.clone());
        sight.identity.endpoint = normalised(&intent.device.endpoint);
        sight.identity.uuid.clone_from(&intent.device.uuid);
        sight.identity.footprint = Some(Arc::new(intent.device.footprint()));
    }
    let status = stored.record.info.status;
    Some(ObservedRecord {
        revision: key.revision,
        status,
        has_pod,
        foreign: is_foreign(&stored),
        by_helm: stored
            .labels
            .get(LABEL_ENGINE)
            .is_some_and(|engine| engine == ENGINE_HELM),
        settled: stored
            .labels
            .get(LABEL_SETTLED)
            .and_then(|revision| revision.parse().ok()),
        chart_proven: is_chart_proven(&stored.record),
        stored: Some(Arc::new(stored)),
        history: None,
        sight,
    })
}

/// Whether the chart of a record is the one of its seal.
fn is_chart_proven(record: &Record) -> bool {
    let intent = record.attachment.as_ref();
    let seal = intent.and_then(|intent| intent.seal.as_ref());
    seal.is_some_and(|seal| seal.chart == chart_digest(&record.chart))
}

/// What an object claims to be by its labels and annotations: whether that is so is not asked here.
#[must_use]
pub fn labelled(meta: &ObjectMeta, kind: ObjectKind) -> Option<ObservedObject> {
    let label = |key: &str| {
        meta.labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .cloned()
    };
    let annotation = |key: &str| {
        meta.annotations
            .as_ref()
            .and_then(|annotations| annotations.get(key))
            .cloned()
    };
    let of_release = || {
        let key = Key::parse(meta.name.as_deref()?)?;
        Some(key.release.strip_prefix(RELEASE_PREFIX)?.to_owned())
    };
    let uuid = if kind == ObjectKind::Secret {
        of_release()
    } else {
        label(LABEL_UUID)
    };
    let identity = Identity {
        key: AttemptKey {
            job_uid: label(LABEL_JOB_UID)?.into(),
            id: label(LABEL_ATTEMPT)?.into(),
        },
        job_name: annotation(ANNOTATION_JOB),
        namespace: meta.namespace.clone()?,
        round: label(LABEL_ROUND)?.parse().ok()?,
        uuid: uuid?.into(),
        endpoint: annotation(ANNOTATION_ENDPOINT).and_then(|text| normalised(&text)),
        footprint: None,
    };
    sight_of(meta, identity)
}

fn sight_of(meta: &ObjectMeta, identity: Identity) -> Option<ObservedObject> {
    Some(ObservedObject {
        identity,
        name: meta.name.clone()?,
        uid: meta.uid.clone()?,
        version: meta.resource_version.as_deref()?.parse().ok()?,
        created: meta
            .creation_timestamp
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
        watched: true,
    })
}

pub(super) fn normalised(endpoint: &str) -> Option<String> {
    endpoint
        .parse::<Endpoint>()
        .ok()
        .map(|endpoint| endpoint.to_string())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
