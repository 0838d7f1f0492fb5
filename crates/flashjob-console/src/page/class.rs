//! The classes: what administrators allow, when, and whether the stop switch is on. Reads only.

use axum::{extract::Query, response::Response};
use flashjob_operator::{api::FlashClass, cluster::clock::now, display};
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Page, classes},
    view::{ClassFacts, class},
};

/// The page.
pub async fn list(
    caller: Result<Caller, Problem>,
    Query(part): Query<Page>,
) -> Result<Response, Refusal> {
    let answer = caller?.ask(classes().list(&part.parameters()?)).await?;
    let mut list = answer.object;
    let items = match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let facts: Vec<_> = items.into_iter().map(facts).collect();
    let next = list["metadata"]["continue"].as_str();
    html(
        "classes.html",
        &json!({
            "title": "Classes", "classes": facts, "next": next.unwrap_or_default(), "now": display::time(now()),
        }),
    )
}

/// A class in words. One that this version cannot read is there by its name.
fn facts(object: Value) -> ClassFacts {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let name = name.to_owned();
    match serde_json::from_value::<FlashClass>(object) {
        Ok(known) => class(&known),
        Err(error) => ClassFacts {
            name,
            refused: Some(display::prose(&error.to_string(), display::PHRASE).into_owned()),
            ..ClassFacts::default()
        },
    }
}
