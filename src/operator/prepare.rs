//! What is settled before a process stands for the Lease: the chart, the engine, what the API server is. Writes nothing.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{HELM_GRACE, RunError, flash_chart, source::ChartSource};
use crate::{
    cluster::{ApiError, Clients, Fence, Kinds, Reader, Writer, clock},
    crash::Crash,
    flashjob::verdict::Markers,
    names::HELM_DIRECTORY_PREFIX,
    settings::{EngineChoice, Settings, policy},
    telemetry::Metrics,
};
use helm_chart::{Chart, feature::Feature};
use helm_release::command::{self, Helm};

/// Longest wait for an answer to a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the API server is asked again at start.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// How soon.
const START_PAUSE: Duration = Duration::from_secs(1);

/// A process that may stand for the Lease.
pub(super) struct Prepared {
    pub settings: Settings,
    pub metrics: Metrics,
    pub clients: Clients,
    pub writer: Writer,
    /// The flash chart.
    pub source: ChartSource,
    /// The helm command, where it is the engine. It starts nothing while the fence is closed.
    pub helm: Option<Helm>,
    /// What the flash Pod's log means.
    pub markers: Markers,
    /// The operator's own namespace.
    pub namespace: String,
    /// Where to abort, in tests.
    pub crash: Crash,
}

/// Prepares a process whose writes go behind that fence.
pub(super) async fn prepare(
    settings: Settings,
    metrics: Metrics,
    clients: Clients,
    fence: &Arc<Fence>,
) -> Result<Prepared, RunError> {
    policy(&settings.flash_pod, [])?;
    let chart = flash_chart(settings.flash_pod.flash_pod_chart.as_deref())?;
    let markers = markers(settings.log_markers.as_deref())?;
    let (kinds, source) = known(&settings, &clients, (chart, &markers)).await?;
    let timeout = settings.write_timeout();
    let writer = Writer::new(clients.write.clone(), kinds, timeout, metrics.clone());
    let leading = Arc::clone(fence);
    let helm = engine(&settings, &source).await?;
    let helm = helm.map(|helm| helm.only_while(move || leading.is_held(clock::boot_time())));
    Ok(Prepared {
        markers,
        namespace: settings.own_namespace(&clients.default_namespace),
        crash: settings.crash(),
        settings,
        metrics,
        clients,
        writer,
        source,
        helm,
    })
}

/// What has to be known of the API server before anything else is asked of it.
async fn known(
    settings: &Settings,
    clients: &Clients,
    (chart, markers): (Chart, &Markers),
) -> Result<(Kinds, ChartSource), RunError> {
    let extra = &settings.flash_pod.allowed_extra_kinds;
    let kinds = asked_again(|| Kinds::default().discover(&clients.read, extra)).await?;
    let reader = Reader::new(clients.read.clone(), READ_TIMEOUT);
    let version = asked_again(|| reader.cluster_version()).await?;
    let source = ChartSource::new(chart, settings, version, markers.clone());
    Ok((kinds, source))
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
    let unsupported = match source.load(None) {
        Ok(flash_pod) => {
            if !flash_pod.used.is_empty() {
                let allowed = flash_pod.used.to_string();
                tracing::warn!(
                    allowed,
                    "the flash chart uses what an administrator allowed it"
                );
            }
            flash_pod.unsupported
        }
        // Every job says so, too; no engine would do.
        Err(refusal) => {
            tracing::error!(reason = %refusal.reason, error = refusal.message, "the flash chart cannot be used");
            None
        }
    };
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
    let found = Helm::find(&command::Settings {
        binary: settings.helm_path.clone(),
        kubeconfig: settings.kubeconfig(),
        processes,
        timeout: Duration::from_secs(settings.helm_timeout),
        grace: HELM_GRACE,
        history_max: 0,
        hooks: settings.flash_pod.features().allow(Feature::Hooks),
        directory_prefix: HELM_DIRECTORY_PREFIX,
    })
    .await
    .map_err(RunError::Helm)?;
    tracing::info!(version = %found.version(), "helm found");
    Ok(Some(found))
}
