//! What a job expects of its devices, compared with what the devices are. Pure; what a difference means is `mismatchPolicy`'s.

use super::instance::Device;
use crate::api::FlashJobSpec;

/// How the device differs from what the job expects, in words; none where it does not. What the device does not tell differs.
#[must_use]
pub fn mismatch(spec: &FlashJobSpec, device: &Device) -> Option<String> {
    let kind = differs(
        spec.device.as_deref(),
        Some(&device.device_type),
        ["device", "DEVICE"],
        &device_spelling,
    );
    let application = differs(
        spec.application_type.as_deref(),
        device.application_type.as_deref(),
        ["applicationType", "APPLICATION_TYPE"],
        &str::to_lowercase,
    );
    let differences: Vec<String> = kind.into_iter().chain(application).collect();
    (!differences.is_empty()).then(|| {
        format!(
            "device {} ({}/{}) differs from the job: {}; correct the job or choose another device",
            device.endpoint,
            device.namespace,
            device.name,
            differences.join(", ")
        )
    })
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
        Some(found) => Some(format!("spec.{field} is {wanted}, {property} is {found}")),
        None => Some(format!(
            "spec.{field} is {wanted}, the device reports no {property}"
        )),
    }
}

/// The flash image rewrites esp32-s3 to esp32s3: both name one type.
fn device_spelling(text: &str) -> String {
    text.to_lowercase().replace('-', "")
}
