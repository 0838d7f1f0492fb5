//! Whose value wins: chart, operator, class, job, device values and what the operator owns, one owner per path. Pure.
//!
//! Chart, operator and class give defaults. A job sets only paths that are open to it and that nobody after it sets: anything
//! else is refused with path and owner, never overridden in silence. Called by plans and by `kubectl flashjob render`.

mod check;
mod overlay;
mod refusal;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use self::overlay::Overlay;
pub use self::refusal::{LayersError, MAX_JOB_VALUES, Refusal};
use super::device_values::{DeviceContext, DeviceValues};
use helm_chart::pointer::Pointer;
use helm_chart::values::{coalesce, leaves};

/// Where a value comes from, in the order in which they are laid over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The chart's `values.yaml`.
    Chart,
    /// The administrator's values for all devices.
    Operator,
    /// The values of a class.
    Class,
    /// The values of a `FlashJob`.
    Job,
    /// The chart's `device-values.yaml`.
    DeviceValues,
    /// What the operator itself sets for an attempt.
    Attempt,
}

impl Layer {
    /// What sets the value, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Chart => "the flash chart",
            Self::Operator => "flashPod.values of the operator",
            Self::Class => "the FlashClass",
            Self::Job => "the FlashJob",
            Self::DeviceValues => "device-values.yaml of the flash chart",
            Self::Attempt => "the operator itself",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chart => "chart",
            Self::Operator => "operator",
            Self::Class => "class",
            Self::Job => "job",
            Self::DeviceValues => "device-values",
            Self::Attempt => "attempt",
        })
    }
}

/// All sources of the values of one device.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The chart's values.
    pub chart: &'a Value,
    /// The administrator's values for all devices.
    pub operator: Option<&'a DeviceValues>,
    /// The values of the class.
    pub class: Option<&'a DeviceValues>,
    /// The values of the job, literal.
    pub job: Option<&'a Value>,
    /// The chart's `device-values.yaml`, if it has one.
    pub device: Option<&'a DeviceValues>,
    /// What the operator itself sets, last of all.
    pub owned: &'a Value,
    /// The paths that are open to the job; each opens everything inside it.
    pub allowed: &'a [Pointer],
    /// The setting that opens paths to the job, for people.
    pub opens: &'a str,
}

/// The values of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// What templates see as `.Values`.
    pub values: Value,
    /// Everything but the chart's own values: what Helm records as the release's config.
    pub overrides: Value,
    /// For each leaf of `values` the layer that set it.
    pub origin: BTreeMap<Pointer, Layer>,
}

/// Lays all layers over each other.
///
/// # Errors
/// Every value of the job that is not its to set, or the template that has no result for this device.
pub fn merge(layers: &Layers<'_>, context: &DeviceContext) -> Result<Merged, LayersError> {
    let (merged, refused) = resolve(layers, context)?;
    if refused.is_empty() {
        Ok(merged)
    } else {
        Err(LayersError::Refused(refused))
    }
}

/// As [`merge`], but leaves out what is refused and says what that is.
///
/// # Errors
/// The template that has no result for this device, or a layer that is not a map.
pub fn resolve(
    layers: &Layers<'_>,
    context: &DeviceContext,
) -> Result<(Merged, Vec<Refusal>), LayersError> {
    let chart = object(layers.chart, Layer::Chart)?;
    let owned = object(layers.owned, Layer::Attempt)?;
    let mut overlay = Overlay::default();
    for (layer, values) in [
        (Layer::Operator, layers.operator),
        (Layer::Class, layers.class),
    ] {
        if let Some(values) = values {
            overlay.lay(values.render(context)?, layer);
        }
    }
    let (job, refused) = admit_job(layers, owned, &overlay);
    overlay.lay(job, Layer::Job);
    if let Some(device) = layers.device {
        overlay.lay(device.render(context)?, Layer::DeviceValues);
    }
    overlay.lay(owned.clone(), Layer::Attempt);

    let values = coalesce(chart, overlay.values());
    let origin = leaves(&values)
        .into_iter()
        .map(|(place, _)| {
            let layer = overlay.layer_of(&place).unwrap_or(Layer::Chart);
            (place, layer)
        })
        .collect();
    let overrides = Value::Object(overlay.values());
    Ok((
        Merged {
            values: Value::Object(values),
            overrides,
            origin,
        },
        refused,
    ))
}

fn object(value: &Value, layer: Layer) -> Result<&Map<String, Value>, LayersError> {
    value.as_object().ok_or(LayersError::NotAMap { layer })
}

/// The part of the job's values that is the job's to set, and why the rest is not. `defaults` is what lies below.
fn admit_job(
    layers: &Layers<'_>,
    owned: &Map<String, Value>,
    defaults: &Overlay,
) -> (Map<String, Value>, Vec<Refusal>) {
    let Some(document) = layers.job.filter(|value| !value.is_null()) else {
        return (Map::new(), Vec::new());
    };
    let Some(values) = document.as_object() else {
        return (Map::new(), vec![Refusal::NotAMap]);
    };
    let bytes = document.to_string().len();
    if bytes > MAX_JOB_VALUES {
        return (Map::new(), vec![Refusal::TooLarge { bytes }]);
    }
    let owned: Vec<Pointer> = leaves(owned).into_iter().map(|(place, _)| place).collect();
    let device = layers.device.map(DeviceValues::paths).unwrap_or_default();
    let (mut admitted, mut refused) = (document.clone(), Vec::new());
    for (path, _) in leaves(values) {
        let refusal = if owned.iter().any(|place| place.overlaps(&path)) {
            Refusal::Conflict {
                path: path.clone(),
                owner: Layer::Attempt,
            }
        } else if device.iter().any(|place| place.overlaps(&path)) {
            Refusal::Conflict {
                path: path.clone(),
                owner: Layer::DeviceValues,
            }
        } else if layers.allowed.iter().any(|open| path.is_within(open)) {
            continue;
        } else {
            Refusal::NotAllowed {
                path: path.clone(),
                owner: defaults.layer_of(&path).unwrap_or(Layer::Chart),
                opens: layers.opens.to_owned(),
            }
        };
        path.remove(&mut admitted);
        refused.push(refusal);
    }
    match admitted {
        Value::Object(map) => (map, refused),
        other => unreachable!("values stay a map, not {other}"),
    }
}

#[cfg(test)]
mod tests;
