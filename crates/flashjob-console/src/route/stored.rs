//! Objects as the API server has them: a page of a kind, and one of them. Reads only.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use kube::{api::GetParams, core::Request};

use super::{entity_tag::entity_tag, page::Page, place::Name};
use crate::{cluster::Caller, problem::Problem};

/// A page of the objects that these requests are about.
///
/// # Errors
/// When the page has no such size, or the API server refuses.
pub async fn listed(caller: &Caller, objects: &Request, page: Page) -> Result<Response, Problem> {
    let answer = caller.ask(objects.list(&page.parameters()?)).await?;
    Ok(Json(answer.object).into_response())
}

/// The object of this name, with its entity tag.
///
/// # Errors
/// When there is none, or the API server refuses.
pub async fn shown(caller: &Caller, objects: &Request, name: &Name) -> Result<Response, Problem> {
    let request = objects.get(name.as_str(), &GetParams::default());
    let answer = caller.ask(request).await?;
    Ok((entity_tag(&answer.object), Json(answer.object)).into_response())
}
