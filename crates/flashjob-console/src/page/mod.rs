//! Pages for people: where they come in, the jobs of a namespace, its devices, one job, one of its devices, what waits for approval, and the classes.
//! Rendered here. Reads only, but for sessions: the buttons of a job go to the API.

mod approval;
mod asset;
mod class;
mod device;
mod entrance;
mod fleet;
mod job;
mod rollout;
mod row;
mod template;

use axum::{
    Router,
    extract::{Path, Query},
    response::Response,
    routing::{get, post},
};
use serde_json::json;

use self::{
    row::JobRow,
    template::{Refusal, html},
};
use crate::{
    cluster::{Caller, Desk},
    problem::Problem,
    route::{Namespaced, Page, jobs},
};

/// The pages.
pub fn pages() -> Router<Desk> {
    Router::new()
        .route("/", get(entrance::home))
        .route("/login", post(entrance::log_in))
        .route("/logout", post(entrance::log_out))
        .route("/session", post(entrance::exchange))
        .route("/namespaces", get(entrance::namespace))
        .route("/namespaces/{namespace}/flashjobs", get(list))
        .route("/namespaces/{namespace}/flashjobs/{name}", get(job::job))
        .route(
            "/namespaces/{namespace}/flashjobs/{name}/devices/{device}",
            get(device::device),
        )
        .route("/namespaces/{namespace}/fleet", get(fleet::page))
        .route(
            "/namespaces/{namespace}/approvals",
            get(approval::of_namespace),
        )
        .route("/approvals", get(approval::of_all))
        .route("/flashclasses", get(class::list))
        .route("/namespaces/{namespace}/rollout", get(rollout::page))
        .route("/assets/{name}", get(asset::asset))
}

async fn list(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(part): Query<Page>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let request = jobs(&namespace).list(&part.parameters()?);
    let (answer, may_create) =
        tokio::join!(caller.ask(request), caller.may_create(namespace.as_str()));
    let answer = answer?;
    let items = answer.object["items"].as_array().into_iter().flatten();
    let rows: Vec<_> = items.filter_map(JobRow::of).collect();
    let next = answer.object["metadata"]["continue"].as_str();
    html(
        "jobs.html",
        &json!({
            "title": format!("FlashJobs in {}", namespace.as_str()), "namespace": namespace.as_str(), "jobs": rows,
            "next": next.unwrap_or_default(), "mayCreate": may_create,
        }),
    )
}

#[cfg(test)]
mod tests;
