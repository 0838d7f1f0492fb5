//! FlashJobs as the API server has them. Reads only.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use kube::api::GetParams;

use super::{
    entity_tag::entity_tag,
    page::Page,
    place::{Namespaced, OfJob, jobs},
};
use crate::{
    cluster::{Caller, Desk, unbuilt},
    document::{FlashJobDocument, FlashJobList},
    problem::Problem,
};

/// List the FlashJobs of a namespace, by name, page by page.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs", tag = "FlashJobs", operation_id = "listFlashJobs",
    params(("namespace" = String, Path, description = "Namespace"), Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = FlashJobList),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    caller: Caller,
    State(_): State<Desk>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let request = jobs(&namespace).list(&page.parameters()?);
    let answer = caller
        .ask(request.map_err(|error| unbuilt(&error))?)
        .await?;
    Ok(Json(answer.object).into_response())
}

/// Show a FlashJob. The header ETag is its resource version.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}", tag = "FlashJobs", operation_id = "getFlashJob",
    params(("namespace" = String, Path, description = "Namespace"), ("name" = String, Path, description = "Name of the FlashJob")),
    responses(
        (status = 200, description = "The FlashJob.", body = FlashJobDocument),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get(
    caller: Caller,
    State(_): State<Desk>,
    Path(OfJob { namespace, name }): Path<OfJob>,
) -> Result<Response, Problem> {
    let request = jobs(&namespace).get(name.as_str(), &GetParams::default());
    let answer = caller
        .ask(request.map_err(|error| unbuilt(&error))?)
        .await?;
    Ok((entity_tag(&answer.object), Json(answer.object)).into_response())
}
