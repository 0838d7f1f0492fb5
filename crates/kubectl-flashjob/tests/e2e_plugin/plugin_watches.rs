//! `get -w` on a terminal: it draws, reacts to keys, outlives lost connections, and leaves the terminal as it was.

use std::time::Duration;

use serde_json::json;
use testbed::{Faults, Proxy, Space, healthy, job::job, proxy::Fault};

use super::{ends, person, terminal::Terminal};

const DOWN: &str = "\u{1b}[B";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_watched_and_steered_by_keys() {
    let space = Space::new("plugin-watches").await;
    let fleet = space.fleet(healthy(3, 4.0)).await;
    let releaser = person(&space, "flashjob-approver");
    let user = "--clusterrole=flashjob-user";
    releaser.bind_as("reads-devices", "rolebinding", user, &space.name);
    let spec = json!({
        "parallelism": 1, "steps": [{"name": "canary", "devices": 1, "requireApproval": true}],
    });
    space.apply(&job("rollout", &fleet.uuids(), &spec).to_string());
    let watch = ["get", "rollout", "-w"];
    let mut terminal = Terminal::start(&space, &releaser.kubeconfig, &watch);
    terminal.shows("New");
    terminal.shows("q quit  p suspend/resume  a approve  l log  ? help");
    let _operator = space.operator(&["--engine", "native"]);

    // The log of the device that is pointed at.
    terminal.shows("Pod flash-");
    terminal.press(DOWN);
    terminal.shows("▸#0");
    terminal.press("l");
    terminal.shows("Log of device #0");
    terminal.hides("In flight");
    terminal.press("l");
    terminal.hides("Log of device #0");
    terminal.press("?");
    terminal.shows("PgUp PgDn");
    terminal.press("?");

    terminal.shows("AwaitingApproval");
    terminal.press("a");
    terminal.shows("Approve step 1.1 (canary): 1 of 1 devices done, 0 failed?");
    terminal.press("n");
    terminal.hides("Approve step");
    assert_eq!(space.job("rollout").0["spec"]["approval"], json!(null));
    terminal.press("a");
    terminal.shows("Approve step");
    terminal.press("y");
    terminal.shows("approved step 1.1 (canary)");
    terminal.shows("In flight");

    terminal.press("p");
    terminal.shows("suspended; 1 device is in flight and ends by itself");
    terminal.shows("Suspended");
    assert_eq!(space.job("rollout").0["spec"]["suspend"], json!(true));
    terminal.press("p");
    terminal.shows("Let the FlashJob go on?");
    terminal.press("y");
    terminal.shows("resumed");
    assert!(space.job("rollout").0["spec"]["suspend"].is_null());

    terminal.resize(40, 120);
    terminal.shows("3/3");
    terminal.shows("Completed");
    let last = terminal.text();
    let last = last.lines().last().unwrap_or_default();
    assert!(
        last.len() > 80,
        "the keys stand on the last of 40 rows, of 120 columns: {last}"
    );
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);

    let mut terminal = Terminal::start(&space, &releaser.kubeconfig, &watch);
    terminal.shows("Completed");
    terminal.press("\u{3}");
    assert_eq!(terminal.ends(), 0);

    // Without a terminal it is a line a change, and documents are of one moment.
    let (said, _) = ends(&releaser, &watch, 0);
    assert!(said.contains("Completed 3/3"), "{said}");
    let (_, complaint) = ends(&releaser, &["get", "rollout", "-w", "-o", "json"], 2);
    assert!(complaint.contains("-w is for people"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_outlives_lost_connections_and_expired_versions() {
    let space = Space::new("plugin-outlives").await;
    let viewer = person(&space, "flashjob-viewer");
    let expires = |share: f64| Faults {
        watch_life: Some(Duration::from_millis(500)),
        expired: share,
        ..Faults::default()
    };
    let proxy = Proxy::start(space.control_plane, &viewer.kubeconfig, 1, expires(1.0)).await;
    let spec = json!({"suspend": true});
    space.apply(
        &job(
            "rollout",
            &["7e4a6e7b-bee6-4fac-bdea-43d671baaa15".into()],
            &spec,
        )
        .to_string(),
    );
    let mut terminal = Terminal::start(&space, proxy.kubeconfig(), &["get", "rollout", "-w"]);
    terminal.shows("version 0.2.0");
    // Every watch ends with 410 within half a second, and changes are seen all the same.
    tokio::time::sleep(Duration::from_secs(2)).await;
    space.patch_spec("rollout", &json!({"version": "0.3.0"}));
    terminal.shows("version 0.3.0");
    assert!(
        !terminal.text().contains("trying again"),
        "{}",
        terminal.text()
    );

    proxy.set(Faults {
        share: 1.0,
        kinds: vec![Fault::InternalError],
        path: "flashjobs",
        ..expires(0.0)
    });
    terminal.shows("trying again");
    terminal.shows("version 0.3.0");
    space.patch_spec("rollout", &json!({"version": "0.4.0"}));
    proxy.set(Faults::default());
    terminal.shows("version 0.4.0");
    terminal.hides("trying again");

    // A viewer may not resume it, and is told which right that takes.
    terminal.press("p");
    terminal.shows("Let the FlashJob go on?");
    terminal.press("y");
    terminal.shows("You lack the right to patch flashjobs");
    space.kubectl(&["delete", "flashjob", "rollout", "--wait=false"]);
    assert_eq!(terminal.ends(), 1);
    terminal.shows("was deleted");
}
