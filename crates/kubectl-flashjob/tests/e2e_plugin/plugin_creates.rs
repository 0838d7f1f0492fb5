//! The original script's workflow in one command, and what it refuses.

use serde_json::json;
use testbed::{Space, healthy, job::FIRMWARE};

use super::{ends, person, terminal::Terminal};

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
    assert!(said.contains("repeat: true"), "{said}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_terminal_create_asks_for_what_is_missing_and_for_the_number_of_devices() {
    let space = Space::new("plugin-wizard").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let editor = person(&space, "flashjob-editor");
    let user = "--clusterrole=flashjob-user";
    editor.bind_as("reads-devices", "rolebinding", user, &space.name);
    let uuids = fleet.uuids();
    let mut terminal = Terminal::start(&space, &editor.kubeconfig, &["create", "--batch", "2"]);
    let answers = |terminal: &mut Terminal, confirmed: &str| {
        terminal.shows("Device type:");
        terminal.shows("esp32s3 (3 devices)");
        terminal.press("esp32s3\r");
        terminal.shows("Application type:");
        terminal.press("fmnist\r");
        terminal.shows("Filter:");
        terminal.press("no property\r");
        terminal.shows("expected KEY=VALUE");
        terminal.press(&"\u{7f}".repeat("no property".len()));
        terminal.press("\r");
        // Nothing is picked, then one by what is typed, then all.
        terminal.shows("Devices:");
        terminal.press("\r");
        terminal.shows("pick a device");
        terminal.press(&uuids[1]);
        terminal.hides(&uuids[0]);
        terminal.press(" ");
        terminal.press("\r");
        terminal.shows("1 picked");
        terminal.shows("Firmware image:");
        terminal.press(&format!("{FIRMWARE}\r"));
        terminal.shows("Version:");
        terminal.shows("0.2.0");
        terminal.press("\r");
        // The batch was given as an option.
        terminal.shows("Delay between two batches:");
        terminal.press("\r");
        terminal.shows("Name of the FlashJob:");
        terminal.press("\r");
        terminal.shows("it costs at most 1 device.");
        terminal.shows("It takes at most 16 min 30 s with 2 devices at a time.");
        terminal.shows("Type 1 to flash 1 device:");
        terminal.press(confirmed);
    };
    answers(&mut terminal, "yes\r");
    terminal.shows("nothing was created");
    assert_eq!(terminal.ends(), 1);
    assert!(space.find_job("fmnist-0.2.0").is_none());

    let mut terminal = Terminal::start(&space, &editor.kubeconfig, &["create", "--batch", "2"]);
    answers(&mut terminal, "1\r");
    terminal.shows("created: it flashes 1 device");
    assert_eq!(terminal.ends(), 0);
    let spec = space.job("fmnist-0.2.0").0["spec"].clone();
    assert_eq!(spec["uuid"], json!([uuids[1]]), "{spec:#}");
    assert_eq!(spec["parallelism"], json!(2), "{spec:#}");
    assert_eq!(spec["device"], "esp32s3", "{spec:#}");
    assert_eq!(spec["applicationType"], "fmnist", "{spec:#}");

    // Whoever breaks off has created nothing, and has the terminal back.
    let mut terminal = Terminal::start(&space, &editor.kubeconfig, &["create", "--batch", "2"]);
    terminal.shows("Device type:");
    terminal.press("\u{3}");
    terminal.shows("nothing was created");
    assert_eq!(terminal.ends(), 1);
}
