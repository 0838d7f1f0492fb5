//! What waits for a person's approval: of one namespace, of several that are named, or of all, where the person
//! may list them. Reads only.

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use flashjob_operator::{cluster::clock::now, display};
use kube::core::Request;
use serde::Deserialize;
use serde_json::json;

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Name, Namespaced, all_jobs, flashjob, jobs, whole},
    view::{WaitingStep, waiting},
};

/// Jobs of one page of the list that is read.
const PAGE: u32 = 100;
/// Pages that are read: 10 000 jobs.
const PAGES: usize = 100;
/// Most namespaces that are named.
const NAMED: usize = 20;

/// Of one namespace.
pub async fn of_namespace(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
) -> Result<Response, Refusal> {
    let name = namespace.as_str();
    let title = format!("Approvals in {name}");
    let found = read(&caller?, &jobs(&namespace)).await?;
    shown(&title, Some(name), found, &Asking::default())
}

/// Which namespaces are meant.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// Their names, with spaces or commas between them; empty: all.
    namespace: String,
}

/// Of all namespaces, or of those that are named: who may not list the jobs of all is told so, and may name some.
pub async fn of_all(
    caller: Result<Caller, Problem>,
    Query(Asked { namespace }): Query<Asked>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let named = named(&namespace)?;
    if !named.is_empty() {
        return of_named(&caller, &named).await;
    }
    let title = "Approvals in all namespaces";
    match read(&caller, &all_jobs()).await {
        Ok(found) => shown(title, None, found, &Asking::default()),
        Err(problem) if problem.status == StatusCode::FORBIDDEN => {
            let page = shown(
                title,
                None,
                (Vec::new(), true),
                &Asking {
                    asks: true,
                    named: "",
                    refused: vec![problem.detail],
                },
            )?;
            Ok((StatusCode::FORBIDDEN, page).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The namespaces that somebody named.
fn named(text: &str) -> Result<Vec<Name>, Problem> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let names: Result<Vec<_>, _> = words.map(|word| Name::try_from(word.to_owned())).collect();
    let names = names.map_err(|error| Problem::bad_request(format!("namespace: {error}")))?;
    if names.len() > NAMED {
        let words = format!("{} namespaces are named, and may be {NAMED}", names.len());
        return Err(Problem::bad_request(words));
    }
    Ok(names)
}

/// Of the namespaces that were named, as far as the caller may.
async fn of_named(caller: &Caller, named: &[Name]) -> Result<Response, Refusal> {
    let (mut steps, mut is_whole, mut refused) = (Vec::new(), true, Vec::new());
    for namespace in named {
        match read(caller, &jobs(namespace)).await {
            Ok((found, all)) => {
                steps.extend(found);
                is_whole &= all;
            }
            Err(problem) if problem.status == StatusCode::FORBIDDEN => refused.push(problem.detail),
            Err(problem) => return Err(problem.into()),
        }
    }
    let listed: Vec<_> = named.iter().map(Name::as_str).collect();
    let title = format!("Approvals in {}", listed.join(", "));
    let asked = Asking {
        asks: true,
        named: &listed.join(" "),
        refused,
    };
    shown(&title, None, (steps, is_whole), &asked)
}

/// The form in which a person names namespaces.
#[derive(Default)]
struct Asking<'a> {
    /// Whether a person may name some.
    asks: bool,
    /// Those that were named.
    named: &'a str,
    /// What was refused.
    refused: Vec<String>,
}

/// The page, with the steps that have waited longest first.
fn shown(
    title: &str,
    namespace: Option<&str>,
    (mut steps, is_whole): (Vec<WaitingStep>, bool),
    asked: &Asking<'_>,
) -> Result<Response, Refusal> {
    steps.sort_by(|a, b| a.since.cmp(&b.since));
    html(
        "approvals.html",
        &json!({
            "title": title, "namespace": namespace, "steps": steps, "whole": is_whole, "now": display::time(now()),
            "asks": asked.asks, "named": asked.named, "refused": asked.refused,
        }),
    )
}

/// The steps that wait, and whether all jobs were read.
async fn read(caller: &Caller, jobs: &Request) -> Result<(Vec<WaitingStep>, bool), Problem> {
    let mut found = Vec::new();
    let step = |job| waiting(&flashjob(job)?, now());
    let is_whole = whole(caller, jobs, PAGE, PAGES, |job| found.extend(step(job))).await?;
    Ok((found, is_whole))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody("", Some(0))]
    #[case::one("demo", Some(1))]
    #[case::several("demo, lab  shop", Some(3))]
    #[case::another_path("../secrets", None)]
    fn namespaces_are_named_with_spaces_or_commas(
        #[case] text: &str,
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(named(text).ok().map(|names| names.len()), expected);
    }

    #[test]
    fn not_more_namespaces_are_named_than_are_looked_at() {
        assert!(named(&"a ".repeat(NAMED)).is_ok());
        assert!(named(&"a ".repeat(NAMED + 1)).is_err());
    }
}
