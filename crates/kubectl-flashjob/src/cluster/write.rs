//! Writes of a person to a job: single fields of its spec, each with its own field manager, so that an apply of the rest of the spec
//! does not remove them; and the deletion of its Pods.

use flashjob_operator::{
    api::FlashJob,
    cluster::{ApiError, DeleteCondition, Kinds, ObjectKey, Writer},
    flashjob::spec::job::Job,
    names::LABEL_JOB_UID,
    telemetry::Metrics,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams, TypeMeta},
    core::ApiResource,
};
use serde_json::{Value, json};

use super::Cluster;

impl Cluster {
    /// Makes these fields of the spec of the job with this uid this manager's, whoever has set them, and gives up what else it had.
    /// Returns the job as it is then.
    ///
    /// # Errors
    /// When the API server refuses, or another job has the name now.
    pub async fn claim(
        &self,
        job: &Job,
        manager: &str,
        spec: &Value,
    ) -> Result<DynamicObject, ApiError> {
        let types = TypeMeta::resource::<FlashJob>();
        let resource = ApiResource::erase::<FlashJob>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.write.clone(), &job.namespace, &resource);
        // The uid: without it an apply would bring a job back that was deleted meanwhile.
        let mut body = json!({
            "apiVersion": types.api_version,
            "kind": types.kind,
            "metadata": {"name": job.name, "namespace": job.namespace, "uid": job.uid},
        });
        if !spec.is_null() {
            body["spec"] = spec.clone();
        }
        let parameters = PatchParams::apply(manager).force();
        let patch = Patch::Apply(&body);
        let answer = api.patch(&job.name, &parameters, &patch).await;
        answer.map_err(|error| {
            let what = format!("patch FlashJob {}/{}", job.namespace, job.name);
            ApiError::new(what, &error)
        })
    }

    /// Creates a job, or asks whether it could be; one that is there is left as it is.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn create(&self, job: &FlashJob, dry_run: bool) -> Result<FlashJob, ApiError> {
        let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<FlashJob> = Api::namespaced(self.write.clone(), namespace);
        let parameters = PostParams {
            dry_run,
            field_manager: Some("kubectl-flashjob".to_owned()),
        };
        let answer = api.create(&parameters, job).await;
        answer.map_err(|error| {
            let name = job.metadata.name.as_deref().unwrap_or_default();
            ApiError::new(format!("create FlashJob {namespace}/{name}"), &error)
        })
    }

    /// Deletes a Pod of the job. Returns whether there was one.
    ///
    /// # Errors
    /// When it cannot be read or deleted.
    pub async fn end_pod(&self, job: &Job, name: &str) -> Result<bool, ApiError> {
        let Some(pod) = self.reader.get::<Pod>(&job.namespace, name).await? else {
            return Ok(false);
        };
        let labels = pod.metadata.labels.unwrap_or_default();
        let uid = pod.metadata.uid.unwrap_or_default();
        if labels.get(LABEL_JOB_UID).map(String::as_str) != Some(job.uid.as_str()) {
            return Ok(false);
        }
        let key = ObjectKey::pod(&job.namespace, name);
        let only = DeleteCondition::uid(&uid);
        self.writer().delete(&key, &only).await?;
        Ok(true)
    }

    /// Writes of the operator's own kind, as the person.
    pub(super) fn writer(&self) -> Writer {
        let metrics = Metrics::default();
        Writer::new(self.write.clone(), Kinds::default(), self.patience, metrics)
    }
}
