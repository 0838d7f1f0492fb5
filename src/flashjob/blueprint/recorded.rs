//! The values of an attempt as its release records them, each with the layer that set it. Pure.
//!
//! The record has the chart, the device's own values among its files, and everything that was laid over the chart's values. Which of
//! the layers between set a value follows from what the job and its class say, and from the order of the layers.

use serde_json::Value;

use super::{DEVICE_VALUES_FILE, facts::sample_owned};
use crate::{
    flash_pod::{device_values::DeviceValues, intent::Record, layers::Layer},
    flashclass::Frozen,
};
use helm_chart::{
    pointer::Pointer,
    values::{coalesce, leaves},
};

/// What is known of the layers between the chart and the operator's own values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Between<'a> {
    /// Values of the job.
    pub job: Option<&'a Value>,
    /// What the class froze; none where the job has no class, or where that cannot be read.
    pub class: Option<&'a Frozen>,
    /// Whether the job has a class that cannot be read.
    pub class_is_unknown: bool,
    /// The flash image that the round pins or that the job names.
    pub flash_image: Option<&'a str>,
}

/// A value of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedValue {
    /// Where it stands.
    pub place: Pointer,
    /// What it is.
    pub value: Value,
    /// Who set it; none where that cannot be told.
    pub layer: Option<Layer>,
}

/// Every value of a recorded attempt.
#[must_use]
pub fn recorded(record: &Record, between: Between<'_>) -> Vec<RecordedValue> {
    let none = serde_json::Map::new();
    let over = record.config.as_object().unwrap_or(&none);
    let chart = record.chart.values.as_object().unwrap_or(&none);
    let values = coalesce(chart, over.clone());
    let files = record.chart.files.iter();
    let device = files
        .filter(|file| file.name == DEVICE_VALUES_FILE)
        .find_map(|file| {
            DeviceValues::compile(&String::from_utf8_lossy(&file.data), DEVICE_VALUES_FILE).ok()
        });
    let device = device.as_ref().map(DeviceValues::paths).unwrap_or_default();
    let owned = sample_owned();
    let owned = owned.as_object().into_iter().flatten();
    // The address of the Service is recorded once it is known.
    let owned = owned.map(|(key, _)| key.as_str()).chain(["externalIP"]);
    let owned: Vec<Pointer> = owned.map(|key| Pointer::root().child(key)).collect();
    leaves(&values)
        .into_iter()
        .map(|(place, value)| {
            let layer = if place.get(&record.config).is_none() {
                Some(Layer::Chart)
            } else if owned.iter().any(|path| place.is_within(path))
                || is_flash_image(&place, value, between.flash_image)
            {
                Some(Layer::Attempt)
            } else if device.iter().any(|path| path.overlaps(&place)) {
                Some(Layer::DeviceValues)
            } else {
                below(&place, value, between)
            };
            let value = value.clone();
            RecordedValue {
                place,
                value,
                layer,
            }
        })
        .collect()
}

fn is_flash_image(place: &Pointer, value: &Value, image: Option<&str>) -> bool {
    let reference = Pointer::root().child("image").child("reference");
    *place == reference && image.is_some() && value.as_str() == image
}

/// Which of job, class and operator set a value.
fn below(place: &Pointer, value: &Value, between: Between<'_>) -> Option<Layer> {
    if let Some(said) = between.job.and_then(|job| place.get(job)) {
        // A job that says something else by now was changed since.
        return (said == value).then_some(Layer::Job);
    }
    let class = between.class.and_then(|class| class.values.as_ref());
    if class.is_some_and(|(values, _)| values.paths().iter().any(|path| path.overlaps(place))) {
        return Some(Layer::Class);
    }
    (!between.class_is_unknown).then_some(Layer::Operator)
}
