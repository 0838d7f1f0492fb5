//! Values that hold what the flash image writes when it has flashed a device: refused before anything is written. Pure.
//!
//! The image prints its environment. Its log is read with that in mind, but a value that looks like success has no good use.

use serde_json::Value;

use super::FlashPod;
use crate::{
    api::{Reason, Refusal},
    device::Device,
    flash_pod::layers::Merged,
};
use helm_chart::pointer::Pointer;

impl FlashPod {
    /// Refuses values that hold a verdict marker: `DeviceInvalid` with the properties, where a device brings it, else
    /// `ValueNotAllowed` with the path.
    pub(super) fn no_markers(&self, merged: &Merged, device: &Device) -> Result<(), Refusal> {
        let Some((path, marker)) = self.marked(&merged.values, &mut Vec::new()) else {
            return Ok(());
        };
        let rule = format!(
            "{marker:?} is what the flash image logs of a flash, and it logs its values as well"
        );
        let place = path.parse::<Pointer>().ok();
        let properties = place.map_or_else(Vec::new, |place| self.properties_at(&place, merged));
        if properties.is_empty() {
            let message = format!("value {path}: {rule}; use another text");
            return Err(Refusal {
                reason: Reason::ValueNotAllowed,
                message,
            });
        }
        let message = format!(
            "Instance {}/{}: property {} cannot be used: {rule}; let the discovery handler report another text",
            device.namespace,
            device.name,
            properties.join(", ")
        );
        Err(Refusal {
            reason: Reason::DeviceInvalid,
            message,
        })
    }

    /// The first text that holds a marker, by its path.
    fn marked(&self, value: &Value, path: &mut Vec<String>) -> Option<(String, &str)> {
        let mut child = |key: String, value: &Value| {
            path.push(key.replace('~', "~0").replace('/', "~1"));
            let found = self.marked(value, path);
            path.pop();
            found
        };
        match value {
            Value::String(text) => {
                let marker = self.markers.contained_in(text)?;
                Some((format!("/{}", path.join("/")), marker))
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| child(index.to_string(), item)),
            Value::Object(fields) => fields
                .iter()
                .find_map(|(key, field)| child(key.clone(), field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}
