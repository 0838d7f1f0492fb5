//! The caller of a request, and the API server's answers to that caller.

use std::{net::Ipv4Addr, sync::Arc};

use axum::{
    body::to_bytes,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use flashjob_operator::cluster::Reader;
use kube::{Client, client::Body};
use serde_json::Value;

use super::{Desk, desk::Standing};
use crate::{problem::Problem, server::PATIENCE};

/// Bytes of an answer of the API server that are read: a page of objects of usual size is far below.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The caller, with a client that sends the caller's credentials.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    session: Option<Standing>,
    own_addresses: Arc<[Ipv4Addr]>,
}

/// A request, unless it could not be made.
pub type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// What the API server said.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code: always a success.
    pub code: StatusCode,
    /// The object.
    pub object: Value,
}

impl FromRequestParts<Desk> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let caller = desk.caller(&parts.method, &parts.headers)?;
        Ok(Self {
            own_addresses: Arc::clone(&desk.own_addresses),
            ..caller
        })
    }
}

impl Caller {
    /// Who asks with that client, for as long as the session stands, if it is by one.
    #[must_use]
    pub(super) fn new(client: Client, session: Option<Standing>) -> Self {
        Self {
            client,
            session,
            own_addresses: Arc::default(),
        }
    }

    /// Addresses of the cluster itself, where no device is.
    #[must_use]
    pub fn own_addresses(&self) -> Vec<Ipv4Addr> {
        self.own_addresses.to_vec()
    }

    /// # Errors
    /// When the session has ended by which it began.
    pub fn stands(&self) -> Result<(), Problem> {
        let ended = self
            .session
            .as_ref()
            .is_some_and(|session| !session.holds());
        if ended {
            return Err(Problem::no_session());
        }
        Ok(())
    }

    /// The client, for watches.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the operator's library reads with.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.client.clone(), PATIENCE)
    }

    /// Asks the API server.
    ///
    /// # Errors
    /// When it refuses, with its own words, is not reached, or the request could not be made.
    pub async fn ask(&self, request: Built) -> Result<Answer, Problem> {
        self.stands()?;
        let request = request.map_err(|error| unbuilt(&error))?;
        let answer = self.client.send(request.map(Body::from)).await;
        let answer = answer.map_err(|error| not_reached(&error))?;
        let code = answer.status();
        let body = axum::body::Body::new(answer.into_body());
        let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an answer of the API server was not read"
            );
            let words = "the API server's answer broke off, or is longer than 64 MiB: ask for fewer objects with limit=";
            Problem::new(StatusCode::BAD_GATEWAY, words)
        })?;
        let object = serde_json::from_slice(&body);
        if !code.is_success() {
            let status = object.unwrap_or_default();
            return Err(Problem::of_status(code, &status));
        }
        let object = object.map_err(|error| {
            let words = format!("the API server's answer is not JSON: {error}");
            Problem::new(StatusCode::BAD_GATEWAY, words)
        })?;
        Ok(Answer { code, object })
    }
}

pub(super) fn not_reached(error: &kube::Error) -> Problem {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the API server was not reached"
    );
    Problem::new(StatusCode::BAD_GATEWAY, "the API server cannot be reached")
}

/// A request could not be made, which names and parameters that were checked do not bring about.
pub(super) fn unbuilt(error: &kube::core::request::Error) -> Problem {
    Problem::bad_request(error.to_string())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header::AUTHORIZATION};

    use super::*;
    use crate::{cluster::Door, session::Token};

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_to_its_end() {
        let door = Door::played(|_| {
            let piece = || Some((Ok::<_, std::io::Error>(vec![b' '; 1 << 20]), ()));
            let endless = futures::stream::unfold((), move |()| std::future::ready(piece()));
            http::Response::new(axum::body::Body::from_stream(endless))
        });
        let headers = HeaderMap::from_iter([(AUTHORIZATION, "Bearer a".parse().unwrap())]);
        let client = door.client(&Token::of(&headers).unwrap());
        let asked = Caller::new(client, None)
            .ask(Ok(http::Request::new(Vec::new())))
            .await;
        let problem = asked.unwrap_err();
        assert!(
            format!("{problem:?}").contains("longer than 64 MiB"),
            "{problem:?}"
        );
    }
}
