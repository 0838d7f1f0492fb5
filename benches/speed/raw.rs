//! The raw ceiling: a bare client that does the nine writes of a device and nothing else, with the operator's own rights.
//!
//! It waits only where a write is not possible before: for the address, for the Pod's end.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::{
    runtime::Builder,
    sync::oneshot,
    task::{JoinSet, spawn_blocking},
};

use super::{
    measurement::{Run, Scenario, float},
    operator::{Before, USER, fleet},
    process::cpu_seconds_of_this_thread,
    raw_device::{Device, devices},
};
use testbed::{ControlPlane, Space};

/// Flashes a fleet with the bare client.
pub async fn run(scenario: &Scenario) -> Run {
    let space = Space::on(ControlPlane::shared(), "raw").await;
    space.control_plane.operator_kubeconfig();
    let policies = Policies::put_aside(space.control_plane, !scenario.policies);
    let fleet = fleet(scenario, &space).await;
    let devices = devices(&space, &fleet).await;
    let before = Before::take(&space).await;
    let (plane, namespace, parallelism) = (
        space.control_plane,
        space.name.clone(),
        scenario.parallelism,
    );
    // A thread of its own: the simulated devices and the load balancer live in this process, too.
    let alone = move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let cpu = cpu_seconds_of_this_thread();
        runtime.block_on(flash_all(plane, &namespace, devices, parallelism));
        cpu_seconds_of_this_thread() - cpu
    };
    let cpu = spawn_blocking(alone).await.unwrap();
    let (run, _) = before.run(scenario, &space, USER).await;
    policies.put_back(space.control_plane);
    Run {
        cpu_ms_per_device: Some(cpu * 1000.0 / float(scenario.devices)),
        ..run
    }
}

/// Bindings of admission policies that are removed for the time of a run; empty where they stay.
struct Policies(Vec<Value>);

impl Policies {
    fn put_aside(plane: &ControlPlane, are_away: bool) -> Self {
        const KINDS: &str = "validatingadmissionpolicybindings,mutatingadmissionpolicybindings";
        if !are_away {
            return Self(Vec::new());
        }
        let list = plane.kubectl(&["get", KINDS, "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        for kind in KINDS.split(',') {
            plane.kubectl(&["delete", kind, "--all"]);
        }
        Self(list["items"].as_array().unwrap().clone())
    }

    fn put_back(self, plane: &ControlPlane) {
        for mut binding in self.0 {
            let metadata = binding["metadata"].as_object_mut().unwrap();
            metadata.retain(|field, _| ["name", "labels", "annotations"].contains(&field.as_str()));
            plane.feed(&["create"], &binding.to_string()).unwrap();
        }
    }
}

async fn flash_all(
    plane: &ControlPlane,
    namespace: &str,
    devices: Vec<Device>,
    parallelism: usize,
) {
    let client = plane.client("operator").await;
    let (addresses, ends) = (Arc::<Board>::default(), Arc::<Board>::default());
    let mut watches = JoinSet::new();
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    watches.spawn(follow(services, addresses.clone(), has_address));
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    watches.spawn(follow(pods, ends.clone(), has_ended));
    let bare = Bare::new(&client, namespace, addresses, ends);
    stream::iter(devices)
        .for_each_concurrent(parallelism, |device| bare.flash(device))
        .await;
    // Two Pods may still be going: their end belongs to the run.
    gone(&bare.pods).await;
}

/// Waits until the last Pod is gone.
pub async fn gone(pods: &Api<Pod>) {
    while !pods
        .list(&kube::api::ListParams::default())
        .await
        .unwrap()
        .items
        .is_empty()
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Whether a Service has been given its address.
pub fn has_address(service: &Service) -> bool {
    address_of(service).is_some()
}

/// The address of a Service.
pub fn address_of(service: &Service) -> Option<&str> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer.ingress.as_ref()?.first()?.ip.as_deref()
}

/// Whether a Pod has ended.
pub fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Objects that were seen as somebody waits for them.
#[derive(Default)]
pub struct Board(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    waiting: HashMap<String, oneshot::Sender<()>>,
}

impl Board {
    fn seen(&self, name: String) {
        let mut board = self.0.lock().unwrap();
        match board.waiting.remove(&name) {
            Some(waiting) => drop(waiting.send(())),
            None => drop(board.names.insert(name)),
        }
    }

    /// Waits until the object of this name has been seen, once.
    pub async fn wait(&self, name: &str) {
        let waiting = {
            let mut board = self.0.lock().unwrap();
            if board.names.remove(name) {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            board.waiting.insert(name.to_owned(), sender);
            receiver
        };
        waiting.await.unwrap();
    }
}

/// Follows the objects of a kind: the board is told of each once it is as somebody waits for it.
pub async fn follow<K>(api: Api<K>, board: Arc<Board>, there: fn(&K) -> bool)
where
    K: Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + 'static,
{
    let mut told = HashSet::new();
    let mut objects = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .boxed();
    while let Some(object) = objects.next().await {
        let Ok(object) = object else { continue };
        if there(&object) && told.insert(object.name_any()) {
            board.seen(object.name_any());
        }
    }
}

struct Bare {
    secrets: Api<Secret>,
    services: Api<Service>,
    pods: Api<Pod>,
    addresses: Arc<Board>,
    ends: Arc<Board>,
}

impl Bare {
    fn new(client: &Client, namespace: &str, addresses: Arc<Board>, ends: Arc<Board>) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), namespace),
            services: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            addresses,
            ends,
        }
    }

    async fn flash(&self, device: Device) {
        let post = PostParams::default();
        let record = self.secrets.create(&post, &device.pending).await.unwrap();
        let apply = PatchParams::apply("flashjob-operator").force();
        let name = device.service["metadata"]["name"].as_str().unwrap();
        let service = Patch::Apply(&device.service);
        let service = self.services.patch(name, &apply, &service).await.unwrap();
        self.addresses.wait(name).await;
        let pod = self.pods.create(&post, &device.pod).await.unwrap();
        let mut deployed = device.deployed;
        deployed.metadata.uid = record.metadata.uid;
        deployed.metadata.resource_version = record.metadata.resource_version;
        let release = deployed.name_any();
        let record = self
            .secrets
            .replace(&release, &post, &deployed)
            .await
            .unwrap();
        self.ends.wait(&pod.name_any()).await;
        delete(&self.pods, &pod).await;
        let off = json!({"metadata": {"uid": pod.uid(), "finalizers": null}});
        let (name, merge, off) = (pod.name_any(), PatchParams::default(), Patch::Merge(&off));
        drop(self.pods.patch(&name, &merge, &off).await.unwrap());
        let off = json!({"metadata": {"uid": service.uid(), "finalizers": null}});
        let (name, off) = (service.name_any(), Patch::Merge(&off));
        drop(self.services.patch(&name, &merge, &off).await.unwrap());
        delete(&self.services, &service).await;
        delete(&self.secrets, &record).await;
    }
}

async fn delete<K>(api: &Api<K>, object: &K)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.uid(),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    drop(api.delete(&object.name_any(), &params).await.unwrap());
}
