//! What the process says of itself over HTTP: health, readiness, metrics and the level of its log. Touches no cluster.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process serves |
//! | `/readyz` | 200 while it leads or stands by, else 503 |
//! | `/metrics` | metrics as Prometheus reads them |
//! | `/loglevel` | the log filter; PUT from the same host, or by `kubectl port-forward`, changes it |

use std::{future::Future, net::SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};

use crate::telemetry::{LogLevel, Metrics};

/// Longest log filter, in bytes.
const FILTER_LIMIT: usize = 4096;

/// What the pages show.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Whether the process leads or stands by.
    pub ready: watch::Receiver<bool>,
    /// What it counts.
    pub metrics: Metrics,
    /// What it logs.
    pub log_level: LogLevel,
}

/// The pages cannot be served.
#[derive(thiserror::Error, Debug)]
#[error("cannot listen on {address}; choose another --http-address")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Listens, and returns what serves until `stop` is done.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    address: SocketAddr,
    pages: Pages,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<impl Future<Output = ()> + Send, ListenError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ListenError { address, source })?;
    let service = router(pages).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop);
    Ok(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP pages are no longer served");
        }
    })
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/loglevel", get(log_level).put(set_log_level))
        .layer(DefaultBodyLimit::max(FILTER_LIMIT))
        .with_state(pages)
}

async fn ready(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if *pages.ready.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the API server was not reached yet\n",
        )
    }
}

async fn metrics(State(pages): State<Pages>) -> impl IntoResponse {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    pages
        .metrics
        .encode()
        .map(|text| ([(header::CONTENT_TYPE, TYPE)], text))
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

async fn log_level(State(pages): State<Pages>) -> String {
    format!("{}\n", pages.log_level.get())
}

async fn set_log_level(
    State(pages): State<Pages>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    filter: String,
) -> Result<String, (StatusCode, String)> {
    if !peer.ip().to_canonical().is_loopback() {
        let message =
            "the log level is changed from the same host only: use kubectl port-forward\n";
        return Err((StatusCode::FORBIDDEN, message.to_owned()));
    }
    pages
        .log_level
        .set(filter.trim())
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))?;
    let filter = pages.log_level.get();
    tracing::info!(filter, "the log level was changed");
    Ok(format!("{filter}\n"))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    async fn ask(ready: bool, request: Request<Body>, peer: &str) -> (StatusCode, String) {
        let pages = Pages {
            ready: watch::channel(ready).1,
            metrics: Metrics::default(),
            log_level: LogLevel::detached(),
        };
        let mut request = request;
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = router(pages).oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        (
            status,
            String::from_utf8_lossy(&body.expect("a body")).into_owned(),
        )
    }

    fn get(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).expect("a request")
    }

    #[tokio::test]
    async fn readiness_is_what_the_operator_says_and_health_is_not() {
        for (ready, expected) in [(false, 503), (true, 200)] {
            let (status, _) = ask(ready, get("/readyz"), "127.0.0.1:1").await;
            assert_eq!(status.as_u16(), expected);
            assert_eq!(
                ask(ready, get("/healthz"), "127.0.0.1:1").await.0,
                StatusCode::OK
            );
        }
    }

    #[tokio::test]
    async fn metrics_say_which_version_runs() {
        let (status, body) = ask(true, get("/metrics"), "192.0.2.1:1").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")));
    }

    #[tokio::test]
    async fn only_the_same_host_may_change_the_log_level_and_only_to_one_that_exists() {
        let put = |filter: &'static str| {
            Request::put("/loglevel")
                .body(Body::from(filter))
                .expect("a request")
        };
        assert_eq!(
            ask(true, put("debug"), "192.0.2.1:1").await.0,
            StatusCode::FORBIDDEN
        );
        let (status, body) = ask(true, put("loud=loud"), "127.0.0.1:1").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
}
