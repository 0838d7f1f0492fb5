//! The devices of a FlashJob, what failed of them and why, and the job in plain words. Reads only.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use flashjob_operator::{
    cli::job::{inventory, known_as, present},
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
    cluster::{Caller, Desk},
    document::{DeviceExplanationDocument, ExplanationDocument},
    problem::Problem,
    view::{DevicePage, Failures, Wanted, entries, failures, page},
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
    params(("namespace" = String, Path, description = "Namespace"), ("name" = String, Path, description = "Name of the FlashJob"), Devices),
    responses(
        (status = 200, description = "One page; `next` is `from` of the next one.", body = DevicePage),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    caller: Caller,
    State(_): State<Desk>,
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
#[derive(Deserialize)]
pub struct OfDevice {
    namespace: Name,
    name: Name,
    device: String,
}

/// Say in plain words how one device of a FlashJob stands, with the end of its log and what helps.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/devices/{device}", tag = "Devices", operation_id = "getDevice",
    params(
        ("namespace" = String, Path, description = "Namespace"), ("name" = String, Path, description = "Name of the FlashJob"),
        ("device" = String, Path, description = "Index of the device, or its UUID as the job or its Instance has it"),
    ),
    responses(
        (status = 200, description = "How it stands.", body = DeviceExplanationDocument),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get(
    caller: Caller,
    State(_): State<Desk>,
    Path(OfDevice {
        namespace,
        name,
        device,
    }): Path<OfDevice>,
) -> Result<Json<DeviceExplanation>, Problem> {
    if device.len() > MOST {
        return Err(Problem::bad_request("a UUID is not that long"));
    }
    let place = OfJob { namespace, name };
    let around = Around::of(&caller, &place).await?;
    let none = |words: String| Problem::new(StatusCode::NOT_FOUND, words);
    let uuid = match device.parse::<usize>() {
        Err(_) => device,
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
    let reader = caller.reader();
    let (inventory, missed) = inventory(&reader, place.namespace.as_str(), Vec::new()).await;
    let known = around.known();
    let selected = known.selection.unwrap_or_default();
    let uuid = known_as(selected, &uuid, &inventory);
    let present = present(selected, uuid, &inventory);
    let mut explanation = explain::device(&known, uuid, present.as_ref());
    if let Some(why) = missed {
        explanation = explanation.without_instances(&why);
    }
    if explanation.index.is_none() {
        return Err(none(explanation.message));
    }
    Ok(Json(explanation))
}

/// Say what failed of a FlashJob, by reason, with what helps.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/failures", tag = "Devices", operation_id = "listFailures",
    params(("namespace" = String, Path, description = "Namespace"), ("name" = String, Path, description = "Name of the FlashJob")),
    responses(
        (status = 200, description = "What failed.", body = Failures),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn failed(
    caller: Caller,
    State(_): State<Desk>,
    Path(place): Path<OfJob>,
) -> Result<Json<Failures>, Problem> {
    let around = Around::of(&caller, &place).await?;
    Ok(Json(failures(&around.known())))
}

/// Say in plain words what a FlashJob does, what it waits for, what comes next and what a person can do.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/explain", tag = "FlashJobs", operation_id = "explain",
    params(("namespace" = String, Path, description = "Namespace"), ("name" = String, Path, description = "Name of the FlashJob")),
    responses(
        (status = 200, description = "The same as `flashjob-operator explain` says.", body = ExplanationDocument),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn explain(
    caller: Caller,
    State(_): State<Desk>,
    Path(place): Path<OfJob>,
) -> Result<Json<Explanation>, Problem> {
    let around = Around::of(&caller, &place).await?;
    Ok(Json(explain::job(&around.known())))
}
