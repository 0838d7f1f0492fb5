//! What FlashJobs left in a namespace: finds it by label, and frees it.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    cluster::{ApiError, DeleteCondition, Deleted, ErrorKind, ObjectKey, Reader, Scope},
    flash_pod::intent::Stored,
    flashjob::blueprint::label_value,
    names::{ANNOTATION_JOB, LABEL_APP, LABEL_JOB_UID, TRACKING_FINALIZER},
};
use k8s_openapi::{
    api::{
        apps::v1::ControllerRevision,
        core::v1::{Pod, Secret, Service},
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt, core::NamespaceResourceScope};

use super::Cluster;
use crate::leftovers::{Found, Left, LeftPod, Step};

impl Cluster {
    /// Everything that this job, or all jobs, of the namespace left.
    ///
    /// # Errors
    /// When something cannot be listed. Where the CRD is gone, what its jobs left is still found.
    pub async fn leftovers(&self, job: Option<&str>) -> Result<Found, ApiError> {
        find(&self.reader, &self.namespace, job).await
    }

    /// Carries out a step; what there is to say of it.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn free(&self, step: &Step) -> Result<&'static str, ApiError> {
        let writer = self.writer();
        match step {
            Step::Delete { key, uid } => {
                let deleted = writer.delete(key, &DeleteCondition::uid(uid)).await?;
                Ok(if deleted == Deleted::Deleting {
                    " (it ends first)"
                } else {
                    ""
                })
            }
            Step::RemoveFinalizer {
                key,
                uid,
                finalizers,
                finalizer,
            } => writer
                .remove_finalizer(key, uid, finalizers, finalizer)
                .await
                .map(|_| ""),
        }
    }
}

async fn find(reader: &Reader, namespace: &str, job: Option<&str>) -> Result<Found, ApiError> {
    let scope = Scope::of(&[namespace.to_owned()]);
    let jobs = match reader.list::<Guarded<FlashJob>>(&scope, "").await {
        Err(error) if error.is_not_found() => Vec::new(),
        other => other?,
    };
    // A label may have been taken off: what the finalizer holds would stay for ever.
    let pods: Vec<Pod> = reader.list(&scope, "").await?;
    let services: Vec<Service> = reader.list(&scope, "").await?;
    let secrets: Vec<Secret> = reader
        .list(&scope, &format!("{LABEL_JOB_UID},owner=helm"))
        .await?;
    let revisions: Vec<ControllerRevision> = reader.list(&scope, LABEL_JOB_UID).await?;
    let policies: Vec<NetworkPolicy> = optional(reader.list(&scope, LABEL_JOB_UID).await)?;
    let mut found = Found {
        jobs: jobs.iter().filter_map(left).collect(),
        pods: pods.iter().filter_map(left_pod).collect(),
        others: services
            .iter()
            .filter_map(left)
            .chain(policies.iter().filter_map(left))
            .collect(),
        secrets: secrets.iter().filter_map(left_secret).collect(),
        revisions: revisions.iter().filter_map(left).collect(),
    };
    if let Some(job) = job {
        found.keep_only(job);
    }
    Ok(found)
}

/// A person without rights to a kind that only some charts render can still free the rest.
fn optional<K>(listed: Result<Vec<K>, ApiError>) -> Result<Vec<K>, ApiError> {
    match listed {
        Err(error) if error.kind == ErrorKind::Forbidden => Ok(Vec::new()),
        other => other,
    }
}

fn left<K>(object: &K) -> Option<Left>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let meta = object.meta();
    let (namespace, name) = (meta.namespace.as_deref()?, meta.name.as_deref()?);
    let is_job = K::kind(&()) == "FlashJob";
    let uid = meta.uid.clone()?;
    Some(Left {
        key: ObjectKey::new(&K::api_version(&()), &K::kind(&()), namespace, name),
        job_uid: if is_job { uid.clone() } else { job_uid(meta)? },
        job_name: if is_job {
            Some(name.to_owned())
        } else {
            object.annotations().get(ANNOTATION_JOB).cloned()
        },
        job_label: object.labels().get(LABEL_APP).cloned(),
        uid,
        finalizers: object.finalizers().to_vec(),
        deleting: meta.deletion_timestamp.is_some(),
    })
}

/// uid of the job that an object is of: by its label, or by its owner where it is held by the operator's finalizer and the label
/// was taken off. None where it is not an object of a flash.
fn job_uid(meta: &ObjectMeta) -> Option<String> {
    let labels = meta.labels.as_ref();
    let labelled = labels.and_then(|labels| labels.get(LABEL_JOB_UID)).cloned();
    let mut finalizers = meta.finalizers.iter().flatten();
    let is_held = finalizers.any(|one| one == TRACKING_FINALIZER);
    let owner = || {
        let mut owners = meta.owner_references.iter().flatten();
        let job = owners.find(|owner| owner.kind == "FlashJob");
        job.map_or_else(String::new, |job| job.uid.clone())
    };
    labelled.or_else(|| is_held.then(owner))
}

fn left_pod(pod: &Pod) -> Option<LeftPod> {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Pending");
    let bound = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some());
    let left = left(pod)?;
    let ended = matches!(phase, "Succeeded" | "Failed") || (left.deleting && !bound);
    Some(LeftPod { left, ended })
}

/// A release Secret says in its record which job it is of.
fn left_secret(secret: &Secret) -> Option<Left> {
    let mut left = left(secret)?;
    let stored = Stored::from_secret(secret).ok();
    let intent = stored.and_then(|stored| stored.record.attachment);
    left.job_name = intent.map(|intent| intent.job.name).or(left.job_name);
    Some(left)
}

impl Found {
    /// Leaves what belongs to jobs of this name, of whatever uid.
    fn keep_only(&mut self, job: &str) {
        let label = label_value(job);
        let known = self.all().filter(|left| match &left.job_name {
            Some(name) => name == job,
            None => left.job_label.as_deref() == Some(label.as_str()),
        });
        let uids: std::collections::BTreeSet<String> =
            known.map(|left| left.job_uid.clone()).collect();
        self.retain(|left| uids.contains(&left.job_uid));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::by_its_label(json!({"labels": {LABEL_JOB_UID: "a"}}), Some("a"))]
    #[case::by_its_label_whoever_owns_it(
        json!({"labels": {LABEL_JOB_UID: "a"}, "finalizers": [TRACKING_FINALIZER], "ownerReferences": [owner("FlashJob", "b")]}),
        Some("a")
    )]
    #[case::held_and_owned(
        json!({"finalizers": ["x/y", TRACKING_FINALIZER], "ownerReferences": [owner("Node", "n"), owner("FlashJob", "b")]}),
        Some("b")
    )]
    #[case::held_and_of_nobody(json!({"finalizers": [TRACKING_FINALIZER]}), Some(""))]
    #[case::of_somebody_else(json!({"finalizers": ["x/y"], "ownerReferences": [owner("FlashJob", "b")]}), None)]
    fn an_object_of_a_flash_is_known_by_its_label_or_by_the_finalizer(
        #[case] meta: Value,
        #[case] uid: Option<&str>,
    ) {
        let meta = serde_json::from_value(meta).unwrap();
        assert_eq!(job_uid(&meta).as_deref(), uid);
    }

    fn owner(kind: &str, uid: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "name": "n", "uid": uid})
    }
}
