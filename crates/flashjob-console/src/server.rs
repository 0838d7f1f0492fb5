//! All routes, and what holds for each of them: how large a body is, how long an answer takes, and what a browser may do with it.

mod host;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{from_fn, map_response},
    routing::get,
};
use serde_json::Value;
use tower_http::{
    catch_panic::CatchPanicLayer, csrf::CsrfLayer, limit::RequestBodyLimitLayer,
    set_header::SetResponseHeaderLayer, timeout::TimeoutLayer,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    cluster::Desk,
    document::{document, empty, swagger},
    page::pages,
    problem, route,
};

/// How long a request may take until its answer begins; streams go on after that.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a body: as many as an object may have.
const BODY: usize = 1 << 20;
/// Where the document is.
pub const DOCUMENT: &str = "/openapi.json";
/// Nothing but the console's own files, no form that leads elsewhere, and no frame around it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// All routes with their document.
pub fn routes() -> (Router<Desk>, Value) {
    let (routes, api) = OpenApiRouter::with_openapi(empty())
        .merge(route::routes())
        .split_for_parts();
    (routes, document(&api))
}

/// The console.
pub fn console(desk: Desk) -> Router {
    let (routes, document) = routes();
    let hosts = desk.hosts.clone();
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    routes
        .route(
            DOCUMENT,
            get(move || {
                let document = document.clone();
                async move { Json(document) }
            }),
        )
        .merge(swagger(DOCUMENT))
        .merge(pages())
        // The limit above holds.
        .layer(DefaultBodyLimit::disable())
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(RequestBodyLimitLayer::new(BODY))
        // What logs people in may add their token to whatever their browser sends, for another site's page as well.
        .layer(CsrfLayer::new())
        .layer(from_fn(move |request, next| {
            host::check(hosts.clone(), request, next)
        }))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            PATIENCE,
        ))
        .layer(CatchPanicLayer::new())
        .layer(map_response(problem::of_bare))
        .layer(header(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .with_state(desk)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod session_tests;
