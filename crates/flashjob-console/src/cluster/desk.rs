//! What all routes share, and how it is told who calls: by a token, by the session of a browser, or as the person who started the console.

use std::{net::Ipv4Addr, sync::Arc};

use axum::http::{
    HeaderMap, Method,
    header::{AUTHORIZATION, HeaderValue},
};
use flashjob_operator::cluster::clock;
use jiff::Timestamp;
use kube::{
    Client,
    core::{Request, request},
};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{Caller, Door};
use crate::{
    problem::Problem,
    session::{Begun, Cookie, OWN_HEADER, OWN_VALUE, Pass, Refused, Sessions, Token},
};

/// Streams of events that are open at the same time.
const STREAMS: usize = 512;
/// Plans that are made at the same time: each renders the flash chart for every device of its job.
const PLANS: usize = 2;
/// Namespace of the operator where nobody says.
pub const OPERATOR_NAMESPACE: &str = "flashjob-system";
/// Where the API server says who somebody is.
const SELF: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// What reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What all routes share.
#[derive(Clone)]
pub struct Desk {
    gate: Gate,
    cookie: Cookie,
    clock: Clock,
    /// Places for streams of events, each of which holds a watch.
    pub streams: Arc<Semaphore>,
    /// Places for plans.
    pub plans: Arc<Semaphore>,
    /// Namespace of the operator, whose settings a plan goes by.
    pub operator_namespace: Arc<str>,
    /// Addresses of the cluster itself: no device is there.
    pub(super) own_addresses: Arc<[Ipv4Addr]>,
    /// The hosts that requests may name; none: any.
    pub hosts: Option<Arc<[String]>>,
}

#[derive(Clone)]
enum Gate {
    /// Everybody comes with a token of their own, or by a session that one of them was pasted into.
    Tokens { door: Door, sessions: Arc<Sessions> },
    /// Whoever has the pass is the person whose client that is.
    Own { client: Client, pass: Arc<Pass> },
}

/// A session that a caller came by: it may have ended when the next request is due.
#[derive(Clone)]
pub(super) struct Standing {
    sessions: Arc<Sessions>,
    proof: Arc<str>,
    clock: Clock,
}

impl Standing {
    pub(super) fn holds(&self) -> bool {
        self.sessions.token(&self.proof, (self.clock)()).is_some()
    }
}

/// How a browser that asks for a page came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// With a token that comes with each request.
    ByToken,
    /// By a session of that person; the person who started the console has no name here.
    BySession(Option<String>),
    /// Not at all: tokens are pasted here.
    NotYet,
    /// Not at all: this console is opened by the address that was printed.
    NotHere,
}

impl Desk {
    /// One to which everybody comes with a token of their own.
    #[must_use]
    pub fn new(door: Door) -> Self {
        let sessions = Arc::default();
        Self::of(Gate::Tokens { door, sessions }, Cookie::of_cluster(), None)
    }

    /// One on loopback at that port, for the person whose client that is and who has the pass.
    #[must_use]
    pub fn own(client: Client, pass: Pass, port: u16) -> Self {
        let pass = Arc::new(pass);
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
        let cookie = Cookie::of_loopback(port);
        Self::of(Gate::Own { client, pass }, cookie, Some(hosts.into()))
    }

