//! The running operator: clients, election, the flash chart and its settings, the controller, and their end in the right order.
//!
//! Called by the `run` subcommand. One process leads; the others wait for the Lease and serve health and metrics meanwhile.

mod fence;
mod lead;
mod prepare;
mod rivals;
pub mod seal_key;
mod source;
mod values;

use std::{path::Path, sync::Arc, time::Duration};

use include_dir::{Dir, include_dir};
use tokio::{sync::watch as signal, time::sleep};

use crate::{
    cluster::{ApiError, ClientError, Clients, Election, Fence, Leadership, Lost, Others},
    http::Readiness,
    seam,
    settings::{PolicyError, Settings, SettingsError},
    telemetry::Metrics,
};
use fence::FenceBroken;
use helm_chart::{Chart, load::LoadError};
use helm_release::command::HelmError;
use lead::lead;
use prepare::{Prepared, prepare};
use rivals::Rivals;

/// The flash chart that is built in.
static FLASH_POD: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/charts/flash-pod");
/// Part of the pause after two operators were elected at the same time.
const YIELD: Duration = Duration::from_millis(500);
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
    #[error("no helm can be run: install helm, or choose the native engine")]
    Helm(#[source] HelmError),
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
/// When it is not a chart.
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

/// Runs until `stop` becomes true or leadership is lost. `ready` says whether it stands by or leads.
///
/// # Errors
/// Why it could not start, or that leadership was lost.
pub async fn run(
    settings: Settings,
    metrics: Metrics,
    ready: signal::Sender<Readiness>,
    stop: signal::Receiver<bool>,
) -> Result<(), RunError> {
    settings.check()?;
    let fence = Arc::new(Fence::new(settings.lease_times().grace()));
    let clients = Clients::connect(Arc::clone(&fence), settings.write_timeout()).await?;
    Box::pin(serve((settings, metrics), (clients, fence), ready, stop)).await
}

/// The same over these clients; the fence is that of the writing one.
pub(crate) async fn serve(
    (settings, metrics): (Settings, Metrics),
    (clients, fence): (Clients, Arc<Fence>),
    ready: signal::Sender<Readiness>,
    mut stop: signal::Receiver<bool>,
) -> Result<(), RunError> {
    let prepared = tokio::select! {
        biased;
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
    let election = Election::new(
        prepared.clients.lease.clone(),
        &prepared.namespace,
        prepared.settings.lease_times(),
        prepared.settings.write_timeout(),
        fence,
    )
    .crashing(prepared.crash.clone());
    let mut rivals = rivals_of(&prepared);
    let leadership = tokio::select! {
        biased;
        leadership = win_alone(&election, &mut rivals, &ready) => leadership,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    tokio::select! {
        biased;
        ended = Box::pin(lead(prepared, leadership, &ready, stop)) => ended,
        never = rivals.watch(true) => match never {},
    }
}

/// Looks for other operators where this one may work, if not everywhere.
fn rivals_of(prepared: &Prepared) -> Rivals {
    let settings = &prepared.settings;
    let namespaces = settings.watch_namespaces.iter().cloned();
    let others = Others::new(prepared.clients.read.clone(), namespaces);
    let (own, metrics) = (&prepared.namespace, prepared.metrics.clone());
    Rivals::new(others, own, &settings.ignored_operators, metrics)
}

/// Waits until this process leads, and no other operator does.
///
/// Two that begin at the same time may each see nobody before they win. So each looks again once it has won: the later of the two
/// sees the other. If both do, both give up, and begin again some time later, not at the same.
async fn win_alone(
    election: &Election,
    rivals: &mut Rivals,
    ready: &signal::Sender<Readiness>,
) -> Leadership {
    loop {
        rivals.gone(ready).await;
        ready.send_replace(Readiness::Ready);
        let mut leadership = tokio::select! {
            biased;
            leadership = election.win() => leadership,
            never = rivals.watch(false) => match never {},
        };
        let found = tokio::select! {
            biased;
            lost = leadership.keep() => {
                tracing::warn!(%lost, "the leader lease was won and lost again; trying again");
                continue;
            }
            found = rivals.look() => found,
        };
        match found {
            Ok(found) if found.is_empty() => return leadership,
            Ok(found) => tracing::warn!(
                ?found,
                "another operator was elected at the same time; trying again"
            ),
            Err(error) => tracing::warn!(%error, "cannot look for other operators; trying again"),
        }
        if let Err(error) = leadership.release().await {
            tracing::warn!(%error, "the lease was not given up; it expires by itself");
        }
        sleep(YIELD * u32::from(1 + seam::random::<1>()[0] % 8)).await;
    }
}
