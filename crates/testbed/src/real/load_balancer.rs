//! A load balancer: Services of the type get an address in the devices' network, a free one at once, as from MetalLB.
//! kube-proxy does the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{LAN, try_ip};
use crate::ask::background;

/// How often it looks at all Services: it starts from what is there each time, so nothing that went wrong before lasts.
const PERIOD: Duration = Duration::from_millis(200);

/// How long one answer of the API server may take. Tests kill the server, and a connection to the old one may never say so.
const ANSWER: Duration = Duration::from_secs(5);

/// Where the next one begins in the pool: an operator that outlives a test keeps an address for a while after an interrupted transfer.
static NEXT: AtomicU8 = AtomicU8::new(200);

/// How far apart they begin.
const STRIDE: u8 = 7;

/// Addresses that it hands out.
fn pool() -> BTreeSet<Ipv4Addr> {
    (200..=250).map(address).collect()
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
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
    first: Ipv4Addr,
    free: BTreeSet<Ipv4Addr>,
    taken: BTreeMap<String, Ipv4Addr>,
}

impl Drop for Addresses {
    fn drop(&mut self) {
        for address in self.taken.values() {
            withdraw(*address);
        }
    }
}

async fn run(client: Client) {
    let next = |last: u8| Some(200 + (last - 200 + STRIDE) % 51);
    let first = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    let mut addresses = Addresses {
        first: address(first.unwrap_or(200)),
        free: pool(),
        taken: BTreeMap::new(),
    };
    let services = Api::<Service>::all(client.clone());
    loop {
        match timeout(ANSWER, services.list(&ListParams::default())).await {
            Ok(Ok(list)) => serve(&client, &mut addresses, &list.items).await,
            Ok(Err(error)) => complain(&format!("sees no Services, trying again: {error}")),
            Err(_) => complain("no list of Services in time, trying again"),
        }
        sleep(PERIOD).await;
    }
}

/// Takes back what Services had that are gone, and gives each that waits its address.
async fn serve(client: &Client, addresses: &mut Addresses, services: &[Service]) {
    let wanting: Vec<&Service> = services.iter().filter(|service| wants(service)).collect();
    addresses.release_all_but(&wanting);
    for service in wanting {
        let told = service.status.as_ref().and_then(|status| {
            let ingress = status.load_balancer.as_ref()?.ingress.as_ref()?.first()?;
            ingress.ip.clone()
        });
        match addresses.assign(service) {
            Some(address) if told != Some(address.to_string()) => {
                tell(client, service, address).await;
            }
            Some(_) => {}
            None => complain(&format!("no address for {}", service.name_any())),
        }
    }
}

fn wants(service: &Service) -> bool {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    kind == Some("LoadBalancer") && service.metadata.deletion_timestamp.is_none()
}

impl Addresses {
    /// The address of a Service: the one that it has, or the next free one. The node answers for it from now on.
    fn assign(&mut self, service: &Service) -> Option<Ipv4Addr> {
        let uid = service.uid()?;
        if let Some(address) = self.taken.get(&uid) {
            return Some(*address);
        }
        let from_first = self.free.range(self.first..).next();
        let address = *from_first.or_else(|| self.free.first())?;
        if let Err(complaint) = try_ip(&format!("address replace {address}/32 dev {LAN}")) {
            complain(&complaint);
            return None;
        }
        self.free.remove(&address);
        self.taken.insert(uid, address);
        Some(address)
    }

    fn release_all_but(&mut self, wanting: &[&Service]) {
        let there: BTreeSet<String> = wanting.iter().filter_map(|service| service.uid()).collect();
        let gone = self.taken.extract_if(.., |uid, _| !there.contains(uid));
        for (_, address) in gone {
            withdraw(address);
            self.free.insert(address);
        }
    }
}

/// The node does not answer for the address any more.
fn withdraw(address: Ipv4Addr) {
    if let Err(complaint) = try_ip(&format!("address delete {address}/32 dev {LAN}")) {
        complain(&complaint);
    }
}

async fn tell(client: &Client, service: &Service, address: Ipv4Addr) {
    let namespace = service.namespace().unwrap_or_default();
    let api = Api::<Service>::namespaced(client.clone(), &namespace);
    let patch = json!({
        "metadata": {"uid": service.uid()},
        "status": {"loadBalancer": {"ingress": [{"ip": address.to_string(), "ipMode": "VIP"}]}},
    });
    let (name, params) = (service.name_any(), PatchParams::default());
    let patch = Patch::Merge(&patch);
    let patched = timeout(ANSWER, api.patch_status(&name, &params, &patch)).await;
    match patched {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => complain(&format!("{namespace}/{name}, trying again: {error}")),
        Err(_) => complain(&format!("{namespace}/{name}: no answer, trying again")),
    }
}

/// Past the capture of tests: threads in the background have that of the test that started them, which is over long since.
fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "load balancer: {what}");
}
