//! Leadership that was won: kept by renewals, lost or given up.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{Election, Lost};
use crate::{
    cluster::{
        clock,
        error::{ApiError, ErrorKind},
        lease::{Decision, Observed, decide, held_spec, holder, released_spec},
    },
    crash::Write,
    seam::{Bug, planted},
};

/// Pause between two tries of a renewal that failed. A leader stops when none succeeds within the renew deadline: where every other
/// request fails, four tries fail together once in sixteen times, and thirty hardly ever.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// The shortest time that an answer is waited for, while there is that much left.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// The Lease is held. Dropping this closes the fence, but leaves the Lease to expire.
pub struct Leadership {
    pub(super) election: Election,
    pub(super) identity: String,
    pub(super) lease: Lease,
    /// Boot time before the last successful renewal was sent.
    pub(super) renewed: Duration,
    /// No write of a former leader can be under way any more: renewals open the fence.
    pub(super) settled: bool,
}

impl Leadership {
    /// Holder identity: host name and a random part, new at every try to acquire the Lease, so never that of two acquisitions.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Uid of the Lease, for events about it.
    #[must_use]
    pub fn lease_uid(&self) -> Option<String> {
        self.lease.metadata.uid.clone()
    }

    /// Waits until no write of a former leader can be under way, and then opens the fence. The Lease is renewed meanwhile, so
    /// that a leader does not begin with one that is half over.
    ///
    /// # Errors
    /// When the Lease was lost.
    pub(super) async fn settle(&mut self, wait: Duration) -> Result<(), Lost> {
        let period = self.election.times.renew_period;
        if let Ok(lost) = timeout(wait, self.renewals(period)).await {
            return Err(lost);
        }
        self.settled = true;
        self.open_fence();
        Ok(())
    }

    /// Renews the Lease until it is lost; then the fence is closed.
    pub async fn keep(&mut self) -> Lost {
        let lost = self.renewals(Duration::ZERO).await;
        self.election.fence.close();
        lost
    }

    /// Renews the Lease, for the first time after `pause`, until it is lost.
    async fn renewals(&mut self, mut pause: Duration) -> Lost {
        loop {
            sleep(pause).await;
            pause = match self.renew().await {
                Ok(true) => self.election.times.renew_period,
                Ok(false) => RETRY_PAUSE,
                Err(lost) => return lost,
            };
        }
    }

    fn open_fence(&self) {
        let until = self.renewed + self.election.times.renew_deadline;
        let until = if planted(Bug::LeaseByWallClock) {
            clock::now().as_duration().unsigned_abs()
        } else {
            until
        };
        self.election.fence.open_until(until);
    }

    /// One renewal: whether it succeeded.
    async fn renew(&mut self) -> Result<bool, Lost> {
        let times = self.election.times;
        let before = clock::boot_time();
        let limit = self.patience(before)?;
        let spec = held_spec(
            self.lease.spec.as_ref(),
            &self.identity,
            times.duration,
            clock::now(),
        );
        let write = self.election.write(Some(&self.lease), spec, limit);
        let crash = &self.election.crash;
        match crash.around(Write::LeaseRenew, write).await {
            Ok(lease) => {
                self.lease = lease;
                self.renewed = before;
                if self.settled {
                    self.open_fence();
                }
                Ok(true)
            }
            Err(error) if error.kind == ErrorKind::NotFound => Err(Lost::Deleted),
            Err(error) if error.kind == ErrorKind::Conflict => self.look_again().await,
            Err(error) => {
                warn!(%error, "the leader lease was not renewed; trying again");
                Ok(false)
            }
        }
    }

    /// How long an answer is waited for at this time: one that never comes must leave time for another try.
    fn patience(&self, boot_time: Duration) -> Result<Duration, Lost> {
        let deadline = self.election.times.renew_deadline;
        let left = (self.renewed + deadline).saturating_sub(boot_time);
        if left.is_zero() {
            return Err(Lost::Expired(deadline));
        }
        let half = (left / 2).max(LEAST_PATIENCE).min(left);
        Ok(half.min(self.election.request_timeout))
    }

    /// The Lease is not as it was last seen, because somebody else wrote it, or this process did and was not answered: sees
    /// whether it is still ours.
    async fn look_again(&mut self) -> Result<bool, Lost> {
        let limit = self.patience(clock::boot_time())?;
        let Ok(lease) = self.election.get(limit).await else {
            return Ok(false);
        };
        let holder = lease.as_ref().map(|lease| holder(lease).to_owned());
        let observed = Observed {
            lease,
            ..Observed::default()
        };
        let now = clock::boot_time();
        let decision = decide(
            &observed,
            &self.identity,
            true,
            self.election.times.duration,
            now,
        );
        match (decision, observed.lease) {
            (Decision::Renew, Some(lease)) => {
                self.lease = lease;
                Ok(false)
            }
            (_, None) => Err(Lost::Deleted),
            (_, Some(_)) => Err(Lost::Taken(holder.unwrap_or_default())),
        }
    }

    /// Closes the fence and gives the Lease up, so that the next leader need not wait.
    ///
    /// Call it once no write is under way: the next leader trusts that.
    ///
    /// # Errors
    /// When the Lease could not be written; it then expires by itself.
    pub async fn release(mut self) -> Result<(), ApiError> {
        self.election.fence.close();
        let released = self.write_released().await;
        // A renewal that was cut off may have been carried out: the lease is ours, but newer than it is known here.
        if matches!(&released, Err(error) if error.kind == ErrorKind::Conflict) {
            match self.election.get(self.election.request_timeout).await? {
                Some(lease) if holder(&lease) == self.identity => self.lease = lease,
                _ => return released,
            }
            self.write_released().await?;
        } else {
            released?;
        }
        info!(identity = %self.identity, "no longer leading");
        Ok(())
    }

    async fn write_released(&self) -> Result<(), ApiError> {
        let spec = released_spec(self.lease.spec.as_ref(), clock::now());
        let limit = self.election.request_timeout;
        let write = self.election.write(Some(&self.lease), spec, limit);
        let crash = &self.election.crash;
        crash.around(Write::LeaseRelease, write).await.map(drop)
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.election.fence.close();
    }
}
