//! The options of the program, and its life: it serves until it is told to end.

use std::{error::Error, io::IsTerminal, net::SocketAddr, process::ExitCode};

use clap::Parser;
use flashjob_operator::cluster::own_addresses;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cluster::{Address, Desk, Door, OPERATOR_NAMESPACE},
    listener::Listener,
    server::console,
};

/// A REST API over FlashJobs. It has no rights: every request runs with the token that comes with it.
#[derive(Parser, Debug)]
#[command(name = "flashjob-console", version)]
struct CommandLine {
    /// Address to listen at. Whoever reads along reads tokens: beyond loopback, put something that speaks TLS in front of it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8085")]
    listen: SocketAddr,

    /// Namespace of the operator, by whose settings a plan goes as far as its reader may read them.
    #[arg(long, value_name = "NAMESPACE", default_value = OPERATOR_NAMESPACE)]
    operator_namespace: String,

    #[command(flatten)]
    address: Address,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO)
        .init();
    match run(&command_line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &*error, "the console cannot run");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command_line: &CommandLine) -> Result<(), Box<dyn Error>> {
    let config = command_line.address.config().await?;
    let door = Door::new(&config)?;
    let listener = Listener::bind(command_line.listen).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!(address = %listener.address()?, server = %config.cluster_url, "the console listens");
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let own = own_addresses(config.cluster_url.host(), std::env::vars());
    let desk = Desk::new(door)
        .with_operator_namespace(&command_line.operator_namespace)
        .with_own_addresses(&own);
    listener.serve(console(desk), end).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_hold_together_and_loopback_is_the_default() {
        CommandLine::command().debug_assert();
        let usual = CommandLine::parse_from(["flashjob-console"]);
        assert!(usual.listen.ip().is_loopback());
    }
}
