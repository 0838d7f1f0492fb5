//! Orders of a person to a job: single fields of its spec, each with a field manager of its own, so that an apply of the rest of the
//! spec does not remove them. Writes.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    flashjob::spec::job::Job,
    names::{GROUP, VERSION},
};
use http::StatusCode;
use kube::{
    api::{GetParams, Patch, PatchParams},
    core::Request,
};
use serde_json::{Value, json};

use super::{Answer, Caller};
use crate::problem::Problem;

/// A job as it is stored, and as the operator's library reads it.
#[derive(Clone, Debug)]
pub struct Found {
    /// As the API server has it.
    pub object: Value,
    /// As it is read.
    pub job: Job,
}

/// What is written of a job's spec, and how.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who has the fields from then on; what else that manager had it gives up.
    pub manager: &'a str,
    /// The fields of the spec; null: none.
    pub spec: &'a Value,
    /// The resource version that the job must have.
    pub version: Option<&'a str>,
    /// Nothing is changed.
    pub dry_run: bool,
}

impl Caller {
    /// The job of this name.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn job(&self, jobs: &Request, name: &str) -> Result<Found, Problem> {
        let request = jobs.get(name, &GetParams::default());
        let Answer { object, .. } = self.ask(request).await?;
        let guard = serde_json::from_value::<Guarded<FlashJob>>(object.clone());
        let job = guard.ok().as_ref().and_then(Job::parse).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_GATEWAY,
                format!("the API server's FlashJob {name} has no uid"),
            )
        })?;
        Ok(Found { object, job })
    }

    /// Makes this field manager the owner of fields of the spec, even of those that another manager set. Returns the job after that.
    ///
    /// # Errors
    /// When the API server refuses, or another job has the name now.
    pub async fn claim(
        &self,
        jobs: &Request,
        job: &Job,
        claim: Claim<'_>,
    ) -> Result<Value, Problem> {
        // The uid: without it an apply would bring a job back that was deleted meanwhile.
        let mut body = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "FlashJob",
            "metadata": {"name": job.name, "namespace": job.namespace, "uid": job.uid},
        });
        if !claim.spec.is_null() {
            body["spec"] = claim.spec.clone();
        }
        if let Some(version) = claim.version {
            body["metadata"]["resourceVersion"] = json!(version);
        }
        let mut parameters = PatchParams::apply(claim.manager).force();
        parameters.dry_run = claim.dry_run;
        let request = jobs.patch(&job.name, &parameters, &Patch::Apply(&body));
        Ok(self.ask(request).await?.object)
    }
}
