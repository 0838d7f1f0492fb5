//! What happens to the node below the Pods of operator and flashes.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    real::{
        container::starve, full_disk::FullDisk, installation::Installation, pressure::Pressure,
        site::Site,
    },
    seconds,
};

use crate::rollout::two_at_a_time;

/// How often the containers of the operator were started again.
fn restarts(installation: &Installation) -> i64 {
    let pods = installation.pods();
    let counts = pods
        .iter()
        .map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_i64());
    counts.map(Option::unwrap_or_default).sum()
}

/// The Pod that flashes a device.
fn flash_pod(site: &Site, uuid: &str) -> Value {
    let space = &site.space.name;
    let path = format!("/api/v1/namespaces/{space}/pods?labelSelector=uuid%3D{uuid}");
    site.world.plane.get(&path).unwrap()["items"][0].clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_where_a_program_of_the_node_is_killed_and_no_container_ends(
    #[values("kubelet", "containerd")] program: &str,
) {
    let installation = Installation::shared();
    let faults = ["slow:150000", "slow:150000", "none", "none"];
    let site = Site::new(program, &faults).await;
    installation.ready();
    let before = restarts(installation);
    let uuids = site.apply(&two_at_a_time()).await;
    site.receiving(2).await;
    let killed = site.world.plane.kill(program);
    site.world.plane.revive(&killed);
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
    installation.ready();
    assert_eq!(restarts(installation), before, "{}", installation.dump());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_the_kernel_kills_for_its_memory_is_started_again_and_its_rollout_loses_nothing()
 {
    let installation = Installation::shared();
    let faults = ["slow:150000", "slow:150000", "none", "none"];
    let site = Site::new("starved-leader", &faults).await;
    installation.ready();
    let uuids = site.apply(&two_at_a_time()).await;
    site.receiving(2).await;
    let leader = installation.leader(&site).await;
    // Another test may have killed it before.
    let before = leader["status"]["containerStatuses"][0]["restartCount"].as_i64();
    starve(&leader);
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
    installation.ready();
    let pods = installation.pods();
    let is_leader = |pod: &&Value| pod["metadata"]["uid"] == leader["metadata"]["uid"];
    let container = &pods.iter().find(is_leader).unwrap()["status"]["containerStatuses"][0];
    let seen = json!([
        container["restartCount"],
        container["lastState"]["terminated"]["reason"]
    ]);
    let wanted = json!([before.unwrap_or_default() + 1, "OOMKilled"]);
    assert_eq!(seen, wanted, "{container:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flashes_whose_logs_find_no_room_are_judged_by_what_their_devices_run() {
    Installation::shared();
    let site = Site::new("full-disk", &["slow:150000", "none"]).await;
    let more = json!({"parallelism": 1, "verification": {"mode": "Version", "timeoutSeconds": 60}});
    let uuids = site.apply(&more).await;
    site.receiving(1).await;
    let full = FullDisk::of_logs();
    full.fill_page_of(&flash_pod(&site, &uuids[0]));
    let done = site.finished(120).await;
    drop(full);
    site.assert_flashed_once(&done, &uuids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flash_whose_log_finds_no_room_is_unknown_where_nothing_is_read_back() {
    Installation::shared();
    let site = Site::new("unknown", &["slow:150000"]).await;
    let uuids = site.apply(&json!({"verification": {"mode": "None"}})).await;
    let pod = site.receiving(1).await.remove(0);
    let full = FullDisk::of_logs();
    full.fill_page_of(&flash_pod(&site, &uuids[0]));
    let log = site.space.kubectl(&["logs", &pod]);
    let done = site.finished(120).await;
    drop(full);
    assert!(
        !log.contains("Firmware sent"),
        "the disk was full too late:\n{log}"
    );
    let device = done.device(&uuids[0]);
    let said = json!([device["phase"], device["reason"]]);
    assert_eq!(said, json!(["Failed", "VerdictUnknown"]), "{device:#}");
    // Which is why it is not called a failure of the device: it has it all.
    let has = site
        .space
        .eventually("reboot", seconds(30), async || site.boards[0].proof());
    assert_eq!(has.await["memory"], json!(site.world.hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a node under pressure is no place for the tests after it: hack/test-real.sh evicts --ignored"]
async fn a_flash_that_its_node_evicts_in_the_middle_has_failed_and_its_device_keeps_nothing() {
    let installation = Installation::shared();
    let site = Site::new("evicted", &["slow:15000"]).await;
    installation.ready();
    // More than it asks for: it is the first to go.
    let resources = json!({"requests": {"memory": "1Mi"}, "limits": {"memory": "64Mi"}});
    let more = json!({
        "values": {"resources": resources},
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let uuids = site.apply(&more).await;
    site.receiving(1).await;
    let pressure = Pressure::of_memory(site.world.plane);
    let done = site.finished(120).await;
    drop(pressure);
    let device = done.device(&uuids[0]);
    let said = json!([device["phase"], device["reason"]]);
    assert_eq!(said, json!(["Failed", "Evicted"]), "{device:#}");
    let proof = site.boards[0].proof().unwrap();
    let seen = json!([proof["memory"], proof["updates"]]);
    assert_eq!(seen, json!([null, 1]));
    installation.ready();
}
