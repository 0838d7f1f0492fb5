//! The load balancer's part: Services get addresses of a pool, the lowest free one first, and give them back when they go.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{World, device::Outcome, params::AddressKind, patience::answered};

/// What the addresses begin with: two of the networks that documentation may name (RFC 5737). The devices have the third.
const NETWORKS: [&str; 2] = ["192.0.2.", "203.0.113."];
/// Addresses of each of them.
const OF_NETWORK: u16 = 254;
/// Most addresses that there are.
pub const MAX_ADDRESSES: u16 = 2 * OF_NETWORK;

/// The addresses that are free, and who has the others; each by its number, from 1.
#[derive(Debug, Default)]
pub struct Pool {
    free: BTreeSet<u16>,
    taken: HashMap<String, u16>,
}

fn text_of(number: u16) -> String {
    let (network, host) = ((number - 1) / OF_NETWORK, (number - 1) % OF_NETWORK + 1);
    format!("{}{host}", NETWORKS[usize::from(network)])
}

fn number_of(address: &str) -> Option<u16> {
    let mut networks = (0..).zip(NETWORKS);
    networks.find_map(|(network, begins)| {
        let host: u16 = address.strip_prefix(begins)?.parse().ok()?;
        Some(network * OF_NETWORK + host)
    })
}

impl Pool {
    /// A pool of that many addresses.
    pub fn new(addresses: u16) -> Self {
        Self {
            free: (1..=addresses).collect(),
            taken: HashMap::new(),
        }
    }

    /// The address of that Service: the one it has, or the lowest free one.
    fn take(&mut self, uid: &str) -> Option<u16> {
        if let Some(taken) = self.taken.get(uid) {
            return Some(*taken);
        }
        let lowest = self.free.pop_first()?;
        self.taken.insert(uid.to_owned(), lowest);
        Some(lowest)
    }

    /// Takes note of an address that a Service has.
    fn keep(&mut self, uid: &str, address: u16) {
        if self.free.remove(&address) {
            self.taken.insert(uid.to_owned(), address);
        }
    }

    fn release(&mut self, uid: &str) -> bool {
        self.taken
            .remove(uid)
            .is_some_and(|address| self.free.insert(address))
    }
}

/// Gives addresses to the Services of a namespace (`None`: of all) until it is dropped.
pub async fn run(world: Arc<World>, namespace: Option<String>) {
    let api: Api<Service> = match &namespace {
        Some(namespace) => Api::namespaced(world.client.clone(), namespace),
        None => Api::all(world.client.clone()),
    };
    let freed = Arc::new(Notify::new());
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => {
                world.reach.see(&service);
                seen(&world, &freed, service);
            }
            Ok(watcher::Event::Delete(service)) => {
                let uid = service.uid().unwrap_or_default();
                world.serving.lock().remove(&uid);
                world.reach.see_gone(&uid);
                if world.pool.lock().release(&uid) {
                    freed.notify_waiters();
                }
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => {
                eprintln!("fleet: the load balancer sees no Services, trying again: {error}");
            }
        }
    }
}

fn seen(world: &Arc<World>, freed: &Arc<Notify>, service: Service) {
    let balanced = service
        .spec
        .as_ref()
        .is_some_and(|s| s.type_.as_deref() == Some("LoadBalancer"));
    if !balanced || service.metadata.deletion_timestamp.is_some() {
        return;
    }
    let uid = service.uid().unwrap_or_default();
    if let Some(address) = address_of(&service) {
        world.pool.lock().keep(&uid, address);
        return;
    }
    let device = service
        .labels()
        .get("uuid")
        .and_then(|uuid| world.outcome_of(uuid));
    let unlucky =
        device == Some(Outcome::NoAddress) || world.params.address_kind == AddressKind::Never;
    if unlucky || !world.serving.lock().insert(uid) {
        return;
    }
    let (world, freed) = (world.clone(), freed.clone());
    tokio::spawn(async move { serve(&world, &freed, service).await });
}

async fn serve(world: &World, freed: &Notify, service: Service) {
    tokio::time::sleep(world.params.address_delay()).await;
    let uid = service.uid().unwrap_or_default();
    let ingress = loop {
        // Registered before the look, so that an address freed in between is not missed.
        let notified = freed.notified();
        if !world.serving.lock().contains(&uid) {
            return;
        }
        match ingress(world, &uid) {
            Some(ingress) => break ingress,
            None => notified.await,
        }
    };
    let namespace = service.namespace().unwrap_or_default();
    let api: Api<Service> = Api::namespaced(world.client.clone(), &namespace);
    let patch =
        json!({"metadata": {"uid": uid}, "status": {"loadBalancer": {"ingress": [ingress]}}});
    let _permit = world.writes.acquire().await;
    let (name, parameters, patch) = (
        service.name_any(),
        PatchParams::default(),
        Patch::Merge(&patch),
    );
    let patched = answered(|| api.patch_status(&name, &parameters, &patch)).await;
    if let Err(error) = patched {
        world.pool.lock().release(&uid);
        freed.notify_waiters();
        let gone = matches!(&error, kube::Error::Api(s) if s.is_not_found() || s.is_conflict());
        if !gone {
            eprintln!(
                "fleet: address of Service {namespace}/{}: {error}",
                service.name_any()
            );
        }
    }
}

fn ingress(world: &World, uid: &str) -> Option<Value> {
    match world.params.address_kind {
        AddressKind::Ipv4 => {
            let address = world.pool.lock().take(uid)?;
            Some(json!({"ip": text_of(address), "ipMode": "VIP"}))
        }
        AddressKind::Ipv6 => Some(json!({"ip": "2001:db8::1", "ipMode": "VIP"})),
        AddressKind::Hostname => Some(json!({"hostname": "balancer.example.com"})),
        AddressKind::Never => None,
    }
}

fn address_of(service: &Service) -> Option<u16> {
    let ingress = service
        .status
        .as_ref()?
        .load_balancer
        .as_ref()?
        .ingress
        .as_ref()?
        .first()?;
    // One that is not of the pool takes no place in it.
    Some(ingress.ip.as_deref().and_then(number_of).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_pool_is_known_again_by_its_number() {
        assert_eq!(text_of(1), "192.0.2.1");
        assert_eq!(text_of(254), "192.0.2.254");
        assert_eq!(text_of(255), "203.0.113.1");
        for number in 1..=MAX_ADDRESSES {
            assert_eq!(number_of(&text_of(number)), Some(number));
        }
        assert_eq!(number_of("198.51.100.7"), None);
    }
}
