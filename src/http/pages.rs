//! The pages that change nothing: health, readiness, metrics. Pure but for the gate, which asks the API server.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::watch;

use super::{Gate, Readiness};
use crate::telemetry::Metrics;

/// What the pages show.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Whether the process leads or stands by.
    pub ready: watch::Receiver<Readiness>,
    /// What it counts.
    pub metrics: Metrics,
}

/// The pages that everybody may read. With `metrics_elsewhere`, `/metrics` only says where they are.
pub fn open_pages(pages: Pages, metrics_elsewhere: bool) -> Router {
    let metrics = if metrics_elsewhere {
        get(async || {
            let message = "metrics are served over TLS, at --metrics-address, to who has the right to get /metrics\n";
            (StatusCode::NOT_FOUND, message)
        })
    } else {
        get(async |State(pages): State<Pages>| encoded(&pages.metrics))
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", metrics)
        .with_state(pages)
}

/// `/metrics` behind the gate.
pub fn guarded_metrics(metrics: Metrics, gate: Gate) -> Router {
    let gate = Arc::new(gate);
    let answer = async move |headers: HeaderMap| match gate.admit(&headers).await {
        Ok(()) => encoded(&metrics),
        Err(refused) => refused.into_response(),
    };
    Router::new().route("/metrics", get(answer))
}

async fn ready(State(pages): State<Pages>) -> Response {
    let (status, text) = match &*pages.ready.borrow() {
        Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Readiness::Starting => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the API server was not reached yet\n".to_owned(),
        ),
        Readiness::Waiting(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {reason}\n"),
        ),
    };
    (status, text).into_response()
}

fn encoded(metrics: &Metrics) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    async fn ask(ready: Readiness, elsewhere: bool, path: &str) -> (u16, String) {
        let pages = Pages {
            ready: watch::channel(ready).1,
            metrics: Metrics::default(),
        };
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = open_pages(pages, elsewhere).oneshot(request).await;
        let response = response.expect("an answer");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        let body = String::from_utf8_lossy(&body.expect("a body")).into_owned();
        (status, body)
    }

    #[tokio::test]
    async fn readiness_is_what_the_operator_says_and_health_is_not() {
        let waiting = Readiness::Waiting("another operator leads".into());
        for (ready, status, text) in [
            (
                Readiness::Starting,
                503,
                "not ready: the API server was not reached yet\n",
            ),
            (waiting, 503, "not ready: another operator leads\n"),
            (Readiness::Ready, 200, "ready\n"),
        ] {
            let expected = (status, text.to_owned());
            assert_eq!(ask(ready.clone(), false, "/readyz").await, expected);
            let healthy = (200, "ok\n".to_owned());
            assert_eq!(ask(ready, false, "/healthz").await, healthy);
        }
    }

    #[tokio::test]
    async fn metrics_say_which_version_runs_unless_they_are_served_elsewhere() {
        let (status, body) = ask(Readiness::Ready, false, "/metrics").await;
        assert_eq!(status, 200);
        let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
        assert!(body.contains(version), "{body}");
        let (status, body) = ask(Readiness::Ready, true, "/metrics").await;
        assert_eq!(status, 404);
        assert!(
            body.contains("--metrics-address") && !body.contains("flashjob_"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn the_log_level_is_not_among_them() {
        assert_eq!(ask(Readiness::Ready, false, "/loglevel").await.0, 404);
    }
}
