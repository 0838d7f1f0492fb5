//! `flashjob-operator run`: logs, HTTP pages and signals around the operator.

use std::process::ExitCode;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use super::Failure;
use crate::{
    cluster::{Reviewer, clock},
    http::{Gate, Listener, Pages, Readiness, Tls, guarded_metrics, local_pages, open_pages},
    operator,
    settings::Settings,
    telemetry::{self, LogLevel, Metrics},
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
    let (ready_tx, ready) = watch::channel(Readiness::default());
    let pages = Pages {
        ready,
        metrics: metrics.clone(),
    };
    let serving = serve(&settings, pages, log_level).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %settings.http_address, "starting");
    let ended = Box::pin(operator::run(settings, metrics, ready_tx, stop)).await;
    drop(serving);
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

/// Serves every page that the settings ask for, until what it returns is dropped.
async fn serve(
    settings: &Settings,
    pages: Pages,
    log_level: LogLevel,
) -> Result<JoinSet<()>, Failure> {
    let mut serving = JoinSet::new();
    if settings.metrics_secure {
        let tls = Tls::new(settings.metrics_cert_path.as_deref())?;
        let gate = Gate::new(Reviewer::connect(settings.write_timeout()).await?);
        let listener = Listener::bind(settings.metrics_address, "--metrics-address").await?;
        let guarded = guarded_metrics(pages.metrics.clone(), gate);
        serving.spawn(listener.over(tls).serve(guarded));
    }
    if let Some(address) = settings.log_level_address {
        let listener = Listener::bind(address, "--log-level-address").await?;
        serving.spawn(listener.serve(local_pages(log_level)));
    }
    let listener = Listener::bind(settings.http_address, "--http-address").await?;
    serving.spawn(listener.serve(open_pages(pages, settings.metrics_secure)));
    Ok(serving)
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
