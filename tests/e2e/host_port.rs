//! Devices that dial the node of their Pod, where a site has no load balancer: `service.mode: HostPort`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use testbed::{
    ControlPlane, Params, Space, healthy,
    job::{Seen, job},
    seconds,
};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: u64 = 150;

/// Nodes beside the one that each control plane has.
const MANY: [&str; 3] = ["many-1", "many-2", "many-3"];
/// A node that sees the device.
pub const FIRST: &str = "{{ device.nodes | first }}";

/// A control plane with four nodes whose operator may create Pods with the port of the flash on their nodes.
pub fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let plane = ControlPlane::start("host-port");
        plane.install_operator(&["--set", "admission.confinement.allowFlashPortOnNode=true"]);
        for name in MANY {
            let labels = json!({"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name});
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
            plane
                .feed(&["create"], &node.to_string())
                .unwrap();
        }
        plane
    })
}

/// A class whose jobs are flashed at this node, or one at a time at any; classes belong to no namespace.
pub fn class(space: &Space, node: &str) -> String {
    let name = format!("{}-class", space.name);
    let values = json!({"service": {"mode": "HostPort", "node": node}});
    space.put_class(&name, &json!({"defaults": {"values": values}}));
    name
}

/// Says of each device in turn that another node sees it.
pub fn spread(space: &Space) {
    for (index, instance) in items(space, "instances.akri.sh").iter().enumerate() {
        let name = instance["metadata"]["name"].as_str().unwrap();
        let nodes = json!({"spec": {"nodes": [MANY[index % MANY.len()]]}}).to_string();
        space.kubectl(&[
            "patch",
            "instances.akri.sh",
            name,
            "--type=merge",
            "-p",
            &nodes,
        ]);
    }
}

