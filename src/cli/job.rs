//! Reading the one FlashJob that a subcommand is about. Reads only.

use super::Failure;
use crate::{
    api::{FlashJob, Guarded},
    cluster::Reader,
    flashjob::spec::job::Job,
};

/// The job of this name.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(super) async fn find_job(reader: &Reader, namespace: &str, name: &str) -> Result<Job, Failure> {
    let found = reader.get::<Guarded<FlashJob>>(namespace, name).await?;
    let guard = found.ok_or_else(|| {
        format!(
            "namespace {namespace} has no FlashJob {name}; list them with: kubectl get flashjobs -A"
        )
    })?;
    Job::parse(&guard).ok_or_else(|| format!("FlashJob {namespace}/{name} has no uid").into())
}
