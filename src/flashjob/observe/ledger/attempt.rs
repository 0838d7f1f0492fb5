//! What the ledger knows of one attempt, and what follows: whether it locks its device, and whether it holds a slot. Pure.

use std::collections::BTreeMap;

use crate::{
    flash_pod::intent::Intent,
    flash_pod::service_mode::{NODE_ADDRESS, dials_node, node},
    flashjob::observe::objects::{History, Identity, ObservedPod, ObservedRecord, ObservedService},
};
use helm_release::Status;

/// One attempt: what was seen of its objects, and whether something is being written for it now.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What it is an attempt at.
    pub identity: Identity,
    /// Revisions of the release that bear this attempt, by revision.
    pub records: BTreeMap<u32, ObservedRecord>,
    /// Its Service.
    pub service: Option<ObservedService>,
    /// Its Pod.
    pub pod: Option<ObservedPod>,
    /// A Pod of it was seen at some time: it was launched, whatever the record says.
    pub pod_seen: bool,
    /// Its Pod is gone, and had ended without ever starting when it was last seen.
    pub pod_never_ran: bool,
    /// uid of its Pod, as the operator's own write returned it or the first sealed Pod had it: no other Pod is believed.
    pub pod_uid: Option<String>,
    /// The same of its Service.
    pub service_uid: Option<String>,
    /// What the stored status of its job says of it.
    pub standing: Standing,
    /// What is known of its Service, where that is one of a pool, beyond its record.
    pub lease: Lease,
    /// An action of the operator is running for it; nothing else is decided meanwhile.
    pub acting: bool,
}

/// What is known of the lease of a Service of a pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// Name of the Service that was chosen, until the record says so.
    pub chosen: Option<String>,
    /// The Service was given back.
    pub is_over: bool,
}

/// What the stored status says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet, or that it is over.
    Open,
    /// Its flash is over and the device's version is being read back: its record is no more than the lock.
    ReadBack,
}

impl Attempt {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            records: BTreeMap::new(),
            service: None,
            pod: None,
            pod_seen: false,
            pod_never_ran: false,
            pod_uid: None,
            service_uid: None,
            standing: Standing::Open,
            lease: Lease::default(),
            acting: false,
        }
    }

    /// The newest revision that bears this attempt.
    #[must_use]
    pub fn record(&self) -> Option<&ObservedRecord> {
        self.records.values().next_back()
    }

    /// What no other flash may have at the same time, where the administrator's values or the chart give it beforehand, so that there is
    /// nothing to wait for: an address, or the node that the device dials.
    #[must_use]
    pub fn given_address(&self) -> Option<String> {
        let node = || self.dials_node().map(|node| format!("node/{node}"));
        self.given_ip().or_else(node)
    }

    /// The node that the device dials, where it dials that of its Pod; empty where the scheduler chooses one.
    #[must_use]
    pub fn dials_node(&self) -> Option<String> {
        let on_node = self.in_values(dials_node) == Some(true) && self.given_ip().is_none();
        on_node.then(|| self.in_values(node).unwrap_or_default())
    }

    fn given_ip(&self) -> Option<String> {
        let given =
            |values: &serde_json::Value| values.get("externalIP")?.as_str().map(str::to_owned);
        let given = self.in_values(given);
        given.filter(|address| !address.is_empty() && address != NODE_ADDRESS)
    }

    /// What its recorded values say, else those of its chart.
    fn in_values<T>(&self, find: impl Fn(&serde_json::Value) -> Option<T>) -> Option<T> {
        let observed = self.record()?;
        let record = &observed.stored.as_ref()?.record;
        let of_chart = || find(&record.chart.values).filter(|_| observed.chart_proven);
        find(&record.config).or_else(of_chart)
    }

    /// The intent in its newest record, where that can be read.
    fn intent(&self) -> Option<&Intent> {
        let stored = self.record()?.stored.as_ref()?;
        stored.record.attachment.as_ref()
    }

    /// What is kept of its newest record, where that is history.
    fn history(&self) -> Option<&History> {
        self.record()?.history.as_ref()
    }

    /// Name of the Service of a pool that it leases, or leased; none where its release has a Service of its own.
    #[must_use]
    pub fn pool_service(&self) -> Option<&str> {
        let recorded = self
            .intent()
            .and_then(|intent| intent.pool_service.as_deref());
        let once = || self.history()?.pool_service.as_deref();
        recorded.or_else(once).or(self.lease.chosen.as_deref())
    }

    /// Whether no other attempt may lease the Service of this name.
    pub(super) fn leases(&self, name: &str) -> bool {
        let open = self.service.is_some() || self.locks();
        self.pool_service() == Some(name) && !self.lease.is_over && open
    }

    /// uid of the Pod that the sealed record says was created.
    #[must_use]
    pub fn recorded_pod(&self) -> Option<&String> {
        let mut records = self.records.values().rev();
        records.find_map(|record| {
            if let Some(history) = &record.history {
                return history.pod_uid.as_ref();
            }
            let intent = record.stored.as_ref()?.record.attachment.as_ref()?;
            intent.seal.as_ref()?.pod_uid.as_ref()
        })
    }

    /// Number of the attempt in its round, from 1, where its record tells.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        let intent = self.intent().map(|intent| intent.attempt);
        intent.or_else(|| Some(self.history()?.attempt))
    }

    /// Version that the device had when the attempt began, where its record tells.
    #[must_use]
    pub fn from_version(&self) -> Option<&str> {
        let version = self.intent()?.device.version.as_str();
        Some(version).filter(|version| !version.is_empty())
    }

    /// Whether the device must not be begun by anybody else: a Pod exists, or the record is pending, deployed or on its way out.
    #[must_use]
    pub fn locks(&self) -> bool {
        self.acting || self.pod.is_some() || self.record().is_some_and(locks)
    }

    /// Whether a slot of `parallelism` is in use: from the record until Pod and Service are gone.
    #[must_use]
    pub fn holds_slot(&self) -> bool {
        let lock_alone = self.standing == Standing::ReadBack && self.pod.is_none();
        (self.locks() && !lock_alone) || self.service.is_some()
    }

    /// Whether a Pod of it may exist that was never seen: the answer to its creation, its event, or the list that holds it may
    /// still be on the way. Nothing of the attempt is removed before the API server was asked.
    #[must_use]
    pub fn may_have_unseen_pod(&self) -> bool {
        !self.pod_seen && self.record().is_some_and(locks)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.acting && self.records.is_empty() && self.service.is_none() && self.pod.is_none()
    }
}

/// Whether a record holds the lock on its device: one that is history does not, though helm marks it superseded.
fn locks(record: &ObservedRecord) -> bool {
    match record.status {
        Status::Superseded if record.is_settled() => false,
        Status::PendingInstall
        | Status::PendingUpgrade
        | Status::PendingRollback
        | Status::Deployed
        | Status::Uninstalling
        | Status::Superseded
        | Status::Unknown => true,
        Status::Failed | Status::Uninstalled => false,
    }
}
