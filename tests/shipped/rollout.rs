//! Jobs that nothing disturbs but an upgrade.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use testbed::real::{World, installation::Installation, site::Site};

/// Two at a time, read back.
pub fn two_at_a_time() -> Value {
    json!({"parallelism": 2, "verification": {"mode": "Version", "timeoutSeconds": 60}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_devices_of_a_job_receive_the_image_whose_digest_its_registry_told() {
    Installation::shared();
    let site = Site::new("all", &["none"; 4]).await;
    let (done, uuids) = site.flash(two_at_a_time()).await;
    site.assert_flashed_once(&done, &uuids);
    assert!(done.is("FirmwareResolved"), "{}", site.space.dump());
    let audit = site.world.plane.audit_log();
    let audit = std::fs::read_to_string(audit).unwrap();
    let pinned = format!("{}@sha256:", World::firmware().trim_end_matches(":2.0.0"));
    assert!(audit.contains(&pinned), "no Pod was told {pinned}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_flash_pod_is_followed_through_the_api_server_while_it_flashes() {
    Installation::shared();
    let site = Site::new("log", &["slow:150000"]).await;
    let uuids = site.apply(&two_at_a_time()).await;
    let pod = site.receiving(1).await.remove(0);
    let mut kubectl = site.world.plane.command("kubectl");
    kubectl.args(["--namespace", &site.space.name, "logs", "--follow", &pod]);
    let mut following = kubectl.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(following.stdout.take().unwrap());
    let mut lines = out.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with(" Sent: 20%")));
    assert_eq!(site.boards[0].proof().unwrap()["boots"], 0);
    assert!(lines.any(|line| line.ends_with(" Firmware sent to IoT")));
    following.wait().unwrap();
    let done = site.finished(60).await;
    site.assert_flashed_once(&done, &uuids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helm_upgrade_in_the_middle_of_a_rollout_loses_nothing_and_flashes_nobody_twice() {
    let installation = Installation::shared();
    let site = Site::new("upgrade", &["slow:200000"; 6]).await;
    let uuids = site.apply(&two_at_a_time()).await;
    site.receiving(2).await;
    let names = || {
        let pods = installation.pods();
        let names = pods.iter().map(|pod| pod["metadata"]["name"].clone());
        names.collect::<Vec<_>>()
    };
    let before = names();
    installation.upgrade(&["log.level=debug"]);
    assert!(!names().iter().any(|name| before.contains(name)));
    assert!(
        !site.space.job("real").is("Finished"),
        "the upgrade came too late"
    );
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
}
