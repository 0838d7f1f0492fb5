//! What a registry serves for a FlashJob, held against the devices that are to be flashed with it. Pure.

use std::{collections::BTreeMap, fmt};

use super::{platforms::Platforms, reference::ImageReference};

/// An image, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareImage {
    /// Under which name it was found.
    pub reference: ImageReference,
    /// Digest of its index, or of its manifest where it is one image alone.
    pub digest: String,
    /// Kinds of device that it is for.
    pub platforms: Platforms,
}

/// Kinds of device for which an image has nothing, each with the number of its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The kinds, in order.
    pub missing: Vec<(String, usize)>,
    /// The kinds that the image has.
    pub present: Vec<String>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.missing.iter().map(|(kind, count)| {
            let devices = if *count == 1 { "device" } else { "devices" };
            format!("custom/{kind} ({count} {devices})")
        });
        let missing = kinds.collect::<Vec<_>>().join(", ");
        let present = match self.present.as_slice() {
            [] => "no platform of devices".to_owned(),
            present => format!("custom/{}", present.join(", custom/")),
        };
        write!(f, "the image has no {missing}; it has {present}")
    }
}

impl FirmwareImage {
    /// Kinds among these devices that the image is not for.
    #[must_use]
    pub fn shortage<'a>(
        &self,
        device_types: impl IntoIterator<Item = &'a str>,
    ) -> Option<Shortage> {
        let mut missing = BTreeMap::new();
        for kind in device_types {
            if !self.platforms.serves(kind) {
                *missing.entry(kind.to_owned()).or_insert(0) += 1;
            }
        }
        (!missing.is_empty()).then(|| Shortage {
            missing: missing.into_iter().collect(),
            present: self
                .platforms
                .iter()
                .map(|(kind, _)| kind.to_owned())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::fixtures;

    fn image(kinds: &[&str]) -> FirmwareImage {
        fixtures::image("registry.example.com/esp32:1", kinds)
    }

    #[test]
    fn devices_that_the_image_is_not_for_are_counted_by_kind() {
        let shortage =
            image(&["esp32s3", "esp32s2"]).shortage(["esp32", "esp32s3", "esp32c3", "esp32"]);
        let expected = Shortage {
            missing: vec![("esp32".into(), 2), ("esp32c3".into(), 1)],
            present: vec!["esp32s2".into(), "esp32s3".into()],
        };
        assert_eq!(shortage, Some(expected));
        assert_eq!(image(&["esp32-s3"]).shortage(["esp32s3"]), None);
    }
}
