//! Runs one simulated device until it is killed.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use sim_device::{
    device::{Device, Settings},
    fault::Fault,
};

/// A simulated device.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// The agent's certificate, in PEM.
    #[arg(long)]
    pin: PathBuf,
    /// The device's own certificate, in DER.
    #[arg(long)]
    identity: PathBuf,
    /// Board.
    #[arg(long, default_value = "esp32s3")]
    board: String,
    /// What it runs.
    #[arg(long, default_value = "sensor")]
    application: String,
    /// The version that it starts with.
    #[arg(long, default_value = "1.0.0")]
    version: String,
    /// What is wrong with it: none, slow:BYTES, dumb, mute, garbage, other-pin, cut:BYTES, lying, old-version or swapped.
    #[arg(long, default_value = "none")]
    fault: Fault,
    /// How long it is away when it reboots.
    #[arg(long, default_value_t = 2000)]
    reboot_milliseconds: u64,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let settings = Settings {
        board: arguments.board,
        application: arguments.application,
        version: arguments.version,
        fault: arguments.fault,
        reboot: Duration::from_millis(arguments.reboot_milliseconds),
        ..Settings::read(arguments.listen, &arguments.pin, &arguments.identity)?
    };
    let device = Device::start(settings)?;
    println!("{}", device.address());
    loop {
        std::thread::park();
    }
}
