//! Which objects are believed: those that bear a valid seal, or whose uid is that of an object of ours. Reads no clock, no cluster.
//!
//! Every Secret, Service and Pod that a watch, a list or an answer brings goes through here on its way into the ledger. What has
//! the labels of an attempt and is not ours is kept apart (`ledger::unsealed`). What is ours and lost its labels is found by its
//! uid; the `Repair` that puts them back is carried out by `act::repair`.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Pod, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::ledger::{ObjectKind, UnsealedObject};
use crate::flashjob::observe::{
    cache::Cache,
    objects::{AttemptKey, Identity, ObservedObject, ObservedPod, ObservedRecord, ObservedService},
    parse,
};
use crate::{
    flash_pod::intent::{Intent, Stored},
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_JOB, ANNOTATION_POD_SEAL, ANNOTATION_SERVICE_SEAL,
        LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, LABEL_SEAL, LABEL_UUID,
    },
    seal::{Seals, Subject},
    seam::{Bug, planted},
};
use helm_release::Status;

/// Marks of ours that an object of ours has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Kind of the object.
    pub kind: ObjectKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version: where it changed since, the next event brings another repair.
    pub version: u64,
    /// Labels to put back.
    pub labels: BTreeMap<String, String>,
    /// Annotations to put back.
    pub annotations: BTreeMap<String, String>,
}

/// The text in `labels` or `annotations` under a key.
pub(super) fn text<'a>(map: Option<&'a BTreeMap<String, String>>, key: &str) -> &'a str {
    map.and_then(|map| map.get(key)).map_or("", String::as_str)
}

/// What a seal of this object must say, going by the object's own labels and annotations; none where it has no round.
#[must_use]
pub fn subject(meta: &ObjectMeta, kind: ObjectKind) -> Option<Subject<'_>> {
    let (labels, annotations) = (meta.labels.as_ref(), meta.annotations.as_ref());
    Some(Subject {
        kind: kind.as_str(),
        namespace: meta.namespace.as_deref()?,
        name: meta.name.as_deref()?,
        job_uid: text(labels, LABEL_JOB_UID),
        attempt_id: text(labels, LABEL_ATTEMPT),
        round: text(labels, LABEL_ROUND).parse().ok()?,
        uuid: of_device(kind, text(labels, LABEL_UUID)),
        endpoint: of_device(kind, text(annotations, ANNOTATION_ENDPOINT)),
    })
}

/// What a seal of the object of this name must say if the object belongs to this attempt at the device of this endpoint.
pub(super) fn subject_of<'a>(
    kind: ObjectKind,
    name: &'a str,
    identity: &'a Identity,
    endpoint: &'a str,
) -> Subject<'a> {
    Subject {
        kind: kind.as_str(),
        namespace: &identity.namespace,
        name,
        job_uid: identity.key.job_uid.as_str(),
        attempt_id: identity.key.id.as_str(),
        round: identity.round,
        uuid: of_device(kind, identity.uuid.as_str()),
        endpoint: of_device(kind, endpoint),
    }
}

/// What the seal of a kind says of a device. A record tells its device by its name; helm drops its annotations.
fn of_device(kind: ObjectKind, text: &str) -> &str {
    if kind == ObjectKind::Secret { "" } else { text }
}

/// Whether the object bears the seal of what its own labels say.
#[must_use]
pub fn is_sealed(meta: &ObjectMeta, kind: ObjectKind, seals: &Seals) -> bool {
    subject(meta, kind).is_some_and(|subject| seals.is_valid(seal_of(meta, kind), &subject))
}

/// The seal that an object bears.
pub(crate) fn seal_of(meta: &ObjectMeta, kind: ObjectKind) -> &str {
    match kind {
        ObjectKind::Secret => text(meta.labels.as_ref(), LABEL_SEAL),
        ObjectKind::Service => text(meta.annotations.as_ref(), ANNOTATION_SERVICE_SEAL),
        ObjectKind::Pod => text(meta.annotations.as_ref(), ANNOTATION_POD_SEAL),
    }
}

/// The planted bug that believes this kind without a seal.
pub(crate) const fn unsealed_bug(kind: ObjectKind) -> Bug {
    match kind {
        ObjectKind::Secret => Bug::RecordNotSealed,
        ObjectKind::Service => Bug::ServiceNotSealed,
        ObjectKind::Pod => Bug::PodNotSealed,
    }
}

