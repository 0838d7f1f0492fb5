//! FlashJobs as the API server has them. Reads only.

use axum::{
    extract::{Path, Query},
    response::Response,
};

use super::{
    page::Page,
    place::{Namespaced, OfJob, jobs},
    stored::{listed, shown},
};
use crate::{
    cluster::Caller,
    document::{FlashJobDocument, FlashJobList},
    problem::{Problem, Refusal},
};

/// List the FlashJobs of a namespace, by name, page by page.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs", tag = "FlashJobs", operation_id = "listFlashJobs",
    params(Namespaced, Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = FlashJobList),
        Refusal,
    )
)]
pub async fn list(
    caller: Caller,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    listed(&caller, &jobs(&namespace), page).await
}

/// Show a FlashJob. The header ETag is its resource version.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}", tag = "FlashJobs", operation_id = "getFlashJob",
    params(OfJob),
    responses(
        (status = 200, description = "The FlashJob.", body = FlashJobDocument),
        Refusal,
    )
)]
pub async fn get(
    caller: Caller,
    Path(OfJob { namespace, name }): Path<OfJob>,
) -> Result<Response, Problem> {
    shown(&caller, &jobs(&namespace), &name).await
}
