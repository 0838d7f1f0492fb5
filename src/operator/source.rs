//! The flash chart with the administrator's values, which are followed as they change. Reads the API server.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;

use super::RunError;
use crate::{
    api::Reason,
    chart::{Chart, template::Capabilities, yaml},
    cluster::{
        Clients, Reader,
        watch::{self, WatchEvent},
    },
    flashjob::{
        Context,
        blueprint::{self, FlashPod},
        memory::Refusal,
    },
    settings::{FlashPodSettings, Settings, policy},
};

/// Key of the administrator's values in their `ConfigMap`.
const VALUES_KEY: &str = "values.yaml";
/// Longest wait for an answer to a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Numbers the chart settings of this process.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

/// The flash chart and everything around it that does not change at run time.
pub(super) struct ChartSource {
    chart: Chart,
    settings: FlashPodSettings,
    capabilities: Capabilities,
    configmap: String,
}

impl ChartSource {
    pub(super) async fn new(
        chart: Chart,
        settings: &Settings,
        clients: &Clients,
    ) -> Result<Self, RunError> {
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
    pub(super) fn load(&self, values: Option<&str>) -> Result<FlashPod, Refusal> {
        // What cannot be parsed is refused with its place when it is compiled.
        let parsed = values.and_then(|text| yaml::parse(text).ok());
        let policy = policy(
            &self.settings,
            [&*self.chart.values].into_iter().chain(&parsed),
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
pub(super) async fn administrators_values(
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
