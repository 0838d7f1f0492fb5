//! The stop switch of a class, as `kubectl flashjob stop` and `resume --class` have it: by the same rules and the same field manager.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use flashjob_operator::{cluster::Suspension, steer::stop::outcome};
use kube::api::{DynamicObject, GetParams};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    action::dynamic,
    body::Write,
    order::{PlainOrder, ResumeOrder, order},
    other::OfClass,
    place::classes,
};
use crate::{
    cluster::Caller,
    document::FlashClassDocument,
    problem::{Problem, Refusal},
};

/// What an order about a class led to.
#[derive(Serialize, ToSchema)]
pub struct ClassDone {
    /// What was done, in words.
    message: String,
    /// The FlashClass as it is then.
    #[schema(value_type = FlashClassDocument)]
    class: Value,
}

/// Suspend a FlashClass, the stop switch: nothing new of its jobs starts, and what is in flight ends by itself.
#[utoipa::path(
    post, path = "/api/v1/flashclasses/{name}/actions/stop", tag = "FlashClasses", operation_id = "stopFlashClass",
    params(OfClass, Write),
    request_body(content = Option<PlainOrder>),
    responses(
        (status = 200, description = "Suspended.", body = ClassDone),
        (status = 409, description = "Something took it back at once.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn stop(
    caller: Caller,
    Path(OfClass { name }): Path<OfClass>,
    Query(write): Query<Write>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let PlainOrder {} = order(&headers, &body)?;
    carried_out(&caller, name.as_str(), Suspension::Stop, write.is_dry()).await
}

/// Let a FlashClass go on that this API or `kubectl flashjob stop` has stopped. What somebody else has suspended stays so without force.
#[utoipa::path(
    post, path = "/api/v1/flashclasses/{name}/actions/resume", tag = "FlashClasses", operation_id = "resumeFlashClass",
    params(OfClass, Write),
    request_body(content = Option<ResumeOrder>),
    responses(
        (status = 200, description = "Its jobs go on.", body = ClassDone),
        (status = 409, description = "It stays suspended.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn resume(
    caller: Caller,
    Path(OfClass { name }): Path<OfClass>,
    Query(write): Query<Write>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let ResumeOrder { force } = order(&headers, &body)?;
    let suspension = if force {
        Suspension::Overrule
    } else {
        Suspension::Release
    };
    carried_out(&caller, name.as_str(), suspension, write.is_dry()).await
}

async fn carried_out(
    caller: &Caller,
    name: &str,
    suspension: Suspension,
    dry_run: bool,
) -> Result<Response, Problem> {
    let found = caller
        .ask(classes().get(name, &GetParams::default()))
        .await?;
    let before: DynamicObject = dynamic(&found.object)?;
    let now = caller.suspend_class(&before, suspension, dry_run).await?;
    let message = outcome(&before, &now, suspension).map_err(Problem::refused)?;
    let class = serde_json::to_value(&now).unwrap_or_default();
    Ok(Json(ClassDone { message, class }).into_response())
}
