//! The running operator: clients, election, the flash chart and its settings, the controller, and their end in the right order.
//!
//! Called by the `run` subcommand. One process leads; the others wait for the Lease and serve health and metrics meanwhile.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use include_dir::{Dir, include_dir};
use tokio::sync::{mpsc, watch as signal};

use crate::{
    api::Reason,
    chart::{Chart, load::LoadError, template::Capabilities, yaml},
    cluster::{
        ApiError, ClientError, Clients, Election, Events, Fence, Kinds, Lost, Reader, Scope,
        Writer, clock,
        watch::{self, WatchEvent},
    },
    flashjob::{
        self, Context, Limits,
        attempts::Bounds,
        blueprint::{self, FlashPod},
        memory::Refusal,
        verdict::Markers,
    },
    release::engine::helm::{self, Helm, HelmError},
    settings::{EngineChoice, FlashPodSettings, PolicyError, Settings, SettingsError, policy},
    telemetry::Metrics,
};

/// The flash chart that is built in.
static FLASH_POD: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/charts/flash-pod");
/// Key of the administrator's values in their `ConfigMap`.
const VALUES_KEY: &str = "values.yaml";
/// How long running steps get to end when the process stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How long a helm process may take to end when it is asked to.
const HELM_GRACE: Duration = Duration::from_secs(10);
/// The same when the lease is lost: then the next leader may begin soon.
const LOST_HELM_GRACE: Duration = Duration::from_millis(500);
/// Longest wait for an answer to a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Numbers the chart settings of this process.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

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
    let kinds = Kinds::default()
        .discover(&clients.read, &settings.flash_pod.allowed_extra_kinds)
        .await?;
    let writer = Writer::new(
        clients.write.clone(),
        kinds,
        settings.write_timeout(),
        metrics.clone(),
    );
    let source = ChartSource::new(chart, &settings, &clients).await?;
    let leading = Arc::clone(&fence);
    let helm = engine(&settings, &source).await?;
    let helm = helm.map(|helm| helm.only_while(move || leading.is_held(clock::boot_time())));
    tracing::info!(
        engine = if helm.is_some() { "helm" } else { "native" },
        namespace,
        "waiting for the leader lease"
    );
    ready.send_replace(true);
    let election = Election::new(
        clients.lease.clone(),
        &namespace,
        settings.lease_times(),
        settings.write_timeout(),
        fence,
    );
    let mut leadership = tokio::select! {
        leadership = election.win() => leadership,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    metrics.leading(true);
    let (events, _publisher) = Events::start(clients.write.clone(), leadership.identity());
    let (nudge_tx, nudge_rx) = mpsc::unbounded_channel();
    let flash_pod = source.load(None).map(Arc::new);
    let limits = limits(&settings, markers(settings.log_markers.as_deref())?);
    let ctx = Arc::new(Context::new(
        (clients.read.clone(), writer),
        (metrics.clone(), events),
        limits,
        helm.clone().map(Arc::new),
        flash_pod,
        nudge_tx,
    ));
    ctx.state().own_namespace.clone_from(&namespace);
    let values = administrators_values(Arc::clone(&ctx), source, &settings, namespace).await;
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
        if let Err(error) = leadership.release().await {
            tracing::warn!(error = %error, "the lease was not given up; it expires by itself");
        }
    }
    ended
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

/// The flash chart and everything around it that does not change at run time.
struct ChartSource {
    chart: Chart,
    settings: FlashPodSettings,
    capabilities: Capabilities,
    configmap: String,
}

impl ChartSource {
    async fn new(chart: Chart, settings: &Settings, clients: &Clients) -> Result<Self, RunError> {
        let version = Reader::new(clients.read.clone(), READ_TIMEOUT)
            .cluster_version()
            .await?;
        Ok(Self {
            chart,
            settings: settings.flash_pod.clone(),
            capabilities: Capabilities {
                kube_version: version.kube_version,
                api_versions: version.api_versions,
                ..Capabilities::default()
            },
            configmap: settings
                .flash_pod_values_configmap
                .clone()
                .unwrap_or_default(),
        })
    }

    /// Compiles the chart with these values of the administrator.
    fn load(&self, values: Option<&str>) -> Result<FlashPod, Refusal> {
        // What cannot be parsed is refused with its place when it is compiled.
        let parsed = values.and_then(|text| yaml::parse(text).ok());
        let policy = policy(
            &self.settings,
            [&self.chart.values].into_iter().chain(&parsed),
        );
        let policy = policy.map_err(|error| Refusal {
            reason: Reason::ChartInvalid,
            message: error.to_string(),
        })?;
        let settings = blueprint::Settings {
            operator_values: values.map(|text| {
                (
                    text.to_owned(),
                    format!("ConfigMap {} {VALUES_KEY}", self.configmap),
                )
            }),
            allowed_value_paths: self.settings.allowed_value_paths.clone(),
            policy,
            capabilities: self.capabilities.clone(),
        };
        FlashPod::load(
            self.chart.clone(),
            &settings,
            NEXT_VERSION.fetch_add(1, Ordering::Relaxed),
        )
    }
}

/// Follows the administrator's values: a bad edit keeps the last good ones and says so.
async fn administrators_values(
    ctx: Arc<Context>,
    source: ChartSource,
    settings: &Settings,
    namespace: String,
) -> impl Future<Output = ()> + use<> {
    let name = settings.flash_pod_values_configmap.clone();
    let mut events = name.map(|name| watch::config_map(&ctx.read, &namespace, &name));
    // The first list is awaited: a job must not start with values that are about to change.
    if let Some(events) = &mut events {
        let listed = follow(&ctx, &source, events, true);
        if tokio::time::timeout(READ_TIMEOUT, listed).await.is_err() {
            tracing::error!(
                "the administrator's chart values could not be read yet; the chart's own are used"
            );
        }
    }
    async move {
        match &mut events {
            Some(events) => follow(&ctx, &source, events, false).await,
            None => std::future::pending().await,
        }
    }
}

async fn follow(
    ctx: &Context,
    source: &ChartSource,
    events: &mut watch::Watch<k8s_openapi::api::core::v1::ConfigMap>,
    until_listed: bool,
) {
    while let Some(watched) = events.next().await {
        let values = match watched.event {
            WatchEvent::Seen(object) => object.data.and_then(|mut data| data.remove(VALUES_KEY)),
            WatchEvent::Deleted(_) => None,
            WatchEvent::Listed if until_listed => return,
            WatchEvent::Restarted | WatchEvent::Listed | WatchEvent::NotInstalled => continue,
            WatchEvent::Failed(error) => {
                tracing::warn!(kind = "ConfigMap", error = %error, "watch failed, trying again");
                continue;
            }
        };
        let first = ctx.flash_pod().is_err();
        match source.load(values.as_deref()) {
            Ok(flash_pod) => {
                tracing::info!(configmap = source.configmap, "chart values were loaded");
                ctx.set_flash_pod(Ok(Arc::new(flash_pod)));
            }
            // Nothing good to keep: nothing starts, and every job says why.
            Err(refusal) if first || until_listed => ctx.set_flash_pod(Err(Refusal {
                reason: Reason::ChartInvalid,
                message: format!("{}; mend ConfigMap {}", refusal.message, source.configmap),
            })),
            Err(refusal) => {
                tracing::error!(
                    configmap = source.configmap,
                    error = refusal.message,
                    "chart values cannot be used; the last good ones are kept"
                );
                ctx.metrics.release("chart", "load values", "refused");
            }
        }
    }
}
