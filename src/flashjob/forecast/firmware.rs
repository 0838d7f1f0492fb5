//! What the registry serves for the firmware of a FlashJob, held against its devices. Pure.

use schemars::JsonSchema;
use serde::Serialize;

use jiff::Timestamp;

use super::{Fate, Prospect, Refused};
use crate::{
    api::Reason,
    flashjob::{
        observe::firmware::{Question, Resolved},
        plan::firmware::{refusal, signers},
    },
    provenance::RegistryError,
};

/// The image behind the firmware's reference, as it was when the registry was asked.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareForecast {
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The reference that means this image and no other, where the FlashJob's may come to mean another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// Kinds of device that it is for; none of an image that is for all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Who signed it, as far as the classes ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Why it counts as signed by nobody, where the classes only warn of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<Refused>,
    /// Why flashes would fail, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// Holds what the registry said against the devices that would be flashed, and against what the classes ask.
#[must_use]
pub fn firmware(
    question: &Question,
    found: &Result<Resolved, RegistryError>,
    devices: &[Prospect],
) -> FirmwareForecast {
    let resolved = match found {
        Ok(resolved) => resolved,
        Err(error) => return not_found(error),
    };
    let image = &resolved.image;
    let flashed = devices.iter().filter(|device| device.fate == Fate::Flashed);
    let kinds = flashed.filter_map(|device| device.selected.device_type.as_deref());
    let shortage = image.shortage(kinds).map(|shortage| Refused {
        reason: Reason::PlatformMissing.as_str().into(),
        message: shortage.to_string(),
    });
    // When a question is asked again is nothing that a forecast tells.
    let refusal = refusal(found, question, 0, Timestamp::UNIX_EPOCH);
    let refusal = refusal.map(|(refusal, _)| Refused::of(&refusal));
    let signer = signers(resolved, question);
    let pinned = image.reference.pinned(&image.digest);
    FirmwareForecast {
        digest: Some(image.digest.clone()),
        pinned: image.reference.digest.is_none().then_some(pinned),
        platforms: image
            .platforms
            .iter()
            .map(|(kind, _)| kind.into())
            .collect(),
        signer: signer
            .as_ref()
            .ok()
            .cloned()
            .flatten()
            .map(|signer| format!("{} ({})", signer.authority, signer.identity)),
        unverified: signer
            .err()
            .filter(|_| refusal.is_none())
            .map(|unverified| Refused {
                reason: unverified.reason().as_str().into(),
                message: unverified.message,
            }),
        refusal: refusal.or(shortage),
        unknown: None,
    }
}

/// Only a registry that answers says that an image is missing.
fn not_found(error: &RegistryError) -> FirmwareForecast {
    let reason = match error {
        RegistryError::Missing { .. } => Some(Reason::FirmwareMissing),
        RegistryError::Unusable { .. } => Some(Reason::FirmwareUnusable),
        RegistryError::Unreachable { .. } => None,
    };
    let refusal = reason.map(|reason| Refused {
        reason: reason.as_str().into(),
        message: error.to_string(),
    });
    FirmwareForecast {
        digest: None,
        pinned: None,
        platforms: Vec::new(),
        signer: None,
        unverified: None,
        unknown: refusal.is_none().then(|| error.to_string()),
        refusal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::SelectedDevice,
        provenance::fixtures::{self, DIGEST},
    };

    fn prospect(kind: &str, fate: Fate) -> Prospect {
        let selected = json!({"uuid": "5f0c9a6e-0000-4000-8000-000000000001", "type": kind});
        let selected: SelectedDevice = serde_json::from_value(selected).unwrap();
        Prospect {
            index: 0,
            step: 1,
            selected,
            fate,
            reason: None,
            message: None,
        }
    }

    fn image(reference: &str) -> Resolved {
        Resolved {
            image: fixtures::image(reference, &["esp32s3", "esp32s2"]),
            signed: Vec::new(),
            receipt_fault: None,
            flash_image: None,
        }
    }

    /// Of a job whose classes ask for nothing.
    fn question() -> Question {
        Question::default()
    }

    #[test]
    fn a_tag_is_told_with_the_reference_that_pins_it() {
        let found = Ok(image("registry.example.com/esp32:1"));
        let told = firmware(&question(), &found, &[prospect("esp32s3", Fate::Flashed)]);
        assert_eq!(
            told.pinned,
            Some(format!("registry.example.com/esp32@{DIGEST}"))
        );
        assert_eq!((told.digest.as_deref(), told.refusal), (Some(DIGEST), None));
        assert_eq!(told.platforms, ["esp32s2", "esp32s3"]);
        let exact = Ok(image(&format!("registry.example.com/esp32:1@{DIGEST}")));
        assert_eq!(firmware(&question(), &exact, &[]).pinned, None);
    }

    #[test]
    fn devices_that_would_be_flashed_and_have_no_platform_are_told_by_kind() {
        let devices = [
            prospect("esp32c3", Fate::Flashed),
            prospect("esp32c3", Fate::Flashed),
            prospect("esp32", Fate::Flashed),
            prospect("esp32h2", Fate::Skipped),
        ];
        let told = firmware(&question(), &Ok(image("r.io/esp32:1")), &devices)
            .refusal
            .unwrap();
        let message = "the image has no custom/esp32 (1 device), custom/esp32c3 (2 devices); it has custom/esp32s2, custom/esp32s3";
        assert_eq!(
            (told.reason.as_str(), told.message.as_str()),
            ("PlatformMissing", message)
        );
    }

    #[test]
    fn only_a_registry_that_answers_says_that_an_image_is_missing() {
        let host = || "registry.example.com".to_owned();
        let missing = RegistryError::Missing {
            host: host(),
            reference: "registry.example.com/esp32:1".into(),
        };
        let told = firmware(&question(), &Err(missing), &[]).refusal.unwrap();
        let message = "registry registry.example.com has no image registry.example.com/esp32:1";
        assert_eq!(
            (told.reason.as_str(), told.message.as_str()),
            ("FirmwareMissing", message)
        );
        let away = RegistryError::Unreachable {
            host: host(),
            cause: "no connection".into(),
        };
        let told = firmware(&question(), &Err(away), &[]);
        assert_eq!(
            (told.unknown.as_deref(), told.refusal),
            (Some("registry registry.example.com: no connection"), None)
        );
    }
}
