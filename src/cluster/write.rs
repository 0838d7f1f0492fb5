//! Every write to the cluster, one request each: bounded in time, behind the fence, never retried, counted.
//!
//! Called by the `act` files of the controllers. Objects that the operator owns are applied with force; what must not be
//! created twice is POSTed; deletes carry the uid.

mod delete;
mod finalizer;
mod probe;
mod stored;
mod under_way;

use std::{future::Future, sync::Arc, time::Duration};

use kube::{
    Api, Client, Resource,
    api::{DynamicObject, Patch, PatchParams, PostParams, Request, TypeMeta},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    error::{ApiError, ErrorKind},
    kind::{Kinds, ObjectKey},
};
use crate::{
    names,
    seam::{Bug, planted},
    telemetry::Metrics,
};

pub use delete::{DeleteCondition, Deleted};
use under_way::UnderWay;

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
    under_way: UnderWay,
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
            under_way: UnderWay::default(),
        }
    }

    /// Whether a write may still be carried out, waited for or not.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_any()
    }

    /// From the sending of a write until it can no longer take effect, whatever became of its answer. The network may take it to the API
    /// server until this client gives it up, and the API server may carry it out for as long again: it counts `timeout=` from the arrival.
    #[must_use]
    pub fn settles_within(&self) -> Duration {
        self.timeout * 2
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
    ///
    /// An answer that leaves open what became of the write is given only when the write can no longer take effect: whoever looks
    /// then sees what it did, and what is sent next cannot be overtaken by it.
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
        let awaited = self.under_way.begin(self.settles_within());
        let answer = match tokio::time::timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(|error| ApiError::new(what(), &error)),
            Err(_) => Err(ApiError::timeout(what(), self.timeout)),
        };
        let unclear = answer.as_ref().is_err_and(ApiError::is_outcome_unknown);
        if unclear && !planted(Bug::UnclearIsOver) {
            awaited.settled().await;
        }
        awaited.answered();
        let outcome = answer.as_ref().map_or_else(|e| e.kind.as_str(), |_| "ok");
        self.metrics.api_write(verb, &key.kind, outcome);
        answer
    }
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
