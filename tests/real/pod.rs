//! The flash image as a Pod, without an operator.

use serde_json::{Value, json};

use testbed::{
    Space,
    real::{NODE, World, board::Board, load_balancer::LoadBalancer},
    seconds,
};

use crate::service::{address, service};

/// A Pod as restricted as Kubernetes knows it, for a device that is told this address.
pub fn pod(world: &World, board: &Board, address: &str) -> Value {
    let environment = [
        ("FIRMWARE", World::firmware()),
        ("HOST_ENDPOINT", board.address.to_string()),
        ("DEVICE", "esp32s3".to_owned()),
        ("VERSION", "2.0.0".to_owned()),
        ("EXTERNAL_IP", address.to_owned()),
        ("DICE_AUTH_SERVICE_SERVICE_HOST", NODE.to_string()),
    ];
    let environment = environment.map(|(name, value)| json!({"name": name, "value": value}));
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "flash", "labels": {"app": "flash"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "flash-container", "image": world.image, "imagePullPolicy": "Never", "env": environment,
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_pod_flashes_a_device_which_keeps_its_bytes() {
    let world = World::shared();
    let space = Space::on(world.plane, "restricted").await;
    let label = "pod-security.kubernetes.io/enforce=restricted";
    world
        .plane
        .kubectl(&["label", "namespace", &space.name, label]);
    let _balancer = LoadBalancer::start(world.plane.client("fleet").await);
    let board = Board::start(world, "none");
    space.apply(&service(&board).to_string());
    let address = address(&space).await;
    space.apply(&pod(world, &board, &address).to_string());
    let path = format!("/api/v1/namespaces/{}/pods/flash", space.name);
    let ended = space.eventually("end of the Pod", seconds(60), async || {
        let pod = world.plane.get(&path)?;
        let phase = pod["status"]["phase"].as_str()?.to_owned();
        ["Succeeded", "Failed"]
            .contains(&phase.as_str())
            .then_some(pod)
    });
    let ended = ended.await;
    let log = space.kubectl(&["logs", "flash"]);
    assert_eq!(ended["status"]["phase"], "Succeeded", "{log}");
    assert!(log.contains(" Verified device\n"), "{log}");
    assert!(log.contains(" Firmware sent to IoT\n"), "{log}");
    let info = space.eventually("reboot of the device", seconds(30), async || {
        board.info().filter(|info| info["version"] == "2.0.0")
    });
    assert_eq!(info.await["device"], "esp32s3");
    let proof = board.proof().unwrap();
    assert_eq!(
        (&proof["memory"], &proof["boots"]),
        (&json!(world.hash), &json!(1))
    );
}
