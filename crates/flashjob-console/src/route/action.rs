//! What a person orders of a FlashJob, by the rules by which `kubectl flashjob` goes: they are the operator's library's.

use axum::{http::StatusCode, response::Response};
use flashjob_operator::{
    cluster::clock::now,
    steer::{approve, rerun, suspend},
};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{
    body::Write,
    order::{
        ApproveOrder, DenyOrder, Done, Given, Ordered, PlainOrder, RerunOrder, ResumeOrder, done,
    },
    place::OfJob,
};
use crate::problem::{Problem, Refusal};

/// Field manager of `spec.approval`: of both decisions, so that the later one takes the place of the one before.
const APPROVALS: &str = "flashjob-console-approve";
/// Field manager of `spec.suspend`.
pub const SUSPENSIONS: &str = "flashjob-console-suspend";
/// Field manager of `spec.rerun`.
const RERUNS: &str = "flashjob-console-rerun";

/// The job as the rules about suspension look at it.
///
/// # Errors
/// When what the API server sent is not an object.
pub fn dynamic(job: &Value) -> Result<DynamicObject, Problem> {
    serde_json::from_value(job.clone())
        .map_err(|error| Problem::new(StatusCode::BAD_GATEWAY, error.to_string()))
}

/// Approve a step of the rollout, with the steps before it. It takes the right to approve flashjobs.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/approve", tag = "Actions", operation_id = "approve",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = Option<ApproveOrder>, example = json!({"reason": "ten devices ran it for a day"})),
    responses(
        (status = 200, description = "Approved.", body = Done),
        (status = 409, description = "Nothing waits for approval.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn approve(given: Given<ApproveOrder>) -> Result<Response, Problem> {
    let (ApproveOrder { step, reason }, ordered) = given.of_job().await?;
    let approval = approve::decide(&ordered.job().status, step.as_deref());
    let approval = approval.map_err(Problem::refused)?;
    let decision = approve::decision(&approval.step, "Approve", reason.as_deref(), now());
    let job = ordered
        .claim(APPROVALS, &json!({"approval": decision}))
        .await?;
    Ok(done(format!("approved {}", approval.what), job))
}

/// Deny a step of the rollout: nothing new of the round starts. It takes the right to approve flashjobs.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/deny", tag = "Actions", operation_id = "deny",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = DenyOrder, example = json!({"reason": "3 of 10 devices answer late"})),
    responses(
        (status = 200, description = "Denied.", body = Done),
        (status = 409, description = "The round has no such step.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn deny(given: Given<DenyOrder>) -> Result<Response, Problem> {
    let (DenyOrder { step, reason }, ordered) = given.of_job().await?;
    let denial = approve::decide_against(&ordered.job().status, step.as_deref());
    let denial = denial.map_err(Problem::refused)?;
    let decision = approve::decision(&denial.step, "Deny", Some(&reason), now());
    let job = ordered
        .claim(APPROVALS, &json!({"approval": decision}))
        .await?;
    Ok(done(format!("denied {}", denial.what), job))
}

/// Suspend a FlashJob: nothing new of it starts, and what is in flight ends by itself.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/suspend", tag = "Actions", operation_id = "suspend",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = Option<PlainOrder>),
    responses(
        (status = 200, description = "Suspended.", body = Done),
        Refusal,
    )
)]
pub async fn suspend(given: Given<PlainOrder>) -> Result<Response, Problem> {
    let (PlainOrder {}, ordered) = given.of_job().await?;
    let job = ordered
        .claim(SUSPENSIONS, &json!({"suspend": true}))
        .await?;
    let message = suspend::suspended(ordered.job(), &dynamic(&job)?);
    Ok(done(message.map_err(Problem::refused)?, job))
}

/// Take the suspension by this API back. What somebody else has suspended, too, stays so without force.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/resume", tag = "Actions", operation_id = "resume",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = Option<ResumeOrder>),
    responses(
        (status = 200, description = "It goes on.", body = Done),
        (status = 409, description = "It stays suspended.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn resume(given: Given<ResumeOrder>) -> Result<Response, Problem> {
    let (ResumeOrder { force }, ordered) = given.of_job().await?;
    let spec = if force {
        json!({"suspend": false})
    } else {
        Value::Null
    };
    let job = ordered.claim(SUSPENSIONS, &spec).await?;
    let message = suspend::resumed(ordered.job(), &dynamic(&job)?, SUSPENSIONS);
    Ok(done(message.map_err(Problem::refused)?, job))
}

/// Flash those devices again that failed or never started.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/retry", tag = "Actions", operation_id = "retry",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = Option<PlainOrder>),
    responses(
        (status = 200, description = "They are flashed again.", body = Done),
        (status = 409, description = "There is none.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn retry(given: Given<PlainOrder>) -> Result<Response, Problem> {
    let (PlainOrder {}, ordered) = given.of_job().await?;
    flash_again(&ordered, rerun::Which::Failed).await
}

/// Flash every device again, in a new round.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/actions/rerun", tag = "Actions", operation_id = "rerun",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant"),
    ),
    request_body(content = RerunOrder, example = json!({"all": true})),
    responses(
        (status = 200, description = "A new round begins.", body = Done),
        (status = 409, description = "No round has begun.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn rerun(given: Given<RerunOrder>) -> Result<Response, Problem> {
    if !given.order.all {
        let words = "rerun flashes every device again, those that succeeded included: say so with {\"all\": true}; for those that failed \
                     there is the action retry";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    let (_, ordered) = given.of_job().await?;
    flash_again(&ordered, rerun::Which::All).await
}

async fn flash_again(ordered: &Ordered, which: rerun::Which) -> Result<Response, Problem> {
    let message = rerun::decide(ordered.job(), which).map_err(Problem::refused)?;
    let job = ordered.claim(RERUNS, &rerun::spec(which, now())).await?;
    Ok(done(message, job))
}
