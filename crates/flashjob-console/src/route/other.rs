//! What is around FlashJobs: the devices that Akri discovered, and the classes. Reads only.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    page::Page,
    place::{self, Name, Namespaced},
    stored::{listed, shown},
};
use crate::{
    cluster::Caller,
    document::{FlashClassDocument, FlashClassList, InstanceList},
    problem::{Problem, Refusal},
};

/// List the devices that Akri discovered in a namespace, as its Instances.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/instances", tag = "Devices", operation_id = "listInstances",
    params(Namespaced, Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = InstanceList),
        Refusal,
    )
)]
pub async fn instances(
    caller: Caller,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    listed(&caller, &place::instances(&namespace), page).await
}

/// List the FlashClasses: what administrators allow.
#[utoipa::path(
    get, path = "/api/v1/flashclasses", tag = "FlashClasses", operation_id = "listFlashClasses",
    params(Page),
    responses(
        (status = 200, description = "One page; `metadata.continue` leads to the next.", body = FlashClassList),
        Refusal,
    )
)]
pub async fn flashclasses(caller: Caller, Query(page): Query<Page>) -> Result<Response, Problem> {
    listed(&caller, &place::classes(), page).await
}

/// The path of one FlashClass.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfClass {
    /// Name of the FlashClass
    #[param(value_type = String)]
    pub name: Name,
}

/// Show a FlashClass.
#[utoipa::path(
    get, path = "/api/v1/flashclasses/{name}", tag = "FlashClasses", operation_id = "getFlashClass",
    params(OfClass),
    responses(
        (status = 200, description = "The FlashClass.", body = FlashClassDocument),
        Refusal,
    )
)]
pub async fn flashclass(
    caller: Caller,
    Path(OfClass { name }): Path<OfClass>,
) -> Result<Response, Problem> {
    shown(&caller, &place::classes(), &name).await
}
