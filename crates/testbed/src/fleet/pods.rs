//! The devices' part: what happens inside flash pods, and the reboot that follows. kwok plays everything else of a pod.

use std::{path::PathBuf, sync::Arc};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;

use super::{
    Error, World, akri,
    device::{Ending, Outcome},
    dialled::{environment, has_node_port},
    patience::answered,
};

/// Name of the container that flashes.
pub(super) const CONTAINER: &str = "flash-container";

/// Says that a Pod does not end at its deadline, but at the end of its grace: see `stages.yaml`.
const GOES_ON: &str = "flashjob.test/goes-on";

/// Plays the flash pods of a namespace (`None`: of all) until it is dropped.
pub async fn run(world: Arc<World>, namespace: Option<String>) {
    let api: Api<Pod> = match &namespace {
        Some(namespace) => Api::namespaced(world.client.clone(), namespace),
        None => Api::all(world.client.clone()),
    };
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => seen(&world, pod),
            Ok(watcher::Event::Delete(pod)) => world.interrupted(&pod.uid().unwrap_or_default()),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => eprintln!("fleet: the devices see no Pods, trying again: {error}"),
        }
    }
}

fn seen(world: &Arc<World>, pod: Pod) {
    let uid = pod.uid().unwrap_or_default();
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    match phase {
        Some("Running") => {
            let Some(endpoint) = environment(&pod, "HOST_ENDPOINT") else {
                return;
            };
            let Some(outcome) = world.begin(&uid, &endpoint, &pod) else {
                return;
            };
            let task = tokio::spawn({
                let world = world.clone();
                async move {
                    if let Err(error) = flash(&world, &pod, &endpoint, outcome).await {
                        eprintln!("fleet: {error}");
                    }
                }
            });
            world.follow(&uid, task.abort_handle());
        }
        // However it ended, nothing flashes the device now.
        Some("Succeeded" | "Failed") => world.interrupted(&uid),
        _ => {}
    }
}

async fn flash(
    world: &Arc<World>,
    pod: &Pod,
    endpoint: &str,
    outcome: Outcome,
) -> Result<(), Error> {
    let log = Log::open(world, pod).await?;
    log.append(&opening(pod, endpoint))?;
    let Some(ending) = outcome.ending() else {
        return Ok(());
    };
    let (outcome, ending) = transfer(world, pod, outcome, ending).await;
    log.append(&passed_on(endpoint, ending.log))?;
    let uid = pod.uid().unwrap_or_default();
    // From here on the flash has happened, whether its pod can still be told or not.
    world.ended(&uid, outcome);
    if outcome.received() {
        let version = environment(pod, "VERSION").unwrap_or_default();
        tokio::spawn(reboot(world.clone(), endpoint.to_owned(), outcome, version));
    }
    end(world, pod, &ending).await
}

/// The device dials in, and stays until it is done, or until nothing leads to its pod any more. One that was not even asked to
/// needs no address.
async fn transfer(world: &World, pod: &Pod, outcome: Outcome, ending: Ending) -> (Outcome, Ending) {
    let done = tokio::time::sleep(world.params.flash_time());
    if ending.exit_code != 0 {
        done.await;
        return (outcome, ending);
    }
    let told = environment(pod, "EXTERNAL_IP").unwrap_or_default();
    // Whoever dials the node needs no Service, and is not cut off by what becomes of one.
    let on_node = has_node_port(pod);
    let address = if on_node {
        told
    } else {
        world.reach.dialled(pod, &told).await
    };
    if world.params.finishes_transfers {
        go_on(world, pod).await;
    }
    let cut_off = Ending {
        exit_code: 0,
        log: &["Verified device", "Failed to read from client"],
    };
    tokio::select! {
        () = done => (outcome, ending),
        () = world.reach.cut_off(pod, &address), if !on_node => (Outcome::TransferFailed, cut_off),
    }
}

