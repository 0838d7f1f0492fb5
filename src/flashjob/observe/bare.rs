//! Objects of attempts whose labels somebody took off: no watch brings them, so they are found by their names or by other labels.
//! The seal proves what the missing labels said. Reads neither a clock nor the cluster.
//!
//! `act::repair` carries out the `Repair` that puts the labels back.

use k8s_openapi::{
    api::core::v1::{Pod, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{
    belief::{is_sealed, marks, seal_of, subject_of, text},
    cache::State,
    ledger::{Attempt, ObjectKind},
    objects::{AttemptKey, Identity},
    parse,
};
use crate::names::{ANNOTATION_ENDPOINT, LABEL_JOB_UID, RELEASE_PREFIX};
use helm_release::{Key, objects};

/// Selects the records of a device's release that lack the label by which the operator watches its own.
#[must_use]
pub fn record_selector(uuid: &str) -> String {
    format!("owner=helm,name={RELEASE_PREFIX}{uuid},!{LABEL_JOB_UID}")
}

/// Name of the Service of an attempt: as its record has it, else that of its Pod.
#[must_use]
pub fn service_name(attempt: &Attempt) -> Option<String> {
    let stored = attempt.record().and_then(|record| record.stored.as_ref());
    let recorded = stored.and_then(|stored| {
        let objects = objects(&stored.record.manifest).ok()?;
        let mut services = objects
            .into_iter()
            .filter(|object| object.kind == "Service");
        Some(services.next()?.name)
    });
    recorded.or_else(|| Some(attempt.pod.as_ref()?.sight.name.clone()))
}

impl State {
    /// Takes in the Pod that was found under the name of an attempt; whether it is the attempt's. Its labels may be missing: it is
    /// asked whether the seal says what they must have said.
    pub fn see_pod_of(&mut self, pod: &Pod, identity: &Identity) -> bool {
        let meta = &pod.metadata;
        if self.believed(meta, ObjectKind::Pod).is_none() {
            let expected = self.is_sealed_for(meta, ObjectKind::Pod, identity);
            let sight = parse::pod_of(pod, identity.clone()).filter(|_| expected);
            let Some(sight) =
                sight.filter(|sight| self.ledger.admits(&sight.sight, ObjectKind::Pod))
            else {
                self.see_pod(pod);
                return false;
            };
            self.ask_for_repair(meta, ObjectKind::Pod, &sight.sight.identity);
            self.take_pod(sight);
            return true;
        }
        self.see_pod(pod);
        true
    }

    /// Takes in the Service that was found under the name of an attempt. It is the attempt's if its seal says so, whatever its
    /// labels say.
    pub fn see_service_of(&mut self, service: &Service, identity: &Identity) {
        let meta = &service.metadata;
        let sealed = self
            .seals
            .as_deref()
            .is_some_and(|seals| is_sealed(meta, ObjectKind::Service, seals));
        if sealed {
            self.see_own_service(service, identity);
            return;
        }
        let expected = self.is_sealed_for(meta, ObjectKind::Service, identity);
        let sight = parse::service_of(service, identity.clone()).filter(|_| expected);
        match sight.filter(|sight| self.ledger.admits(&sight.sight, ObjectKind::Service)) {
            Some(sight) => {
                self.ask_for_repair(meta, ObjectKind::Service, &sight.sight.identity);
                self.take_service(sight);
            }
            None => drop(self.see_service(service)),
        }
    }

    /// Takes in a release Secret without labels of ours, if it is the record of an attempt of which none is known.
    pub fn see_bare_record(&mut self, secret: &Secret) -> Option<AttemptKey> {
        let meta = &secret.metadata;
        let identity = self.attempt_of_record(meta)?;
        let seals = self.seals.as_deref()?;
        let (labels, _) = marks(seals, ObjectKind::Secret, meta.name.as_deref()?, &identity);
        let mut whole = secret.clone();
        whole.metadata.labels.get_or_insert_default().extend(labels);
        let seen = self.see_secret(&whole)?;
        self.ask_for_repair(meta, ObjectKind::Secret, &identity);
        Some(seen)
    }

    /// The attempt without a record that a release Secret is of, by its name and its seal.
    fn attempt_of_record(&self, meta: &ObjectMeta) -> Option<Identity> {
        let key = Key::parse(meta.name.as_deref()?)?;
        let uuid = key.release.strip_prefix(RELEASE_PREFIX)?;
        let mut attempts = self.ledger.all().map(|(_, attempt)| attempt);
        let own = attempts.find(|attempt| {
            let who = &attempt.identity;
            attempt.records.is_empty()
                && who.uuid == uuid
                && Some(&who.namespace) == meta.namespace.as_ref()
                && self.is_sealed_for(meta, ObjectKind::Secret, who)
        })?;
        Some(own.identity.clone())
    }

    /// Whether the seal of an object says what it must say of this attempt.
    fn is_sealed_for(&self, meta: &ObjectMeta, kind: ObjectKind, identity: &Identity) -> bool {
        let (Some(seals), Some(name)) = (&self.seals, &meta.name) else {
            return false;
        };
        let annotated = text(meta.annotations.as_ref(), ANNOTATION_ENDPOINT);
        let endpoint = Some(annotated).filter(|text| !text.is_empty());
        let endpoint = endpoint.or(identity.endpoint.as_deref());
        let subject = subject_of(kind, name, identity, endpoint.unwrap_or_default());
        meta.namespace.as_ref() == Some(&identity.namespace)
            && seals.is_valid(seal_of(meta, kind), &subject)
    }
}
