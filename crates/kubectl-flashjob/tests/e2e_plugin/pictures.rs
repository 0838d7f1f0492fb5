//! Draws what people see into docs/pictures: `make screenshots`.

use std::path::Path;

use serde_json::json;
use testbed::{
    Params, Space,
    job::{FIRMWARE, job},
};

use super::{person, picture, terminal::Terminal};

/// Devices of the pictures: of a dozen, two refuse.
async fn fleet(space: &Space) -> testbed::Fleet {
    space
        .fleet(Params {
            devices: 12,
            flash_seconds: 6.0,
            refused_share: 0.17,
            ..Params::default()
        })
        .await
}

fn keep(terminal: &Terminal, name: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    let drawn = terminal.with_screen(picture::svg);
    std::fs::write(pictures.join(format!("terminal-{name}.svg")), drawn).expect("a picture");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "draws into the documents: make screenshots"]
async fn the_pictures_of_the_documents_are_drawn() {
    let space = Space::new("fleet").await;
    let fleet = fleet(&space).await;
    let person = person(&space, "flashjob-approver");
    for role in ["flashjob-user", "flashjob-editor"] {
        let user = format!("--clusterrole={role}");
        person.bind_as(role, "rolebinding", &user, &space.name);
    }

    let create = ["create", "--batch", "5", "--delay", "60s"];
    let mut terminal = Terminal::start(&space, &person.kubeconfig, &create);
    for (question, answer) in [
        ("Device type:", "esp32s3\r"),
        ("Application type:", "fmnist\r"),
        ("Filter:", "\r"),
        // The arrow to the right picks all.
        ("Devices:", "\u{1b}[C\r"),
        ("Firmware image:", &format!("{FIRMWARE}\r")),
        ("Version:", "\r"),
        ("Name of the FlashJob:", "\r"),
        ("Type 12 to flash 12 devices:", ""),
    ] {
        terminal.shows(question);
        terminal.press(answer);
    }
    keep(&terminal, "create");
    terminal.press("\u{3}");
    assert_eq!(terminal.ends(), 1);

    let spec = json!({
        "parallelism": 3, "maxFailedDevices": 4, "backoffLimitPerDevice": 0,
        "steps": [
            {"name": "canary", "devices": 2, "maxFailedDevices": 2},
            {"name": "batch", "devices": 5, "repeat": true, "maxFailedDevices": 2},
        ],
    });
    space.apply(&job("fmnist-0.2.0", &fleet.uuids(), &spec).to_string());
    let _operator = space.operator(&["--engine", "native"]);
    let watch = ["get", "fmnist-0.2.0", "-w"];
    let mut terminal = Terminal::start(&space, &person.kubeconfig, &watch);
    terminal.shows("1 failed");
    terminal.shows("Step 1.2");
    terminal.shows("Pod flash-");
    keep(&terminal, "get");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
}
