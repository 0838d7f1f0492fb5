//! Whose object something is, as its labels say when it is made.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::api::Key;
use crate::flashjob::observe::{ledger::ObjectKind, objects::Identity, parse::labelled};

/// The attempt that an object claims to be of.
pub fn of(key: &Key, object: &Value) -> Option<Identity> {
    let kind = match key.plural {
        "pods" => ObjectKind::Pod,
        "services" => ObjectKind::Service,
        "secrets" => ObjectKind::Secret,
        _ => return None,
    };
    let meta: ObjectMeta = serde_json::from_value(object["metadata"].clone()).ok()?;
    Some(labelled(&meta, kind)?.identity)
}

pub fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub fn is_deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

pub fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    let all = object["metadata"]["finalizers"].as_array();
    all.is_some_and(|all| all.iter().any(|one| one == finalizer))
}
