//! `flashjob-operator run`: logs, HTTP pages and signals around the operator.

use std::process::ExitCode;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::Failure;
use crate::{
    cluster::clock,
    http::{self, Pages},
    operator,
    settings::Settings,
    telemetry::{self, Metrics},
};

/// Runs until SIGTERM or SIGINT, or until leadership is lost.
///
/// # Errors
/// When it fails before logs are written. Later failures, a lost leadership among them, are logged and end it with an exit
/// code: whatever supervises it starts it again.
pub async fn run(settings: Settings) -> Result<ExitCode, Failure> {
    settings.check()?;
    let log_level = telemetry::start(settings.log_format, &settings.log_level)?;
    let metrics = Metrics::default();
    metrics.started(clock::now());
    let stop = stop_signal()?;
    let (ready_tx, ready) = watch::channel(false);
    let pages = Pages {
        ready,
        metrics: metrics.clone(),
        log_level,
    };
    let mut stopped = stop.clone();
    let serving = http::serve(settings.http_address, pages, async move {
        // An error would mean that the signal task is gone: then nothing asks for a stop any more.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let serving = tokio::spawn(serving.await?);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %settings.http_address, "starting");
    let ended = Box::pin(operator::run(settings, metrics, ready_tx, stop)).await;
    serving.abort();
    // Once logs are written, an error belongs there, in their format.
    Ok(match ended {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "stopped");
            ExitCode::FAILURE
        }
    })
}

/// Becomes true when the process is asked to stop.
fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop_tx, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running writes end first");
        stop_tx.send_replace(true);
    });
    Ok(stop)
}
