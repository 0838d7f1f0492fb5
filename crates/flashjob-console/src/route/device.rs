//! The devices of a FlashJob, what failed of them and why, and the job in plain words. Reads only.

use axum::{
    Json,
    extract::{Path, Query},
    http::StatusCode,
};
use flashjob_operator::{
    cli::job::explain_device,
    flashjob::explain::{self, DeviceExplanation, Explanation},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    around::Around,
    page::limit,
    place::{Name, OfJob},
};
use crate::{
    cluster::Caller,
    document::{DeviceExplanationDocument, ExplanationDocument},
    problem::{Problem, Refusal},
    view::{self, DevicePage, Failures, Steps, Wanted, entries, failures, page},
};

/// Longest UUID or index.
const MOST: usize = 253;

/// Which devices are meant.
#[derive(Deserialize, IntoParams, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Devices {
    /// Index of the first device of the page; `next` of the page before.
    #[serde(default)]
    from: usize,
    /// Most devices, from 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// In this phase, such as Failed.
    phase: Option<String>,
    /// For this reason, such as TransferFailed.
    reason: Option<String>,
    /// With this text in UUID, endpoint, type or message.
    q: Option<String>,
}

/// List the devices of a FlashJob, by index, page by page.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/devices", tag = "Devices", operation_id = "listDevices",
    params(OfJob, Devices),
    responses(
        (status = 200, description = "One page; `next` is `from` of the next one.", body = DevicePage),
        Refusal,
    )
)]
pub async fn list(
    caller: Caller,
    Path(place): Path<OfJob>,
    Query(asked): Query<Devices>,
) -> Result<Json<DevicePage>, Problem> {
    let wanted = Wanted {
        limit: limit(asked.limit)? as usize,
        from: asked.from,
        phase: asked.phase,
        reason: asked.reason,
        text: asked.q.filter(|text| !text.is_empty()),
    };
    let around = Around::of(&caller, &place).await?;
    let entries = entries(&around.found.job, around.selection.as_deref());
    let page = page(entries, &wanted);
    Ok(Json(DevicePage {
        unseen: around.unseen(),
        ..page
    }))
}

/// The path of one device of a FlashJob.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfDevice {
    /// Namespace
    #[param(value_type = String)]
    pub namespace: Name,
    /// Name of the FlashJob
    #[param(value_type = String)]
    pub name: Name,
    /// Index of the device, or its UUID as the job or its Instance has it
    pub device: String,
}

/// Say in plain words how one device of a FlashJob stands, with the end of its log and what helps.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/devices/{device}", tag = "Devices", operation_id = "getDevice",
    params(OfDevice),
    responses(
        (status = 200, description = "How it stands.", body = DeviceExplanationDocument),
        Refusal,
    )
)]
pub async fn get(
    caller: Caller,
    Path(OfDevice {
        namespace,
        name,
        device,
    }): Path<OfDevice>,
) -> Result<Json<DeviceExplanation>, Problem> {
    let place = OfJob { namespace, name };
    let around = Around::of(&caller, &place).await?;
    Ok(Json(find(&caller, &around, &device).await?))
}

/// One device of a job, by its index or its UUID, in plain words.
///
/// # Errors
/// When the job has no such device, or its UUID cannot be read: 404.
pub async fn find(
    caller: &Caller,
    around: &Around,
    device: &str,
) -> Result<DeviceExplanation, Problem> {
    if device.len() > MOST {
        return Err(Problem::bad_request("a UUID is not that long"));
    }
    let none = |words: String| Problem::new(StatusCode::NOT_FOUND, words);
    let uuid = match device.parse::<usize>() {
        Err(_) => device.to_owned(),
        Ok(index) => {
            let entries = entries(&around.found.job, around.selection.as_deref());
            let selected = entries.len();
            let entry = entries.into_iter().nth(index).ok_or_else(|| {
                none(format!(
                    "the job has {selected} devices, and none of the index {index}"
                ))
            })?;
            let unseen = || none(around.unseen().unwrap_or_default());
            entry.uuid.ok_or_else(unseen)?
        }
    };
    let own = caller.own_addresses();
    let explanation = explain_device(&caller.reader(), &around.known(), &uuid, own).await;
    if explanation.index.is_none() {
        return Err(none(explanation.message));
    }
    Ok(explanation)
}

/// Show the steps of a FlashJob's round: those behind, the one that was reached, and those to come.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/steps", tag = "FlashJobs", operation_id = "listSteps",
    params(OfJob),
    responses(
        (status = 200, description = "The steps; none where the job has none, or no round has begun.", body = Steps),
        Refusal,
    )
)]
pub async fn steps(caller: Caller, Path(place): Path<OfJob>) -> Result<Json<Steps>, Problem> {
    let around = Around::of(&caller, &place).await?;
    Ok(Json(view::steps(&around.found.job, around.class.as_ref())))
}

/// Say what failed of a FlashJob, by reason, with what helps.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/failures", tag = "Devices", operation_id = "listFailures",
    params(OfJob),
    responses(
        (status = 200, description = "What failed.", body = Failures),
        Refusal,
    )
)]
pub async fn failed(caller: Caller, Path(place): Path<OfJob>) -> Result<Json<Failures>, Problem> {
    let around = Around::of(&caller, &place).await?;
    Ok(Json(failures(&around.known())))
}

/// Say in plain words what a FlashJob does, what it waits for, what comes next and what a person can do.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/explain", tag = "FlashJobs", operation_id = "explain",
    params(OfJob),
    responses(
        (status = 200, description = "The same as `kubectl flashjob explain` says.", body = ExplanationDocument),
        Refusal,
    )
)]
pub async fn explain(
    caller: Caller,
    Path(place): Path<OfJob>,
) -> Result<Json<Explanation>, Problem> {
    let around = Around::of(&caller, &place).await?;
    Ok(Json(explain::job(&around.known())))
}
