//! What the commands about devices read: Instances, FlashJobs and release records, as far as the person may.

use flashjob_operator::{
    api::{FlashJob, Guarded, Instance},
    cluster::{ApiError, ErrorKind, Scope},
    device::Inventory,
    flash_pod::intent::Stored,
    flashjob::spec::job::Job,
};
use k8s_openapi::api::core::v1::Secret;
use kube::core::DeserializeGuard;

use super::Cluster;

/// Labels of Helm's records.
const RELEASES: &str = "owner=helm";

/// What may not be read, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen(pub String);

/// Devices, and the jobs that flash them.
pub struct Fleet {
    /// Instances as they were read.
    pub instances: Vec<DeserializeGuard<Instance>>,
    /// The devices that they stand for.
    pub inventory: Inventory,
    /// Jobs, as far as they may be read.
    pub jobs: Vec<Job>,
    /// Why jobs may be missing.
    pub unseen: Option<Unseen>,
}

/// Jobs, as far as the person may read them.
pub(super) struct Readable {
    pub jobs: Vec<Job>,
    /// Where; none: nowhere.
    pub within: Option<Scope>,
    pub unseen: Option<Unseen>,
}

impl Cluster {
    /// The namespace that is meant, or all of them.
    pub fn scope(&self, all: bool) -> Scope {
        if all {
            Scope::All
        } else {
            Scope::Namespaces([self.namespace.clone()].into())
        }
    }

    /// The devices of these namespaces, and the jobs that flash them.
    ///
    /// # Errors
    /// When Instances cannot be read.
    pub async fn fleet(&self, scope: &Scope) -> Result<Fleet, ApiError> {
        let listed = self.reader.list::<DeserializeGuard<Instance>>(scope, "");
        let instances = listed.await?;
        let own = self.own_addresses.iter().copied();
        let inventory = Inventory::of(&instances, own);
        let (jobs, unseen) = self.all_jobs().await?;
        Ok(Fleet {
            instances,
            inventory,
            jobs,
            unseen,
        })
    }

    /// Every job that the person may read: of the cluster, else of the namespace. Jobs of any namespace flash a device.
    ///
    /// # Errors
    /// When they cannot be read for another reason than a missing right.
    pub async fn all_jobs(&self) -> Result<(Vec<Job>, Option<Unseen>), ApiError> {
        let readable = self.jobs_as_readable().await?;
        Ok((readable.jobs, readable.unseen))
    }

    /// The same, with the scope that can be read.
    pub(super) async fn jobs_as_readable(&self) -> Result<Readable, ApiError> {
        let mut refused = Vec::new();
        for scope in [Scope::All, self.scope(false)] {
            match self.reader.list::<Guarded<FlashJob>>(&scope, "").await {
                Ok(listed) => {
                    return Ok(Readable {
                        jobs: listed.iter().filter_map(Job::parse).collect(),
                        within: Some(scope),
                        unseen: unseen(&refused, &self.namespace),
                    });
                }
                Err(error) if error.kind == ErrorKind::Forbidden => refused.push(scope),
                Err(error) => return Err(error),
            }
        }
        Ok(Readable {
            jobs: Vec::new(),
            within: None,
            unseen: unseen(&refused, &self.namespace),
        })
    }

    /// Every revision of every release in the namespace that can be read as one of the operator's.
    ///
    /// # Errors
    /// When Secrets cannot be read.
    pub async fn releases(&self) -> Result<Vec<Stored>, ApiError> {
        let scope = self.scope(false);
        let secrets = self.reader.list::<Secret>(&scope, RELEASES).await?;
        let read = |secret: &Secret| Stored::from_secret(secret).ok();
        let records = secrets.iter().filter_map(read);
        Ok(records
            .filter(|stored| stored.record.attachment.is_some())
            .collect())
    }
}

fn unseen(refused: &[Scope], namespace: &str) -> Option<Unseen> {
    match refused {
        [] => None,
        [_] => Some(Unseen(format!(
            "you may list flashjobs in namespace {namespace} alone: jobs of others are not seen"
        ))),
        _ => Some(Unseen(format!(
            "you may not list flashjobs, not even in namespace {namespace}: what they do to a device is not seen"
        ))),
    }
}
