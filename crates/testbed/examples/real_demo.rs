//! `make demo NODE=real`: the operator as it is shipped flashes six devices, whose bytes are compared with the firmware.
#![allow(
    clippy::unwrap_used,
    reason = "a demonstration that cannot go on panics"
)]

use std::process::ExitCode;

use serde_json::{Value, json};
use testbed::{
    real::{
        World,
        board::Board,
        installation::Installation,
        site::{JOB, Site},
    },
    seconds,
};

/// Devices, each slow enough that one sees them at work.
const DEVICES: usize = 6;

/// Bytes that they read in a second.
const FAULT: &str = "slow:200000";

#[tokio::main]
async fn main() -> ExitCode {
    say("Starting a control plane and a node: kubelet, containerd, kube-proxy");
    let world = World::shared();
    show(world, &["get", "nodes", "-o", "wide"]);
    say("Installing the operator: its image, by its chart, with two replicas");
    let installation = Installation::shared();
    installation.ready();
    show(
        world,
        &["get", "pods", "-n", "flashjob-system", "-o", "wide"],
    );
    say("Turning on six devices, each a process in a network of its own");
    let site = Site::new("demo", &[FAULT; DEVICES]).await;
    let uuids = site.uuids().await;
    show(world, &["get", "instances", "-n", &site.space.name]);
    say("Applying a FlashJob for all of them, three at a time");
    site.apply(&json!({
        "parallelism": 3, "verification": {"mode": "Version", "timeoutSeconds": 60},
    }))
    .await;
    let pods = site.receiving(3).await;
    show(
        world,
        &["get", "flashjobs,pods,services", "-n", &site.space.name],
    );
    say("The end of the log of one of them, while it flashes");
    show(
        world,
        &["logs", "-n", &site.space.name, "--tail=8", &pods[0]],
    );
    site.space
        .becomes(JOB, "end of the job", 180, |job| job.is("Finished"))
        .await;
    show(
        world,
        &["get", "flashjob", JOB, "-n", &site.space.name, "-o", "wide"],
    );
    let same = compare(&site, &uuids);
    say("Deleting the FlashJob leaves nothing behind");
    site.space.delete_job(JOB, 60).await;
    show(
        world,
        &["get", "pods,services,secrets", "-n", &site.space.name],
    );
    if same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints what each device says it received and keeps; whether all of them have the firmware.
fn compare(site: &Site, uuids: &[String]) -> bool {
    let world = site.world;
    say("What the registry handed out, and what each device has in its memory");
    println!("{:<36}  {:<13}  {:>9}  sha256", "", "", "bytes");
    println!(
        "{:<36}  {:<13}  {:>9}  {}",
        World::firmware(),
        "",
        world.size,
        world.hash
    );
    let rows: Vec<_> = std::iter::zip(uuids, &site.boards)
        .map(|(uuid, board)| (uuid, board, proof(board)))
        .collect();
    for (uuid, board, proof) in &rows {
        let memory = proof["memory"]
            .as_str()
            .unwrap_or("the firmware that it was made with");
        println!(
            "{uuid}  {:<13}  {:>9}  {memory}",
            board.address, proof["received"]
        );
    }
    let has_it = |proof: &Value| proof["memory"] == world.hash && proof["received"] == world.size;
    let count = rows.iter().filter(|(_, _, proof)| has_it(proof)).count();
    say(&format!(
        "{count} of {DEVICES} devices have the firmware, byte for byte"
    ));
    count == DEVICES
}

/// What a device says of itself; it may be on its way back from its reboot.
fn proof(board: &Board) -> Value {
    let mut asked = (0..50).map(|_| {
        std::thread::sleep(seconds(1) / 5);
        board.proof()
    });
    asked.find_map(|proof| proof).unwrap()
}

fn say(words: &str) {
    println!("\n\x1b[1m{words}\x1b[0m");
}

/// Prints a command and what it answers.
fn show(world: &World, arguments: &[&str]) {
    println!("\x1b[2m$ kubectl {}\x1b[0m", arguments.join(" "));
    print!("{}", world.plane.kubectl(arguments));
}
