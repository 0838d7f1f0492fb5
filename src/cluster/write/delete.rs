//! Deletes: of the object that was seen, never of another that has its name now.

use kube::api::{DeleteParams, ObjectMeta, Preconditions};
use serde::{Deserialize, de::IgnoredAny};

use super::Writer;
use crate::{
    cluster::{error::ApiError, kind::ObjectKey},
    seam::{Bug, planted},
};

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
                uid: (!planted(Bug::DeleteWithoutUid)).then(|| condition.uid.clone()),
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
