//! The fence: no write leaves this process unless the lease is held at that moment.
//!
//! [`Fence`] is set by the election and asked by [`FenceLayer`], the innermost layer of the writing client: after
//! authentication, right before the request is handed to the connection.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::Either;
use http::{Method, Request, Uri};
use tower::{BoxError, Layer, Service};

use super::clock;
use crate::seam::{Bug, planted};

/// A write was refused before it was sent, because this process does not hold the lease.
#[derive(thiserror::Error, Debug, Clone, Copy, PartialEq, Eq)]
#[error("not sent: this operator does not hold the leader lease")]
pub struct NotLeader;

/// Until when this process may write, by the clock that runs through suspend.
#[derive(Debug, Default)]
pub struct Fence {
    /// Milliseconds of boot time; 0 is closed.
    open_until: AtomicU64,
}

impl Fence {
    /// A fence that stands open for ever: for programs that a person runs, which hold no lease.
    #[must_use]
    pub fn always_open() -> Self {
        Self {
            open_until: AtomicU64::new(u64::MAX),
        }
    }

    /// Whether writes may be sent at this boot time.
    #[must_use]
    pub fn is_held(&self, boot_time: Duration) -> bool {
        millis(boot_time) < self.open_until.load(Ordering::SeqCst)
    }

    /// Lets writes pass until this boot time.
    pub(crate) fn open_until(&self, boot_time: Duration) {
        self.open_until.store(millis(boot_time), Ordering::SeqCst);
    }

    /// Lets no further write pass.
    pub fn close(&self) {
        self.open_until.store(0, Ordering::SeqCst);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Puts the fence around a service, and tells the API server to give a write up when this client does.
#[derive(Clone, Debug)]
pub struct FenceLayer {
    fence: Arc<Fence>,
    timeout: Duration,
}

impl FenceLayer {
    /// A layer that asks `fence`; `timeout` is the client's own and is sent along with every write.
    #[must_use]
    pub fn new(fence: Arc<Fence>, timeout: Duration) -> Self {
        Self { fence, timeout }
    }
}

impl<S> Layer<S> for FenceLayer {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind the fence.
#[derive(Clone, Debug)]
pub struct Fenced<S> {
    inner: S,
    layer: FenceLayer,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<
        futures::future::MapErr<S::Future, fn(S::Error) -> BoxError>,
        Ready<Result<S::Response, BoxError>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !self.layer.fence.is_held(clock::boot_time()) && !planted(Bug::NoLeaseCheck) {
            return Either::Right(ready(Err(NotLeader.into())));
        }
        if is_write(request.method()) {
            let uri = with_timeout(request.uri(), self.layer.timeout);
            *request.uri_mut() = uri;
        }
        Either::Left(futures::TryFutureExt::map_err(
            self.inner.call(request),
            Into::into as fn(S::Error) -> BoxError,
        ))
    }
}

fn is_write(method: &Method) -> bool {
    matches!(
        *method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    )
}

/// Adds `timeout=`, so that a write which this client has given up cannot take effect much later.
fn with_timeout(uri: &Uri, timeout: Duration) -> Uri {
    let pair = format!("timeout={}ms", timeout.as_millis());
    let query = match uri.query().map(|query| query.trim_matches('&')) {
        None | Some("") => pair,
        Some(query) => format!("{query}&{pair}"),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{}?{query}", uri.path()).parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tower::{ServiceExt, service_fn};

    use super::*;

    #[test]
    fn a_new_fence_is_closed() {
        assert!(!Fence::default().is_held(Duration::ZERO));
    }

    #[test]
    fn the_fence_closes_by_itself_when_the_time_is_up() {
        let fence = Fence::default();
        fence.open_until(Duration::from_secs(100));
        assert!(fence.is_held(Duration::from_millis(99_999)));
        assert!(!fence.is_held(Duration::from_secs(100)));
        fence.open_until(Duration::from_secs(200));
        fence.close();
        assert!(!fence.is_held(Duration::from_secs(1)));
    }

    #[rstest]
    #[case("/api/v1/pods", "/api/v1/pods?timeout=4000ms")]
    #[case("/api/v1/pods?", "/api/v1/pods?timeout=4000ms")]
    #[case("/x?&fieldManager=a", "/x?fieldManager=a&timeout=4000ms")]
    #[case("https://h:1/x?a=b", "https://h:1/x?a=b&timeout=4000ms")]
    fn writes_carry_the_clients_timeout(#[case] uri: Uri, #[case] expected: Uri) {
        assert_eq!(with_timeout(&uri, Duration::from_secs(4)), expected);
    }

    #[tokio::test]
    async fn a_closed_fence_refuses_every_request_and_an_open_one_lets_it_pass() {
        let fence = Arc::new(Fence::default());
        let echo = service_fn(|request: Request<()>| async move {
            Ok::<_, BoxError>(request.uri().to_string())
        });
        let fenced = FenceLayer::new(fence.clone(), Duration::from_secs(4)).layer(echo);
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let request = Request::builder().method(method).uri("/x").body(());
            let answer = fenced.clone().oneshot(request.expect("request")).await;
            let refused = answer.expect_err("closed").downcast::<NotLeader>();
            assert_eq!(*refused.expect("its own error"), NotLeader);
        }
        fence.open_until(Duration::MAX);
        let request = Request::builder().method(Method::POST).uri("/x").body(());
        let answer = fenced.oneshot(request.expect("request")).await;
        assert_eq!(answer.expect("open"), "/x?timeout=4000ms");
    }
}
