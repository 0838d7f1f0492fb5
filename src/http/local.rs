//! The page that changes something: the level of the log. It is served on a loopback address alone, and off unless that is given.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header::HOST, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::telemetry::LogLevel;

/// Longest log filter, in bytes.
const FILTER_LIMIT: usize = 4096;

/// `/loglevel`, for requests to this host by one of its own names: a page in a browser can make one be sent to any address, but under
/// the name of the page.
pub fn local_pages(log_level: LogLevel) -> Router {
    Router::new()
        .route("/loglevel", get(show).put(change))
        .layer(DefaultBodyLimit::max(FILTER_LIMIT))
        .layer(middleware::from_fn(only_local))
        .with_state(log_level)
}

async fn only_local(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(is_local) {
        return next.run(request).await;
    }
    let message = "the log level is read and changed as localhost only: use kubectl port-forward\n";
    (StatusCode::FORBIDDEN, message).into_response()
}

/// Whether a Host header names this host by itself.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]")
}

async fn show(State(log_level): State<LogLevel>) -> String {
    format!("{}\n", log_level.get())
}

async fn change(
    State(log_level): State<LogLevel>,
    filter: String,
) -> Result<String, (StatusCode, String)> {
    log_level
        .set(filter.trim())
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))?;
    let filter = log_level.get();
    tracing::info!(filter, "the log level was changed");
    Ok(format!("{filter}\n"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use rstest::rstest;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_word_that_is_not_a_level_is_refused_with_those_that_are() {
        for filter in ["warning", "", "flashjob_operator"] {
            let (status, body) = put(Some("localhost"), filter).await;
            assert_eq!(status, 400, "{filter}: {body}");
            assert!(
                body.contains("error, warn, info, debug, trace or off"),
                "{body}"
            );
        }
    }

    async fn put(host: Option<&str>, filter: &'static str) -> (u16, String) {
        let mut request = Request::put("/loglevel");
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let request = request.body(Body::from(filter)).expect("a request");
        let pages = local_pages(LogLevel::detached());
        let response = pages.oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        let body = String::from_utf8_lossy(&body.expect("a body")).into_owned();
        (status, body)
    }

    #[rstest]
    #[case::forged(Some("evil.example"))]
    #[case::rebound(Some("evil.example:8082"))]
    #[case::other_of_127(Some("127.0.0.2"))]
    #[case::lookalike(Some("localhost.evil.example"))]
    #[case::with_a_user(Some("localhost@evil.example"))]
    #[case::none(None)]
    #[tokio::test]
    async fn a_request_by_another_name_changes_nothing(#[case] host: Option<&str>) {
        let (status, body) = put(host, "debug").await;
        assert_eq!(status, 403);
        assert!(body.contains("kubectl port-forward"), "{body}");
    }

    #[tokio::test]
    async fn a_filter_that_does_not_exist_is_refused_with_its_text() {
        for host in ["localhost", "localhost:8082", "127.0.0.1:1", "[::1]:8082"] {
            let (status, body) = put(Some(host), "loud=loud").await;
            assert_eq!(status, 400, "{host}: {body}");
            assert!(body.contains("loud=loud"), "{body}");
        }
    }
}
