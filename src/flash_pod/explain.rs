//! Each value of a device with the layer that set it, and what a job was refused, for people to read. Pure.
//!
//! Called by `kubectl flashjob render`.

use std::fmt;

use serde_json::Value;

use super::device_values::DeviceContext;
use super::layers::{Layer, Layers, LayersError, Refusal, resolve};
use helm_chart::pointer::Pointer;
use helm_chart::values::leaves;

/// Where each value comes from. Prints one line a value, then one a refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Each leaf, what it is, and who set it.
    pub values: Vec<(Pointer, Value, Layer)>,
    /// What the job may not set.
    pub refused: Vec<Refusal>,
}

/// Explains the values of one device.
///
/// # Errors
/// The template that has no result for this device, or a layer that is not a map.
pub fn explain(layers: &Layers<'_>, context: &DeviceContext) -> Result<Explanation, LayersError> {
    let (merged, refused) = resolve(layers, context)?;
    let document = merged.values.as_object();
    let values = document
        .map(leaves)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(place, value)| {
            let layer = *merged.origin.get(&place)?;
            Some((place, value.clone(), layer))
        })
        .collect();
    Ok(Explanation { values, refused })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, value, layer) in &self.values {
            match value {
                Value::String(text) if is_plain(text) => writeln!(f, "{place} {text} ← {layer}")?,
                value => writeln!(f, "{place} {value} ← {layer}")?,
            }
        }
        for refusal in &self.refused {
            writeln!(f, "{}: {refusal}", refusal.reason())?;
        }
        Ok(())
    }
}

/// Whether a string cannot be mistaken for anything else without its quotes.
fn is_plain(text: &str) -> bool {
    let is_visible = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    !text.is_empty() && text.chars().all(is_visible) && serde_json::from_str::<Value>(text).is_err()
}
