//! The approval of a step, as a person gives it: sets `spec.approvedStep` of a FlashJob and nothing else.

use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, TypeMeta},
    core::ApiResource,
};
use serde_json::json;

use super::error::ApiError;
use crate::{api::FlashJob, names};

/// Sets `spec.approvedStep` of the job with this uid by server-side apply, with a field manager of its own: whoever applies
/// the rest of the spec does not take the approval away.
///
/// # Errors
/// When the API server refuses, or another job has the name now.
pub async fn approve_step(
    client: &Client,
    (namespace, name, uid): (&str, &str, &str),
    step: &str,
) -> Result<(), ApiError> {
    let types = TypeMeta::resource::<FlashJob>();
    let resource = ApiResource::erase::<FlashJob>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let body = json!({
        "apiVersion": types.api_version,
        "kind": types.kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
        "spec": {"approvedStep": step},
    });
    let parameters = PatchParams::apply(names::APPROVAL_MANAGER).force();
    let answer = api.patch(name, &parameters, &Patch::Apply(&body)).await;
    answer.map(drop).map_err(|error| {
        ApiError::new(format!("approve step {step} of {namespace}/{name}"), &error)
    })
}
