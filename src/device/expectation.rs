//! What a job expects of its devices, compared with what the devices are. Pure; what a difference means is `mismatchPolicy`'s.

use super::instance::Device;
use crate::{
    api::{FlashJobSpec, SelectedDevice},
    display,
};

/// How the device differs from what the job expects, in words; none where it does not. What the device does not tell differs.
#[must_use]
pub fn mismatch(spec: &FlashJobSpec, device: &Device) -> Option<String> {
    let differences = differences(
        spec,
        Some(&device.device_type),
        device.application_type.as_deref(),
    )?;
    Some(format!(
        "device {} ({}/{}) differs from the job: {differences}; correct the job or choose another device",
        device.endpoint, device.namespace, device.name,
    ))
}

/// The same of a device as it was selected; one that was not known then differs in nothing.
#[must_use]
pub fn mismatch_selected(spec: &FlashJobSpec, device: &SelectedDevice) -> Option<String> {
    device.endpoint.as_ref()?;
    let differences = differences(
        spec,
        device.device_type.as_deref(),
        device.application_type.as_deref(),
    )?;
    Some(format!("it differs from the job: {differences}"))
}

fn differences(
    spec: &FlashJobSpec,
    device_type: Option<&str>,
    application_type: Option<&str>,
) -> Option<String> {
    let kind = differs(
        spec.device.as_deref(),
        device_type,
        ["device", "DEVICE"],
        &device_spelling,
    );
    let application = differs(
        spec.application_type.as_deref(),
        application_type,
        ["applicationType", "APPLICATION_TYPE"],
        &str::to_lowercase,
    );
    let differences: Vec<String> = kind.into_iter().chain(application).collect();
    (!differences.is_empty()).then(|| differences.join(", "))
}

fn differs(
    wanted: Option<&str>,
    found: Option<&str>,
    [field, property]: [&str; 2],
    spelling: &dyn Fn(&str) -> String,
) -> Option<String> {
    let wanted = wanted.map(str::trim).filter(|wanted| !wanted.is_empty())?;
    match found {
        Some(found) if spelling(found.trim()) == spelling(wanted) => None,
        Some(found) => Some(format!(
            "spec.{field} is {wanted}, {property} is {}",
            display::line(found, display::NAME)
        )),
        None => Some(format!(
            "spec.{field} is {wanted}, the device reports no {property}"
        )),
    }
}

/// The flash image rewrites esp32-s3 to esp32s3: both name one type.
fn device_spelling(text: &str) -> String {
    text.to_lowercase().replace('-', "")
}
