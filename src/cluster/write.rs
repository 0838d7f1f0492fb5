//! Every write to the cluster, one request each: bounded in time, behind the fence, never retried, counted.
//!
//! Called by the `act` files of the controllers. Objects that the operator owns are applied with force; what must not be
//! created twice is POSTed; deletes carry the uid.

mod probe;
mod stored;

use std::{future::Future, sync::Arc, time::Duration};

use kube::{
    Api, Client, Resource,
    api::{
        DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
        Request, TypeMeta,
    },
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    error::{ApiError, ErrorKind},
    kind::{Kinds, ObjectKey},
};
use crate::{names, telemetry::Metrics};

/// Writes of Services that are under way at the same time. The API server gives and takes their addresses one after the other,
/// some tens a second: what waits for its turn there may wait for longer than a write can take, and its repetition for longer still.
const SERVICES_AT_ONCE: usize = 16;

/// Writes to the cluster.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    kinds: Kinds,
    timeout: Duration,
    metrics: Metrics,
    services: Arc<Semaphore>,
}

/// What an object must be for a delete to touch it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteCondition {
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion: nothing may have happened to it since.
    pub resource_version: Option<String>,
    /// Seconds that a Pod gets to end; unset: its own.
    pub grace_seconds: Option<u32>,
}

impl DeleteCondition {
    /// The object with this uid, whatever happened to it since.
    #[must_use]
    pub fn uid(uid: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            ..Self::default()
        }
    }
}

/// What a delete came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The object is not there any more.
    Gone,
    /// The object is being deleted: a finalizer or a grace period keeps it.
    Deleting,
}

impl Writer {
    /// Writes through `client` ([`super::Clients::write`]) and gives up after `timeout`.
    #[must_use]
    pub fn new(client: Client, kinds: Kinds, timeout: Duration, metrics: Metrics) -> Self {
        Self {
            client,
            kinds,
            timeout,
            metrics,
            services: Arc::new(Semaphore::new(SERVICES_AT_ONCE)),
        }
    }

    /// Longest wait for an answer to a write: after it, no write can still be under way.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Applies a rendered object by server-side apply with force: for objects that only the operator writes. Of the answer the
    /// caller says how much is read: all of a Service, nothing (`IgnoredAny`) of what nobody looks at.
    ///
    /// # Errors
    /// When the object names no known kind, namespace and name, or the API server refuses it.
    pub async fn apply<A: DeserializeOwned>(&self, object: &Value) -> Result<A, ApiError> {
        let key = key_of(object)?;
        let at = self.place(&key)?;
        let parameters = PatchParams::apply(names::FIELD_MANAGER).force();
        let request = at.patch(&key.name, &parameters, &Patch::Apply(object));
        self.call("apply", &key, self.send(request)).await
    }

    /// Creates a rendered object; one that exists already is `AlreadyExists`.
    ///
    /// # Errors
    /// When the object names no known kind, namespace and name, or the API server refuses it.
    pub async fn create<A: DeserializeOwned>(&self, object: &Value) -> Result<A, ApiError> {
        let key = key_of(object)?;
        let at = self.place(&key)?;
        let body = object.to_string().into_bytes();
        let request = at.create(&post(), body);
        self.call("create", &key, self.send(request)).await
    }

