//! Flashes that the original operator began: which of its Pods and Services are taken over, as what, and how they are marked. Pure.
//!
//! An object of the original becomes one of an attempt by the labels that every object of an attempt bears, in one write: from then
//! on the ledger, the table, the watches and the sweep treat it like any other. Its attempt has no release record. Called by
//! `takeover`, which looks for such objects once, and by `plan` and `act`, which take them over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Container, Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Value, json};

use crate::flashjob::{
    observe::{
        ledger::Attempt,
        objects::{Identity, ObservedPod, ObservedService},
        parse,
        selection::Selection,
    },
    plan::attempt::{Action, AttemptGoal, Decision, phase_of},
    spec::{intervals::Intervals, job::Job},
};
use crate::{
    api::{Reason, Round},
    identifiers::{AttemptId, JobUid, Uuid},
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_JOB, FLASH_CONTAINER, LABEL_APP, LABEL_ATTEMPT,
        LABEL_JOB_UID, LABEL_ROUND, LABEL_UUID, TRACKING_FINALIZER,
    },
};

/// Objects that may be the original's: its two labels, and none of this operator's.
pub const SELECTOR: &str = "app,uuid,!flashjob.nbfc.io/job-uid";
/// Round of a flash that counts for no round: of another firmware, or of an older `FlashJob` of that name.
pub const NO_ROUND: i64 = 0;
/// Longest `activeDeadlineSeconds` that the API server accepts.
const MAX_DEADLINE_SECONDS: i64 = i32::MAX as i64;

/// Why an object with the original's labels is left alone.
#[derive(thiserror::Error, Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTheOriginals {
    /// Its labels name no `FlashJob` that exists.
    #[error("no FlashJob in its namespace is named by its label app")]
    NoJob,
    /// It is named otherwise.
    #[error("its name is not what the original operator makes of its labels app and uuid")]
    Name,
    /// It is not made for flashing.
    #[error("it has no container flash-container with the device's HOST_ENDPOINT")]
    Container,
}

/// Name of the Pod that the original made for a device.
#[must_use]
pub fn pod_name(job: &str, uuid: &Uuid) -> String {
    format!("{job}-flashing-pod-{uuid}")
}

/// Name of the Service that the original made for a device.
#[must_use]
pub fn service_name(job: &str, uuid: &Uuid) -> String {
    format!("{job}-service-{uuid}")
}

/// Id of the attempt that is made of the original's objects for a device. As everywhere it is the last part of the Pod's name;
/// ids of this operator's own attempts are shorter than that of a uid.
#[must_use]
pub fn attempt_id(uuid: &Uuid) -> AttemptId {
    let text = uuid.as_str();
    text.rsplit('-').next().unwrap_or(text).into()
}

/// Name of the attempt's Pod, if the original made it.
#[must_use]
pub fn pod_of(identity: &Identity) -> Option<String> {
    let job = identity.job_name.as_deref()?;
    (identity.key.id == attempt_id(&identity.uuid)).then(|| pod_name(job, &identity.uuid))
}

/// The `FlashJob` that an object claims to be of: namespace and name.
#[must_use]
pub fn claimed(meta: &ObjectMeta) -> Option<(&str, &str)> {
    let name = meta.labels.as_ref()?.get(LABEL_APP)?;
    Some((meta.namespace.as_deref()?, name))
}

/// What is to be kept of a Pod of the original's that is not taken over yet.
///
/// # Errors
/// Why it is none.
pub fn pod(pod: &Pod, job: Option<&Job>) -> Result<ObservedPod, NotTheOriginals> {
    let job = job.ok_or(NotTheOriginals::NoJob)?;
    let uuid = named(&pod.metadata, job, pod_name)?;
    let flash = flash_container(pod).filter(|flash| env(flash, "HOST_ENDPOINT").is_some());
    flash.ok_or(NotTheOriginals::Container)?;
    let mut marked = pod.clone();
    mark(&mut marked.metadata, &marks(job, &uuid, round_of(pod, job)));
    let mut sight = parse::pod(&marked).ok_or(NotTheOriginals::Name)?;
    sight.sight.watched = false;
    Ok(sight)
}

