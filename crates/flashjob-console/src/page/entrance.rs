//! Where people come in: the first page, a place to paste a token, and the ends of sessions.

use axum::{
    Form,
    extract::{Query, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{LOCATION, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::template::{Refusal, html};
use crate::{
    cluster::{Desk, Entered},
    problem::Problem,
    route::Namespaced,
};

/// What somebody pasted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pasted {
    token: String,
}

/// The first page: which namespace, or who somebody is.
pub async fn home(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Refusal> {
    let person = match desk.entered(&headers) {
        Entered::NotYet => return html("login.html", &json!({"title": "Sign in"})),
        Entered::NotHere => return html("enter.html", &json!({"title": "FlashJob console"})),
        Entered::ByToken | Entered::BySession(None) => None,
        Entered::BySession(person) => person,
    };
    html(
        "home.html",
        &json!({"title": "FlashJob console", "person": person}),
    )
}

/// Leads to the jobs of the namespace that was typed.
pub async fn namespace(Query(Namespaced { namespace }): Query<Namespaced>) -> Response {
    see(&format!("/namespaces/{}/flashjobs", namespace.as_str()))
}

/// Begins a session with the token that was pasted.
pub async fn log_in(
    State(desk): State<Desk>,
    Form(Pasted { token }): Form<Pasted>,
) -> Result<Response, Refusal> {
    let cookie = desk.log_in(&token).await?;
    Ok(with_cookie(see("/"), Some(cookie)))
}

/// Ends the session. It needs no header of its own: all that another site could do by it is to end it, and that is refused as well.
pub async fn log_out(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let cookie = desk.log_out(&headers);
    with_cookie(see("/"), cookie)
}

/// Begins the session of whoever opened the address that was printed.
pub async fn exchange(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Problem> {
    let cookie = desk.exchange(&headers)?;
    Ok(with_cookie(
        StatusCode::NO_CONTENT.into_response(),
        Some(cookie),
    ))
}

/// Leads to another page of the console.
fn see(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