    /// Deletes an object if the condition holds; another uid is a `Conflict`. An object that is not there is `Gone`.
    ///
    /// # Errors
    /// When the condition does not hold or the API server refuses.
    pub async fn delete(
        &self,
        key: &ObjectKey,
        condition: &DeleteCondition,
    ) -> Result<Deleted, ApiError> {
        let at = self.place(key)?;
        let parameters = DeleteParams {
            grace_period_seconds: condition.grace_seconds,
            preconditions: Some(Preconditions {
                uid: Some(condition.uid.clone()),
                resource_version: condition.resource_version.clone(),
            }),
            ..DeleteParams::background()
        };
        let request = at.delete(&key.name, &parameters);
        let answer: Result<Remains, _> = self.call("delete", key, self.send(request)).await;
        match answer {
            // Some kinds answer with the object though it is gone: only a time of deletion says that it is not.
            Ok(remains) if remains.metadata.deletion_timestamp.is_some() => Ok(Deleted::Deleting),
            Ok(_) => Ok(Deleted::Gone),
            Err(error) if error.is_not_found() => Ok(Deleted::Gone),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object that bears this label, whatever its uid. One without it, and of a kind that cannot be written (any more), stays.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete_labelled(
        &self,
        key: &ObjectKey,
        (label, value): (&str, &str),
    ) -> Result<(), ApiError> {
        let Ok(api) = self.dynamic(key) else {
            return Ok(());
        };
        let found = self
            .call("get", key, async { api.get_metadata_opt(&key.name).await })
            .await?;
        let is_meant = |meta: &ObjectMeta| {
            meta.labels.as_ref().and_then(|labels| labels.get(label)) == Some(&value.to_owned())
        };
        let uid = found
            .map(|found| found.metadata)
            .filter(is_meant)
            .and_then(|meta| meta.uid);
        let Some(uid) = uid else { return Ok(()) };
        self.delete(key, &DeleteCondition::uid(&uid))
            .await
            .map(drop)
    }

    /// Takes a finalizer off the object with this uid. `finalizers` are those it was last seen with; where they differ
    /// from the object's, nothing is written and the error is a `Conflict`. An object that is gone is no error.
    ///
    /// # Errors
    /// When the object has another uid or other finalizers, or the API server refuses.
    pub async fn remove_finalizer(
        &self,
        key: &ObjectKey,
        uid: &str,
        finalizers: &[String],
        finalizer: &str,
    ) -> Result<(), ApiError> {
        if !finalizers.iter().any(|one| one == finalizer) {
            return Ok(());
        }
        let rest: Vec<_> = finalizers.iter().filter(|one| *one != finalizer).collect();
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/metadata/finalizers", "value": finalizers},
            {"op": "replace", "path": "/metadata/finalizers", "value": rest},
        ]);
        match self.json_patch(key, patch).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Puts a finalizer on the object with this uid and resourceVersion, which had `finalizers`.
    ///
    /// # Errors
    /// When the object changed since (`Conflict`), or the API server refuses.
    pub async fn add_finalizer(
        &self,
        key: &ObjectKey,
        uid: &str,
        resource_version: &str,
        finalizers: &[String],
        finalizer: &str,
    ) -> Result<(), ApiError> {
        if finalizers.iter().any(|one| one == finalizer) {
            return Ok(());
        }
        let all: Vec<_> = finalizers
            .iter()
            .map(String::as_str)
            .chain([finalizer])
            .collect();
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/metadata/finalizers", "value": all},
        ]);
        self.json_patch(key, patch).await
    }

    /// Applies a JSON patch whose tests are preconditions: the API server answers 422 when one does not hold.
    async fn json_patch(&self, key: &ObjectKey, patch: Value) -> Result<(), ApiError> {
        let at = self.place(key)?;
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| malformed(key, &error.to_string()))?;
        let parameters = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = at.patch(&key.name, &parameters, &Patch::<()>::Json(patch));
        let answer: Result<IgnoredAny, _> = self.call("patch", key, self.send(request)).await;
        match answer {
            Ok(_) => Ok(()),
            Err(mut error) if matches!(&error.kind, ErrorKind::Invalid { fields } if fields.is_empty()) =>
            {
                error.kind = ErrorKind::Conflict;
                "the object is not as it was last seen".clone_into(&mut error.message);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Merges into an object. The patch names uid and resourceVersion: an object that changed since is a `Conflict`.
    ///
    /// # Errors
    /// When the object changed or was recreated since, or the API server refuses.
    pub async fn merge(&self, key: &ObjectKey, patch: &Value) -> Result<DynamicObject, ApiError> {
        let api = self.dynamic(key)?;
        let parameters = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.call("patch", key, async {
            api.patch(&key.name, &parameters, &Patch::Merge(patch))
                .await
        })
        .await
    }

    fn typed<K>(&self, key: &ObjectKey) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    fn dynamic(&self, key: &ObjectKey) -> Result<Api<DynamicObject>, ApiError> {
        let resource = self.kinds.find(&key.api_version, &key.kind).ok_or_else(|| {
            malformed(
                key,
                &format!(
                    "{}/{} is not among the kinds that charts may render; an administrator can add it",
                    key.api_version, key.kind
                ),
            )
        })?;
        Ok(Api::namespaced_with(
            self.client.clone(),
            &key.namespace,
            resource,
        ))
    }

    /// Where requests about objects of the key's kind and namespace go.
    fn place(&self, key: &ObjectKey) -> Result<Request, ApiError> {
        Ok(Request::new(self.dynamic(key)?.resource_url()))
    }

    /// Sends a request and reads of the answer what `A` has: whole objects are large, and hardly anything of them is needed.
    async fn send<A: DeserializeOwned>(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> kube::Result<A> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        let answer = self.client.request_text(request).await?;
        serde_json::from_str(&answer).map_err(kube::Error::SerdeError)
    }

    /// Sends one request, bounded and counted. The time begins, and the fence is asked, when it is sent.
    async fn call<T>(
        &self,
        verb: &'static str,
        key: &ObjectKey,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiError> {
        let what = || format!("{verb} {key}");
        let _turn = if key.kind == "Service" {
            self.services.acquire().await.ok()
        } else {
            None
        };
        let answer = match tokio::time::timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(|error| ApiError::new(what(), &error)),
            Err(_) => Err(ApiError::timeout(what(), self.timeout)),
        };
        let outcome = answer.as_ref().map_or_else(|e| e.kind.as_str(), |_| "ok");
        self.metrics.api_write(verb, &key.kind, outcome);
        answer
    }
}

/// What the answer to a DELETE says of the object: absent where it is a Status.
#[derive(Deserialize)]
struct Remains {
    #[serde(default)]
    metadata: RemainsMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RemainsMeta {
    deletion_timestamp: Option<IgnoredAny>,
}

fn post() -> PostParams {
    PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn key_of(object: &Value) -> Result<ObjectKey, ApiError> {
    ObjectKey::of(object).ok_or_else(|| ApiError {
        request: "write a rendered object".to_owned(),
        kind: ErrorKind::Invalid { fields: Vec::new() },
        message: "it lacks apiVersion, kind, metadata.namespace or metadata.name".to_owned(),
    })
}

fn typed_key<K: Resource<DynamicType = ()>>(object: &K) -> Result<ObjectKey, ApiError> {
    let types = TypeMeta::resource::<K>();
    let meta = object.meta();
    match (&meta.namespace, &meta.name) {
        (Some(namespace), Some(name)) => Ok(ObjectKey::new(
            &types.api_version,
            &types.kind,
            namespace,
            name,
        )),
        _ => Err(ApiError {
            request: format!("write a {}", types.kind),
            kind: ErrorKind::Invalid { fields: Vec::new() },
            message: "it lacks metadata.namespace or metadata.name".to_owned(),
        }),
    }
}

fn malformed(key: &ObjectKey, message: &str) -> ApiError {
    ApiError {
        request: format!("write {key}"),
        kind: ErrorKind::Invalid { fields: Vec::new() },
        message: message.to_owned(),
    }
}
