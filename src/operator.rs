//! The running operator: clients, election, the flash chart and its settings, the controller, and their end in the right order.
//!
//! Called by the `run` subcommand. One process leads; the others wait for the Lease and serve health and metrics meanwhile.

mod fence;
mod source;
mod values;

use std::{path::Path, sync::Arc, time::Duration};

use include_dir::{Dir, include_dir};
use tokio::{
    sync::{mpsc, watch as signal},
    time::Instant,
};

use crate::{
    chart::{Chart, load::LoadError},
    cluster::{
        ApiError, ClientError, Clients, Election, Events, Fence, Kinds, Leadership, Lost, Reader,
        Scope, Writer, clock,
    },
    flashjob::{self, Context, Limits, attempts::Bounds, verdict::Markers},
    release::engine::helm::{self, Helm, HelmError},
    settings::{EngineChoice, PolicyError, Settings, SettingsError, policy},
    telemetry::Metrics,
};
use fence::FenceBroken;
use source::ChartSource;
use values::administrators_values;

/// The flash chart that is built in.
static FLASH_POD: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/charts/flash-pod");
/// Longest wait for an answer to a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the API server is asked again at start.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// How soon.
const START_PAUSE: Duration = Duration::from_secs(1);
/// How long running steps get to end when the process stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How long a helm process may take to end when it is asked to.
const HELM_GRACE: Duration = Duration::from_secs(10);
/// The same when the lease is lost: then the next leader may begin soon.
const LOST_HELM_GRACE: Duration = Duration::from_millis(500);

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
    let namespace = settings.own_namespace(&clients.default_namespace);
    policy(&settings.flash_pod, [])?;
    let chart = flash_chart(settings.flash_pod.flash_pod_chart.as_deref())?;
    let (kinds, source) = tokio::select! {
        known = known(&settings, &clients, chart) => known?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    let writer = Writer::new(
        clients.write.clone(),
        kinds,
        settings.write_timeout(),
        metrics.clone(),
    );
    let leading = Arc::clone(&fence);
    let helm = engine(&settings, &source).await?;
    let helm = helm.map(|helm| helm.only_while(move || leading.is_held(clock::boot_time())));
    tracing::info!(
        engine = if helm.is_some() { "helm" } else { "native" },
        namespace,
        "waiting for the leader lease"
    );
    ready.send_replace(true);
    let crash = settings.crash();
    let election = Election::new(
        clients.lease.clone(),
        &namespace,
        settings.lease_times(),
        settings.write_timeout(),
        fence,
    )
    .crashing(crash.clone());
    let mut leadership = tokio::select! {
        leadership = election.win() => leadership,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    metrics.leading(true);
    let leader = leadership.identity().to_owned();
    let (events, publisher) = Events::start(clients.write.clone(), &leader, crash.clone());
    if settings.fence {
        let places = fence::places(&settings.watch_namespaces, &namespace);
        let proved = tokio::select! {
            lost = leadership.keep() => Err(RunError::Lost(lost)),
            proved = fence::prove(&writer, &places, &leader) => proved.map_err(RunError::from),
            _ = stop.wait_for(|stop| *stop) => {
                give_up(leadership).await;
                return Ok(());
            }
        };
        if let Err(error) = proved {
            metrics.leading(false);
            if let RunError::FenceBroken(broken) = &error {
                ready.send_replace(false);
                events.publish(broken.fact(&namespace, leadership.lease_uid()));
                drop(events);
                // An event that is lost is no error.
                let _ = tokio::time::timeout(settings.write_timeout(), publisher).await;
                give_up(leadership).await;
            }
            return Err(error);
        }
    }
    let (nudge_tx, nudge_rx) = mpsc::unbounded_channel();
    let flash_pod = source.load(None).map(Arc::new);
    let limits = limits(&settings, markers(settings.log_markers.as_deref())?);
    let ctx = Arc::new(Context::new(
        (clients.read.clone(), writer, crash),
        (metrics.clone(), events, leader),
        limits,
        helm.clone().map(Arc::new),
        flash_pod,
        nudge_tx,
    ));
    ctx.state().own_namespace.clone_from(&namespace);
    let values = administrators_values(Arc::clone(&ctx), source, namespace).await;
    let instances = Scope::of(&settings.akri_namespaces);
    let controller = flashjob::run(Arc::clone(&ctx), settings.scope(), instances, nudge_rx);
    let ended = tokio::select! {
        lost = leadership.keep() => Err(RunError::Lost(lost)),
        () = controller => Ok(()),
        () = values => Ok(()),
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    };
    metrics.leading(false);
    if let Some(helm) = &helm {
        helm.stop_all(if ended.is_ok() {
            HELM_GRACE
        } else {
            LOST_HELM_GRACE
        })
        .await;
    }
    if ended.is_ok() {
        ctx.drained(DRAIN).await;
        give_up(leadership).await;
    }
    ended
}

/// What has to be known of the API server before anything else is asked of it.
async fn known(
    settings: &Settings,
    clients: &Clients,
    chart: Chart,
) -> Result<(Kinds, ChartSource), RunError> {
    let extra = &settings.flash_pod.allowed_extra_kinds;
    let kinds = asked_again(|| Kinds::default().discover(&clients.read, extra)).await?;
    let reader = Reader::new(clients.read.clone(), READ_TIMEOUT);
    let version = asked_again(|| reader.cluster_version()).await?;
    Ok((kinds, ChartSource::new(chart, settings, version)))
}

/// Asks again while it may help, for some time: a process that ends is started again later each time.
async fn asked_again<T>(ask: impl AsyncFn() -> Result<T, ApiError>) -> Result<T, ApiError> {
    let end = Instant::now() + START_PATIENCE;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && Instant::now() < end => {
                tracing::warn!(error = %error, "the API server is needed to start; trying again");
                tokio::time::sleep(START_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Lets the next leader begin at once. Call it once no write is under way.
async fn give_up(leadership: Leadership) {
    if let Err(error) = leadership.release().await {
        tracing::warn!(error = %error, "the lease was not given up; it expires by itself");
    }
}

fn limits(settings: &Settings, markers: Markers) -> Limits {
    let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Limits {
        max_in_flight: usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX),
        bounds: Bounds {
            address_seconds: seconds(settings.address_timeout_seconds),
            start_seconds: seconds(settings.start_deadline_seconds),
            cool_down_seconds: seconds(settings.cool_down_seconds),
            // The kubelet's own grace, and a minute for a node that only seems lost.
            lost_seconds: 300 + 60,
            retry_seconds: seconds(settings.retry_base_seconds),
            helm_seconds: seconds(
                (Duration::from_secs(settings.helm_timeout)
                    + HELM_GRACE
                    + settings.write_timeout())
                .as_secs()
                    + 1,
            ),
        },
        markers,
    }
}

/// What the flash Pod's log means: the built-in words, or those of a file.
fn markers(path: Option<&Path>) -> Result<Markers, RunError> {
    let Some(path) = path else {
        return Ok(Markers::default());
    };
    let failed = |message: String| RunError::Markers {
        path: path.display().to_string(),
        message,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// The helm command where it is the engine: asked for, or needed by the chart and allowed.
async fn engine(settings: &Settings, source: &ChartSource) -> Result<Option<Helm>, RunError> {
    let unsupported = source
        .load(None)
        .ok()
        .and_then(|flash_pod| flash_pod.unsupported.clone());
    match (settings.engine, unsupported) {
        (EngineChoice::Native, Some(unsupported)) => return Err(RunError::NeedsHelm(unsupported)),
        (EngineChoice::Native | EngineChoice::Auto, None) => return Ok(None),
        (EngineChoice::Auto, Some(unsupported)) => {
            tracing::warn!(
                reason = unsupported,
                "the flash chart needs helm: using the helm engine"
            );
        }
        (EngineChoice::Helm, _) => {}
    }
    let processes = u16::try_from(settings.helm_processes).unwrap_or(u16::MAX);
    let found = Helm::find(&helm::Settings {
        binary: settings.helm_path.clone(),
        kubeconfig: settings.kubeconfig(),
        processes,
        timeout: Duration::from_secs(settings.helm_timeout),
        grace: HELM_GRACE,
        history_max: 0,
    })
    .await?;
    tracing::info!(version = %found.version(), "helm found");
    Ok(Some(found))
}
