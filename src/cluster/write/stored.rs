//! Writes of what the operator stores in objects of its own: release records, selections, statuses.

use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::Secret};
use kube::{Api, Resource};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{DeleteCondition, Deleted, Writer, malformed, post, typed_key};
use crate::{
    api::{FlashClass, FlashJob},
    cluster::{
        error::{ApiError, ErrorKind},
        kind::ObjectKey,
    },
};

impl Writer {
    /// Creates a release Secret; one that exists already is `AlreadyExists`.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn create_secret(&self, secret: &Secret) -> Result<Secret, ApiError> {
        self.create_typed(secret).await
    }

    /// Replaces a release Secret; it must carry the uid and resourceVersion it was read with.
    ///
    /// # Errors
    /// When it changed since (`Conflict`), or the API server refuses it.
    pub async fn replace_secret(&self, secret: &Secret) -> Result<Secret, ApiError> {
        let key = typed_key(secret)?;
        let api = self.typed::<Secret>(&key);
        self.call("update", &key, async {
            api.replace(&key.name, &post(), secret).await
        })
        .await
    }

    /// Deletes a Secret if the condition holds.
    ///
    /// # Errors
    /// As [`Writer::delete`].
    pub async fn delete_secret(
        &self,
        namespace: &str,
        name: &str,
        condition: &DeleteCondition,
    ) -> Result<Deleted, ApiError> {
        self.delete(&ObjectKey::secret(namespace, name), condition)
            .await
    }

    /// Creates one slice of a frozen selection.
    ///
    /// # Errors
    /// When it exists already or the API server refuses it.
    pub async fn create_revision(
        &self,
        revision: &ControllerRevision,
    ) -> Result<ControllerRevision, ApiError> {
        self.create_typed(revision).await
    }

    /// Replaces the status of the `FlashJob` that was read: it must carry uid and resourceVersion.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), is too large, or the API server refuses it.
    pub async fn replace_status(&self, job: &FlashJob) -> Result<FlashJob, ApiError> {
        let key = typed_key(job)?;
        let api = self.typed::<FlashJob>(&key);
        if job.metadata.uid.is_none() || job.metadata.resource_version.is_none() {
            return Err(malformed(
                &key,
                "a status write needs uid and resourceVersion",
            ));
        }
        self.call("update_status", &key, async {
            api.replace_status(&key.name, &post(), job).await
        })
        .await
    }

    /// Replaces the status of the `FlashClass` that was read: it must carry uid and resourceVersion.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), or the API server refuses it.
    pub async fn replace_class_status(&self, class: &FlashClass) -> Result<(), ApiError> {
        let key = ObjectKey::flash_class(class.metadata.name.as_deref().unwrap_or_default());
        let api: Api<FlashClass> = Api::all(self.client.clone());
        self.call("update_status", &key, async {
            api.replace_status(&key.name, &post(), class).await
        })
        .await
        .map(drop)
    }

    /// Amends the status of a `FlashJob` whose stored form today's types cannot hold, guarded by uid and resourceVersion.
    /// `amend` gets the object as it is stored, without its metadata, and returns its status; where it has nothing to say,
    /// nothing is written. Returns whether it was.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), or the API server refuses it.
    pub async fn amend_status(
        &self,
        key: &ObjectKey,
        uid: &str,
        resource_version: &str,
        amend: impl FnOnce(&Value) -> Option<Value>,
    ) -> Result<bool, ApiError> {
        let api = self.dynamic(key)?;
        let current = self
            .call("get", key, async { api.get(&key.name).await })
            .await?;
        let meta = &current.metadata;
        if meta.uid.as_deref() != Some(uid)
            || meta.resource_version.as_deref() != Some(resource_version)
        {
            return Err(ApiError {
                request: format!("update_status {key}"),
                kind: ErrorKind::Conflict,
                message: "the object is not as it was last seen".to_owned(),
            });
        }
        let mut next = current;
        let Some(status) = amend(&next.data) else {
            return Ok(false);
        };
        next.data["status"] = status;
        self.call("update_status", key, async {
            api.replace_status(&key.name, &post(), &next).await
        })
        .await
        .map(|_| true)
    }

    async fn create_typed<K>(&self, object: &K) -> Result<K, ApiError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Serialize
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let key = typed_key(object)?;
        let api = self.typed::<K>(&key);
        self.call("create", &key, async { api.create(&post(), object).await })
            .await
    }
}
