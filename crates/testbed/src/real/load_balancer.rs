//! A load balancer: Services of the type get an address in the devices' network, the lowest free one at once, as MetalLB does.
//! kube-proxy does the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;

use super::{LAN, ip};
use crate::ask::background;

/// Addresses that it hands out.
fn pool() -> BTreeSet<Ipv4Addr> {
    (200..=250)
        .map(|last| Ipv4Addr::new(198, 51, 100, last))
        .collect()
}

/// Runs until it is dropped, and takes its addresses back then.
pub struct LoadBalancer {
    task: tokio::task::JoinHandle<()>,
}

impl LoadBalancer {
    /// For all Services that this client sees.
    pub fn start(client: Client) -> Self {
        let task = background().spawn(run(client));
        Self { task }
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who has which address.
struct Addresses {
    free: BTreeSet<Ipv4Addr>,
    taken: BTreeMap<String, Ipv4Addr>,
}

impl Drop for Addresses {
    fn drop(&mut self) {
        for address in self.taken.values() {
            ip(&format!("address delete {address}/32 dev {LAN}"));
        }
    }
}

async fn run(client: Client) {
    let mut addresses = Addresses {
        free: pool(),
        taken: BTreeMap::new(),
    };
    let services = Api::<Service>::all(client.clone());
    let mut events = watcher(services, watcher::Config::default())
        .default_backoff()
        .boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => {
                if let Some(address) = addresses.assign(&service) {
                    tell(&client, &service, address).await;
                }
            }
            Ok(watcher::Event::Delete(service)) => addresses.release(&service),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => eprintln!("load balancer: sees no Services, trying again: {error}"),
        }
    }
}

impl Addresses {
    /// The address of a Service that has none yet. The node answers for it from now on.
    fn assign(&mut self, service: &Service) -> Option<Ipv4Addr> {
        let kind = service.spec.as_ref()?.type_.as_deref();
        let uid = service.uid()?;
        let is_going = service.metadata.deletion_timestamp.is_some();
        if kind != Some("LoadBalancer") || is_going || self.taken.contains_key(&uid) {
            return None;
        }
        let Some(address) = self.free.pop_first() else {
            eprintln!(
                "load balancer: no address is free for {}",
                service.name_any()
            );
            return None;
        };
        ip(&format!("address add {address}/32 dev {LAN}"));
        self.taken.insert(uid, address);
        Some(address)
    }

    fn release(&mut self, service: &Service) {
        if let Some(address) = self.taken.remove(&service.uid().unwrap_or_default()) {
            ip(&format!("address delete {address}/32 dev {LAN}"));
            self.free.insert(address);
        }
    }
}

async fn tell(client: &Client, service: &Service, address: Ipv4Addr) {
    let namespace = service.namespace().unwrap_or_default();
    let api = Api::<Service>::namespaced(client.clone(), &namespace);
    let patch = json!({
        "metadata": {"uid": service.uid()},
        "status": {"loadBalancer": {"ingress": [{"ip": address.to_string(), "ipMode": "VIP"}]}},
    });
    let patched = api
        .patch_status(
            &service.name_any(),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await;
    if let Err(error) = patched {
        eprintln!("load balancer: {namespace}/{}: {error}", service.name_any());
    }
}
