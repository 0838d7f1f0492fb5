//! What is shown of devices: which job is busy with them, how flashes ended, their logs and their releases.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use testbed::{Params, Space, healthy, job::job, paths::program, seconds};

use super::{ends, person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_logs_history_and_releases_follow_a_device_through_its_flash() {
    let space = Space::new("plugin-devices").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            flash_seconds: 1.0,
            reboot_seconds: 0.5,
            exit1_share: 0.34,
            ..Params::default()
        })
        .await;
    let user = person(&space, "flashjob-user");
    let (said, _) = ends(&user, &["devices", "-o", "uuid"], 0);
    let mut uuids: Vec<&str> = said.lines().collect();
    uuids.sort_unstable();
    let mut expected = fleet.uuids();
    expected.sort_unstable();
    assert_eq!(uuids, expected);
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    ends(&user, &["status", "lamps", "--timeout", "2m"], 1);

    // The device that failed runs its old version.
    let filtered = ["devices", "--version", "<0.2.0", "--device", "esp32s3"];
    let json = [&filtered[..], &["-o", "json"]].concat();
    let old = space
        .eventually("the new versions", seconds(60), async || {
            let (said, _, _) = user.run(&json);
            let list: Value = serde_json::from_str(&said).ok()?;
            let items = list["items"].as_array()?.clone();
            (list["kind"] == "DeviceList" && items.len() == 1).then(|| items[0].clone())
        })
        .await;
    assert_eq!(old["last"]["job"], "lamps", "{old:#}");
    assert_eq!(old["last"]["phase"], "Failed", "{old:#}");
    let (said, complaint) = ends(&user, &["devices"], 0);
    assert_eq!(said.lines().count(), 4, "{said}");
    assert_eq!(said.matches("✔ Succeeded").count(), 2, "{said}");
    let words = format!("you may list flashjobs in namespace {} alone", space.name);
    assert!(complaint.contains(&words), "{complaint}");
    let (_, complaint) = ends(&user, &["devices", "--version", "1.0"], 2);
    assert!(complaint.contains("VERSION VersionIn"), "{complaint}");

    // Its log is kept, and its record tells of the attempt to those who may read it.
    let uuid = old["uuid"].as_str().unwrap_or_default();
    let (said, complaint) = ends(&user, &["logs", uuid], 0);
    assert!(!said.trim().is_empty(), "a log");
    assert!(
        complaint.contains("the end of its log that FlashJob"),
        "{complaint}"
    );
    let (said, _) = ends(&user, &["history", uuid], 0);
    assert!(said.contains("lamps"), "{said}");
    assert!(
        said.contains("Not seen: you may not list secrets"),
        "{said}"
    );
    let (_, complaint) = ends(&user, &["releases"], 1);
    assert!(
        complaint.contains("You lack the right to list secrets"),
        "{complaint}"
    );
    space.kubectl(&[
        "create",
        "role",
        "records",
        "--verb=list",
        "--resource=secrets",
    ]);
    user.bind_as("records", "rolebinding", "--role=records", &space.name);
    let said = space
        // Verdicts are stored before releases are gone: those of devices that succeeded may go after the job has ended.
        .eventually("the record that is kept alone", seconds(60), async || {
            let (said, _, code) = user.run(&["releases"]);
            (code == 0 && said.lines().count() == 2).then_some(said)
        })
        .await;
    assert!(said.contains("failed") && said.contains("lamps"), "{said}");
    let (said, _) = ends(&user, &["history", uuid, "-o", "json"], 0);
    let history: Value = serde_json::from_str(&said).unwrap_or_default();
    assert_eq!(history["attempts"][0]["status"], "failed", "{history:#}");
    assert_eq!(history["verdicts"][0]["phase"], "Failed", "{history:#}");
    user.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_flash_in_progress_is_that_of_its_pod_and_can_be_followed() {
    let space = Space::new("plugin-logs").await;
    let fleet = space.fleet(healthy(1, 20.0)).await;
    let user = person(&space, "flashjob-user");
    let _operator = space.operator(&["--engine", "native"]);
    let (_, complaint) = ends(&user, &["logs", "192.0.2.77"], 1);
    assert!(
        complaint.contains("there is no log of device 192.0.2.77"),
        "{complaint}"
    );
    assert!(
        complaint
            .trim_end()
            .ends_with("kubectl flashjob devices -A"),
        "{complaint}"
    );
    space.apply(&job("slow", &fleet.uuids(), &json!({})).to_string());
    let endpoint = space
        .eventually("a flash", seconds(60), async || {
            let devices = space.job("slow").0["status"]["devices"].clone();
            let flashing = devices[0]["reason"] == "Flashing";
            flashing.then(|| {
                devices[0]["hostEndpoint"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
        })
        .await;
    let (said, _) = ends(&user, &["devices"], 0);
    assert!(
        said.contains(&format!("Flashing by {}/slow", space.name)),
        "{said}"
    );
    let (said, complaint) = ends(&user, &["logs", &endpoint], 0);
    assert!(!said.trim().is_empty(), "a log; {complaint}");
    assert_eq!(complaint, "");
    // The simulated kubelet does not end a log that is followed.
    let mut follows = Command::new(program("kubectl-flashjob"))
        .env("KUBECONFIG", &user.kubeconfig)
        .args(["logs", &endpoint, "-f", "-n", &space.name])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follows.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(Some(first.as_str()), said.lines().next());
    follows.kill().unwrap();
    follows.wait().unwrap();
    ends(&user, &["status", "slow", "--timeout", "1m"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_devices_prints_a_line_for_each_change_until_nobody_reads_it() {
    let space = Space::new("plugin-changes").await;
    let fleet = space.fleet(healthy(2, 1.0)).await;
    let user = person(&space, "flashjob-user");
    let (_, complaint) = ends(&user, &["devices", "-w", "-o", "json"], 2);
    assert!(complaint.contains("-w goes with -o text"), "{complaint}");
    let mut watches = Command::new(program("kubectl-flashjob"))
        .env("KUBECONFIG", &user.kubeconfig)
        .args(["devices", "-w", "-n", &space.name])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watches.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("ENDPOINT "));
    let before = [next(), next()];
    assert!(before.iter().all(|line| line.contains(" 0.1.0 ")));
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    let endpoint = before[0].split(' ').next().unwrap().to_owned();
    let mut of_one = |words: &str| {
        let mut seen = Vec::new();
        loop {
            let line = next();
            let found = line.starts_with(&endpoint) && line.contains(words);
            seen.push(line);
            if found {
                return seen;
            }
        }
    };
    let flashing = of_one(&format!("Flashing by {}/lamps", space.name));
    let mut ended = of_one("Succeeded");
    // The reboot after the flash, with the new version: before its verdict or after it.
    if !ended.iter().any(|line| line.contains(" 0.2.0 ")) {
        ended.extend(of_one(" 0.2.0 "));
    }
    let all = [flashing, ended].concat();
    assert!(
        all.windows(2).all(|two| two[0] != two[1]),
        "nothing is told twice: {all:#?}"
    );
    drop(lines);
    space.delete_job("lamps", 60).await;
    space
        .eventually("the end of the watch", seconds(30), async || {
            watches.try_wait().unwrap()
        })
        .await;
    assert_eq!(watches.wait().unwrap().code(), Some(0));
    user.assert_wrote_nothing();
}
