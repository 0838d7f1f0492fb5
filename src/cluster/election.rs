//! The election: wins, keeps and gives up the Lease, and moves the fence accordingly. Reads and writes the Lease only.
//!
//! Called by the controller: `win`, then `keep` beside the work, then `release` once no write is under way.

mod leadership;

use std::{future::Future, sync::Arc, time::Duration};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::{
    clock,
    error::ApiError,
    fence::Fence,
    lease::{Decision, LeaseTimes, Observed, decide, held_spec},
};
use crate::{
    crash::{Crash, Write},
    names,
    seam::{self, Bug, planted},
};

pub use leadership::Leadership;

/// Takes part in the election of one leader.
#[derive(Clone)]
pub struct Election {
    client: Client,
    namespace: String,
    times: LeaseTimes,
    request_timeout: Duration,
    fence: Arc<Fence>,
    crash: Crash,
}

/// What a candidate knows of the Lease.
struct Candidacy {
    observed: Observed,
    /// Holder identity of its last try; empty before the first. It holds the Lease if the answer to that try was lost.
    tried: String,
    /// How long the first write has to wait after that try.
    wait: Duration,
}

/// Why leadership ended.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Another process holds the Lease, or it was emptied.
    #[error("the lease is held by {0:?}")]
    Taken(String),
    /// The Lease was deleted.
    #[error("the lease was deleted")]
    Deleted,
    /// It could not be renewed in time.
    #[error("the lease could not be renewed within {0:?}")]
    Expired(Duration),
}

impl Election {
    /// A candidate in `namespace`. `request_timeout` bounds every request and is that of the writing client.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        times: LeaseTimes,
        request_timeout: Duration,
        fence: Arc<Fence>,
    ) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            times,
            request_timeout,
            fence,
            crash: Crash::default(),
        }
    }

    /// The same, with a crash point.
    #[must_use]
    pub fn crashing(mut self, crash: Crash) -> Self {
        self.crash = crash;
        self
    }

    /// Waits until this process leads and no write of a former leader can be under way; then the fence is open.
    ///
    /// Never fails: it tries until it is dropped.
    pub async fn win(&self) -> Leadership {
        let mut candidacy = Candidacy {
            observed: Observed {
                since: clock::boot_time(),
                ..Observed::default()
            },
            tried: String::new(),
            wait: Duration::ZERO,
        };
        loop {
            let (pause, won) = self.campaign(&mut candidacy).await;
            let Some((mut leadership, mut wait)) = won else {
                sleep(pause).await;
                continue;
            };
            if planted(Bug::NoWaitAfterTakeOver) {
                wait = Duration::ZERO;
            }
            match leadership.settle(wait).await {
                Ok(()) => {
                    info!(identity = %leadership.identity, "leading");
                    return leadership;
                }
                Err(lost) => warn!(%lost, "the leader lease was won and lost again; trying again"),
            }
        }
    }

    /// Looks at the Lease once and, if it is free, tries to take it once. Returns how long to wait until the next look, and where the
    /// Lease was won, the leadership and how long its first write has to wait.
    async fn campaign(
        &self,
        candidacy: &mut Candidacy,
    ) -> (Duration, Option<(Leadership, Duration)>) {
        let poll = self.times.poll_period;
        let lease = match self.get(self.request_timeout).await {
            Ok(lease) => lease,
            Err(error) => {
                warn!(%error, "the leader lease cannot be read; trying again");
                return (poll, None);
            }
        };
        let now = clock::boot_time();
        candidacy.observed = std::mem::take(&mut candidacy.observed).look(lease, now);
        let (observed, tried) = (&candidacy.observed, &mut candidacy.tried);
        match decide(observed, tried, false, self.times.duration, now) {
            Decision::Acquire { former } => {
                // What an earlier try may have written under its identity must stay that of an acquisition of its own.
                *tried = new_identity();
                candidacy.wait = self.times.wait_after(former);
            }
            Decision::Renew => {}
            Decision::Wait { until } => {
                return (poll.min(until.saturating_sub(now)), None);
            }
            Decision::Lost => return (poll, None),
        }
        match self.take(observed.lease.as_ref(), tried).await {
            Ok(lease) => {
                let leadership = Leadership {
                    election: self.clone(),
                    identity: tried.clone(),
                    lease,
                    renewed: now,
                    settled: false,
                };
                (poll, Some((leadership, candidacy.wait)))
            }
            Err(error) => {
                debug!(%error, "the leader lease was not won");
                (poll, None)
            }
        }
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn get(&self, limit: Duration) -> Result<Option<Lease>, ApiError> {
        self.bounded("get", limit, async {
            self.api().get_opt(names::LEASE).await
        })
        .await
    }

    async fn take(&self, before: Option<&Lease>, identity: &str) -> Result<Lease, ApiError> {
        let spec = before.and_then(|lease| lease.spec.as_ref());
        let spec = held_spec(spec, identity, self.times.duration, clock::now());
        let write = self.write(before, spec, self.request_timeout);
        self.crash.around(Write::LeaseTake, write).await
    }

    async fn write(
        &self,
        before: Option<&Lease>,
        spec: LeaseSpec,
        limit: Duration,
    ) -> Result<Lease, ApiError> {
        let mut lease = before.cloned().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(names::LEASE.to_owned()),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        });
        lease.spec = Some(spec);
        let (api, parameters) = (self.api(), PostParams::default());
        self.bounded("write", limit, async {
            if before.is_some() {
                api.replace(names::LEASE, &parameters, &lease).await
            } else {
                api.create(&parameters, &lease).await
            }
        })
        .await
    }

    async fn bounded<T>(
        &self,
        verb: &str,
        limit: Duration,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiError> {
        let what = || format!("{verb} Lease {}/{}", self.namespace, names::LEASE);
        match timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| ApiError::new(what(), &error)),
            Err(_) => Err(ApiError::timeout(what(), limit)),
        }
    }
}

fn new_identity() -> String {
    let host = nix::unistd::gethostname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    format!("{host}_{}", hex::encode(seam::random::<16>()))
}

#[cfg(test)]
mod tests;
