//! The flash chart as it is loaded: compiled, with the administrator's settings around it. Pure.

use std::sync::Arc;

use super::{DEVICE_VALUES_FILE, FlashPod, facts::sample_owned};
use crate::{
    api::{Reason, Refusal},
    flash_pod::{device_values::DeviceValues, guard::Policy, layers::Layers},
    flashjob::verdict::Markers,
};
use helm_chart::{
    Chart,
    engine::{Capabilities, CompileError, Program},
    feature::Features,
    pointer::Pointer,
    schema::Schema,
};

/// The setting that opens values to jobs where no class does.
const OPENS: &str = "--allowed-value-paths";

/// The administrator's settings around the chart.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Chart values for all devices, as YAML, and the name of their source.
    pub operator_values: Option<(String, String)>,
    /// Paths that a job may set.
    pub allowed_value_paths: Vec<String>,
    /// What charts may use.
    pub features: Features,
    /// What the guard lets through.
    pub policy: Policy,
    /// What the flash image writes.
    pub markers: Markers,
    /// What the cluster can do.
    pub capabilities: Capabilities,
}

impl FlashPod {
    /// Compiles a chart. `version` has to differ from that of every other chart or settings of this process.
    ///
    /// # Errors
    /// What in the chart or the settings cannot be used: file, key and why.
    pub fn load(chart: Chart, settings: &Settings, version: u64) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal {
            reason: Reason::ChartInvalid,
            message,
        };
        let device_values = chart
            .files
            .iter()
            .find(|file| file.name == DEVICE_VALUES_FILE);
        let device_values = device_values
            .map(|file| {
                DeviceValues::compile(&String::from_utf8_lossy(&file.data), DEVICE_VALUES_FILE)
            })
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let operator = settings.operator_values.as_ref();
        let operator = operator
            .map(|(text, source)| DeviceValues::compile(text, source))
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let (schema, unchecked) = match chart.schema.as_deref().map(Schema::compile).transpose() {
            Ok(schema) => (schema, None),
            // Helm checks the values itself.
            Err(error) if error.leaves_it_to_helm() => (None, Some(error.to_string())),
            Err(error) => return Err(invalid(error.to_string())),
        };
        let allowed: Result<Vec<Pointer>, _> = settings
            .allowed_value_paths
            .iter()
            .map(|path| path.parse())
            .collect();
        let allowed =
            allowed.map_err(|error| invalid(format!("--allowed-value-paths: {error}")))?;
        let features = settings.features.clone();
        let compiled = compiled(
            &chart,
            [operator.as_ref(), device_values.as_ref()],
            &features,
        );
        if let Some(forbidden) = compiled
            .as_ref()
            .err()
            .and_then(|error| error.forbidden(&features))
        {
            return Err(invalid(forbidden.to_string()));
        }
        let unsupported = compiled.as_ref().err().map(ToString::to_string);
        let unsupported = unsupported.or(unchecked);
        let used = compiled
            .as_ref()
            .err()
            .map(CompileError::used)
            .unwrap_or_default();
        let loaded = Self {
            chart: Arc::new(chart),
            program: compiled
                .ok()
                .filter(|_| unsupported.is_none())
                .map(Arc::new),
            unsupported,
            used,
            features,
            device_values: device_values.map(Arc::new),
            operator: operator.map(Arc::new),
            class: None,
            schema: schema.map(Arc::new),
            policy: settings.policy.clone(),
            allowed,
            opens: OPENS.to_owned(),
            markers: settings.markers.clone(),
            capabilities: Arc::new(settings.capabilities.clone()),
            version,
        };
        match loaded.operator_fault() {
            Some(fault) => Err(invalid(fault)),
            None => Ok(loaded),
        }
    }
}

/// The chart's templates, checked with the values that the administrator and the chart give every device.
fn compiled(
    chart: &Chart,
    [operator, device]: [Option<&DeviceValues>; 2],
    features: &Features,
) -> Result<Program, CompileError> {
    let program = Program::compile_allowing(chart, features)?;
    let layers = Layers {
        chart: &chart.values,
        operator,
        class: None,
        job: None,
        device,
        owned: &sample_owned(),
        allowed: &[],
        opens: "",
    };
    program.check_values(&layers.example())?;
    Ok(program)
}
