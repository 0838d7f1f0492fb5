//! Simulates a fleet of devices on the cluster of the current kubeconfig, until it is interrupted:
//! `cargo run -p testbed --bin fleet -- --devices 12 --print-expected devices.json`.

use std::{error::Error, path::PathBuf};

use clap::Parser;
use kube::Client;
use testbed::{Fleet, Params};
use tokio::signal::unix::{SignalKind, signal};

/// Simulates a fleet of devices: Akri's Instances, the load balancer, and what happens inside flash pods.
#[derive(Parser)]
#[command(name = "fleet")]
struct Arguments {
    #[command(flatten)]
    fleet: Params,
    /// Write uid, endpoint, fate and expected verdict of every device here, as JSON.
    #[arg(long)]
    print_expected: Option<PathBuf>,
    /// Write every flash here at the end, as JSON.
    #[arg(long)]
    journal: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let fleet = Fleet::start(Client::try_default().await?, arguments.fleet.clone()).await?;
    let devices = fleet.devices();
    if let Some(path) = &arguments.print_expected {
        print(path, &serde_json::to_string_pretty(&devices)?)?;
    }
    println!("the fleet is ready: {} devices", devices.len());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    if let Some(path) = &arguments.journal {
        print(path, &serde_json::to_string_pretty(&fleet.journal())?)?;
    }
    Ok(())
}

fn print(path: &PathBuf, text: &str) -> Result<(), String> {
    if path.as_os_str() == "-" {
        println!("{text}");
        return Ok(());
    }
    std::fs::write(path, text)
        .map_err(|error| format!("could not write {}: {error}", path.display()))
}
