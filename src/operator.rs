//! The running operator: clients, election, the flash chart and its settings, the controller, and their end in the right order.
//!
//! Called by the `run` subcommand. One process leads; the others wait for the Lease and serve health and metrics meanwhile.

mod fence;
mod lead;
mod prepare;
pub mod seal_key;
mod source;
mod values;

use std::{path::Path, sync::Arc, time::Duration};

use include_dir::{Dir, include_dir};
use tokio::sync::watch as signal;

use crate::{
    chart::{Chart, load::LoadError},
    cluster::{ApiError, ClientError, Clients, Election, Fence, Lost},
    release::engine::helm::HelmError,
    settings::{PolicyError, Settings, SettingsError},
    telemetry::Metrics,
};
use fence::FenceBroken;
use lead::lead;
use prepare::prepare;

/// The flash chart that is built in.
static FLASH_POD: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/charts/flash-pod");
/// How long a helm process may take to end when it is asked to.
const HELM_GRACE: Duration = Duration::from_secs(10);

/// Why the operator stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Settings contradict each other.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No usable cluster configuration.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A request at start failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The flash chart cannot be read.
    #[error("cannot read the flash chart {path}")]
    Chart {
        /// Where it was looked for.
        path: String,
        /// Why.
        #[source]
        source: Box<LoadError>,
    },
    /// A setting of the guard cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The meaning of logs cannot be read.
    #[error("--log-markers {path}: {message}")]
    Markers {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// The helm engine was asked for and there is no usable helm.
    #[error(transparent)]
    Helm(#[from] HelmError),
    /// The chart needs helm and native was asked for.
    #[error("--engine native cannot render this chart, use auto or helm: {0}")]
    NeedsHelm(String),
    /// The API server does not fence operators that no longer lead, though it was asked for.
    #[error(transparent)]
    FenceBroken(#[from] FenceBroken),
    /// The Secret of the seals holds another key now.
    #[error("the key of the seals was changed, stopping to start over with it")]
    SealKeyChanged,
    /// Leadership was lost; another process leads.
    #[error("leadership was lost, stopping")]
    Lost(#[source] Lost),
}

/// The built-in flash chart, or the one at `path`: a directory or a .tgz archive.
///
/// # Errors
/// When it is no chart.
pub fn flash_chart(path: Option<&Path>) -> Result<Chart, RunError> {
    let loaded = match path {
        Some(path) => Chart::load(path),
        None => Chart::from_embedded(&FLASH_POD),
    };
    loaded.map_err(|source| RunError::Chart {
        path: path.map_or_else(|| "built in".to_owned(), |path| path.display().to_string()),
        source: Box::new(source),
    })
}

/// Runs until `stop` becomes true or leadership is lost. `ready` is true while standing by and while leading.
///
/// # Errors
/// Why it could not start, or that leadership was lost.
pub async fn run(
    settings: Settings,
    metrics: Metrics,
    ready: signal::Sender<bool>,
    mut stop: signal::Receiver<bool>,
) -> Result<(), RunError> {
    settings.check()?;
    let fence = Arc::new(Fence::default());
    let clients = Clients::connect(Arc::clone(&fence), settings.write_timeout()).await?;
    let prepared = tokio::select! {
        prepared = prepare(settings, metrics, clients, &fence) => prepared?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    tracing::info!(
        engine = if prepared.helm.is_some() {
            "helm"
        } else {
            "native"
        },
        namespace = prepared.namespace,
        "waiting for the leader lease"
    );
    ready.send_replace(true);
    let election = Election::new(
        prepared.clients.lease.clone(),
        &prepared.namespace,
        prepared.settings.lease_times(),
        prepared.settings.write_timeout(),
        fence,
    )
    .crashing(prepared.crash.clone());
    let leadership = tokio::select! {
        leadership = election.win() => leadership,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    Box::pin(lead(prepared, leadership, &ready, stop)).await
}
