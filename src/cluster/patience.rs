//! The patience of the reading client: a read that is not answered in time fails, so that nobody waits for it for ever.
//!
//! A connection whose other end is gone without a word never fails by itself. [`PatienceLayer`] is the outermost layer of the
//! reading client, so its limit includes that client's retries. A watch that has begun has a time-out of its own.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use http::{Request, Response, Uri};
use tokio::time::{Instant, timeout_at};
use tower::{BoxError, Layer, Service};

/// A read was given up.
#[derive(thiserror::Error, Debug, Clone, Copy, PartialEq, Eq)]
#[error("no answer from the API server within {0:?}")]
pub struct NoAnswer(pub Duration);

/// Puts a limit around every read.
#[derive(Clone, Copy, Debug)]
pub struct PatienceLayer {
    limit: Duration,
}

impl PatienceLayer {
    /// A layer that gives a read up after `limit`.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for PatienceLayer {
    type Service = Patient<S>;

    fn layer(&self, inner: S) -> Patient<S> {
        Patient {
            inner,
            limit: self.limit,
        }
    }
}

/// A service whose answers are not waited for beyond a limit.
#[derive(Clone, Debug)]
pub struct Patient<S> {
    inner: S,
    limit: Duration,
}

impl<S, A, B> Service<Request<A>> for Patient<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (limit, end) = (self.limit, Instant::now() + self.limit);
        let stream = is_stream(request.uri());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = timeout_at(end, async { answer.await.map_err(Into::into) });
            let answer = answer.await.map_err(|_| NoAnswer(limit))??;
            let (head, body) = answer.into_parts();
            let mut body = Body::new(body);
            if !stream {
                // Whole, as its reader wants it anyway: an answer may also stop in its middle.
                let whole = timeout_at(end, to_bytes(body, usize::MAX));
                body = whole.await.map_err(|_| NoAnswer(limit))??.into();
            }
            Ok(Response::from_parts(head, body))
        })
    }
}

/// Whether it is answered bit by bit, for as long as its reader likes. Such an answer, too, begins at once.
fn is_stream(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    uri.path().ends_with("/log") || pairs.any(|pair| matches!(pair, "watch=true" | "watch=1"))
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use rstest::rstest;
    use tower::{ServiceExt, service_fn};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    fn get(uri: &str) -> Request<()> {
        Request::get(uri).body(()).expect("request")
    }

    /// Answers with this much, and then says nothing more.
    fn halting(begun: &'static str) -> Body {
        let begun = stream::iter([Ok::<_, BoxError>(Bytes::from_static(begun.as_bytes()))]);
        Body::from_stream(begun.chain(stream::pending()))
    }

    #[rstest]
    #[case::never("/api/v1/pods", false)]
    #[case::never_a_watch("/api/v1/pods?allowWatchBookmarks=true&watch=true", false)]
    #[case::never_a_log("/api/v1/namespaces/lab/pods/a/log", false)]
    #[case::stops_in_its_middle("/api/v1/pods?limit=5", true)]
    #[tokio::test]
    async fn a_read_that_is_not_answered_to_its_end_fails_in_time(
        #[case] uri: &str,
        #[case] begins: bool,
    ) {
        let silent = service_fn(move |_: Request<()>| async move {
            if !begins {
                std::future::pending::<()>().await;
            }
            Ok::<_, BoxError>(Response::new(halting("{")))
        });
        let answer = PatienceLayer::new(LIMIT).layer(silent).oneshot(get(uri));
        let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;
        let error = answer.expect("an end").expect_err("no answer");
        assert_eq!(
            *error.downcast::<NoAnswer>().expect("its own"),
            NoAnswer(LIMIT)
        );
    }

    #[rstest]
    #[case::watch("/api/v1/pods?allowWatchBookmarks=true&watch=true")]
    #[case::log("/api/v1/namespaces/lab/pods/a/log?tailLines=9")]
    #[tokio::test]
    async fn a_stream_is_handed_on_as_it_comes(#[case] uri: &str) {
        let streams = service_fn(|_: Request<()>| async {
            Ok::<_, BoxError>(Response::new(halting("event")))
        });
        let answer = PatienceLayer::new(LIMIT).layer(streams).oneshot(get(uri));
        let mut body = answer.await.expect("begun").into_body().into_data_stream();
        assert_eq!(body.next().await.expect("event").expect("event"), "event");
    }

    #[tokio::test]
    async fn an_answer_in_time_is_handed_on_whole() {
        let prompt = service_fn(|_: Request<()>| async {
            Ok::<_, BoxError>(Response::builder().status(404).body(Body::from("none"))?)
        });
        let answer = PatienceLayer::new(LIMIT)
            .layer(prompt)
            .oneshot(get("/x"))
            .await;
        let (head, body) = answer.expect("answer").into_parts();
        assert_eq!(head.status, 404);
        assert_eq!(to_bytes(body, 9).await.expect("body"), "none");
    }
}