/// The intent in a record, if the operator wrote it with the values beside it; its chart is another question.
#[must_use]
pub fn sealed_intent<'a>(stored: &'a Stored, seals: &Seals) -> Option<&'a Intent> {
    let record = &stored.record;
    record.attachment.as_ref().filter(|intent| {
        intent.job.namespace == record.namespace
            && intent.is_consistent()
            && seals.is_content_valid(intent, &record.config)
    })
}

impl Cache {
    /// Takes in a Pod; returns the attempt it concerns.
    pub fn see_pod(&mut self, pod: &Pod) -> Option<AttemptKey> {
        let meta = &pod.metadata;
        if let Some(identity) = self.believed(meta, ObjectKind::Pod) {
            return self.take_pod(parse::pod_of(pod, identity)?);
        }
        let ended = |sight: &ObservedPod| sight.ended();
        let sight = parse::pod(pod);
        let ended = sight.as_ref().is_some_and(ended);
        let endpoint = sight.and_then(|sight| sight.sight.identity.endpoint);
        self.see_unsealed(meta, ObjectKind::Pod, endpoint, ended);
        None
    }

    /// Takes in the Pod that the operator's own write of this attempt returned: its uid is the one that is believed.
    pub fn see_own_pod(&mut self, pod: &Pod, identity: &Identity) -> Option<AttemptKey> {
        self.take_pod(parse::pod_of(pod, identity.clone())?)
    }

    pub(super) fn take_pod(&mut self, sight: ObservedPod) -> Option<AttemptKey> {
        let key = sight.sight.identity.key.clone();
        self.ledger.see_pod(sight).then_some(key)
    }

    /// Takes in a Service; returns the attempt it concerns.
    pub fn see_service(&mut self, service: &Service) -> Option<AttemptKey> {
        let meta = &service.metadata;
        if let Some(identity) = self.believed(meta, ObjectKind::Service) {
            return self.take_service(parse::service_of(service, identity)?);
        }
        let endpoint = parse::service(service).and_then(|sight| sight.sight.identity.endpoint);
        self.see_unsealed(meta, ObjectKind::Service, endpoint, false);
        None
    }

    /// Takes in the Service that the operator's own write of this attempt returned.
    pub fn see_own_service(
        &mut self,
        service: &Service,
        identity: &Identity,
    ) -> Option<AttemptKey> {
        self.take_service(parse::service_of(service, identity.clone())?)
    }

    pub(super) fn take_service(&mut self, sight: ObservedService) -> Option<AttemptKey> {
        let key = sight.sight.identity.key.clone();
        self.ledger.see_service(sight).then_some(key)
    }

    /// Takes in a release Secret; returns the attempt it concerns. Only what bears a seal is unpacked: what others wrote may be
    /// made to cost as much as possible.
    pub fn see_secret(&mut self, secret: &Secret) -> Option<AttemptKey> {
        // The answer to a write comes once more as an event: to read a record costs more than anything else of it.
        let meta = &secret.metadata;
        let version = meta.resource_version.as_deref()?.parse().ok()?;
        if self.ledger.knows_record(meta.uid.as_deref()?, version) {
            return None;
        }
        let Some(identity) = self.believed(meta, ObjectKind::Secret) else {
            self.see_unsealed(meta, ObjectKind::Secret, None, false);
            return None;
        };
        let stored = Stored::from_secret(secret).ok();
        let stored = stored.and_then(|stored| self.proven(stored));
        self.see_record(parse::record_of(meta, identity, stored)?)
    }

    /// Takes in a release Secret whose labels could not be put back: where they are still missing, they are asked for again.
    pub fn see_secret_again(&mut self, secret: &Secret) -> Option<AttemptKey> {
        let seen = self.see_secret(secret);
        if seen.is_none() {
            self.believed(&secret.metadata, ObjectKind::Secret);
        }
        seen
    }

    /// Takes in a release Secret that was just written: what it holds, and whether the Pod stands in its manifest.
    pub fn see_written(
        &mut self,
        secret: &Secret,
        stored: Stored,
        has_pod: bool,
    ) -> Option<AttemptKey> {
        if planted(Bug::CountSlotsFromCache) {
            return None;
        }
        self.see_record(parse::written_record(secret, stored, has_pod)?)
    }

    fn see_record(&mut self, sight: ObservedRecord) -> Option<AttemptKey> {
        let key = sight.sight.identity.key.clone();
        self.ledger.see_record(sight).then_some(key)
    }

