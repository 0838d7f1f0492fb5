//! Helm releases of devices, and what was done to a device and by a job. Reads only: records are Secrets, and the API server says who may
//! list them.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, Query},
    http::StatusCode,
};
use flashjob_operator::{
    api::{FlashJob, Guarded},
    cli::history::{History, Place, ReleaseRow, Verdict},
    cluster::Scope,
    device::Inventory,
    flash_pod::intent::{Stored, release_name},
    flashjob::spec::job::Job,
    names::LABEL_JOB_UID,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{
    around::Around,
    device::{OfDevice, find},
    page::{MOST, limit},
    place::{Name, Namespaced, OfJob, secrets},
};
use crate::{
    cluster::Caller,
    document::{HistoryDocument, JobHistoryDocument, ReleaseListDocument},
    problem::{Problem, Refusal},
    view::{JobHistory, ListMeta, Releases, rounds},
};

/// Labels of Helm's records.
pub const RECORDS: &str = "owner=helm";
/// Most UUIDs of one device of which records are looked for: each flash may give it another one.
const UUIDS: usize = 20;

/// Which part of the releases.
#[derive(Deserialize, IntoParams, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// Most records of Helm that are read for the page, from 1 to 500. Those of others are left out.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// `metadata.continue` of the page before.
    #[serde(rename = "continue")]
    continue_: Option<String>,
}

/// List the Helm releases of devices in a namespace, each revision by itself: devices in flight, and those that failed. It takes the right
/// to list Secrets, in which Helm keeps its records.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/releases", tag = "Devices", operation_id = "listReleases",
    params(Namespaced, Part),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = ReleaseListDocument),
        Refusal,
    )
)]
pub async fn releases(
    caller: Caller,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(part): Query<Part>,
) -> Result<Json<Releases>, Problem> {
    let (items, metadata) = records(&caller, &namespace, RECORDS, part).await?;
    Ok(Json(Releases { metadata, items }))
}

/// Say what was done to a device of a FlashJob, by this job and by others of the namespace: as far as the sender may read it.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/devices/{device}/history", tag = "Devices",
    operation_id = "getDeviceHistory",
    params(OfDevice),
    responses(
        (status = 200, description = "The same as `kubectl flashjob history` says.", body = HistoryDocument),
        Refusal,
    )
)]
pub async fn of_device(
    caller: Caller,
    Path(OfDevice {
        namespace,
        name,
        device,
    }): Path<OfDevice>,
) -> Result<Json<History>, Problem> {
    let place = OfJob { namespace, name };
    let around = Around::of(&caller, &place).await?;
    let uuid = find(&caller, &around, &device).await?.uuid;
    let scope = Scope::Namespaces([place.namespace.as_str().to_owned()].into());
    let reader = caller.reader();
    let listed = reader.list::<Guarded<FlashJob>>(&scope, "").await;
    let mut not_seen = Vec::new();
    let jobs: Vec<Job> = match listed {
        Ok(listed) => listed.iter().filter_map(Job::parse).collect(),
        Err(error) => {
            not_seen.push(error.to_string());
            vec![around.found.job.clone()]
        }
    };
    let of = Place::of(&uuid, &jobs, &Inventory::default());
    let entries = of.entries(&jobs);
    let uuids = entries.iter().map(|(_, entry)| entry.uuid.as_str());
    let uuids: BTreeSet<&str> = uuids.chain([uuid.as_str()]).take(UUIDS).collect();
    let names: Vec<_> = uuids
        .iter()
        .filter_map(|uuid| release_name(&(*uuid).into()).ok())
        .collect();
    let labels = format!("{RECORDS},name in ({})", names.join(","));
    let attempts = attempts(&caller, &place.namespace, &labels, &mut not_seen).await?;
    Ok(Json(History {
        device: of.named.clone(),
        endpoint: of.endpoint.clone(),
        verdicts: entries
            .iter()
            .map(|(job, entry)| Verdict::of(job, entry))
            .collect(),
        attempts,
        not_seen,
    }))
}

/// Say which rounds of a FlashJob are known, the current one and the one before, and which attempts Helm releases still tell of.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/history", tag = "FlashJobs", operation_id = "getHistory",
    params(OfJob),
    responses(
        (status = 200, description = "What is known.", body = JobHistoryDocument),
        Refusal,
    )
)]
pub async fn of_job(caller: Caller, Path(place): Path<OfJob>) -> Result<Json<JobHistory>, Problem> {
    let around = Around::of(&caller, &place).await?;
    let job = &around.found.job;
    let labels = format!("{RECORDS},{LABEL_JOB_UID}={}", job.uid);
    let mut not_seen = Vec::new();
    let attempts = attempts(&caller, &place.namespace, &labels, &mut not_seen).await?;
    Ok(Json(JobHistory {
        job: job.name.clone(),
        namespace: job.namespace.clone(),
        rounds: rounds(&job.status),
        attempts,
        not_seen,
    }))
}

/// The attempts in the records with these labels, newest first. `not_seen` gets what the caller may not read, or was not read.
async fn attempts(
    caller: &Caller,
    namespace: &Name,
    labels: &str,
    not_seen: &mut Vec<String>,
) -> Result<Vec<ReleaseRow>, Problem> {
    let part = Part {
        limit: Some(MOST),
        continue_: None,
    };
    let (mut rows, metadata) = match records(caller, namespace, labels, part).await {
        Ok(read) => read,
        Err(problem) if problem.status == StatusCode::FORBIDDEN => {
            not_seen.push(format!(
                "you may not list secrets in namespace {}, in which Helm keeps its records",
                namespace.as_str()
            ));
            return Ok(Vec::new());
        }
        Err(problem) => return Err(problem),
    };
    if metadata.continue_.is_some() {
        not_seen.push(format!(
            "there are more records than the {MOST} that were read: /api/v1/namespaces/{}/releases has all of them",
            namespace.as_str()
        ));
    }
    rows.sort_by(|a, b| (&b.updated, b.revision).cmp(&(&a.updated, a.revision)));
    Ok(rows)
}

/// A page of the records with these labels that can be read as the operator's.
async fn records(
    caller: &Caller,
    namespace: &Name,
    labels: &str,
    part: Part,
) -> Result<(Vec<ReleaseRow>, ListMeta), Problem> {
    let parameters = ListParams {
        limit: Some(limit(part.limit)?),
        continue_token: part.continue_.filter(|token| !token.is_empty()),
        label_selector: Some(labels.to_owned()),
        ..ListParams::default()
    };
    let mut list = caller
        .ask(secrets(namespace).list(&parameters))
        .await?
        .object;
    let items = match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let records = items.into_iter().filter_map(stored);
    let rows = records.filter_map(|record| ReleaseRow::of(&record));
    Ok((rows.collect(), ListMeta::of(&list["metadata"])))
}

/// The operator's record of a release in a Secret; none where it is somebody else's, or cannot be read.
#[must_use]
pub fn stored(secret: Value) -> Option<Stored> {
    let secret: Secret = serde_json::from_value(secret).ok()?;
    Stored::from_secret(&secret).ok()
}
