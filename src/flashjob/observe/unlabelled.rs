//! Objects of attempts that lost the labels by which the watches find them. Reads neither a clock nor the cluster.
//!
//! What is left on such an object says which attempt it may be of: its name, its owner, its annotations, the rounds that its job has
//! had. Its seal says whether that is so. The `controller` asks at take-over, when no uid is remembered yet; `act` asks of what it
//! finds under the name of an attempt. `act::repair` carries out the `Repair` that puts the labels back.

use k8s_openapi::{
    api::core::v1::{Pod, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{
    belief::{is_sealed, marks, seal_of, subject_of, text},
    cache::Cache,
    ledger::ObjectKind,
    objects::{AttemptKey, Identity},
    parse,
};
use crate::identifiers::{JobUid, Uuid};
use crate::names::{
    ANNOTATION_ENDPOINT, ANNOTATION_JOB, LABEL_JOB_UID, LABEL_ROUND, RELEASE_PREFIX,
};
use helm_release::Key;

/// Most rounds of a job for which it is asked whether an object without a round is of it, from the newest.
const ROUNDS: i64 = 100;

/// Selects the records of a device's release that lack the label by which the operator watches its own.
#[must_use]
pub fn record_selector(uuid: &Uuid) -> String {
    format!("owner=helm,name={RELEASE_PREFIX}{uuid},!{LABEL_JOB_UID}")
}

impl Cache {
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

    /// Takes in the Service that was found under the name of an attempt; whether it is the attempt's. It is if its seal says so,
    /// whatever its labels say.
    pub fn see_service_of(&mut self, service: &Service, identity: &Identity) -> bool {
        let meta = &service.metadata;
        let sealed = self
            .seals
            .as_deref()
            .is_some_and(|seals| is_sealed(meta, ObjectKind::Service, seals));
        if sealed {
            return self.see_own_service(service, identity).is_some();
        }
        let expected = self.is_sealed_for(meta, ObjectKind::Service, identity);
        let sight = parse::service_of(service, identity.clone()).filter(|_| expected);
        let admitted = sight.filter(|sight| self.ledger.admits(&sight.sight, ObjectKind::Service));
        let Some(sight) = admitted else {
            self.see_service(service);
            return false;
        };
        self.ask_for_repair(meta, ObjectKind::Service, &sight.sight.identity);
        self.take_service(sight);
        true
    }

    /// The attempt of a Pod or Service whose uid is not known, if its seal says that it is of one.
    #[must_use]
    pub fn sealed_identity(&self, meta: &ObjectMeta, kind: ObjectKind) -> Option<Identity> {
        let known = self.ledger.identity_of(meta.uid.as_deref()?);
        if known.is_some() || seal_of(meta, kind).is_empty() {
            return None;
        }
        let mut candidates = self.candidates(meta)?.into_iter();
        candidates.find(|who| self.is_sealed_for(meta, kind, who))
    }

    /// What an object may be of, going by what is left on it: an attempt that is known, else one of a job that it names.
    fn candidates(&self, meta: &ObjectMeta) -> Option<Vec<Identity>> {
        let (uuid, id) = meta
            .name
            .as_deref()?
            .strip_prefix(RELEASE_PREFIX)?
            .rsplit_once('-')?;
        let known = self.ledger.all().map(|(_, attempt)| &attempt.identity);
        let known = known.filter(|who| who.uuid.as_str() == uuid && who.key.id.as_str() == id);
        let mut candidates: Vec<Identity> = known.cloned().collect();
        // A Service of a pool has a name of its own, which the record of its attempt knows.
        let (namespace, name) = (meta.namespace.as_deref()?, meta.name.as_deref()?);
        candidates.extend(self.ledger.tenants_of(namespace, name).cloned());
        let mut owners = meta.owner_references.iter().flatten();
        let owner = owners.find(|owner| owner.kind == "FlashJob");
        let label = text(meta.labels.as_ref(), LABEL_JOB_UID);
        let uids = [owner.map(|owner| owner.uid.as_str()), Some(label)];
        let uids = uids.into_iter().flatten().filter(|uid| !uid.is_empty());
        for job_uid in uids.map(JobUid::from) {
            let annotation = |key| text(meta.annotations.as_ref(), key);
            let job_name = Some(annotation(ANNOTATION_JOB)).filter(|name| !name.is_empty());
            let rounds = self.rounds_of(&job_uid, meta).into_iter();
            candidates.extend(rounds.map(|round| Identity {
                key: AttemptKey {
                    job_uid: job_uid.clone(),
                    id: id.into(),
                },
                job_name: job_name.map(str::to_owned),
                namespace: meta.namespace.clone().unwrap_or_default(),
                round,
                uuid: uuid.into(),
                endpoint: parse::normalised(annotation(ANNOTATION_ENDPOINT)),
                footprint: None,
            }));
        }
        Some(candidates)
    }

    /// Rounds of a job that an object may be of: the one that its label says, then those that the job has had, the newest first.
    fn rounds_of(&self, job_uid: &JobUid, meta: &ObjectMeta) -> Vec<i64> {
        let labelled = text(meta.labels.as_ref(), LABEL_ROUND).parse().ok();
        let job = self.job(job_uid);
        let newest = job.and_then(|job| Some(job.status.round.as_ref()?.number));
        let newest = newest.unwrap_or(ROUNDS);
        let had = (newest.saturating_sub(ROUNDS - 1).max(1)..=newest).rev();
        labelled.into_iter().chain(had).collect()
    }

    /// Takes in a release Secret without labels of ours, if it is the record of an attempt of which none is known.
    pub fn see_unlabelled_record(&mut self, secret: &Secret) -> Option<AttemptKey> {
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
                && who.uuid.as_str() == uuid
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
