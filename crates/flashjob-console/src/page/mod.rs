//! Pages for people: where they come in, the jobs of a namespace, and one job. Rendered here. Reads only, but for sessions.

mod entrance;
mod row;
mod template;

use axum::{
    Router,
    extract::{Path, Query},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use flashjob_operator::flashjob::explain;
use serde::Deserialize;
use serde_json::json;

use self::{
    row::{JobRow, tone},
    template::{Refusal, html},
};
use crate::{
    cluster::{Caller, Desk},
    problem::Problem,
    route::{Around, Namespaced, OfJob, Page, jobs},
    view::{Wanted, entries, failures, page},
};

/// Devices of one part of a list.
const DEVICES: usize = 50;

/// The pages.
pub fn pages() -> Router<Desk> {
    Router::new()
        .route("/", get(entrance::home))
        .route("/login", post(entrance::log_in))
        .route("/logout", post(entrance::log_out))
        .route("/session", post(entrance::exchange))
        .route("/namespaces", get(entrance::namespace))
        .route("/namespaces/{namespace}/flashjobs", get(list))
        .route("/namespaces/{namespace}/flashjobs/{name}", get(job))
        .route("/assets/console.css", get(style))
        .route("/assets/enter.js", get(script))
}

async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css"), (CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("../../assets/console.css")).into_response()
}

/// Exchanges the token of the printed address for a session.
async fn script() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/javascript"),
        (CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, include_str!("../../assets/enter.js")).into_response()
}

async fn list(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(part): Query<Page>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let request = jobs(&namespace).list(&part.parameters()?);
    let answer = caller.ask(request).await?;
    let items = answer.object["items"].as_array().into_iter().flatten();
    let rows: Vec<_> = items.filter_map(JobRow::of).collect();
    let next = answer.object["metadata"]["continue"].as_str();
    html(
        "jobs.html",
        &json!({
            "title": format!("FlashJobs in {}", namespace.as_str()), "namespace": namespace.as_str(), "jobs": rows,
            "next": next.unwrap_or_default(),
        }),
    )
}

/// Which part of the devices is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    #[serde(default)]
    from: usize,
}

async fn job(
    caller: Result<Caller, Problem>,
    Path(place): Path<OfJob>,
    Query(Shown { from }): Query<Shown>,
) -> Result<Response, Refusal> {
    let around = Around::of(&caller?, &place).await?;
    let known = around.known();
    let wanted = Wanted {
        from,
        limit: DEVICES,
        ..Wanted::default()
    };
    let explanation = explain::job(&known);
    let devices = page(entries(known.job, known.selection), &wanted);
    html(
        "job.html",
        &json!({
            "title": known.job.name, "namespace": known.job.namespace, "tone": tone(known.job), "job": explanation,
            "done": known.job.finals.len(), "failures": failures(&known), "devices": devices, "unseen": around.unseen(),
        }),
    )
}

#[cfg(test)]
mod tests;
