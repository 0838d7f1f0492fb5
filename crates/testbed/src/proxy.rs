//! A reverse proxy on loopback between one client and the API server, where requests and watches go wrong as asked for.

mod faults;
mod hold;
mod watch;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use axum::body::{Body, Bytes, to_bytes};
use http::{Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tower::BoxError;

use super::{ControlPlane, ask::background};
pub use faults::{Fault, Faults};
pub use hold::Held;
use hold::Hold;

/// Largest request, in bytes.
const LIMIT: usize = 16 << 20;
/// How long a request is kept that is never answered; so long that a test ends before.
const SILENCE: Duration = Duration::from_hours(1);

/// A proxy that runs until it is dropped. Whoever connects to it is, to the API server, the user of its kubeconfig.
pub struct Proxy {
    kubeconfig: PathBuf,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: Client,
    faults: Mutex<Faults>,
    random: Mutex<StdRng>,
    happened: Mutex<BTreeMap<Fault, usize>>,
    holds: Mutex<Vec<Hold>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy for that user's requests; what goes wrong is drawn from the seed.
    pub async fn start(
        control_plane: &ControlPlane,
        user: &Path,
        seed: u64,
        faults: Faults,
    ) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let user = user.to_owned();
        let started = background().spawn(async move {
            let state = State {
                upstream: upstream(&user).await,
                faults: Mutex::new(faults),
                random: Mutex::new(StdRng::seed_from_u64(seed)),
                happened: Mutex::default(),
                holds: Mutex::default(),
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let state = Arc::new(state);
            let task = tokio::spawn(accept(listener, state.clone()));
            (state, address, task)
        });
        let (state, address, task) = started.await.unwrap();
        let kubeconfig = control_plane
            .directory()
            .join(format!("proxy-{number}.kubeconfig"));
        std::fs::write(&kubeconfig, kubeconfig_for(address)).unwrap();
        Self {
            kubeconfig,
            state,
            task,
        }
    }

    /// A kubeconfig that leads through it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// From now on this goes wrong.
    pub fn set(&self, faults: Faults) {
        *locked(&self.state.faults) = faults;
    }

    /// How often each fault happened.
    pub fn happened(&self) -> BTreeMap<Fault, usize> {
        locked(&self.state.happened).clone()
    }

    /// Keeps the next request of that method whose path holds `path` until it is let go; it then takes effect, even if its
    /// client is gone.
    pub fn hold(&self, method: &str, path: &str) -> Held {
        let (hold, hands) = hold::pair(method, path);
        locked(&self.state.holds).push(hold);
        hands
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn upstream(user: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(user).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn kubeconfig_for(address: SocketAddr) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "proxy", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
    })
    .to_string()
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Connections end with the proxy, as those of a network do.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| handle(state.clone(), request));
            // An error is a connection that was broken on purpose, or by the client.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request. An error breaks the connection.
async fn handle(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, BoxError> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, to_bytes(Body::new(body), LIMIT).await?);
    let hold = hold::take(&mut locked(&state.holds), &request);
    if let Some(hold) = hold {
        // On its own: the request is under way, whether its client still waits or not.
        return tokio::spawn(async move { hold.through(forward(&state, request)).await }).await?;
    }
    let fault = {
        let (faults, mut random) = (locked(&state.faults), locked(&state.random));
        faults.of(&request, &mut random)
    };
    let Some(fault) = fault else {
        return pass(&state, request).await;
    };
    *locked(&state.happened).entry(fault).or_default() += 1;
    match (fault.answer(), fault) {
        (Some((code, reason)), _) => Ok(refusal(code, reason)),
        (None, Fault::AnswerLost) => {
            let answer = tokio::spawn(async move { forward(&state, request).await });
            Err(format!("the answer is lost: {:?}", answer.await??.status()).into())
        }
        (None, _) => {
            tokio::time::sleep(SILENCE).await;
            Err("never answered".into())
        }
    }
}

async fn pass(state: &State, request: Request<Bytes>) -> Result<Response<Body>, BoxError> {
    let watch = faults::is_watch(&request);
    let answer = forward(state, request).await?;
    if !watch || !answer.status().is_success() {
        return Ok(answer);
    }
    let fate = locked(&state.faults).of_watch(&mut locked(&state.random));
    Ok(answer.map(|events| watch::through(events, fate)))
}

async fn forward(state: &State, request: Request<Bytes>) -> Result<Response<Body>, BoxError> {
    let (mut parts, body) = request.into_parts();
    for name in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    let request = Request::from_parts(parts, kube::client::Body::from(body));
    let mut answer = state.upstream.send(request).await?.map(Body::new);
    answer.headers_mut().remove(header::TRANSFER_ENCODING);
    answer.headers_mut().remove(header::CONNECTION);
    let ahead = locked(&state.faults).clock_ahead;
    let shown = DateTimePrinter::new().timestamp_to_rfc9110_string(&(Timestamp::now() + ahead))?;
    answer.headers_mut().insert(header::DATE, shown.parse()?);
    Ok(answer)
}

/// A refusal as the API server writes it.
fn refusal(code: u16, reason: &str) -> Response<Body> {
    let seconds = u16::from(code == 429);
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("{reason}, says the proxy"), "reason": reason, "code": code,
        "details": {"retryAfterSeconds": seconds},
    });
    let mut answer = Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json");
    if code == 429 {
        answer = answer.header(header::RETRY_AFTER, "1");
    }
    answer.body(Body::from(status.to_string())).unwrap()
}
