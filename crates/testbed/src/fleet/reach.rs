//! Which Services lead to which pods: without one, a device cannot dial in. Fed by the load balancer's watch; writes nothing.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use tokio::sync::Notify;

use super::world::Shared;

/// A Service as devices meet it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    namespace: String,
    selector: BTreeMap<String, String>,
    /// Its address; none while the load balancer has given it none.
    address: Option<String>,
}

/// All Services that exist.
#[derive(Debug, Default)]
pub struct Reach {
    ways: Shared<HashMap<String, Way>>,
    changed: Notify,
}

impl Reach {
    /// A Service exists, also while it is being deleted: its address is its own until it is gone.
    pub fn see(&self, service: &Service) {
        let way = Way {
            namespace: service.namespace().unwrap_or_default(),
            selector: service
                .spec
                .as_ref()
                .and_then(|spec| spec.selector.clone())
                .unwrap_or_default(),
            address: address(service),
        };
        let uid = service.uid().unwrap_or_default();
        let before = self.ways.lock().insert(uid, way.clone());
        if before != Some(way) {
            self.changed.notify_waiters();
        }
    }

    /// The Service of that uid is gone.
    pub fn see_gone(&self, uid: &str) {
        if self.ways.lock().remove(uid).is_some() {
            self.changed.notify_waiters();
        }
    }

    /// The addresses by which a pod is reached.
    fn of(&self, pod: &Pod) -> Vec<String> {
        let namespace = pod.namespace().unwrap_or_default();
        let labels = pod.labels();
        let ways = self.ways.lock();
        let leading = ways.values().filter(|way| {
            let selects = |(key, value)| labels.get(key) == Some(value);
            way.namespace == namespace
                && !way.selector.is_empty()
                && way.selector.iter().all(selects)
        });
        leading.filter_map(|way| way.address.clone()).collect()
    }

    /// Waits until a pod can be dialled, and says where: at the address that it told its device, where that leads to it.
    pub async fn dialled(&self, pod: &Pod, told: &str) -> String {
        loop {
            // Registered before the look, so that no change in between is missed.
            let changed = self.changed.notified();
            let mut addresses = self.of(pod);
            addresses.sort_by_key(|address| address != told);
            if let Some(address) = addresses.into_iter().next() {
                return address;
            }
            changed.await;
        }
    }

    /// Waits until a pod that was dialled there can be reached there no more.
    pub async fn cut_off(&self, pod: &Pod, address: &str) {
        loop {
            let changed = self.changed.notified();
            if !self.of(pod).iter().any(|leading| leading == address) {
                return;
            }
            changed.await;
        }
    }
}

/// What a load balancer gave; a Service without one is reached by what its pod was told.
fn address(service: &Service) -> Option<String> {
    let kind = service.spec.as_ref()?.type_.as_deref();
    if kind != Some("LoadBalancer") {
        return Some(String::new());
    }
    let status = service.status.as_ref()?.load_balancer.as_ref()?;
    let first = status.ingress.as_ref()?.first()?;
    first.ip.clone().or_else(|| first.hostname.clone())
}
