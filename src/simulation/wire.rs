//! The way between a process and the API server: requests take their time, get lost, are turned away, and arrive late.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, header};
use serde_json::json;
use tokio::{sync::oneshot, time::sleep};
use tower::{BoxError, Layer, Service, ServiceBuilder};

use super::{
    api::{Actor, Answer, Asked, Verb},
    process::Process,
    stream,
    world::World,
};
use crate::cluster::{Clients, Fence, FenceLayer, PatienceLayer};

/// Namespace of the operator.
pub const SYSTEM: &str = "system";
/// How long a read may take, as the operator's own client has it.
const READ_LIMIT: Duration = Duration::from_secs(20);
/// Time-out of every write, for its way to the API server and again for what that does.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// How long somebody waits for an answer that is lost, if nothing else ends it.
const NEVER: Duration = Duration::from_mins(1);

/// A world, shared by everything that lives in it.
pub type Shared = Arc<Mutex<World>>;

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Read,
    Write,
    Lease,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Served,
    /// Something before the API server refuses it: a status and a reason.
    TurnedAway(u16, &'static str, &'static str),
    /// It never arrives.
    Broken,
    /// It is carried out, and the connection breaks.
    AnswerBroken,
    /// It is carried out, and no answer ever comes.
    AnswerLost,
    /// The process dies before it is carried out, or after.
    Crash {
        carried_out: bool,
    },
}

/// Time on the way there and back, and what happens meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Journey {
    pub there: Duration,
    pub back: Duration,
    pub fate: Fate,
}

/// The connection of one client.
#[derive(Clone)]
pub struct Wire {
    world: Shared,
    process: Arc<Process>,
    role: Role,
}

/// The clients of a process.
pub fn clients(world: &Shared, process: &Arc<Process>, fence: Arc<Fence>) -> Clients {
    let wire = |role| Wire {
        world: Arc::clone(world),
        process: Arc::clone(process),
        role,
    };
    let placed = Placed(Arc::clone(process));
    let read = ServiceBuilder::new()
        .layer(&placed)
        .layer(PatienceLayer::new(READ_LIMIT))
        .service(wire(Role::Read));
    let write = ServiceBuilder::new()
        .layer(&placed)
        .layer(FenceLayer::new(fence, WRITE_TIMEOUT))
        .service(wire(Role::Write));
    Clients {
        read: kube::Client::new(read, SYSTEM),
        write: kube::Client::new(write, SYSTEM),
        lease: kube::Client::new(wire(Role::Lease), SYSTEM),
        default_namespace: SYSTEM.to_owned(),
        own_addresses: Vec::new(),
    }
}

/// kube calls a service from a task of its own, which is of no process: what is called reads the clocks of this one.
#[derive(Clone)]
struct Placed<S>(S);

impl<S> Layer<S> for Placed<Arc<Process>> {
    type Service = Placed<(Arc<Process>, S)>;

    fn layer(&self, inner: S) -> Self::Service {
        Placed((Arc::clone(&self.0), inner))
    }
}

impl<S, R> Service<R> for Placed<(Arc<Process>, S)>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.1.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        let (process, inner) = &mut self.0;
        process.run(|| inner.call(request))
    }
}

impl Service<Request<kube::client::Body>> for Wire {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        if self.process.is_dead() {
            return Box::pin(std::future::pending());
        }
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().now_or_never();
        let body = body.expect("held in memory").expect("whole");
        let text = |name| {
            let value = head.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let kinds = (text(header::ACCEPT), text(header::CONTENT_TYPE));
        let Some(asked) = Asked::read(&head.method, &head.uri, kinds, &body) else {
            return Box::pin(std::future::ready(Ok(about_itself(head.uri.path()))));
        };
        let (answer_tx, answer_rx) = oneshot::channel();
        let journey = {
            let mut world = self.world.lock().unwrap();
            world.sent(&self.process, &asked);
            world.journey(&self.process, self.role, &asked)
        };
        tokio::spawn(travel(self.clone(), asked, journey, answer_tx));
        Box::pin(async move {
            let answer = answer_rx.await;
            answer.unwrap_or_else(|_| Err("the connection was closed".into()))
        })
    }
}

async fn travel(
    wire: Wire,
    asked: Asked,
    journey: Journey,
    answer_tx: oneshot::Sender<Result<Response<Body>, BoxError>>,
) {
    sleep(journey.there).await;
    let limit = asked.timeout().unwrap_or(WRITE_TIMEOUT);
    let latest = if wire.role == Role::Write {
        limit * 2
    } else {
        limit
    };
    let overdue = asked.is_write() && journey.there >= latest;
    let answer = match journey.fate {
        Fate::Crash { carried_out: false } => return wire.process.kill(),
        Fate::Broken => Err("the connection broke".into()),
        Fate::TurnedAway(code, reason, message) => {
            let answer = Answer::refused(code, reason, message);
            wire.world
                .lock()
                .unwrap()
                .turned_away(&wire.process, &asked, code);
            Ok(response(&answer))
        }
        _ if overdue => return sleep(NEVER).await,
        _ => Ok(wire.carry_out(&asked)),
    };
    match journey.fate {
        Fate::Crash { .. } => return wire.process.kill(),
        Fate::AnswerLost => return sleep(NEVER).await,
        _ => sleep(journey.back).await,
    }
    let answer = match journey.fate {
        Fate::AnswerBroken => Err("the connection broke".into()),
        _ => answer,
    };
    // Nobody waits for it any more where its sender gave it up, or died.
    let _ = answer_tx.send(answer);
}

impl Wire {
    fn carry_out(&self, asked: &Asked) -> Response<Body> {
        let mut world = self.world.lock().unwrap();
        let by = Actor::Operator(self.process.place, self.process.life);
        if asked.verb == Verb::Watch {
            world.arrived(by, asked);
            let body = stream::open(&mut world, &self.world, asked, &self.process);
            return Response::new(body);
        }
        response(&world.serve(by, asked))
    }
}

fn response(answer: &Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body()));
    *response.status_mut() = http::StatusCode::from_u16(answer.code()).unwrap();
    response
}

/// Version and discovery.
fn about_itself(path: &str) -> Response<Body> {
    let known = match path {
        "/version" => {
            json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "", "gitTreeState": "",
                   "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
        }
        "/api" | "/apis" => {
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": []})
        }
        other => panic!("{other} is not served in this world"),
    };
    Response::new(Body::from(known.to_string()))
}
