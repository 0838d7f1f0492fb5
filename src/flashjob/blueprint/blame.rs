//! Whose fault it is that values break the schema: a device's own text fails that device alone, anything else the job. Pure.

use super::FlashPod;
use crate::{
    api::{Reason, Refusal},
    device::Device,
    flash_pod::{
        device_values::DeviceValues,
        layers::{Layer, Merged},
    },
};
use helm_chart::{
    pointer::Pointer,
    schema::{SchemaViolation, SchemaViolations},
};

impl FlashPod {
    /// Why these values of a device are refused: `DeviceInvalid`, naming its properties, where nothing but its own text breaks
    /// the schema.
    pub(super) fn blame(
        &self,
        broken: &SchemaViolations,
        merged: &Merged,
        device: &Device,
    ) -> Refusal {
        let mut properties = Vec::new();
        for violation in &broken.violations {
            let found = self.device_properties(violation, merged);
            if found.is_empty() || broken.more > 0 {
                return Refusal {
                    reason: Reason::ValuesInvalid,
                    message: format!("values.schema.json: {broken}"),
                };
            }
            properties.extend(found);
        }
        properties.sort();
        properties.dedup();
        let message = format!(
            "Instance {}/{}: property {} cannot be used: values.schema.json: {broken}; let the discovery handler report \
             another text",
            device.namespace,
            device.name,
            properties.join(", ")
        );
        Refusal {
            reason: Reason::DeviceInvalid,
            message,
        }
    }

    /// The properties of the device that make the value at fault; none where the device is not to blame for it.
    fn device_properties(&self, violation: &SchemaViolation, merged: &Merged) -> Vec<String> {
        let Ok(place) = violation.path.parse::<Pointer>() else {
            return Vec::new();
        };
        self.properties_at(&place, merged)
    }

    /// The properties of the device that make the value at this place.
    pub(super) fn properties_at(&self, place: &Pointer, merged: &Merged) -> Vec<String> {
        match layer_of(place, merged) {
            Some(Layer::DeviceValues) => properties(self.device_values.as_deref(), place),
            Some(Layer::Operator) => properties(self.operator.as_deref(), place),
            Some(Layer::Class) => properties(self.class_values(), place),
            Some(Layer::Chart | Layer::Job | Layer::Attempt) | None => Vec::new(),
        }
    }
}

fn properties(values: Option<&DeviceValues>, place: &Pointer) -> Vec<String> {
    values.map_or_else(Vec::new, |values| values.device_properties(place))
}

/// Who set the value at this place; none where several did.
fn layer_of(place: &Pointer, merged: &Merged) -> Option<Layer> {
    let around = |(leaf, _): &(&Pointer, &Layer)| leaf.is_within(place) || place.is_within(leaf);
    let mut layers = merged.origin.iter().filter(around).map(|(_, layer)| *layer);
    let first = layers.next()?;
    layers.all(|layer| layer == first).then_some(first)
}
