//! Whose fault it is that values break the schema: a device's own text fails that device alone, what an administrator set keeps
//! the job waiting for him, anything else fails the job. Pure.

use super::{FlashPod, facts::sample_owned};
use crate::{
    api::{Reason, Refusal},
    device::Device,
    flash_pod::{
        device_values::{DeviceContext, DeviceValues},
        layers::{Layer, Layers, Merged, resolve},
    },
};
use helm_chart::{
    pointer::Pointer,
    schema::{Schema, SchemaViolation, SchemaViolations},
};

impl FlashPod {
    /// What of the administrator's values for all devices breaks the schema, whatever the device.
    pub(super) fn operator_fault(&self) -> Option<String> {
        let source = self.operator.as_ref()?.source();
        let found = self.fault(None, Layer::Operator)?;
        Some(format!("{} ({source}): {found}", Layer::Operator.words()))
    }

    /// What of the values of a class breaks the schema, whatever the device; each with its path.
    #[must_use]
    pub fn class_fault(&self, class: &DeviceValues) -> Option<String> {
        self.fault(Some(class), Layer::Class)
    }

    fn fault(&self, class: Option<&DeviceValues>, layer: Layer) -> Option<String> {
        let layers = Layers {
            chart: &self.chart.values,
            operator: self.operator.as_deref(),
            class,
            job: None,
            device: self.device_values.as_deref(),
            owned: &sample_owned(),
            allowed: &[],
            opens: "",
        };
        layers.fault_of(layer, self.schema.as_ref()?)
    }

    /// Why these values of a device are refused: `DeviceInvalid`, naming its properties, where nothing but its own text breaks
    /// the schema.
    pub(super) fn blame(
        &self,
        broken: &SchemaViolations,
        merged: &Merged,
        device: &Device,
        layer_of: impl Fn(&SchemaViolation) -> Layer,
    ) -> Refusal {
        let mut properties = Vec::new();
        for violation in &broken.violations {
            let found = self.device_properties(violation, merged);
            if found.is_empty() || broken.more > 0 {
                return self.at_fault(layer_of(violation), broken);
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

    /// Why values are refused that no device's own text explains.
    fn at_fault(&self, layer: Layer, broken: &SchemaViolations) -> Refusal {
        let (reason, message) = match layer {
            Layer::Operator => {
                let words = Layer::Operator.words();
                let source = self.operator.as_deref().map_or("", DeviceValues::source);
                let message = format!(
                    "{words} ({source}) cannot be used for this job: values.schema.json: {broken}; an administrator can fix \
                     them, and the job goes on by itself"
                );
                (Reason::ChartInvalid, message)
            }
            Layer::Class => {
                let source = self.class_values().map_or("", DeviceValues::source);
                let message = format!(
                    "{source}, as the round froze it, cannot be used: values.schema.json: {broken}; an administrator can fix \
                     the class; then begin anew with spec.rerun {{id: NEW, devices: All}}"
                );
                (Reason::FlashClassInvalid, message)
            }
            Layer::Chart | Layer::Job | Layer::DeviceValues | Layer::Attempt => (
                Reason::ValuesInvalid,
                format!("values.schema.json: {broken}"),
            ),
        };
        Refusal { reason, message }
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

/// The administrator's layer with which this begins to break the schema; the job's where neither is to blame.
pub(super) fn first_broken(
    layers: &Layers<'_>,
    context: &DeviceContext,
    schema: &Schema,
    violation: &SchemaViolation,
) -> Layer {
    let breaks = |layers: Layers<'_>| {
        let resolved = resolve(&layers, context);
        resolved.is_ok_and(|(merged, _)| schema.violations(&merged.values).contains(violation))
    };
    let administered = Layers {
        job: None,
        ..*layers
    };
    let without_class = Layers {
        class: None,
        ..administered
    };
    let chart_alone = Layers {
        operator: None,
        ..without_class
    };
    if !breaks(administered) || breaks(chart_alone) {
        Layer::Job
    } else if breaks(without_class) {
        Layer::Operator
    } else {
        Layer::Class
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