    /// What an object belongs to, if it is ours: by its seal, else by its uid, and then its marks are put back.
    pub(super) fn believed(&mut self, meta: &ObjectMeta, kind: ObjectKind) -> Option<Identity> {
        let known = self.ledger.identity_of(meta.uid.as_deref()?).cloned();
        let sealed = self
            .seals
            .as_deref()
            .is_some_and(|seals| is_sealed(meta, kind, seals));
        if sealed || planted(unsealed_bug(kind)) {
            let sight = parse::labelled(meta, kind)?;
            if known.is_some() || self.ledger.admits(&sight, kind) {
                return Some(sight.identity);
            }
            return None;
        }
        let identity = known?;
        self.ask_for_repair(meta, kind, &identity);
        Some(identity)
    }

    pub(super) fn ask_for_repair(
        &mut self,
        meta: &ObjectMeta,
        kind: ObjectKind,
        identity: &Identity,
    ) {
        let (Some(seals), Some(name), Some(uid)) = (&self.seals, &meta.name, &meta.uid) else {
            return;
        };
        let version = meta
            .resource_version
            .as_deref()
            .and_then(|text| text.parse().ok());
        // What is deleted needs no labels but for the watch; what the original operator made is marked when it is taken over.
        let Some(version) = version.filter(|_| !identity.key.id.is_empty()) else {
            return;
        };
        let (labels, annotations) = marks(seals, kind, name, identity);
        self.repairs.push(Repair {
            kind,
            namespace: identity.namespace.clone(),
            name: name.clone(),
            uid: uid.clone(),
            version,
            labels,
            annotations,
        });
    }

    /// The content of a record, if the operator sealed it; its chart is another question.
    fn proven(&self, stored: Stored) -> Option<Stored> {
        let seals = self.seals.as_deref()?;
        sealed_intent(&stored, seals)?;
        Some(stored)
    }

    fn see_unsealed(
        &mut self,
        meta: &ObjectMeta,
        kind: ObjectKind,
        endpoint: Option<String>,
        ended: bool,
    ) {
        let Some(object) = unsealed(meta, kind, endpoint, ended) else {
            return;
        };
        if self.ledger.see_unsealed(object.clone()) {
            self.met.push(object);
        }
    }
}

/// Labels and annotations of ours on an object of an attempt.
pub(super) fn marks(
    seals: &Seals,
    kind: ObjectKind,
    name: &str,
    identity: &Identity,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let endpoint = identity.endpoint.as_deref();
    let seal = seals.seal(&subject_of(
        kind,
        name,
        identity,
        endpoint.unwrap_or_default(),
    ));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut labels: BTreeMap<_, _> = [
        pair(LABEL_JOB_UID, identity.key.job_uid.as_str()),
        pair(LABEL_ATTEMPT, identity.key.id.as_str()),
        pair(LABEL_ROUND, &identity.round.to_string()),
    ]
    .into();
    let mut annotations = BTreeMap::new();
    if kind != ObjectKind::Secret {
        labels.extend([pair(LABEL_UUID, identity.uuid.as_str())]);
        annotations.extend(endpoint.map(|endpoint| pair(ANNOTATION_ENDPOINT, endpoint)));
        let job = identity.job_name.as_deref();
        annotations.extend(job.map(|job| pair(ANNOTATION_JOB, job)));
    }
    match kind {
        ObjectKind::Secret => labels.extend([pair(LABEL_SEAL, &seal)]),
        ObjectKind::Service => annotations.extend([pair(ANNOTATION_SERVICE_SEAL, &seal)]),
        ObjectKind::Pod => annotations.extend([pair(ANNOTATION_POD_SEAL, &seal)]),
    }
    (labels, annotations)
}

/// What is kept of an object with the labels of an attempt that is not ours; none where it names no device.
fn unsealed(
    meta: &ObjectMeta,
    kind: ObjectKind,
    endpoint: Option<String>,
    ended: bool,
) -> Option<UnsealedObject> {
    let ObservedObject {
        identity,
        name,
        uid,
        version,
        deleting,
        ..
    } = parse::labelled(meta, kind)?;
    let release = helm_release::Key::parse(&name).filter(|_| kind == ObjectKind::Secret);
    let status = Status::parse(text(meta.labels.as_ref(), "status"));
    let over = matches!(
        status,
        Status::Failed | Status::Superseded | Status::Uninstalled
    );
    Some(UnsealedObject {
        kind,
        namespace: identity.namespace,
        name,
        uid,
        version,
        job_uid: identity.key.job_uid,
        uuid: identity.uuid,
        endpoint: identity.endpoint.or(endpoint),
        release: release.map(|key| (key.release, key.revision)),
        locks: kind != ObjectKind::Secret || !over,
        ended,
        deleting: deleting.is_some(),
        finalizers: meta.finalizers.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
#[path = "belief_tests.rs"]
mod tests;
