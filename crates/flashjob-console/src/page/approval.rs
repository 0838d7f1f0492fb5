//! What waits for a person's approval: of one namespace, or of all, where the person may list them. Reads only.

use axum::{extract::Path, response::Response};
use flashjob_operator::{
    api::{FlashJob, Guarded},
    cluster::clock::now,
    display,
    flashjob::spec::job::Job,
};
use kube::{api::ListParams, core::Request};
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Namespaced, all_jobs, jobs},
    view::{WaitingStep, waiting},
};

/// Jobs of one page of the list that is read.
const PAGE: u32 = 100;
/// Pages that are read: 10 000 jobs.
const PAGES: usize = 100;

/// Of one namespace.
pub async fn of_namespace(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
) -> Result<Response, Refusal> {
    let name = namespace.as_str();
    let title = format!("Approvals in {name}");
    page(&caller?, &jobs(&namespace), &title, Some(name)).await
}

/// Of all namespaces.
pub async fn of_all(caller: Result<Caller, Problem>) -> Result<Response, Refusal> {
    page(&caller?, &all_jobs(), "Approvals in all namespaces", None).await
}

async fn page(
    caller: &Caller,
    jobs: &Request,
    title: &str,
    namespace: Option<&str>,
) -> Result<Response, Refusal> {
    let (steps, is_whole) = read(caller, jobs).await?;
    html(
        "approvals.html",
        &json!({
            "title": title, "namespace": namespace, "steps": steps, "whole": is_whole, "now": display::time(now()),
        }),
    )
}

/// The steps that wait, the longest first, and whether all jobs were read.
async fn read(caller: &Caller, jobs: &Request) -> Result<(Vec<WaitingStep>, bool), Problem> {
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        let parameters = ListParams {
            limit: Some(PAGE),
            continue_token: next,
            ..ListParams::default()
        };
        let mut list = caller.ask(jobs.list(&parameters)).await?.object;
        if let Value::Array(items) = list["items"].take() {
            found.extend(items.into_iter().filter_map(step));
        }
        let token = list["metadata"]["continue"].as_str().unwrap_or_default();
        if token.is_empty() {
            found.sort_by(|a, b| a.since.cmp(&b.since));
            return Ok((found, true));
        }
        next = Some(token.to_owned());
    }
    found.sort_by(|a, b| a.since.cmp(&b.since));
    Ok((found, false))
}

fn step(object: Value) -> Option<WaitingStep> {
    let guard: Guarded<FlashJob> = serde_json::from_value(object).ok()?;
    waiting(&Job::parse(&guard)?, now())
}
