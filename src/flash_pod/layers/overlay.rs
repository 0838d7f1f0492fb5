//! User values laid over each other, remembering for each leaf which layer set it. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use helm_chart::pointer::Pointer;
use helm_chart::values::{lay_over, leaves};

use super::Layer;

/// Values of several layers, and who set them.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// A map, or null before the first layer.
    values: Value,
    origin: BTreeMap<Pointer, Layer>,
}

impl Overlay {
    /// Lays the values of `layer` over what is there.
    pub(super) fn lay(&mut self, over: Map<String, Value>, layer: Layer) {
        for (place, value) in leaves(&over) {
            let is_empty_map = value.as_object().is_some();
            if is_empty_map && place.get(&self.values).is_some_and(Value::is_object) {
                // Helm merges maps: an empty one leaves the one below as it is.
                continue;
            }
            self.forget(&place);
            self.origin.insert(place, layer);
        }
        match &mut self.values {
            Value::Object(values) => lay_over(values, over),
            values => *values = Value::Object(over),
        }
    }

    /// Forgets the leaves that a value at `place` replaces: those inside it, and one that stood where its parents now are.
    fn forget(&mut self, place: &Pointer) {
        let inside: Vec<Pointer> = self
            .origin
            .range(place..)
            .map(|(inner, _)| inner)
            .take_while(|inner| inner.is_within(place))
            .cloned()
            .collect();
        for inner in inside {
            self.origin.remove(&inner);
        }
        for outer in place.ancestors() {
            self.origin.remove(&outer);
        }
    }

    /// The layer that set `place`, what holds it, or, where nothing does, the first thing inside it.
    pub(super) fn layer_of(&self, place: &Pointer) -> Option<Layer> {
        let exact = self.origin.get(place);
        let outer = || place.ancestors().find_map(|outer| self.origin.get(&outer));
        let inner = || {
            let (first, layer) = self.origin.range(place..).next()?;
            first.is_within(place).then_some(layer)
        };
        exact.or_else(outer).or_else(inner).copied()
    }

    /// The values so far.
    pub(super) fn values(&self) -> Map<String, Value> {
        self.values.as_object().cloned().unwrap_or_default()
    }
}
