//! The fence: no write leaves this process unless the lease is held at that moment.
//!
//! [`Fence`] is set by the election and asked by [`FenceLayer`], the innermost layer of the writing client: after
//! authentication, right before the request is handed to the connection.
//!
//! A write that was sent has to have ended before another leader sends its first. The network may take it to the API server until this
//! client gives it up, and the API server may carry it out for as long again, for it counts its time-out from the arrival. So a write gets
//! half of the time that is left until then, if that is less than the client's own time-out.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Request, Uri};
use tower::{BoxError, Layer, Service};

use super::{clock, patience::NoAnswer};
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
    /// From its end to the first write of another leader.
    grace: Duration,
}

impl Fence {
    /// A closed fence. From its end to the first write of another leader it takes `grace`: [`super::LeaseTimes::grace`].
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self {
            grace,
            ..Self::default()
        }
    }

    /// A fence that stands open for ever: for programs that a person runs, which hold no lease.
    #[must_use]
    pub fn always_open() -> Self {
        Self {
            open_until: AtomicU64::new(u64::MAX),
            grace: Duration::ZERO,
        }
    }

    /// Whether writes may be sent at this boot time.
    #[must_use]
    pub fn is_held(&self, boot_time: Duration) -> bool {
        self.left(boot_time).is_some()
    }

    /// For how much longer writes may be sent at this boot time; absent where none may.
    fn left(&self, boot_time: Duration) -> Option<Duration> {
        let until = self.open_until.load(Ordering::SeqCst);
        let left = until.checked_sub(millis(boot_time))?;
        (left > 0).then(|| Duration::from_millis(left))
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

/// Puts the fence around a service, ends writes in time, and tells the API server to give them up when this client does.
#[derive(Clone, Debug)]
pub struct FenceLayer {
    fence: Arc<Fence>,
    timeout: Duration,
}

impl FenceLayer {
    /// A layer that asks `fence`. No write takes longer than `timeout`; what it may take is sent along with it.
    #[must_use]
    pub fn new(fence: Arc<Fence>, timeout: Duration) -> Self {
        Self { fence, timeout }
    }

    /// How long a write may take that is sent so long before the fence closes.
    fn limit(&self, left: Duration) -> Duration {
        (left.saturating_add(self.fence.grace) / 2).min(self.timeout)
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
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let left = match self.layer.fence.left(clock::boot_time()) {
            Some(left) => left,
            None if planted(Bug::NoLeaseCheck) => Duration::MAX,
            None => return Box::pin(async { Err(NotLeader.into()) }),
        };
        if !is_write(request.method()) {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let limit = self.layer.limit(left);
        *request.uri_mut() = with_timeout(request.uri(), limit);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout(limit, answer).await;
            answer.map_err(|_| NoAnswer(limit))?.map_err(Into::into)
        })
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

    #[rstest]
    #[case::just_renewed(5_000, 4_000)]
    #[case::soon_over(2_000, 3_250)]
    #[case::almost_over(1, 2_250)]
    fn a_write_gets_half_of_the_time_until_another_leader_may_write(
        #[case] left: u64,
        #[case] limit: u128,
    ) {
        let fence = Arc::new(Fence::new(Duration::from_millis(4_500)));
        let layer = FenceLayer::new(fence, Duration::from_secs(4));
        let found = layer.limit(Duration::from_millis(left));
        assert_eq!(found.as_millis(), limit);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_an_answer_ends_when_its_time_is_up() {
        let fence = Arc::new(Fence::always_open());
        let silent = service_fn(|_: Request<()>| std::future::pending::<Result<(), BoxError>>());
        let request = Request::builder().method(Method::POST).uri("/x").body(());
        let answer = FenceLayer::new(fence, Duration::from_secs(4))
            .layer(silent)
            .oneshot(request.expect("request"));
        let error = answer.await.expect_err("no answer").downcast::<NoAnswer>();
        assert_eq!(error.expect("its own error").0, Duration::from_secs(4));
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
