//! The original script's workflow in one command, and what it refuses.

use serde_json::json;
use testbed::{Space, healthy, job::FIRMWARE};

use super::{ends, person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_flashes_a_fleet_in_batches_and_waits_for_its_end() {
    let space = Space::new("plugin-creates").await;
    let fleet = space.fleet(healthy(5, 0.5)).await;
    let editor = person(&space, "flashjob-editor");
    let user = "--clusterrole=flashjob-user";
    editor.bind_as("reads-devices", "rolebinding", user, &space.name);
    let _operator = space.operator(&["--engine", "native"]);
    let of = [
        "create", "fleet", "--device", "esp32s3", "--app", "fmnist", "--all",
    ];
    let what = [
        "--firmware",
        FIRMWARE,
        "--version",
        "0.2.0",
        "--batch",
        "2",
        "--delay",
        "1s",
    ];
    let with = |more: &[&'static str]| [&of[..], &what, more].concat();

    // Without a terminal nobody is asked: what is missing is said.
    let (_, complaint) = ends(&editor, &with(&[]), 2);
    assert!(
        complaint.contains("something is missing: --yes or --dry-run"),
        "{complaint}"
    );
    let (_, complaint) = ends(&editor, &["create", "--batch", "3"], 2);
    let all = "NAME, --firmware, --version, --all or --uuid, --yes or --dry-run";
    assert!(complaint.contains(all), "{complaint}");
    let stranger = "00000000-0000-4000-8000-00000000abcd";
    let named = [&["create", "one", "--uuid", stranger, "--yes"], &what[..4]].concat();
    let (_, complaint) = ends(&editor, &named, 1);
    assert!(
        complaint.contains(&format!("has the UUID {stranger}")),
        "{complaint}"
    );

    // Tried, and not created.
    let (said, _) = ends(&editor, &with(&["--dry-run=client"]), 0);
    assert!(said.contains("name: batch-2"), "{said}");
    let (said, _) = ends(&editor, &with(&["--dry-run=server"]), 0);
    assert!(said.contains("uid: "), "{said}");
    assert_eq!(space.kubectl(&["get", "flashjobs", "-o", "name"]), "");

    let (said, _) = ends(&editor, &with(&["--yes", "--wait", "--timeout", "3m"]), 0);
    let words = "flashes 5 devices with registry.example.com/esp32-fmnist:0.2.0, version 0.2.0, in 3 batches of 2 with 1 s between them";
    assert!(said.contains(words), "{said}");
    assert!(
        said.lines()
            .last()
            .unwrap_or_default()
            .contains("Completed 5/5"),
        "{said}"
    );
    space.assert_flashed(&fleet, 1);
    let spec = &space.job("fleet").0["spec"];
    assert_eq!(spec["parallelism"], json!(2), "{spec:#}");
    assert_eq!(spec["applicationType"], "fmnist", "{spec:#}");

    // A job that is there is left as it is.
    let (_, complaint) = ends(&editor, &with(&["--yes"]), 1);
    assert!(complaint.contains("already exists"), "{complaint}");
}
