//! What the API server would say to a write that is not carried out.

use serde_json::Value;

use super::{Writer, key_of, malformed, post};
use crate::cluster::error::ApiError;
use kube::api::{DynamicObject, PostParams};

impl Writer {
    /// Asks whether an object could be created, and creates nothing: admission is asked as it would be for the object itself.
    ///
    /// # Errors
    /// When the object names no known kind, namespace and name, or the API server would refuse it.
    pub async fn try_create(&self, object: &Value) -> Result<(), ApiError> {
        let key = key_of(object)?;
        let api = self.dynamic(&key)?;
        let object: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| malformed(&key, &error.to_string()))?;
        let parameters = PostParams {
            dry_run: true,
            ..post()
        };
        self.call("try", &key, async {
            api.create(&parameters, &object).await
        })
        .await
        .map(drop)
    }
}
