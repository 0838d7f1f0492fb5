//! Single requests that are kept back until a test lets them go.

use std::future::Future;

use axum::body::{Body, Bytes};
use http::{Request, Response};
use tokio::sync::oneshot::{self, Receiver, Sender};
use tower::BoxError;

/// A request that is or will be held, in the hands of the test. Dropped, it is let go.
pub struct Held {
    arrived: Option<Receiver<()>>,
    go: Option<Sender<()>>,
    code: Receiver<u16>,
}

/// The same in the hands of the proxy.
pub struct Hold {
    method: String,
    path: String,
    arrived: Sender<()>,
    go: Receiver<()>,
    code: Sender<u16>,
}

/// Both ends, for the next request of that method whose path holds `path`.
pub fn pair(method: &str, path: &str) -> (Hold, Held) {
    let (arrived_tx, arrived_rx) = oneshot::channel();
    let (go_tx, go_rx) = oneshot::channel();
    let (code_tx, code_rx) = oneshot::channel();
    let hold = Hold {
        method: method.to_owned(),
        path: path.to_owned(),
        arrived: arrived_tx,
        go: go_rx,
        code: code_tx,
    };
    let hands = Held {
        arrived: Some(arrived_rx),
        go: Some(go_tx),
        code: code_rx,
    };
    (hold, hands)
}

/// Takes the hold that is meant for this request, if there is one.
pub fn take(holds: &mut Vec<Hold>, request: &Request<Bytes>) -> Option<Hold> {
    let meant = |hold: &Hold| {
        request.method() == hold.method.as_str() && request.uri().path().contains(&hold.path)
    };
    holds
        .iter()
        .position(meant)
        .map(|index| holds.remove(index))
}

impl Hold {
    /// Tells the test that the request is here, and sends it on when the test says so.
    pub async fn through(
        self,
        forward: impl Future<Output = Result<Response<Body>, BoxError>>,
    ) -> Result<Response<Body>, BoxError> {
        let _ = self.arrived.send(());
        let _ = self.go.await;
        let answer = forward.await?;
        let _ = self.code.send(answer.status().as_u16());
        Ok(answer)
    }
}

impl Held {
    /// Waits until the request has arrived at the proxy.
    pub async fn arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            arrived.await.expect("the proxy lives");
        }
    }

    /// Whether the request has arrived.
    pub fn has_arrived(&mut self) -> bool {
        let here = self
            .arrived
            .as_mut()
            .is_none_or(|arrived| arrived.try_recv().is_ok());
        if here {
            self.arrived = None;
        }
        here
    }

    /// Lets the request go on; the code of the API server's answer.
    pub async fn release(mut self) -> u16 {
        drop(self.go.take());
        self.code.await.expect("the API server answers")
    }
}