pub fn items(space: &Space, kind: &str) -> Vec<Value> {
    let text = space.kubectl(&["get", kind, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// Nodes of the Pods that run now.
fn busy_nodes(space: &Space) -> Vec<String> {
    let running = |pod: &Value| pod["status"]["phase"] == "Running";
    let node = |pod: Value| pod["spec"]["nodeName"].as_str().unwrap_or("").to_owned();
    let pods = items(space, "pods").into_iter();
    pods.filter(running).map(node).collect()
}

async fn ended(space: &Space, name: &str, busy: &mut Vec<Vec<String>>) -> Seen {
    space
        .eventually(
            &format!("end of FlashJob {name}"),
            seconds(PATIENCE),
            async || {
                busy.push(busy_nodes(space));
                let job = space.job(name);
                job.is("Finished").then_some(job)
            },
        )
        .await
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_flashes_one_device_at_a_time_and_all_nodes_do(#[case] engine: &str) {
    /// The nodes are for one of these at a time.
    static NODES: Mutex<()> = Mutex::const_new(());
    let _alone = NODES.lock().await;
    let space = Space::on(plane(), engine).await;
    let fleet = space.fleet(healthy(7, 4.0)).await;
    spread(&space);
    let _operator = space.operator(&["--engine", engine]);
    let spec = json!({"flashClassName": class(&space, FIRST), "parallelism": 7});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    let service = space
        .eventually("a Service", seconds(PATIENCE), async || {
            items(&space, "services").first().cloned()
        })
        .await;
    assert_eq!(service["spec"]["clusterIP"], "None", "{service:#}");
    let mut busy = Vec::new();
    let done = ended(&space, "job", &mut busy).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    for nodes in &busy {
        let different: BTreeSet<_> = nodes.iter().collect();
        assert_eq!(different.len(), nodes.len(), "{busy:?}");
    }
    assert_eq!(busy.iter().map(Vec::len).max(), Some(3), "{busy:?}");
    assert_eq!(items(&space, "pods").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flash_goes_on_without_its_service_and_its_operator() {
    let space = Space::on(plane(), "hands").await;
    let fleet = space.fleet(healthy(1, 12.0)).await;
    let mut operator = space.operator(&[]);
    let spec = json!({"flashClassName": class(&space, FIRST)});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    let pod = space
        .eventually("a running Pod", seconds(PATIENCE), async || {
            let pods = items(&space, "pods");
            pods.into_iter()
                .find(|pod| pod["status"]["phase"] == "Running")
        })
        .await;
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["hostPort"], 4433, "{container:#}");
    let env: BTreeMap<_, _> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|env| (env["name"].as_str().unwrap(), env))
        .collect();
    let field = env["EXTERNAL_IP"].pointer("/valueFrom/fieldRef/fieldPath");
    assert_eq!(field, Some(&json!("status.hostIP")), "{container:#}");
    operator.kill();
    space.kubectl(&["delete", "services", "--all", "--wait=false"]);
    let _operator = space.operator(&[]);
    let done = space.finished("job", PATIENCE).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    let events = items(&space, "events.events.k8s.io");
    assert!(!events.is_empty());
    let lost = events.iter().find(|event| event["reason"] == "AddressLost");
    assert_eq!(lost, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_alone_does_not_get_a_port_of_the_node() {
    let space = Space::on(plane(), "job").await;
    let fleet = space.fleet(healthy(1, 1.0)).await;
    let _operator = space.operator(&["--allowed-value-paths", "/service"]);
    let values = json!({"values": {"service": {"mode": "HostPort"}}});
    space.apply(&job("job", &fleet.uuids(), &values).to_string());
    let seen = space
        .eventually("refusal", seconds(PATIENCE), async || {
            let job = space.job("job");
            job.0["status"]["reason"].as_str()?;
            job.is("Finished").then_some(job)
        })
        .await;
    let message = seen.0["status"].to_string();
    assert!(
        message.contains("GuardRefused") && message.contains("service.mode HostPort"),
        "{:#}",
        seen.0["status"]
    );
    assert_eq!(fleet.journal().len(), 0);
    assert_eq!(items(&space, "pods").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_admits_no_host_ports_says_so_and_no_attempt_is_lost() {
    let space = Space::on(plane(), "baseline").await;
    let fleet = space.fleet(healthy(1, 1.0)).await;
    let enforce = "pod-security.kubernetes.io/enforce=baseline";
    space.kubectl(&["label", "namespace", &space.name, enforce]);
    let _operator = space.operator(&[]);
    let spec = json!({"flashClassName": class(&space, FIRST)});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    let uuid = &fleet.uuids()[0];
    space
        .eventually("refusal by Pod Security", seconds(PATIENCE), async || {
            let status = space.job("job").0["status"].to_string();
            (status.contains("AdmissionDenied") && status.contains("hostPort")).then_some(())
        })
        .await;
    assert_eq!(fleet.journal().len(), 0);
    let open = "pod-security.kubernetes.io/enforce=privileged";
    space.kubectl(&["label", "--overwrite", "namespace", &space.name, open]);
    let done = space.finished("job", PATIENCE).await;
    let device = done.device(uuid);
    assert_eq!(device["phase"], "Succeeded", "{device:#}");
    assert_eq!(device["attempts"], 1, "{device:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_scheduler_chooses_the_node_one_device_is_flashed_at_a_time() {
    let space = Space::on(plane(), "any").await;
    let fleet = space.fleet(healthy(3, 2.0)).await;
    let _operator = space.operator(&[]);
    let spec = json!({"flashClassName": class(&space, ""), "parallelism": 3});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    let done = space.finished("job", PATIENCE).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    let peak = space.control_plane.audit().peak("pods", &space.name);
    assert_eq!(peak, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_stays_with_a_device_that_may_still_dial_it() {
    let space = Space::on(plane(), "cool").await;
    let class = class(&space, FIRST);
    assert_cools_down(&space, &class, "node").await;
}

/// Asserts that of two devices whose transfers fail the second is flashed only once the first has stopped dialling, since the jobs of this
/// class reach both at one place.
pub async fn assert_cools_down(space: &Space, class: &str, place: &str) {
    let params = Params {
        transfer_failed_share: 1.0,
        ..healthy(2, 1.0)
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--cool-down-seconds", "15"]);
    let spec = json!({
        "flashClassName": class, "parallelism": 2, "backoffLimitPerDevice": 0, "maxFailedDevices": "100%",
    });
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    space.finished("job", PATIENCE).await;
    let begins = space.control_plane.audit().pod_birth_times(&space.name);
    let begins: Vec<_> = begins.into_values().collect();
    let [first, second] = begins[..] else {
        panic!("two flashes: {begins:?}")
    };
    let between = (second.as_second() - first.as_second()).abs();
    assert!(
        between >= 15,
        "{between} s between two flashes at one {place}"
    );
}