/// What is to be kept of a Service of the original's that is not taken over yet.
///
/// # Errors
/// Why it is none.
pub fn service(service: &Service, job: Option<&Job>) -> Result<ObservedService, NotTheOriginals> {
    let job = job.ok_or(NotTheOriginals::NoJob)?;
    let uuid = named(&service.metadata, job, service_name)?;
    let round = round(job).map_or(NO_ROUND, |round| round.number);
    let mut marked = service.clone();
    mark(&mut marked.metadata, &marks(job, &uuid, round));
    let mut sight = parse::service(&marked).ok_or(NotTheOriginals::Name)?;
    sight.sight.watched = false;
    Ok(sight)
}

/// The UUID in the labels, where name and labels agree.
fn named(
    meta: &ObjectMeta,
    job: &Job,
    name: impl Fn(&str, &Uuid) -> String,
) -> Result<Uuid, NotTheOriginals> {
    if claimed(meta) != Some((&job.namespace, &job.name)) {
        return Err(NotTheOriginals::NoJob);
    }
    let uuid = meta
        .labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_UUID))
        .filter(|uuid| !uuid.is_empty())
        .ok_or(NotTheOriginals::Name)?;
    let uuid = Uuid::from(uuid.as_str());
    (meta.name.as_deref() == Some(&name(&job.name, &uuid)))
        .then_some(uuid)
        .ok_or(NotTheOriginals::Name)
}

fn flash_container(pod: &Pod) -> Option<&Container> {
    let mut containers = pod.spec.as_ref()?.containers.iter();
    containers.find(|container| container.name == FLASH_CONTAINER)
}

fn env<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    let mut all = container.env.iter().flatten();
    all.find(|env| env.name == name)?.value.as_deref()
}

/// The round in which a Pod of the original's counts: the job's, if the Pod is of this very job and flashes what the round does.
/// Any other is followed to its end, and its device is flashed after that.
#[must_use]
pub fn round_of(pod: &Pod, job: &Job) -> i64 {
    let Some(round) = round(job) else {
        return NO_ROUND;
    };
    let flash = flash_container(pod);
    let flashes = |name, wanted: &str| flash.and_then(|flash| env(flash, name)) == Some(wanted);
    let same = flashes("FIRMWARE", &round.firmware) && flashes("VERSION", &round.version);
    if same && is_of(&pod.metadata, job) {
        round.number
    } else {
        NO_ROUND
    }
}

/// The round that is stored, or the first one. A job that is being deleted has none any more.
fn round(job: &Job) -> Option<Round> {
    if job.deleting {
        return None;
    }
    job.status.round.clone().or_else(|| job.wanted_round(1))
}

/// Whether it was made for this very job and not for an older one of that name: by its owner, and by its age.
fn is_of(meta: &ObjectMeta, job: &Job) -> bool {
    let owners = meta.owner_references.iter().flatten();
    let owned = owners
        .filter(|owner| owner.kind == "FlashJob")
        .all(|owner| owner.uid == job.uid.as_str());
    let of_job = job.object.metadata.creation_timestamp.as_ref();
    owned && meta.creation_timestamp.as_ref() >= of_job
}

/// The labels and annotations that make an object one of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// The marks of the attempt that is made of the original's objects for a device.
#[must_use]
pub fn marks(job: &Job, uuid: &Uuid, round: i64) -> Marks {
    marks_of(&job.uid, Some(&job.name), uuid, round)
}

/// The same, where the job is known by its uid and perhaps its name only.
#[must_use]
pub fn marks_of(job_uid: &JobUid, job: Option<&str>, uuid: &Uuid, round: i64) -> Marks {
    let label = |key: &str, value: String| (key.to_owned(), value);
    Marks {
        labels: [
            label(LABEL_JOB_UID, job_uid.to_string()),
            label(LABEL_ATTEMPT, attempt_id(uuid).to_string()),
            label(LABEL_ROUND, round.to_string()),
        ]
        .into(),
        annotations: job
            .map(|job| label(ANNOTATION_JOB, job.to_owned()))
            .into_iter()
            .collect(),
    }
}

