//! A Pod that nobody ends: on a ready node it is left alone, with its node it is lost.

use serde_json::json;

use super::Stage;
use testbed::{ControlPlane, Params, seconds};

const NODE: &str = "flash-node";

/// The one node, which is not ready until this is dropped.
struct Lost(&'static ControlPlane);

impl Lost {
    fn of(plane: &'static ControlPlane) -> Self {
        plane.kubectl(&["annotate", "node", NODE, "flashjob.test/lost=true"]);
        let patch = json!({"status": {"conditions": [
            {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"},
        ]}});
        let patch = patch.to_string();
        let change = ["--subresource=status", "--type=strategic", "-p", &patch];
        plane.kubectl(&[&["patch", "node", NODE], &change[..]].concat());
        Self(plane)
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.0
            .kubectl(&["annotate", "node", NODE, "flashjob.test/lost-"]);
    }
}

#[tokio::test]
async fn a_pod_long_past_its_deadline_is_left_alone_on_a_ready_node_and_is_lost_with_its_node() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let params = Params {
        devices: 1,
        never_ends_share: 1.0,
        ..Params::default()
    };
    let arguments = ["--engine", "native", "--lost-grace-seconds=5"];
    let stage = Stage::on(plane, "lost", params, &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .flash(
            "job",
            std::slice::from_ref(&uuid),
            json!({"activeDeadlineSecondsPerDevice": 20}),
        )
        .await;
    let pod = stage.flashing(&uuid).await;
    let space = &stage.space;
    // No kubelet ends it, however long ago it began.
    space.kubectl(&["annotate", "pod", &pod, "flashjob.test/lost=true"]);
    let asked = || {
        let audit = plane.audit();
        let nodes = audit.0.iter().filter(|request| {
            request.resource == "nodes" && request.verb == "get" && request.code == 200
        });
        nodes.count()
    };
    let before = asked();
    space
        .eventually("a look at the node", seconds(120), async || {
            (asked() > before).then_some(())
        })
        .await;
    space.kubectl(&["get", "pod", &pod]);
    assert_eq!(stage.status("job").await["counts"]["failed"], 0);

    let _lost = Lost::of(plane);
    let status = stage.finished("job").await;
    let device = super::device_of(&status, &uuid).unwrap();
    assert_eq!(device["reason"], "NodeLost", "{device:#}");
    space
        .eventually("end of the Pod", seconds(60), async || {
            space
                .kubectl(&["get", "pods", "-o", "name"])
                .is_empty()
                .then_some(())
        })
        .await;
}
