//! Looks at one object as the API server has it now: before it is acted upon, or where nobody knows whether a write was carried out.

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Api, Client};
use serde_json::Value;

use super::until_answered;
use crate::{cluster::ApiError, flashjob::act::context::Context};

/// A Secret as the API server has it now.
///
/// # Errors
/// When it cannot be asked.
pub async fn get_secret(
    read: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<Secret>, ApiError> {
    let api: Api<Secret> = Api::namespaced(read.clone(), namespace);
    let found = api.get_opt(name).await;
    found.map_err(|error| ApiError::new(format!("get Secret {namespace}/{name}"), &error))
}

/// The Pod as the API server has it now.
///
/// # Errors
/// When it cannot be asked.
pub async fn get_pod(ctx: &Context, namespace: &str, name: &str) -> Result<Option<Pod>, ApiError> {
    let api: Api<Pod> = Api::namespaced(ctx.read.clone(), namespace);
    api.get_opt(name)
        .await
        .map_err(|error| ApiError::new(format!("get Pod {namespace}/{name}"), &error))
}

/// The Service of a manifest, once the API server answers.
pub async fn find_service(ctx: &Context, object: &Value) -> Option<Service> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    let api: Api<Service> = Api::namespaced(ctx.read.clone(), namespace);
    until_answered(|| async {
        let found = api.get_opt(name).await;
        found.map_err(|error| ApiError::new(format!("get Service {namespace}/{name}"), &error))
    })
    .await
}
