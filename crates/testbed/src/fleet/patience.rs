//! Requests that are repeated while the API server is away: kubelets, load balancers and Akri do not give up either.

use std::{future::Future, time::Duration};

/// Wait between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Most tries: five minutes of an API server that is away.
const TRIES: usize = 600;

/// The first answer of the API server, a refusal included.
pub async fn answered<T, F>(request: impl Fn() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    for _ in 1..TRIES {
        match request().await {
            Err(error) if !is_answer(&error) => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
    request().await
}

fn is_answer(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code < 500)
}