/// What the flash image says before its device dials in: its whole environment first, behind the date of Go's logger. A value
/// with line feeds goes on in lines without a date.
fn opening(pod: &Pod, endpoint: &str) -> Vec<String> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let given = containers
        .filter(|container| container.name == CONTAINER)
        .flat_map(|container| container.env.iter().flatten())
        .map(|env| format!("{}={}", env.name, env.value.as_deref().unwrap_or_default()));
    let option = |name: &str, of: &str| {
        let value = environment(pod, of).unwrap_or_default();
        format!("\t- {name}: {value}")
    };
    let messages = [
        "esp32-ota initialized",
        "Environment variables:",
        "PATH=/usr/local/bin:/usr/bin",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("HOSTNAME={}", pod.name_any())])
    .chain(given)
    .chain([
        "KUBERNETES_PORT=tcp://10.96.0.1:443".to_owned(),
        "Parsed job options".to_owned(),
        option("Host", "HOST_ENDPOINT"),
        option("Device", "DEVICE"),
        option("Version", "VERSION"),
        "Executing ota-agent with env".to_owned(),
        format!(
            "Requesting OTA initialization for agent {}",
            environment(pod, "EXTERNAL_IP").unwrap_or_default()
        ),
        format!("url: http://{endpoint}/update"),
    ]);
    let date = jiff::Timestamp::now()
        .strftime("%Y/%m/%d %H:%M:%S")
        .to_string();
    let said = messages.map(|message| format!("{date} {message}"));
    let agent = [
        "Server is listening on port 4433",
        "Waiting for a connection...",
    ];
    said.chain(passed_on(endpoint, &agent)).collect()
}

/// What the agent says: older images pass it on as it is, newer ones behind date and stream. A fleet meets both.
fn passed_on(endpoint: &str, lines: &[&str]) -> Vec<String> {
    let is_newer = endpoint.bytes().fold(0, u8::wrapping_add) % 2 == 0;
    let date = jiff::Timestamp::now()
        .strftime("%Y/%m/%d %H:%M:%S")
        .to_string();
    let passed_on = |line: &&str| {
        if is_newer && !line.starts_with(char::is_numeric) {
            format!("{date} [AGENT STDOUT] {line}")
        } else {
            (*line).to_owned()
        }
    };
    lines.iter().map(passed_on).collect()
}

/// From now on the Pod does not end because it is told to.
async fn go_on(world: &World, pod: &Pod) {
    let patch = json!({"metadata": {"uid": pod.uid(), "annotations": {GOES_ON: "true"}}});
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &pod.namespace().unwrap_or_default());
    let _permit = world.writes.acquire().await;
    let (name, parameters, patch) = (pod.name_any(), PatchParams::default(), Patch::Merge(&patch));
    if let Err(error) = answered(|| api.patch(&name, &parameters, &patch)).await {
        eprintln!("fleet: {name} ends when it is told to: {error}");
    }
}

/// Whether the Pod has outlived its deadline: the kubelet calls it failed then, however its container ended.
fn is_late(pod: &Pod) -> bool {
    let seconds = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.active_deadline_seconds);
    let started = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    let (Some(seconds), Some(started)) = (seconds, started) else {
        return false;
    };
    let allowed = jiff::SignedDuration::from_secs(seconds);
    jiff::Timestamp::now().duration_since(started.0) >= allowed
}

/// Sets the pod's end, as the kubelet does when the container has exited.
async fn end(world: &World, pod: &Pod, ending: &Ending) -> Result<(), Error> {
    let start = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.clone());
    let containers = pod
        .spec
        .as_ref()
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default();
    let reason = if ending.exit_code == 0 {
        "Completed"
    } else {
        "Error"
    };
    let mut statuses: Vec<_> = containers
        .iter()
        .map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "",
                "ready": false, "started": false, "restartCount": 0,
                "state": {"terminated": {
                    "exitCode": ending.exit_code, "reason": reason,
                    "startedAt": start, "finishedAt": jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
                }},
            })
        })
        .collect();
    let phase = match (world.params.sidecar, ending.exit_code) {
        (true, _) => {
            statuses.push(json!({
                "name": "mesh-proxy", "image": "proxy", "imageID": "",
                "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": start}},
            }));
            "Running"
        }
        (false, 0) if !is_late(pod) => "Succeeded",
        (false, _) => "Failed",
    };
    let mut status = json!({"phase": phase, "containerStatuses": statuses});
    if is_late(pod) {
        status["reason"] = "DeadlineExceeded".into();
        status["message"] = "Pod was active on the node longer than the specified deadline".into();
    }
    let patch = json!({"metadata": {"uid": pod.uid()}, "status": status});
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &pod.namespace().unwrap_or_default());
    let _permit = world.writes.acquire().await;
    let (name, parameters, patch) = (pod.name_any(), PatchParams::default(), Patch::Merge(&patch));
    match answered(|| api.patch_status(&name, &parameters, &patch)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other
            .map(drop)
            .map_err(Error::api("end Pod", &pod.name_any())),
    }
}

