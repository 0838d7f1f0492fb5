//! Whether the API server stamps who asks for a round and who approves its steps: the policy of the operator's chart, and its
//! binding. Reads; called by `flashjob::act`.

use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};

use super::error::{ApiError, ErrorKind};
use crate::names::STAMPS_POLICY;

/// Since when the API server stamps; none where it does not, or the operator may not look.
///
/// # Errors
/// When the API server does not answer.
pub async fn stamping_since(client: &Client) -> Result<Option<Timestamp>, ApiError> {
    let Some(policy) = read(client, "MutatingAdmissionPolicy").await? else {
        return Ok(None);
    };
    let Some(binding) = read(client, "MutatingAdmissionPolicyBinding").await? else {
        return Ok(None);
    };
    let bound = binding.data["spec"]["policyName"] == STAMPS_POLICY;
    let since = |object: &DynamicObject| object.creation_timestamp().map(|time| time.0);
    Ok(since(&policy).max(since(&binding)).filter(|_| bound))
}

async fn read(client: &Client, kind: &str) -> Result<Option<DynamicObject>, ApiError> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    match api.get(STAMPS_POLICY).await {
        Ok(object) => Ok(Some(object)),
        Err(error) => {
            let error = ApiError::new(format!("read {} {STAMPS_POLICY}", kind.kind), &error);
            // An API server without the kind, and an installation whose roles are older than the operator.
            match error.kind {
                ErrorKind::NotFound | ErrorKind::Forbidden => Ok(None),
                _ => Err(error),
            }
        }
    }
}
