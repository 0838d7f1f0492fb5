//! Writes of what the operator stores in objects of its own: release records, selections, statuses.

use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    api::{GetParams, Request, TypeMeta},
};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use super::{DeleteCondition, Deleted, Writer, malformed, post, typed_key};
use crate::{
    api::{FlashClass, FlashClassStatus, FlashJob, FlashJobStatus, Guarded, RawObject},
    cluster::{
        error::{ApiError, ErrorKind},
        kind::ObjectKey,
    },
    seam::{Bug, planted},
};

/// An object as a write of its status sends it.
#[derive(Serialize)]
struct StatusOf<'a, S> {
    #[serde(flatten)]
    types: TypeMeta,
    metadata: Identity<'a>,
    status: &'a S,
}

/// Which object, and in which form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
}

impl<'a, S> StatusOf<'a, S> {
    fn new<K: Resource<DynamicType = ()>>(metadata: &'a ObjectMeta, status: &'a S) -> Self {
        let of_job = K::kind(&()) == FlashJob::kind(&());
        let demanded = !(of_job && planted(Bug::VerdictWithoutUid));
        Self {
            types: TypeMeta::resource::<K>(),
            metadata: Identity {
                name: metadata.name.as_deref(),
                namespace: metadata.namespace.as_deref(),
                uid: demanded.then_some(metadata.uid.as_deref()).flatten(),
                resource_version: demanded
                    .then_some(metadata.resource_version.as_deref())
                    .flatten(),
            },
            status,
        }
    }
}

/// Which form of an object.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Version {
    uid: String,
    resource_version: String,
}

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

    /// Replaces the status of the `FlashJob` with this metadata, which must hold uid and resourceVersion. Nothing else is sent: a
    /// write of a status takes neither the rest of the object nor its managers away.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), is too large, or the API server refuses it.
    pub async fn replace_status(
        &self,
        metadata: &ObjectMeta,
        status: &FlashJobStatus,
    ) -> Result<Guarded<FlashJob>, ApiError> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let key = ObjectKey::flash_job(namespace, name);
        if metadata.uid.is_none() || metadata.resource_version.is_none() {
            return Err(malformed(
                &key,
                "a status write needs uid and resourceVersion",
            ));
        }
        let url = FlashJob::url_path(&(), Some(namespace));
        self.put_status(&key, &url, &StatusOf::new::<FlashJob>(metadata, status))
            .await
    }

    /// Replaces the status of the `FlashClass` with this metadata, which must hold uid and resourceVersion.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), or the API server refuses it.
    pub async fn replace_class_status(
        &self,
        metadata: &ObjectMeta,
        status: &FlashClassStatus,
    ) -> Result<(), ApiError> {
        let key = ObjectKey::flash_class(metadata.name.as_deref().unwrap_or_default());
        let url = FlashClass::url_path(&(), None);
        let body = StatusOf::new::<FlashClass>(metadata, status);
        self.put_status::<IgnoredAny>(&key, &url, &body)
            .await
            .map(drop)
    }

    /// Amends the status of a `FlashJob` whose stored form today's types cannot hold, guarded by uid and resourceVersion.
    /// `amend` gets the object as it is stored and returns its status; where it has nothing to say, nothing is written. Returns
    /// whether it was.
    ///
    /// # Errors
    /// When it changed or was recreated since (`Conflict`), or the API server refuses it.
    pub async fn amend_status(
        &self,
        key: &ObjectKey,
        uid: &str,
        resource_version: &str,
        amend: impl FnOnce(&RawObject) -> Option<Value>,
    ) -> Result<bool, ApiError> {
        let url = FlashJob::url_path(&(), Some(&key.namespace));
        let request = Request::new(url.as_str()).get(&key.name, &GetParams::default());
        let current: RawObject = self.call("get", key, self.send(request)).await?;
        let meta: Version = serde_json::from_str(current.metadata.get()).unwrap_or_default();
        if (meta.uid.as_str(), meta.resource_version.as_str()) != (uid, resource_version) {
            return Err(ApiError {
                request: format!("update_status {key}"),
                kind: ErrorKind::Conflict,
                message: "the object is not as it was last seen".to_owned(),
            });
        }
        let Some(status) = amend(&current) else {
            return Ok(false);
        };
        let status = serde_json::value::to_raw_value(&status);
        let next = RawObject {
            spec: None,
            status: status.ok(),
            ..current
        };
        self.put_status::<IgnoredAny>(key, &url, &next)
            .await
            .map(|_| true)
    }

    async fn put_status<A: DeserializeOwned>(
        &self,
        key: &ObjectKey,
        url: &str,
        body: &impl Serialize,
    ) -> Result<A, ApiError> {
        let body = serde_json::to_vec(body).map_err(|error| malformed(key, &error.to_string()))?;
        let request = Request::new(url).replace_subresource("status", &key.name, &post(), body);
        self.call("update_status", key, self.send(request)).await
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
