//! What the operator has seen of one object of an attempt: parsed at the border, small enough to keep for every device. Pure.
//!
//! Made by `observe` from watch events and from the answers of the operator's own writes; kept by the `ledger`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    device::Footprint,
    flash_pod::intent::Stored,
    identifiers::{AttemptId, JobUid, Uuid},
    names::TRACKING_FINALIZER,
};
use helm_release::Status;

/// Names an attempt: the job's uid and the attempt id. Ordered by job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    /// uid of the `FlashJob`.
    pub job_uid: JobUid,
    /// Attempt id, see [`crate::flash_pod::intent::attempt_id`].
    pub id: AttemptId,
}

/// What ties an object to its attempt and device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The attempt.
    pub key: AttemptKey,
    /// Name of the job, as far as the object tells.
    pub job_name: Option<String>,
    /// Namespace of the job and of every object.
    pub namespace: String,
    /// Round of the job, from 1.
    pub round: i64,
    /// UUID as the job named it.
    pub uuid: Uuid,
    /// Normalised endpoint; absent where the object does not tell.
    pub endpoint: Option<String>,
    /// What the device shares with others; absent where the object does not tell: only the record does.
    pub footprint: Option<Arc<Footprint>>,
}

impl Identity {
    /// The job, as `namespace/name`, or by its uid where its name is not known.
    #[must_use]
    pub fn job(&self) -> String {
        let name = self.job_name.as_deref();
        let name = name.unwrap_or(self.key.job_uid.as_str());
        format!("{}/{name}", self.namespace)
    }
}

/// What every object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedObject {
    /// What it belongs to.
    pub identity: Identity,
    /// Object name.
    pub name: String,
    /// Object uid.
    pub uid: String,
    /// Resource version, comparable within one kind.
    pub version: u64,
    /// When it was created, by the API server's clock.
    pub created: Timestamp,
    /// When its deletion was asked for.
    pub deleting: Option<Timestamp>,
    /// It bears the operator's labels, so that the watches bring what becomes of it. False of the original operator's objects
    /// until they are taken over.
    pub watched: bool,
}

/// A release record.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be so without the others"
)]
pub struct ObservedRecord {
    /// What every object has.
    pub sight: ObservedObject,
    /// Helm's revision.
    pub revision: u32,
    /// Helm's status.
    pub status: Status,
    /// Whether the Pod stands in its manifest.
    pub has_pod: bool,
    /// Whether somebody other than the operator wrote this revision.
    pub foreign: bool,
    /// Whether the helm command wrote this revision.
    pub by_helm: bool,
    /// Revision whose verdict was stored before it was marked failed, as a label says that helm copies to later ones.
    pub settled: Option<u32>,
    /// The record itself, while something may still be made from it.
    pub stored: Option<Arc<Stored>>,
    /// What is asked of a record that is history, in its place.
    pub history: Option<History>,
    /// Whether its chart is known to be the one that the operator recorded: helm may write one down in another way.
    pub chart_proven: bool,
}

/// What is asked of a record that failed, which is stored in the `FlashJob`. A job of many devices leaves thousands of them until it goes, and
/// each whole one takes tens of kilobytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Number of its attempt in the round, from 1.
    pub attempt: u32,
    /// Name of the Service of a pool that it leased, where it leased one.
    pub pool_service: Option<String>,
    /// uid of the Pod that was created, as its seal says.
    pub pod_uid: Option<String>,
}

impl History {
    fn of(stored: &Stored) -> Option<Self> {
        let intent = stored.record.attachment.as_ref()?;
        let seal = intent.seal.as_ref();
        Some(Self {
            attempt: intent.attempt,
            pool_service: intent.pool_service.clone(),
            pod_uid: seal.and_then(|seal| seal.pod_uid.clone()),
        })
    }
}

impl ObservedRecord {
    /// The same record; of one that is history, no more than is asked of it.
    #[must_use]
    pub fn kept(mut self) -> Self {
        // The operator rewrites a record that helm has since marked superseded, and needs its whole content for that.
        if self.is_settled() && self.status == Status::Failed {
            let stored = self.stored.take();
            self.history = stored.and_then(|stored| History::of(&stored));
        }
        self
    }

    /// Whether it failed, which is stored in the `FlashJob`: it is history. Helm marks it superseded when it writes a later revision.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Superseded)
            && self.settled == Some(self.revision)
    }
}