fn mark(meta: &mut ObjectMeta, marks: &Marks) {
    let labels = marks.labels.clone();
    meta.labels.get_or_insert_default().extend(labels);
    let annotations = marks.annotations.clone();
    meta.annotations.get_or_insert_default().extend(annotations);
}

/// The merge patch that takes a Pod over: it bears the marks and, unless it is being deleted, the tracking finalizer, so that its
/// end can be read. The original set no deadline: a Pod that runs gets a whole one from now on.
#[must_use]
pub fn pod_patch(
    pod: &Pod,
    endpoint: Option<&str>,
    marks: &Marks,
    deadline_seconds: i64,
    now: Timestamp,
) -> Value {
    let mut patch = service_patch(&pod.metadata, endpoint, marks);
    if pod.metadata.deletion_timestamp.is_some() {
        return patch;
    }
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let unbounded = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.active_deadline_seconds.is_none());
    if unbounded && !matches!(phase, Some("Succeeded" | "Failed")) {
        let started = status.and_then(|status| status.start_time.as_ref());
        let ran = started.map_or(0, |time| now.duration_since(time.0).as_secs().max(0));
        let deadline = ran.saturating_add(deadline_seconds);
        patch["spec"]["activeDeadlineSeconds"] = json!(deadline.clamp(1, MAX_DEADLINE_SECONDS));
    }
    patch
}

/// The merge patch that takes a Service over: unless it is being deleted, it is held as one of this operator's own is. As that of
/// a Pod, it is refused if the object changed since.
#[must_use]
pub fn service_patch(meta: &ObjectMeta, endpoint: Option<&str>, marks: &Marks) -> Value {
    let mut patch = json!({"metadata": {
        "uid": meta.uid, "resourceVersion": meta.resource_version,
        "labels": marks.labels, "annotations": marks.annotations,
    }});
    if let Some(endpoint) = endpoint {
        patch["metadata"]["annotations"][ANNOTATION_ENDPOINT] = json!(endpoint);
    }
    if meta.deletion_timestamp.is_none() {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        if !finalizers.iter().any(|one| one == TRACKING_FINALIZER) {
            finalizers.push(TRACKING_FINALIZER.to_owned());
        }
        patch["metadata"]["finalizers"] = json!(finalizers);
    }
    patch
}

/// What to do with an attempt whose objects are not all taken over yet; none where the table decides.
#[must_use]
pub fn decide(attempt: &Attempt, wish: &AttemptGoal) -> Option<Decision> {
    let pod = attempt.pod.as_ref().filter(|pod| !pod.sight.watched);
    let service = attempt.service.as_ref();
    let service = service.filter(|service| !service.sight.watched);
    let message = match (pod, service) {
        (Some(pod), _) => said(&pod.sight.name),
        (None, Some(service)) => format!(
            "Service {} was left by the original operator",
            service.sight.name
        ),
        (None, None) => return None,
    };
    let decision = Decision::wait(phase_of(attempt), Reason::Adopted, message);
    Some(if wish.adopts {
        decision.with(Action::Adopt)
    } else {
        decision
    })
}

/// What is said of a device while its Pod of the original's runs.
#[must_use]
pub fn said(pod: &str) -> String {
    format!("Pod {pod} was started by the original operator; it is followed to its end")
}

/// Devices that the original's status says are done, by index: they succeeded in the first round.
#[must_use]
pub fn completed(job: &Job, roster: &Selection) -> Intervals {
    let mut completed = Intervals::default();
    if job.status.round.is_none() {
        for uuid in &job.status.completed_uuids {
            roster
                .index_of(&uuid.as_str().into())
                .map(|index| completed.insert(index));
        }
    }
    completed
}

#[cfg(test)]
#[path = "adoption_tests.rs"]
mod tests;
