//! What FlashJobs left in a namespace. Reads only.

use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    core::v1::{Pod, Secret, Service},
    networking::v1::NetworkPolicy,
};
use kube::{
    Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope},
};

use super::plan::{Found, Left, LeftPod};
use crate::{
    api::FlashJob,
    cluster::{ApiError, ErrorKind, ObjectKey, Reader, Scope},
    flashjob::blueprint::label_value,
    names::{ANNOTATION_JOB, LABEL_APP, LABEL_JOB_UID},
    release::Stored,
};

/// Everything of one job, or of all jobs, in a namespace.
///
/// # Errors
/// When something cannot be listed. Where the CRD is gone, what its jobs left is still found.
pub async fn find(reader: &Reader, namespace: &str, job: Option<&str>) -> Result<Found, ApiError> {
    let scope = Scope::of(&[namespace.to_owned()]);
    let jobs = match reader.list::<DeserializeGuard<FlashJob>>(&scope, "").await {
        Err(error) if error.is_not_found() => Vec::new(),
        other => other?,
    };
    let pods: Vec<Pod> = reader.list(&scope, LABEL_JOB_UID).await?;
    let services: Vec<Service> = reader.list(&scope, LABEL_JOB_UID).await?;
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
        job_uid: if is_job {
            uid.clone()
        } else {
            object.labels().get(LABEL_JOB_UID)?.clone()
        },
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
    let intent = stored.and_then(|stored| stored.record.intent);
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