/// The Service of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedService {
    /// What every object has.
    pub sight: ObservedObject,
    /// Address the load balancer gave.
    pub address: Address,
    /// Whether it admits only its own device (`loadBalancerSourceRanges`).
    pub restricted: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
}

impl ObservedService {
    /// Whether the tracking finalizer is on it: whoever deletes it, its address is kept until the operator lets it go.
    #[must_use]
    pub fn tracked(&self) -> bool {
        is_tracked(&self.finalizers)
    }

    /// Whether the tracking finalizer has to be put on it, and can be: nothing new holds what is being deleted.
    #[must_use]
    pub fn may_be_held(&self) -> bool {
        !self.tracked() && self.sight.deleting.is_none()
    }

    /// Whether it is one of a pool, which stays: its name is not that of an attempt. What the original operator made has no attempt id.
    #[must_use]
    pub fn is_of_pool(&self) -> bool {
        let id = &self.sight.identity.key.id;
        let rest = self.sight.name.strip_suffix(id.as_str());
        !id.is_empty() && !rest.is_some_and(|rest| rest.ends_with('-'))
    }
}

fn is_tracked(finalizers: &[String]) -> bool {
    finalizers
        .iter()
        .any(|finalizer| finalizer == TRACKING_FINALIZER)
}

/// What the load balancer gave a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Nothing yet.
    None,
    /// An IPv4 address.
    Ipv4(String),
    /// A host name or an IPv6 address: the device cannot use it.
    Unusable(String),
}

/// The Pod of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPod {
    /// What every object has.
    pub sight: ObservedObject,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// `status.reason`, such as DeadlineExceeded or Evicted.
    pub reason: Option<String>,
    /// `status.message`.
    pub message: Option<String>,
    /// Node that it is bound to.
    pub node: Option<String>,
    /// When the kubelet took it up.
    pub started: Option<Timestamp>,
    /// When the flash container ended, by its node's clock.
    pub finished: Option<Timestamp>,
    /// `activeDeadlineSeconds`.
    pub active_deadline_seconds: i64,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Address that its device is told.
    pub address: Option<String>,
    /// The flash container.
    pub container: ContainerSight,
}

/// The flash container's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerSight {
    /// Not started; the reason and message of the kubelet or the scheduler, if any.
    Waiting {
        /// Reason, such as ImagePullBackOff or Unschedulable.
        reason: Option<String>,
        /// Message.
        message: Option<String>,
    },
    /// Running.
    Running,
    /// Ended.
    Terminated {
        /// Exit code.
        exit_code: i32,
        /// Reason, such as Completed, Error or OOMKilled.
        reason: Option<String>,
    },
}

impl ObservedPod {
    /// Whether the tracking finalizer is on it.
    #[must_use]
    pub fn tracked(&self) -> bool {
        is_tracked(&self.finalizers)
    }

    /// Whether the flash has ended for good: the flash container, which is never started again, the Pod with all its containers
    /// (phase Succeeded or Failed), or a Pod that was deleted before it was bound to a node. A Pod of which only the flash has
    /// ended goes on to hold lock and slot until it is gone.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.phase_is_final()
            || matches!(self.container, ContainerSight::Terminated { .. })
            || (self.sight.deleting.is_some() && self.node.is_none())
    }

    /// Whether every container of the Pod has ended.
    #[must_use]
    pub fn phase_is_final(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether the kubelet says that the flash container was never started: it refused the Pod, or an init container failed.
    #[must_use]
    pub fn never_started(&self) -> bool {
        let ContainerSight::Waiting { reason, .. } = &self.container else {
            return false;
        };
        let waits_for_others = reason.as_deref() == Some("PodInitializing");
        let words = self.message.as_deref().unwrap_or_default();
        self.phase == "Failed" && (waits_for_others || words.starts_with("Pod was rejected"))
    }

    /// Whether the flash container ended before its deadline, by the node's clock, where the kubelet reported both.
    #[must_use]
    pub fn ended_in_time(&self) -> Option<bool> {
        let (started, finished) = (self.started?, self.finished?);
        let seconds = Some(self.active_deadline_seconds).filter(|seconds| *seconds > 0)?;
        let deadline = started
            .checked_add(SignedDuration::from_secs(seconds))
            .ok()?;
        Some(finished < deadline)
    }

    /// Whether the flash container may ever have run: only then can the device have been touched.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        !matches!(self.container, ContainerSight::Waiting { .. })
    }
}
