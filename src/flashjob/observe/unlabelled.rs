//! Pods and Services of ours that lost the labels by which the watches find them. Reads no clock, no cluster.
//!
//! What is left on such an object says which attempt it may be of: its name, its owner, its annotations, the rounds that its job has
//! had. Its seal says whether that is so. Asked by the `controller` at take-over, when no uid is remembered yet.

use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{
    belief::{expected, seal_of, text},
    ledger::ObjectKind,
    parse,
};
use crate::{
    flashjob::observe::{
        cache::State,
        objects::{AttemptKey, Identity},
    },
    names::{ANNOTATION_ENDPOINT, ANNOTATION_JOB, LABEL_JOB_UID, LABEL_ROUND, RELEASE_PREFIX},
};

/// Most rounds of a job for which it is asked whether an object without a round is of it, from the newest.
const ROUNDS: i64 = 100;

impl State {
    /// The attempt of a Pod or Service that is not known as ours, if its seal says that it is of one.
    #[must_use]
    pub fn sealed_identity(&self, meta: &ObjectMeta, kind: ObjectKind) -> Option<Identity> {
        if self.ledger.identity_of(meta.uid.as_deref()?).is_some() {
            return None;
        }
        let seals = self.seals.as_deref()?;
        let seal = Some(seal_of(meta, kind)).filter(|seal| !seal.is_empty())?;
        let is_sealed = |who: &Identity| {
            let subject = expected(meta, kind, who);
            subject.is_some_and(|subject| seals.is_valid(seal, &subject))
        };
        let mut candidates = self.candidates(meta)?.into_iter();
        candidates.find(is_sealed)
    }

    /// What an object may be of, going by what is left on it.
    fn candidates(&self, meta: &ObjectMeta) -> Option<Vec<Identity>> {
        let label = |key| text(meta.labels.as_ref(), key);
        let annotation = |key| text(meta.annotations.as_ref(), key);
        let namespace = meta.namespace.as_deref()?;
        let (uuid, id) = meta
            .name
            .as_deref()?
            .strip_prefix(RELEASE_PREFIX)?
            .rsplit_once('-')?;
        let mut owners = meta.owner_references.iter().flatten();
        let owner = owners.find(|owner| owner.kind == "FlashJob");
        let uids = [
            owner.map(|owner| owner.uid.as_str()),
            Some(label(LABEL_JOB_UID)),
        ];
        let mut candidates = Vec::new();
        for job_uid in uids.into_iter().flatten().filter(|uid| !uid.is_empty()) {
            let job = self.job(job_uid);
            let round = job.and_then(|job| job.status.round.as_ref());
            let newest = round.map_or(ROUNDS, |round| round.number);
            let rounds = (newest.saturating_sub(ROUNDS - 1).max(1)..=newest).rev();
            let named = label(LABEL_ROUND).parse().ok();
            candidates.extend(named.into_iter().chain(rounds).map(|round| {
                Identity {
                    key: AttemptKey {
                        job_uid: job_uid.to_owned(),
                        id: id.to_owned(),
                    },
                    job_name: Some(annotation(ANNOTATION_JOB))
                        .filter(|name| !name.is_empty())
                        .map(str::to_owned),
                    namespace: namespace.to_owned(),
                    round,
                    uuid: uuid.to_owned(),
                    endpoint: parse::normalised(annotation(ANNOTATION_ENDPOINT)),
                    footprint: None,
                }
            }));
        }
        Some(candidates)
    }

    /// Takes in the Service of this attempt, as [`Self::see_pod_of`] does its Pod: its labels may be missing, and are put back.
    pub fn see_lost_service(&mut self, service: &Service, identity: &Identity) -> bool {
        let (meta, kind) = (&service.metadata, ObjectKind::Service);
        let own = self.sealed_identity(meta, kind);
        let sight = parse::service_of(service, identity.clone());
        let sight = sight.filter(|sight| {
            own.as_ref() == Some(identity) && self.ledger.admits(&sight.sight, kind)
        });
        let Some(sight) = sight else { return false };
        self.ask_for_repair(meta, kind, identity);
        self.take_service(sight);
        true
    }
}
