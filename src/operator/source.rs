//! The flash chart, and how it is compiled with the administrator's values.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    api::{Reason, Refusal},
    cluster::ClusterVersion,
    flashjob::{
        blueprint::{self, FlashPod},
        verdict::Markers,
    },
    names::VALUES_KEY,
    settings::{FlashPodSettings, Settings, policy},
};
use helm_chart::{Chart, engine::Capabilities, yaml};

/// Numbers the chart settings of this process.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

/// The flash chart and everything around it that does not change at run time.
pub(super) struct ChartSource {
    chart: Chart,
    settings: FlashPodSettings,
    capabilities: Capabilities,
    markers: Markers,
    /// Name of the `ConfigMap` that holds them, where there is one.
    pub(super) config_map: Option<String>,
}

impl ChartSource {
    /// The built-in chart under default settings, with values in that `ConfigMap`.
    #[cfg(test)]
    pub(super) fn built_in(config_map: &str) -> Self {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            settings: FlashPodSettings,
        }
        let Line { settings } = clap::Parser::parse_from(["test"]);
        Self {
            chart: super::flash_chart(None).expect("a chart"),
            settings,
            capabilities: Capabilities::default(),
            markers: Markers::default(),
            config_map: Some(config_map.to_owned()),
        }
    }

    /// The chart in a cluster of that version.
    pub(super) fn new(
        chart: Chart,
        settings: &Settings,
        version: ClusterVersion,
        markers: Markers,
    ) -> Self {
        Self {
            chart,
            settings: settings.flash_pod.clone(),
            capabilities: Capabilities {
                kube_version: version.kube_version,
                api_versions: version.api_versions,
                ..Capabilities::default()
            },
            markers,
            config_map: settings.flash_pod_values_configmap.clone(),
        }
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
                let name = self.config_map.as_deref().unwrap_or_default();
                (text.to_owned(), format!("ConfigMap {name} {VALUES_KEY}"))
            }),
            allowed_value_paths: self.settings.allowed_value_paths.clone(),
            features: self.settings.features(),
            policy,
            markers: self.markers.clone(),
            capabilities: self.capabilities.clone(),
        };
        FlashPod::load(
            self.chart.clone(),
            &settings,
            NEXT_VERSION.fetch_add(1, Ordering::Relaxed),
        )
    }
}
