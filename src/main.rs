//! The operator's program.

use clap::{Parser, Subcommand};
use flashjob_operator::{operator, settings::Settings, telemetry};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}
#[derive(Subcommand)]
#[allow(clippy::large_enum_variant)]
enum Command {
    Run(Settings),
    Crds,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match Line::parse().command {
        Command::Crds => {
            for (_, text) in flashjob_operator::api::crd::manifests() {
                println!("{text}");
            }
            std::process::ExitCode::SUCCESS
        }
        Command::Run(settings) => {
            let _ = telemetry::start(settings.log_format, &settings.log_level);
            let (stop_tx, stop) = tokio::sync::watch::channel(false);
            let (ready, _keep) = tokio::sync::watch::channel(false);
            tokio::spawn(async move {
                let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
                tokio::select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
                stop_tx.send_replace(true);
            });
            match operator::run(settings, telemetry::Metrics::default(), ready, stop).await {
                Ok(()) => std::process::ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    std::process::ExitCode::FAILURE
                }
            }
        }
    }
}