/// The device vanishes and is discovered again, as somebody else.
async fn reboot(world: Arc<World>, endpoint: String, outcome: Outcome, version: String) {
    if let Err(error) = rediscover(&world, &endpoint, outcome, &version).await {
        eprintln!("fleet: {error}");
    }
}

async fn rediscover(
    world: &World,
    endpoint: &str,
    outcome: Outcome,
    version: &str,
) -> Result<(), Error> {
    let Some(known) = world.known(endpoint) else {
        return Ok(());
    };
    {
        let _permit = world.writes.acquire().await;
        akri::delete(
            &world.client,
            &world.params.namespace,
            &known.name,
            &known.uid,
        )
        .await?;
    }
    let params = &world.params;
    let mut reading = akri::Reading {
        device_type: &params.device_type,
        version,
    };
    match outcome {
        Outcome::NeverBack => return Ok(()),
        Outcome::OldVersion | Outcome::LaggingVersion => reading.version = &known.version,
        Outcome::Swapped => reading.device_type = &params.other_device_type,
        _ => {}
    }
    tokio::time::sleep(params.reboot_time()).await;
    let times = known.discovered + 1;
    let instance = {
        let _permit = world.writes.acquire().await;
        akri::create(&world.client, params, &known.device, times, reading).await?
    };
    world.discovered(endpoint, &instance, times, reading.version);
    if outcome != Outcome::LaggingVersion {
        return Ok(());
    }
    tokio::time::sleep(params.version_lag()).await;
    let _permit = world.writes.acquire().await;
    akri::update_version(
        &world.client,
        &params.namespace,
        &instance.name_any(),
        version,
    )
    .await?;
    world.discovered(endpoint, &instance, times, version);
    Ok(())
}

/// The log of one pod, in the form that container runtimes write.
struct Log {
    file: PathBuf,
}

impl Log {
    /// Tells kwok where the pod's log is. It is gone when the pod is.
    async fn open(world: &World, pod: &Pod) -> Result<Self, Error> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let file = world
            .log_directory
            .join(format!("{}.log", pod.uid().unwrap_or_default()));
        let log = Self { file };
        log.append(&[] as &[&str])?;
        let kind = ApiResource {
            group: "kwok.x-k8s.io".into(),
            version: "v1alpha1".into(),
            api_version: "kwok.x-k8s.io/v1alpha1".into(),
            kind: "Logs".into(),
            plural: "logs".into(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &namespace, &kind);
        let mut object = DynamicObject::new(&name, &kind)
            .data(json!({"spec": {"logs": [{"containers": [CONTAINER], "logsFile": log.file, "follow": false}]}}));
        object.metadata.owner_references = Some(pod.owner_ref(&()).into_iter().collect());
        let _permit = world.writes.acquire().await;
        let parameters = PostParams::default();
        match answered(|| api.create(&parameters, &object)).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(log),
            other => other.map(|_| log).map_err(Error::api("create Logs", &name)),
        }
    }

    fn append(&self, lines: &[impl AsRef<str>]) -> Result<(), Error> {
        use std::{fmt::Write as _, io::Write as _};
        let now = jiff::Timestamp::now().strftime("%FT%T.%9fZ");
        let mut text = String::new();
        for line in lines.iter().flat_map(|line| line.as_ref().split('\n')) {
            let _ = writeln!(text, "{now} stdout F {line}");
        }
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| Error::File {
                path: self.file.clone(),
                source,
            })
    }
}
