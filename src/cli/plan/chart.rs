//! The flash chart as an operator with these settings has it. Reads files.

use helm_chart::{engine::Capabilities, yaml};

use super::super::terminal::Failure;
use crate::{
    flashjob::{
        blueprint::{FlashPod, Settings},
        verdict::Markers,
    },
    operator::flash_chart,
    settings::{FlashPodSettings, policy},
};

/// Chart values of the administrator, as text, and the name of their source.
pub type Values = Option<(String, String)>;

/// The flash chart with the administrator's values around it.
///
/// # Errors
/// When the chart, the values or a setting cannot be used.
pub fn flash_pod(
    settings: &FlashPodSettings,
    values: Values,
    capabilities: Capabilities,
) -> Result<FlashPod, Failure> {
    let chart = flash_chart(settings.flash_pod_chart.as_deref())?;
    // What cannot be read is refused with its place when it is compiled.
    let operator = values
        .as_ref()
        .and_then(|(text, _)| yaml::parse(text).ok())
        .unwrap_or_default();
    let settings = Settings {
        policy: policy(settings, [&chart.values, &operator])?,
        operator_values: values,
        allowed_value_paths: settings.allowed_value_paths.clone(),
        features: settings.features(),
        markers: Markers::default(),
        capabilities,
    };
    FlashPod::load(chart, &settings, 0)
        .map_err(|refusal| format!("{}: {}", refusal.reason, refusal.message).into())
}
