//! The pages in a real browser, Chromium, as people with different rights see and use them.

mod access;
mod classes;
mod device;
mod driver;
mod figures;
mod fleet;
mod live;
mod many;
mod pictures;
mod rollout;
mod swagger;

use serde_json::json;
use testbed::{Fleet, Operator, Space, healthy, job::job};

/// The page of the job of these tests.
fn page(space: &Space) -> String {
    format!("/namespaces/{}/flashjobs/rollout", space.name)
}

/// A rollout of three devices whose first step waits for approval, and the operator that carries it out.
async fn rollout(space: &Space) -> (Fleet, Operator) {
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let operator = space.operator(&["--engine", "native"]);
    let steps = json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]});
    space.apply(&job("rollout", &fleet.uuids(), &steps).to_string());
    space.waits_for("rollout", "AwaitingApproval").await;
    (fleet, operator)
}

/// Merges this into the status of a job.
fn says(space: &Space, name: &str, status: &serde_json::Value) {
    let patch = json!({ "status": status }).to_string();
    let arguments = [
        "patch",
        "flashjob",
        name,
        "--subresource=status",
        "--type=merge",
        "-p",
    ];
    space.kubectl(&[&arguments[..], &[&patch]].concat());
}
