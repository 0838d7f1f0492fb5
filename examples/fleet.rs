//! Simulates a fleet of devices on the cluster of the current kubeconfig, until it is interrupted:
//! `cargo run --example fleet -- --devices 12 --print-job job.yaml`.

#[path = "fleet/mod.rs"]
mod simulator;

use std::{error::Error, fmt::Write, path::PathBuf};

use clap::Parser;
use kube::Client;
use simulator::{Fleet, Params};
use tokio::signal::unix::{SignalKind, signal};

/// Simulates a fleet of devices: Akri's Instances, the load balancer, and what happens inside flash pods.
#[derive(Parser)]
#[command(name = "fleet")]
struct Arguments {
    #[command(flatten)]
    fleet: Params,
    /// Write a `FlashJob` that names all devices here, `-` for the standard output.
    #[arg(long)]
    print_job: Option<PathBuf>,
    /// Name of that `FlashJob`.
    #[arg(long, default_value = "demo")]
    job_name: String,
    /// Firmware of that `FlashJob`.
    #[arg(long, default_value = "registry.example/firmware/esp32s3:0.2.0")]
    job_firmware: String,
    /// Version of that `FlashJob`.
    #[arg(long, default_value = "0.2.0")]
    job_version: String,
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
    if let Some(path) = &arguments.print_job {
        print(path, &job(&arguments, &fleet.uuids()))?;
    }
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

fn job(arguments: &Arguments, uuids: &[String]) -> String {
    let mut job = format!(
        "apiVersion: {}/{}\nkind: FlashJob\nmetadata: {{name: {}, namespace: {}}}\nspec:\n  firmware: {}\n  version: {}\n  uuid:\n",
        flashjob_operator::names::GROUP,
        flashjob_operator::names::VERSION,
        arguments.job_name,
        arguments.fleet.namespace,
        serde_json::Value::from(arguments.job_firmware.as_str()),
        serde_json::Value::from(arguments.job_version.as_str()),
    );
    for uuid in uuids {
        let _ = writeln!(job, "  - {uuid}");
    }
    job
}

fn print(path: &PathBuf, text: &str) -> Result<(), String> {
    if path.as_os_str() == "-" {
        println!("{text}");
        return Ok(());
    }
    std::fs::write(path, text)
        .map_err(|error| format!("could not write {}: {error}", path.display()))
}
