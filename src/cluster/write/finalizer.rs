//! Finalizers are put on and taken off by JSON patches whose tests are their preconditions.

use kube::api::{Patch, PatchParams};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use super::{Writer, malformed};
use crate::{
    cluster::{
        error::{ApiError, ErrorKind},
        kind::ObjectKey,
    },
    names,
};

impl Writer {
    /// Takes a finalizer off the object with this uid. `finalizers` are those it was last seen with; where they differ
    /// from the object's, nothing is written and the error is a `Conflict`. Returns whether the object was there: one that is gone is
    /// not an error.
    ///
    /// # Errors
    /// When the object has another uid or other finalizers, or the API server refuses.
    pub async fn remove_finalizer(
        &self,
        key: &ObjectKey,
        uid: &str,
        finalizers: &[String],
        finalizer: &str,
    ) -> Result<bool, ApiError> {
        if !finalizers.iter().any(|one| one == finalizer) {
            return Ok(true);
        }
        let left = self.without_finalizer::<IgnoredAny>(key, uid, finalizers, finalizer);
        Ok(left.await?.is_some())
    }

    /// The same, and returns the object as the write left it; none where it is gone.
    ///
    /// # Errors
    /// As [`Writer::remove_finalizer`].
    pub async fn without_finalizer<A: DeserializeOwned>(
        &self,
        key: &ObjectKey,
        uid: &str,
        finalizers: &[String],
        finalizer: &str,
    ) -> Result<Option<A>, ApiError> {
        let rest: Vec<_> = finalizers.iter().filter(|one| *one != finalizer).collect();
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/metadata/finalizers", "value": finalizers},
            {"op": "replace", "path": "/metadata/finalizers", "value": rest},
        ]);
        match self.json_patch(key, patch).await {
            Err(error) if error.is_not_found() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Puts a finalizer on the object with this uid and resourceVersion, which had `finalizers` and not this one. Returns the object as
    /// the write left it.
    ///
    /// # Errors
    /// When the object changed since (`Conflict`), or the API server refuses.
    pub async fn add_finalizer<A: DeserializeOwned>(
        &self,
        key: &ObjectKey,
        uid: &str,
        resource_version: &str,
        finalizers: &[String],
        finalizer: &str,
    ) -> Result<A, ApiError> {
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
    async fn json_patch<A: DeserializeOwned>(
        &self,
        key: &ObjectKey,
        patch: Value,
    ) -> Result<A, ApiError> {
        let at = self.place(key)?;
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| malformed(key, &error.to_string()))?;
        let parameters = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = at.patch(&key.name, &parameters, &Patch::<()>::Json(patch));
        match self.call("patch", key, self.send(request)).await {
            Err(mut error) if matches!(&error.kind, ErrorKind::Invalid { fields } if fields.is_empty()) =>
            {
                error.kind = ErrorKind::Conflict;
                "the object is not as it was last seen".clone_into(&mut error.message);
                Err(error)
            }
            answer => answer,
        }
    }
}