    fn of(gate: Gate, cookie: Cookie, hosts: Option<Arc<[String]>>) -> Self {
        Self {
            gate,
            cookie,
            clock: Arc::new(clock::now),
            streams: Arc::new(Semaphore::new(STREAMS)),
            plans: Arc::new(Semaphore::new(PLANS)),
            operator_namespace: OPERATOR_NAMESPACE.into(),
            own_addresses: Arc::default(),
            hosts,
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same with the operator of another namespace.
    #[must_use]
    pub fn with_operator_namespace(self, namespace: &str) -> Self {
        Self {
            operator_namespace: namespace.into(),
            ..self
        }
    }

    /// The same in a cluster that has these addresses itself.
    #[must_use]
    pub fn with_own_addresses(self, addresses: &[Ipv4Addr]) -> Self {
        Self {
            own_addresses: addresses.into(),
            ..self
        }
    }

    /// Who calls.
    ///
    /// # Errors
    /// When nothing says so, or a session writes without the header that shows that a page of the console sent it.
    pub fn caller(&self, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
        let by_token = headers.contains_key(AUTHORIZATION);
        let token = by_token.then(|| Token::of(headers).ok_or_else(Problem::no_token));
        let token = token.transpose()?;
        let proof = self.cookie.value(headers);
        let caller = match (&self.gate, token, proof) {
            (Gate::Tokens { door, .. }, Some(token), _) => Caller::new(door.client(&token), None),
            (Gate::Tokens { door, sessions }, None, Some(proof)) => {
                let token = sessions.token(proof, (self.clock)());
                let token = token.ok_or_else(Problem::no_session)?;
                let standing = Standing {
                    sessions: Arc::clone(sessions),
                    proof: proof.into(),
                    clock: Arc::clone(&self.clock),
                };
                Caller::new(door.client(&token), Some(standing))
            }
            (Gate::Tokens { .. }, None, None) => return Err(Problem::no_token()),
            (Gate::Own { client, pass }, token, proof) => {
                let proof = token.as_ref().map(Token::text).or(proof);
                if !proof.is_some_and(|proof| pass.admits(proof)) {
                    return Err(Problem::not_started_here());
                }
                Caller::new(client.clone(), None)
            }
        };
        if !by_token && !method.is_safe() && !has_own_header(headers) {
            return Err(Problem::no_own_header());
        }
        Ok(caller)
    }

    /// How somebody came in who asks for a page.
    #[must_use]
    pub fn entered(&self, headers: &HeaderMap) -> Entered {
        let proof = self.cookie.value(headers);
        match &self.gate {
            Gate::Tokens { .. } if headers.contains_key(AUTHORIZATION) => Entered::ByToken,
            Gate::Tokens { sessions, .. } => {
                let person = proof.and_then(|proof| sessions.person(proof, (self.clock)()));
                person.map_or(Entered::NotYet, |person| Entered::BySession(Some(person)))
            }
            Gate::Own { pass, .. } => match proof {
                Some(proof) if pass.admits(proof) => Entered::BySession(None),
                _ => Entered::NotHere,
            },
        }
    }

    /// Begins a session with a token that somebody pasted, once the API server has said whose it is. The cookie that proves it.
    ///
    /// # Errors
    /// When the API server does not know the token, or there is no place.
    pub async fn log_in(&self, text: &str) -> Result<HeaderValue, Problem> {
        let Gate::Tokens { door, sessions } = &self.gate else {
            return Err(Problem::not_started_here());
        };
        let token = Token::pasted(text);
        let token = token
            .ok_or_else(|| Problem::bad_request("this is not a token: a token is one word"))?;
        let caller = Caller::new(door.client(&token), None);
        let person = caller.ask(review()).await?.object;
        let person = person["status"]["userInfo"]["username"].as_str();
        let person = person.unwrap_or_default();
        let begun = sessions.begin(token, person, (self.clock)());
        let Begun { secret, seconds } = begun.map_err(|_| Problem::no_place())?;
        tracing::info!(person, "a session begins");
        let cookie = self.cookie.set(&secret, Some(seconds));
        cookie.ok_or_else(Problem::no_session)
    }

    /// Exchanges the token of the printed address for the cookie of a session, once.
    ///
    /// # Errors
    /// When it is another one, or has served.
    pub fn exchange(&self, headers: &HeaderMap) -> Result<HeaderValue, Problem> {
        let Gate::Own { pass, .. } = &self.gate else {
            return Err(Problem::no_token());
        };
        if !has_own_header(headers) {
            return Err(Problem::no_own_header());
        }
        let token = Token::of(headers).ok_or_else(Problem::not_started_here)?;
        let secret = pass.exchange(token.text());
        let secret = secret.map_err(|refused: Refused| Problem::not_admitted(&refused))?;
        self.cookie
            .set(secret, None)
            .ok_or_else(Problem::no_session)
    }

    /// Ends the session of a browser, if there is one; what takes its cookie back.
    #[must_use]
    pub fn log_out(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if let (Gate::Tokens { sessions, .. }, Some(proof)) =
            (&self.gate, self.cookie.value(headers))
        {
            sessions.end(proof);
        }
        self.cookie.clear()
    }
}

fn has_own_header(headers: &HeaderMap) -> bool {
    headers
        .get(OWN_HEADER)
        .is_some_and(|value| value == OWN_VALUE)
}

/// Asks the API server who the caller is.
fn review() -> Result<http::Request<Vec<u8>>, request::Error> {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let parameters = kube::api::PostParams::default();
    Request::new(SELF).create(&parameters, body.to_string().into_bytes())
}
