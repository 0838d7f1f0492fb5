//! helm's command line alone: what a script does that flashes a fleet with nothing but helm, four processes at a time.
//!
//! For each device it runs `helm upgrade --install` without an address, waits for that of the Service, runs `helm upgrade --install`
//! again with it, waits for the end of the Pod, and runs `helm uninstall`. The chart and the values are the operator's own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
};

use super::{
    measurement::{Run, Scenario, float},
    operator::{Before, fleet},
    process::cpu_seconds_of_children,
    raw::{Board, address_of, follow, gone, has_address, has_ended},
    raw_device::{Drawn, drawn},
};
use testbed::{ControlPlane, Space};

/// helm processes at a time, as many as the operator's helm engine has in these measurements.
const PROCESSES: usize = 4;
/// The administrator whose kubeconfig helm uses.
const USER: &str = "admin";

/// Flashes a fleet with helm's command line.
pub async fn run(scenario: &Scenario) -> Run {
    let space = Space::on(ControlPlane::shared(), "helm-cli").await;
    // Its chart brings the policies that the API server asks in the other measurements, too.
    space.control_plane.operator_kubeconfig();
    let fleet = fleet(scenario, &space).await;
    let devices = drawn(&space, &fleet).await;
    let script = Script::new(&space, devices);
    let (services, pods) = (Arc::clone(&script.addresses), Arc::clone(&script.ends));
    let mut watches = JoinSet::new();
    watches.spawn(follow(script.services.clone(), services, has_address));
    watches.spawn(follow(script.pods.clone(), pods, has_ended));
    let before = Before::take(&space).await;
    let cpu = cpu_seconds_of_children();
    stream::iter(&script.releases)
        .for_each_concurrent(scenario.parallelism, |release| script.flash(release))
        .await;
    gone(&script.pods).await;
    let cpu = cpu_seconds_of_children() - cpu;
    let (run, _) = before.run(scenario, &space, USER).await;
    Run {
        cpu_ms_per_device: Some(cpu * 1000.0 / float(scenario.devices)),
        ..run
    }
}

/// A release as the script knows it.
struct Release {
    name: String,
    /// Name of its Service and of its Pod.
    object: String,
    values: PathBuf,
}

struct Script<'a> {
    space: &'a Space,
    releases: Vec<Release>,
    services: Api<Service>,
    pods: Api<Pod>,
    addresses: Arc<Board>,
    ends: Arc<Board>,
    processes: Semaphore,
    /// Holds the files of values.
    _files: TempDir,
}

impl<'a> Script<'a> {
    fn new(space: &'a Space, devices: Vec<Drawn>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let release = |device: Drawn| {
            let name = device.blueprint.release.clone();
            let values = files.path().join(format!("{name}.json"));
            let text = unheld(device.blueprint.merged.overrides).to_string();
            std::fs::write(&values, text).unwrap();
            let object = device.parts.others[0]["metadata"]["name"].as_str();
            Release {
                object: object.unwrap().to_owned(),
                name,
                values,
            }
        };
        Self {
            space,
            releases: devices.into_iter().map(release).collect(),
            services: Api::namespaced(space.client.clone(), &space.name),
            pods: Api::namespaced(space.client.clone(), &space.name),
            addresses: Arc::default(),
            ends: Arc::default(),
            processes: Semaphore::new(PROCESSES),
            _files: files,
        }
    }

    async fn flash(&self, release: &Release) {
        self.upgrade(release, None).await;
        self.addresses.wait(&release.object).await;
        let service = self.services.get(&release.object).await.unwrap();
        self.upgrade(release, address_of(&service)).await;
        self.ends.wait(&release.object).await;
        self.helm(&["uninstall", &release.name]).await;
    }

    async fn upgrade(&self, release: &Release, address: Option<&str>) {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/flash-pod");
        let values = format!("--values={}", release.values.display());
        let address = address.map(|address| format!("--set-string=externalIP={address}"));
        let mut arguments = vec!["upgrade", "--install", &release.name];
        let chart = chart.to_str().unwrap();
        arguments.extend([chart, &values, "--reset-values", "--skip-crds"]);
        arguments.extend(address.as_deref());
        self.helm(&arguments).await;
    }

    /// Runs helm once one of the processes is free.
    async fn helm(&self, arguments: &[&str]) {
        let _turn = self.processes.acquire().await.unwrap();
        let mut helm = self.space.control_plane.command("helm");
        helm.args(arguments).args(["--namespace", &self.space.name]);
        let output = spawn_blocking(move || helm.output())
            .await
            .unwrap()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm {arguments:?}: {complaint}");
    }
}

/// The values without the finalizer and the owner that the operator puts on Pod and Service: helm would wait for nobody to take them off.
fn unheld(mut values: Value) -> Value {
    let operator = values["operator"].as_object_mut().unwrap();
    operator.retain(|name, _| !["finalizers", "ownerReferences"].contains(&name.as_str()));
    values
}
