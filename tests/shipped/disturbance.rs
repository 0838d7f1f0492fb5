//! What happens to the Pods of operator and flashes on a node.

use std::process::Stdio;

use serde_json::{Value, json};

use testbed::{
    job::Seen,
    real::{container::kill_in, installation::Installation, site::Site},
    seconds,
};

use crate::rollout::two_at_a_time;

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap()
}

/// Drains the node, where so many Pods of the site run, and lets it have Pods again before the last replica of the operator has gone.
pub async fn drain(site: &Site, running: usize) {
    let mut drain = site.world.plane.command("kubectl");
    drain.args([
        "drain",
        "flash-node",
        "--force",
        "--delete-emptydir-data",
        "--timeout=120s",
    ]);
    let drain = drain
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let path = format!("/api/v1/namespaces/{}/pods", site.space.name);
    site.space
        .eventually("Pods that are being evicted", seconds(30), async || {
            let pods = site.world.plane.get(&path)?;
            let pods = pods["items"].as_array()?.iter();
            let going = pods.filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
            (going.count() >= running).then_some(())
        })
        .await;
    // As a second node would, it takes the replacements, so that the other replica may go as well.
    tokio::time::sleep(seconds(3)).await;
    site.world.plane.kubectl(&["uncordon", "flash-node"]);
    let drained = drain.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&drained.stderr);
    assert!(drained.status.success(), "{said}");
    assert!(
        said.contains("violate the pod's disruption budget"),
        "{said}"
    );
}

/// Asserts that the job calls those devices flashed that have the firmware in their memory, and no others, and that each was told
/// to update once.
fn assert_proved(site: &Site, done: &Seen, uuids: &[String], kept: &[bool]) {
    let rows = std::iter::zip(uuids, &site.boards).map(|(uuid, board)| {
        let proof = board.proof().unwrap();
        let phase = done.device(uuid)["phase"].clone();
        json!([phase, proof["memory"], proof["updates"], proof["overlaps"]])
    });
    let wanted = kept.iter().map(|kept| match kept {
        true => json!(["Succeeded", site.world.hash, 1, 0]),
        false => json!(["Failed", null, 1, 0]),
    });
    let (rows, wanted): (Vec<_>, Vec<_>) = (rows.collect(), wanted.collect());
    assert_eq!(rows, wanted, "{}", site.space.dump());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disruption_budget_keeps_one_replica_while_the_other_one_is_not_back() {
    let installation = Installation::shared();
    let site = Site::new("budget", &["none"]).await;
    installation.ready();
    let pods = installation.pods();
    site.world.plane.kubectl(&["cordon", "flash-node"]);
    installation.evict(name(&pods[0])).unwrap();
    let refusal = installation.evict(name(&pods[1])).unwrap_err();
    site.world.plane.kubectl(&["uncordon", "flash-node"]);
    assert!(
        refusal.contains("violate the pod's disruption budget"),
        "{refusal}"
    );
    // The one that is left works, whichever it is.
    let (done, uuids) = site.flash(two_at_a_time()).await;
    site.assert_flashed_once(&done, &uuids);
    installation.ready();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_the_node_in_the_middle_of_a_rollout_leaves_verdicts_that_the_devices_prove() {
    let installation = Installation::shared();
    let faults = ["slow:150000", "dumb", "slow:150000", "none", "none"];
    let site = Site::new("drain", &faults).await;
    installation.ready();
    let mut more = two_at_a_time();
    more["parallelism"] = json!(3);
    let uuids = site.apply(&more).await;
    site.receiving(2).await;
    site.space
        .eventually("device that never dials in", seconds(30), async || {
            let proof = site.boards[1].proof()?;
            (proof["updates"] == 1).then_some(())
        })
        .await;
    drain(&site, 2).await;
    let done = site.finished(120).await;
    assert_proved(&site, &done, &uuids, &[true, false, true, true, true]);
    assert_eq!(
        done.device(&uuids[1])["reason"],
        "Interrupted",
        "{}",
        site.space.dump()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verdicts_are_right_where_the_leader_and_a_flash_are_killed_in_their_containers() {
    let installation = Installation::shared();
    let site = Site::new("killed", &["slow:150000", "slow:150000", "none"]).await;
    installation.ready();
    let uuids = site.apply(&two_at_a_time()).await;
    site.receiving(2).await;
    let leader = installation.leader(&site).await;
    kill_in(&leader);
    let path = format!(
        "/api/v1/namespaces/{}/pods?labelSelector=uuid%3D{}",
        site.space.name, uuids[0]
    );
    let flash = site.world.plane.get(&path).unwrap();
    kill_in(&flash["items"][0]);
    let done = site.finished(120).await;
    assert_proved(&site, &done, &uuids, &[false, true, true]);
    assert_eq!(
        done.device(&uuids[0])["reason"],
        "FlashFailed",
        "{}",
        site.space.dump()
    );
    let pods = installation.pods();
    let same = pods.iter().find(|pod| name(pod) == name(&leader)).unwrap();
    let container = &same["status"]["containerStatuses"][0];
    assert_eq!(container["restartCount"], 1, "{}", installation.dump());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flash_that_runs_out_of_memory_fails_and_its_device_is_told_nothing() {
    Installation::shared();
    let site = Site::new("memory", &["none"]).await;
    let (_registry, firmware) = site.world.serve(8443, 40_000_000);
    let resources = json!({"requests": {"memory": "8Mi"}, "limits": {"memory": "24Mi"}});
    let more = json!({"firmware": firmware, "values": {"resources": resources}});
    let (done, uuids) = site.flash(more).await;
    let device = done.device(&uuids[0]);
    assert_eq!(device["phase"], "Failed", "{}", site.space.dump());
    assert_eq!(device["reason"], "FlashFailed", "{}", site.space.dump());
    assert!(
        device["message"].as_str().unwrap().contains("OOMKilled"),
        "{device}"
    );
    let proof = site.boards[0].proof().unwrap();
    assert_eq!(
        (&proof["memory"], &proof["updates"]),
        (&json!(null), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_whose_pods_cannot_live_in_their_memory_leaves_the_old_replicas_at_work() {
    let installation = Installation::shared();
    let site = Site::new("starved", &["none"; 2]).await;
    installation.ready();
    let resources = "controllerManager.container.resources";
    installation.change(&format!(
        "{resources}.limits.memory=4Mi,{resources}.requests.memory=4Mi"
    ));
    site.space
        .eventually("Pod that dies again and again", seconds(60), async || {
            let pods = installation.pods();
            let mut states = pods
                .iter()
                .map(|pod| &pod["status"]["containerStatuses"][0]["state"]);
            states
                .any(|state| state["waiting"]["reason"] == "CrashLoopBackOff")
                .then_some(())
        })
        .await;
    let (done, uuids) = site.flash(two_at_a_time()).await;
    site.assert_flashed_once(&done, &uuids);
    installation.upgrade(&[]);
}
