//! The gate before the metrics: the API server says whose token it is and whether he may `get /metrics`. Asks; writes nothing.
//!
//! What it said is believed for a while, of a bounded number of tokens, and only their digests are kept.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::cluster::{Review, Reviewer};

/// The path whose right is asked for.
const PATH: &str = "/metrics";
/// Tokens whose review is remembered, of each of the two kinds: refused ones never displace one that was admitted.
const REMEMBERED: usize = 64;
/// How long somebody is admitted after a review.
const ADMITTED_FOR: Duration = Duration::from_mins(1);
/// How long he is refused.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Reviews under way at the same time.
const AT_ONCE: usize = 4;
/// How long a request waits for its review to begin.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is logged that reviews fail.
const COMPLAINT_PERIOD: Duration = Duration::from_mins(1);

/// Why somebody does not get the metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// He showed no token, or one that the API server does not know.
    #[error("show a token of this cluster: Authorization: Bearer TOKEN")]
    Unknown,
    /// The API server knows him, and he lacks the right.
    #[error(
        "{0} may not get {PATH}: bind the ClusterRole flashjob-operator-metrics-reader of the operator's chart"
    )]
    Forbidden(String),
    /// The API server did not say.
    #[error("the API server did not say who may read the metrics; try again")]
    Unanswered,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::Unknown => {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, text).into_response(),
            Self::Unanswered => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        }
    }
}

/// Lets through who may read the metrics.
#[derive(Debug)]
pub struct Gate {
    reviewer: Reviewer,
    known: Mutex<Known>,
    places: Semaphore,
}

impl Gate {
    /// A gate that asks through this reviewer.
    #[must_use]
    pub fn new(reviewer: Reviewer) -> Self {
        Self {
            reviewer,
            known: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Whether a request with these headers may have the metrics.
    ///
    /// # Errors
    /// Why not.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let token = bearer(headers).ok_or(Refused::Unknown)?;
        let digest: TokenDigest = Sha256::digest(token).into();
        if let Some(known) = self.known().of(&digest, Instant::now()) {
            return known;
        }
        let place = timeout(PATIENCE, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(Refused::Unanswered);
        };
        // Somebody else may have asked the same meanwhile.
        if let Some(known) = self.known().of(&digest, Instant::now()) {
            return known;
        }
        let answer = match self.reviewer.may_get(token, PATH).await {
            Ok(Review::Allowed) => Ok(()),
            Ok(Review::Unknown) => Err(Refused::Unknown),
            Ok(Review::Forbidden(user)) => Err(Refused::Forbidden(user)),
            Err(error) => {
                if self.known().complain(Instant::now()) {
                    tracing::warn!(%error, "who may read the metrics cannot be asked: they are refused to everybody whose \
                        token was not reviewed in the last minute. The operator needs the right to create tokenreviews and \
                        subjectaccessreviews (metrics.secure of its chart)");
                }
                return Err(Refused::Unanswered);
            }
        };
        self.known().learn(digest, answer.clone(), Instant::now());
        answer
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of an Authorization header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

type TokenDigest = [u8; 32];

/// What the API server said of whom, and until when that is believed. The oldest is forgotten first.
#[derive(Debug, Default)]
struct Known {
    admitted: VecDeque<(TokenDigest, Instant)>,
    refused: VecDeque<(TokenDigest, Instant, Refused)>,
    complained: Option<Instant>,
}

impl Known {
    fn of(&self, digest: &TokenDigest, now: Instant) -> Option<Result<(), Refused>> {
        let admitted = self.admitted.iter();
        if admitted
            .clone()
            .any(|(one, until)| one == digest && now < *until)
        {
            return Some(Ok(()));
        }
        let refused = self.refused.iter();
        let mut refused = refused.filter(|(one, until, _)| one == digest && now < *until);
        refused.next().map(|(_, _, why)| Err(why.clone()))
    }

    fn learn(&mut self, digest: TokenDigest, answer: Result<(), Refused>, now: Instant) {
        self.admitted
            .retain(|(one, until)| *one != digest && now < *until);
        self.refused
            .retain(|(one, until, _)| *one != digest && now < *until);
        match answer {
            Ok(()) => {
                make_place(&mut self.admitted);
                self.admitted.push_back((digest, now + ADMITTED_FOR));
            }
            Err(why) => {
                make_place(&mut self.refused);
                self.refused.push_back((digest, now + REFUSED_FOR, why));
            }
        }
    }

    /// Whether it is time to say again that reviews fail.
    fn complain(&mut self, now: Instant) -> bool {
        let due = self
            .complained
            .is_none_or(|last| now >= last + COMPLAINT_PERIOD);
        if due {
            self.complained = Some(now);
        }
        due
    }
}

/// Forgets the oldest where as many are remembered as may be.
fn make_place<T>(remembered: &mut VecDeque<T>) {
    while remembered.len() >= REMEMBERED {
        remembered.pop_front();
    }
}

#[cfg(test)]
mod tests;
