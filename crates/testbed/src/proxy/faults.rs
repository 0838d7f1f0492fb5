//! What goes wrong between a client and the API server, and how often: drawn from a seed. Pure.

use std::time::Duration;

use axum::body::Bytes;
use http::{Method, Request};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// What can happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// 429 with `Retry-After`; nothing is done.
    TooManyRequests,
    /// 500; nothing is done.
    InternalError,
    /// 503; nothing is done.
    Unavailable,
    /// 400, as the kubelet answers for the log of a container that it has not started; nothing is done.
    BadRequest,
    /// 409, of writes alone; nothing is done.
    Conflict,
    /// No answer; nothing is done.
    Silence,
    /// It takes effect, and then the connection breaks.
    AnswerLost,
}

impl Fault {
    /// All that happen to any request.
    pub const ALL: [Self; 6] = [
        Self::TooManyRequests,
        Self::InternalError,
        Self::Unavailable,
        Self::Conflict,
        Self::Silence,
        Self::AnswerLost,
    ];

    /// Code and reason of the answer, where there is one.
    pub fn answer(self) -> Option<(u16, &'static str)> {
        match self {
            Self::TooManyRequests => Some((429, "TooManyRequests")),
            Self::InternalError => Some((500, "InternalError")),
            Self::Unavailable => Some((503, "ServiceUnavailable")),
            Self::BadRequest => Some((400, "BadRequest")),
            Self::Conflict => Some((409, "Conflict")),
            Self::Silence | Self::AnswerLost => None,
        }
    }
}

/// What goes wrong, and how often.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Share of the requests to which something happens, from 0 to 1.
    pub share: f64,
    /// What happens to them, each as often as the others.
    pub kinds: Vec<Fault>,
    /// Only requests whose path holds this.
    pub path: &'static str,
    /// Longest life of a watch; it ends at a random moment before. Unset: as the API server has it.
    pub watch_life: Option<Duration>,
    /// Share of such ends that are `410 Expired`, as after a compaction of the history; the others are cuts.
    pub expired: f64,
    /// Longest delay of a watch's events: each watch has its own.
    pub staleness: Duration,
    /// By how much the clock of the API server is ahead, as its answers tell.
    pub clock_ahead: Duration,
}

impl Default for Faults {
    /// Nothing goes wrong.
    fn default() -> Self {
        Self {
            share: 0.0,
            kinds: Fault::ALL.to_vec(),
            path: "",
            watch_life: None,
            expired: 0.5,
            staleness: Duration::ZERO,
            clock_ahead: Duration::ZERO,
        }
    }
}

/// How a watch ends that the API server would not have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchEnd {
    /// As if it had come to its end.
    Closed,
    /// In the middle of a line.
    Cut,
    /// With the event that its history is gone.
    Expired,
}

/// What becomes of a watch.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchFate {
    /// How late its events are.
    pub delay: Duration,
    /// When it ends, and how.
    pub end: Option<(Duration, WatchEnd)>,
}

/// Whether it asks for events as they come.
pub fn is_watch(request: &Request<Bytes>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| matches!(pair, "watch=true" | "watch=1"))
}

/// Whether it may change something.
pub fn is_write(request: &Request<Bytes>) -> bool {
    request.method() != Method::GET
}

impl Faults {
    /// This happens to every request whose path holds `path`.
    pub fn always(kind: Fault, path: &'static str) -> Self {
        Self {
            share: 1.0,
            kinds: vec![kind],
            path,
            ..Self::default()
        }
    }

    /// This share of all requests, in every way; watches are cut and late too.
    pub fn everywhere(share: f64) -> Self {
        Self {
            share,
            watch_life: Some(Duration::from_secs(10)),
            staleness: Duration::from_secs(3),
            ..Self::default()
        }
    }

    /// What happens to a request, if anything.
    pub fn of(&self, request: &Request<Bytes>, random: &mut StdRng) -> Option<Fault> {
        if !request.uri().path().contains(self.path) || !random.random_bool(self.share) {
            return None;
        }
        let write = is_write(request);
        let possible = self.kinds.iter().copied();
        let possible: Vec<_> = possible
            .filter(|kind| write || *kind != Fault::Conflict)
            .collect();
        possible.choose(random).copied()
    }

    /// What becomes of a watch that was granted.
    pub fn of_watch(&self, random: &mut StdRng) -> WatchFate {
        let end = self.watch_life.map(|life| {
            let end = match random.random_bool(self.expired) {
                true => WatchEnd::Expired,
                false if random.random_bool(0.5) => WatchEnd::Cut,
                false => WatchEnd::Closed,
            };
            (life.mul_f64(random.random_range(0.1..1.0)), end)
        });
        WatchFate {
            delay: self.staleness.mul_f64(random.random_range(0.0..1.0)),
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn request(method: Method, uri: &str) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(uri);
        request.body(Bytes::new()).unwrap()
    }

    #[test]
    fn as_many_requests_fail_as_asked_for_and_the_same_ones_of_the_same_seed() {
        let faults = Faults {
            share: 0.1,
            path: "/pods",
            ..Faults::default()
        };
        let draw = |method: Method, uri: &str| {
            let (mut random, request) = (StdRng::seed_from_u64(7), request(method, uri));
            let drawn = (0..1000).map(|_| faults.of(&request, &mut random));
            drawn.collect::<Vec<_>>()
        };
        let writes = draw(Method::POST, "/api/v1/namespaces/lab/pods");
        let failed = writes.iter().flatten().count();
        assert!((60..140).contains(&failed), "{failed} of 1000");
        for kind in Fault::ALL {
            assert!(writes.contains(&Some(kind)), "{kind:?}");
        }
        assert_eq!(writes, draw(Method::POST, "/api/v1/namespaces/lab/pods"));
        let reads = draw(Method::GET, "/api/v1/namespaces/lab/pods");
        assert!(!reads.contains(&Some(Fault::Conflict)));
        let others = draw(Method::POST, "/api/v1/namespaces/lab/services");
        assert_eq!(others.iter().flatten().count(), 0);
    }

    #[test]
    fn a_watch_is_told_by_its_query() {
        for (uri, watch) in [
            ("/api/v1/pods?watch=true&resourceVersion=1", true),
            ("/api/v1/pods?labelSelector=a&watch=1", true),
            ("/api/v1/pods?labelSelector=watch", false),
            ("/api/v1/watch", false),
        ] {
            assert_eq!(is_watch(&request(Method::GET, uri)), watch, "{uri}");
        }
    }
}
