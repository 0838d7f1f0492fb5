//! What an image index holds, by the kinds of device that it is for: `custom/<DEVICE>` is their platform. Pure over bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::is_sha256;

/// Most manifests of one index that are read.
const MAX_MANIFESTS: usize = 1_000;
/// Operating system of the platforms of devices, as the flash pod asks for them.
const CUSTOM: &str = "custom";

/// Kinds of device with the digests of their manifests; none of an image that is not an index, which serves them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platforms(Option<BTreeMap<String, String>>);

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not what the media type says.
    #[error("its manifest cannot be read: {0}")]
    Unreadable(String),
    /// It is of a kind that is not an image.
    #[error("it is not an image but {0:?}")]
    NotAnImage(String),
    /// It names more platforms than are read.
    #[error("its index names {0} manifests, of which at most {MAX_MANIFESTS} are read")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

impl Platforms {
    /// Reads a manifest of OCI or of Docker. Where the media type is missing, the parts of the manifest tell what it is.
    ///
    /// # Errors
    /// When it is not an image or an index of images.
    pub fn parse(bytes: &[u8], media_type: Option<&str>) -> Result<Self, ManifestError> {
        let manifest: Manifest = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Unreadable(error.to_string()))?;
        let said = manifest.media_type.as_deref().or(media_type);
        match (manifest.manifests, manifest.config) {
            (Some(manifests), _) if manifests.len() > MAX_MANIFESTS => {
                Err(ManifestError::TooMany(manifests.len()))
            }
            (Some(manifests), _) => Ok(Self(Some(of_devices(manifests)))),
            (None, Some(_)) => Ok(Self(None)),
            (None, None) => {
                let said = said.unwrap_or("something without a media type");
                Err(ManifestError::NotAnImage(said.to_owned()))
            }
        }
    }

    /// Whether an image for this kind of device is there.
    #[must_use]
    pub fn serves(&self, device_type: &str) -> bool {
        let Some(platforms) = &self.0 else {
            return true;
        };
        platforms.contains_key(&folded(device_type))
    }

    /// The image for this kind of device: the kind as it is compared, and its digest, if that is one.
    #[must_use]
    pub fn of(&self, device_type: &str) -> Option<(&str, &str)> {
        let kind = folded(device_type);
        let (kind, digest) = self.0.as_ref()?.get_key_value(&kind)?;
        is_sha256(digest).then_some((kind, digest))
    }

    /// The kinds of device in the index, each with the digest of its manifest, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let platforms = self.0.iter().flatten();
        platforms.map(|(kind, digest)| (kind.as_str(), digest.as_str()))
    }

    /// Whether this is an index: else it is one image for every kind of device.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.0.is_some()
    }
}

fn of_devices(manifests: Vec<Descriptor>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for descriptor in manifests {
        let Some(platform) = descriptor.platform else {
            continue;
        };
        if platform.os == CUSTOM {
            // Of two for one platform, the flash pod takes the first.
            let kind = folded(&platform.architecture);
            found.entry(kind).or_insert(descriptor.digest);
        }
    }
    found
}

/// A kind of device as it is compared: `esp32-s3` is `esp32s3`.
#[must_use]
pub fn folded(device_type: &str) -> String {
    device_type.replace('-', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn parse(manifest: &Value) -> Result<Platforms, ManifestError> {
        Platforms::parse(manifest.to_string().as_bytes(), None)
    }

    fn of(os: &str, architecture: &str, digest: &str) -> Value {
        json!({"digest": digest, "platform": {"os": os, "architecture": architecture}})
    }

    #[test]
    fn an_index_serves_the_devices_whose_platforms_it_has() {
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            of("custom", "esp32s3", "sha256:1"), of("custom", "esp32-s2", "sha256:2"), of("linux", "amd64", "sha256:3"),
            of("custom", "esp32s3", "sha256:4"), {"digest": "sha256:5"},
        ]});
        let platforms = parse(&index).unwrap();
        let all: Vec<_> = platforms.iter().collect();
        assert_eq!(all, [("esp32s2", "sha256:2"), ("esp32s3", "sha256:1")]);
        let served = ["esp32s3", "esp32-s3", "ESP32-S2", "esp32", "amd64"]
            .map(|kind| platforms.serves(kind));
        assert_eq!(served, [true, true, true, false, false]);
        assert!(platforms.is_index());
    }

    #[test]
    fn an_image_that_is_not_an_index_serves_every_device() {
        let image = json!({"schemaVersion": 2, "config": {"digest": "sha256:1"}, "layers": []});
        let platforms = parse(&image).unwrap();
        assert!(platforms.serves("esp32s3") && !platforms.is_index());
        assert_eq!(platforms.iter().count(), 0);
    }

    #[rstest]
    #[case(json!({"mediaType": "application/vnd.example.chart"}), "it is not an image but \"application/vnd.example.chart\"")]
    #[case(json!({}), "it is not an image but \"something without a media type\"")]
    #[case(json!([1]), "its manifest cannot be read: ")]
    #[case(json!({"manifests": [{"platform": null}]}), "its manifest cannot be read: missing field `digest`")]
    #[case(json!({"manifests": vec![json!({"digest": "d"}); 1_001]}), "its index names 1001 manifests, of which at most 1000 are read")]
    fn what_is_not_an_image_is_said(#[case] manifest: Value, #[case] said: &str) {
        let error = parse(&manifest).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}
