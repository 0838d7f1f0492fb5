//! The fleet as it changes: Instances and FlashJobs, kept from two watches. Reads only.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use flashjob_operator::{
    api::{FlashJob, Guarded, Instance},
    cluster::{ApiError, ErrorKind, Scope, WatchEvent, watch},
    device::Inventory,
    flashjob::spec::job::Job,
};
use futures::{Stream, StreamExt, stream};
use kube::{Resource, ResourceExt, core::DeserializeGuard};
use tokio::time::{Instant, timeout_at};

use super::{Cluster, Fleet, Unseen, watch::lost};

/// How long changes are gathered before they are shown.
const PACE: Duration = Duration::from_millis(200);

/// Namespace and name.
type Key = (String, String);

/// What one of the watches saw.
enum Change {
    Device(Box<WatchEvent<DeserializeGuard<Instance>>>),
    Job(Box<WatchEvent<Guarded<FlashJob>>>),
}

/// What a change tells.
pub enum Tidings {
    /// The fleet as it is now.
    Fleet(Box<Fleet>),
    /// A connection was lost, for this reason; it is tried again.
    Lost(String),
}

/// See the module's documentation.
pub struct FleetWatch {
    changes: Pin<Box<dyn Stream<Item = Change> + Send>>,
    instances: Kept<DeserializeGuard<Instance>>,
    jobs: Kept<Guarded<FlashJob>>,
    own_addresses: Vec<std::net::Ipv4Addr>,
    unseen: Option<Unseen>,
}

impl Cluster {
    /// Watches the devices of these namespaces, and the jobs that flash them as far as they may be listed.
    ///
    /// # Errors
    /// When jobs cannot be read for another reason than a missing right.
    pub async fn watch_fleet(&self, scope: &Scope) -> Result<FleetWatch, ApiError> {
        let readable = self.jobs_as_readable().await?;
        let client = self.reader.client();
        let devices =
            watch::instances(client, scope).map(|seen| Change::Device(Box::new(seen.event)));
        let jobs = match &readable.within {
            Some(within) => watch::flash_jobs(client, within),
            None => stream::pending().boxed(),
        };
        let jobs_kept = Kept::new(readable.within.is_none());
        Ok(FleetWatch {
            changes: Box::pin(stream::select(
                devices,
                jobs.map(|seen| Change::Job(Box::new(seen.event))),
            )),
            instances: Kept::new(false),
            jobs: jobs_kept,
            own_addresses: self.own_addresses.clone(),
            unseen: readable.unseen,
        })
    }
}

impl FleetWatch {
    /// Waits for changes. What comes at once is one change; the first one is the whole fleet.
    ///
    /// # Errors
    /// When it may not be watched, or there is no such kind.
    pub async fn next(&mut self) -> Result<Tidings, ApiError> {
        while let Some(change) = self.changes.next().await {
            let mut lost = self.take(change)?;
            let until = Instant::now() + PACE;
            while let Ok(Some(change)) = timeout_at(until, self.changes.next()).await {
                lost = self.take(change)?.or(lost);
            }
            if let Some(words) = lost {
                return Ok(Tidings::Lost(words));
            }
            if self.instances.whole && self.jobs.whole {
                return Ok(Tidings::Fleet(Box::new(self.fleet())));
            }
        }
        Err(ApiError {
            request: "watch the devices".to_owned(),
            kind: ErrorKind::Unavailable,
            message: "the watch ended".to_owned(),
        })
    }

    /// Takes a change in; why a connection was lost, if that is what it is.
    fn take(&mut self, change: Change) -> Result<Option<String>, ApiError> {
        match change {
            Change::Device(event) => self.instances.take(*event, "instances"),
            Change::Job(event) => self.jobs.take(*event, "flashjobs"),
        }
    }

    fn fleet(&self) -> Fleet {
        let instances: Vec<_> = self.instances.known.values().cloned().collect();
        let own = self.own_addresses.iter().copied();
        Fleet {
            inventory: Inventory::of(&instances, own),
            instances,
            jobs: self.jobs.known.values().filter_map(Job::parse).collect(),
            unseen: self.unseen.clone(),
        }
    }
}

/// Objects of a kind, as a watch tells of them.
struct Kept<K> {
    known: BTreeMap<Key, K>,
    /// Those of a list that is under way.
    listed: BTreeMap<Key, K>,
    /// Whether a list was complete once.
    whole: bool,
    listing: bool,
}

impl<K: Resource> Kept<K> {
    fn new(whole: bool) -> Self {
        Self {
            known: BTreeMap::new(),
            listed: BTreeMap::new(),
            whole,
            listing: false,
        }
    }

    fn take(&mut self, event: WatchEvent<K>, plural: &str) -> Result<Option<String>, ApiError> {
        match event {
            WatchEvent::Restarted => {
                self.listed.clear();
                self.listing = true;
            }
            WatchEvent::Seen(object) if self.listing => {
                self.listed.insert(key(&object), object);
            }
            WatchEvent::Seen(object) => {
                self.known.insert(key(&object), object);
            }
            WatchEvent::Listed => {
                self.known = std::mem::take(&mut self.listed);
                (self.listing, self.whole) = (false, true);
            }
            WatchEvent::Deleted(object) => {
                self.known.remove(&key(&object));
            }
            WatchEvent::NotInstalled => {
                return Err(ApiError {
                    request: format!("list {plural}"),
                    kind: ErrorKind::NotFound,
                    message: format!("the cluster has no kind {plural}"),
                });
            }
            WatchEvent::Failed(error) => return lost(error),
        }
        Ok(None)
    }
}

fn key<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instance(name: &str) -> DeserializeGuard<Instance> {
        let object = json!({"metadata": {"name": name, "namespace": "lab"}, "spec": {}});
        serde_json::from_value(object).unwrap()
    }

    fn kept(events: Vec<WatchEvent<DeserializeGuard<Instance>>>) -> Vec<String> {
        let mut kept = Kept::new(false);
        for event in events {
            assert_eq!(kept.take(event, "instances").unwrap(), None);
        }
        kept.known.into_keys().map(|(_, name)| name).collect()
    }

    #[test]
    fn what_a_new_list_does_not_have_is_gone_once_it_is_complete() {
        let seen = |name| WatchEvent::Seen(instance(name));
        let first = || {
            vec![
                WatchEvent::Restarted,
                seen("a"),
                seen("b"),
                WatchEvent::Listed,
            ]
        };
        assert_eq!(kept(first()), ["a", "b"]);
        let under_way = vec![WatchEvent::Restarted, seen("c")];
        let again = first().into_iter().chain(under_way).collect();
        assert_eq!(kept(again), ["a", "b"], "a list under way hides nothing");
        let complete = vec![
            WatchEvent::Restarted,
            seen("c"),
            WatchEvent::Listed,
            seen("d"),
            WatchEvent::Deleted(instance("c")),
        ];
        assert_eq!(kept(first().into_iter().chain(complete).collect()), ["d"]);
    }
}
