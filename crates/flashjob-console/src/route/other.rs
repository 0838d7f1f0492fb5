//! What is around FlashJobs: the devices that Akri discovered, and the classes. Reads only.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use kube::api::GetParams;
use serde::Deserialize;

use super::{
    entity_tag::entity_tag,
    page::Page,
    place::{self, Name, Namespaced},
};
use crate::{
    cluster::{Caller, Desk, unbuilt},
    document::{FlashClassDocument, FlashClassList, InstanceList},
    problem::Problem,
};

/// List the devices that Akri discovered in a namespace, as its Instances.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/instances", tag = "Devices", operation_id = "listInstances",
    params(("namespace" = String, Path, description = "Namespace"), Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = InstanceList),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn instances(
    caller: Caller,
    State(_): State<Desk>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let request = place::instances(&namespace).list(&page.parameters()?);
    let answer = caller
        .ask(request.map_err(|error| unbuilt(&error))?)
        .await?;
    Ok(Json(answer.object).into_response())
}

/// List the FlashClasses: what administrators allow.
#[utoipa::path(
    get, path = "/api/v1/flashclasses", tag = "FlashClasses", operation_id = "listFlashClasses",
    params(Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = FlashClassList),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn flashclasses(
    caller: Caller,
    State(_): State<Desk>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let request = place::classes().list(&page.parameters()?);
    let answer = caller
        .ask(request.map_err(|error| unbuilt(&error))?)
        .await?;
    Ok(Json(answer.object).into_response())
}

/// The path of one FlashClass.
#[derive(Deserialize)]
pub struct OfClass {
    name: Name,
}

/// Show a FlashClass.
#[utoipa::path(
    get, path = "/api/v1/flashclasses/{name}", tag = "FlashClasses", operation_id = "getFlashClass",
    params(("name" = String, Path, description = "Name of the FlashClass")),
    responses(
        (status = 200, description = "The FlashClass.", body = FlashClassDocument),
        (status = "default", description = "Why not.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn flashclass(
    caller: Caller,
    State(_): State<Desk>,
    Path(OfClass { name }): Path<OfClass>,
) -> Result<Response, Problem> {
    let request = place::classes().get(name.as_str(), &GetParams::default());
    let answer = caller
        .ask(request.map_err(|error| unbuilt(&error))?)
        .await?;
    Ok((entity_tag(&answer.object), Json(answer.object)).into_response())
}
