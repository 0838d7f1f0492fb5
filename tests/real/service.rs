//! Services of type LoadBalancer, as devices see them.

use serde_json::{Value, json};

use testbed::{
    Space,
    real::{World, board::Board, load_balancer::LoadBalancer},
    seconds,
};

use crate::pod::pod;

/// A Service for the Pod `flash`, for that device alone.
pub fn service(board: &Board) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "flash"},
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "flash"},
            "ports": [{"port": 4433, "targetPort": 4433}],
            "loadBalancerSourceRanges": [format!("{}/32", board.address)],
        },
    })
}

/// The address that a Service was given.
pub async fn address(space: &Space) -> String {
    let path = format!("/api/v1/namespaces/{}/services/flash", space.name);
    let address = space.eventually("address of the Service", seconds(30), async || {
        let service = space.control_plane.get(&path)?;
        let ingress = &service["status"]["loadBalancer"]["ingress"][0];
        ingress["ip"].as_str().map(str::to_owned)
    });
    address.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_devices_in_the_source_ranges_reach_a_service_and_none_does_without_it() {
    let world = World::shared();
    let space = Space::on(world.plane, "ranges").await;
    let _balancer = LoadBalancer::start(world.plane.client("fleet").await);
    // It does not dial in by itself: its Pod listens on.
    let (own, other) = (Board::start(world, "dumb"), Board::start(world, "dumb"));
    space.apply(&service(&own).to_string());
    let address = address(&space).await;
    assert!(address.starts_with("198.51.100.2"), "{address}");
    space.apply(&pod(world, &own, &address).to_string());

    let reaches = async |board: &Board, wanted: bool| {
        let what = format!(
            "{} to {} {address}",
            board.address,
            if wanted { "reach" } else { "lose" }
        );
        space
            .eventually(&what, seconds(30), async || {
                (board.reaches(&address, 4433, seconds(1)) == wanted).then_some(())
            })
            .await;
    };
    reaches(&own, true).await;
    assert!(
        !other.reaches(&address, 4433, seconds(2)),
        "{}",
        other.address
    );
    let open = json!({"spec": {"loadBalancerSourceRanges": null}}).to_string();
    space.kubectl(&["patch", "service", "flash", "--type=merge", "-p", &open]);
    reaches(&other, true).await;
    space.kubectl(&["delete", "service", "flash"]);
    reaches(&other, false).await;
    reaches(&own, false).await;
}
