//! Image indexes, manifests, and the layers' files: which one is the firmware. Pure, but for reading from what it is given.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use serde::Deserialize;
use thiserror::Error;

/// Operating system of firmware, as its images name it.
const OS: &str = "custom";

/// Folder of an image that holds the firmware.
const FOLDER: &str = "firmware";

/// Most firmware that is read: more than any board has room for.
pub const MAX_FIRMWARE: u64 = 64 << 20;

/// An index or a manifest, whichever a registry answers with.
#[derive(Debug, Deserialize)]
pub struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of part.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// Why an image has no firmware for a device.
#[derive(Debug, Error)]
pub enum ImageError {
    /// Not JSON, or of another form.
    #[error("its manifest cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// Other platforms only.
    #[error("it has no platform {OS}/{device}, only {found}")]
    Platform {
        /// The device's type.
        device: String,
        /// Those that it has.
        found: String,
    },
    /// Compressed in another way.
    #[error("a layer is of the kind {0:?}, which is not supported")]
    Compression(String),
    /// Not a tar archive.
    #[error("a layer cannot be read")]
    Layer(#[source] io::Error),
    /// Too big.
    #[error("the firmware is larger than {MAX_FIRMWARE} bytes")]
    Large,
}

/// What to do with a document of a registry.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It lists platforms: this manifest is the device's.
    Manifest(String),
    /// It is the manifest: its layers, the last one first, because it hides what is below.
    Layers(Vec<Descriptor>),
}

/// Reads a document, and chooses the platform of the device if it lists some.
pub fn next(document: &[u8], device: &str) -> Result<Next, ImageError> {
    let document: Document = serde_json::from_slice(document).map_err(ImageError::Unreadable)?;
    if document.manifests.is_empty() {
        return Ok(Next::Layers(document.layers.into_iter().rev().collect()));
    }
    let is_wanted = |platform: &Platform| platform.os == OS && platform.architecture == device;
    let wanted = document
        .manifests
        .iter()
        .find(|manifest| manifest.platform.as_ref().is_some_and(is_wanted));
    let platforms = document.manifests.iter().map(|manifest| {
        let platform = manifest.platform.as_ref();
        platform.map_or_else(
            || "one without a name".to_owned(),
            |platform| format!("{}/{}", platform.os, platform.architecture),
        )
    });
    wanted
        .map(|manifest| Next::Manifest(manifest.digest.clone()))
        .ok_or_else(|| ImageError::Platform {
            device: device.to_owned(),
            found: platforms.collect::<Vec<_>>().join(", "),
        })
}

/// The firmware in a layer, if it is there: the first file below `firmware/`.
pub fn firmware(media_type: &str, layer: &[u8]) -> Result<Option<Vec<u8>>, ImageError> {
    if media_type.ends_with("gzip") {
        find(GzDecoder::new(layer))
    } else if media_type.ends_with("tar") || media_type.is_empty() {
        find(layer)
    } else {
        Err(ImageError::Compression(media_type.to_owned()))
    }
}

fn find(tar: impl Read) -> Result<Option<Vec<u8>>, ImageError> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().map_err(ImageError::Layer)? {
        let entry = entry.map_err(ImageError::Layer)?;
        let is_below = entry
            .path()
            .map_err(ImageError::Layer)?
            .parent()
            .is_some_and(|folder| folder.iter().any(|name| name == FOLDER));
        if !is_below || !entry.header().entry_type().is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        entry
            .take(MAX_FIRMWARE + 1)
            .read_to_end(&mut bytes)
            .map_err(ImageError::Layer)?;
        let fits = bytes.len() as u64 <= MAX_FIRMWARE;
        return if fits {
            Ok(Some(bytes))
        } else {
            Err(ImageError::Large)
        };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[
        {"digest":"sha256:a","platform":{"os":"linux","architecture":"esp32s3"}},
        {"digest":"sha256:b"},
        {"digest":"sha256:c","platform":{"os":"custom","architecture":"esp32"}},
        {"digest":"sha256:d","platform":{"os":"custom","architecture":"esp32s3"}}]}"#;

    #[rstest]
    #[case("esp32s3", "sha256:d")]
    #[case("esp32", "sha256:c")]
    fn the_platform_of_the_device_is_chosen(#[case] device: &str, #[case] want: &str) {
        let found = next(INDEX.as_bytes(), device).unwrap();
        assert_eq!(found, Next::Manifest(want.to_owned()));
    }

    #[test]
    fn a_missing_platform_is_named_beside_those_that_are_there() {
        let error = next(INDEX.as_bytes(), "esp32c6").unwrap_err().to_string();
        assert_eq!(
            error,
            "it has no platform custom/esp32c6, only linux/esp32s3, one without a name, custom/esp32, custom/esp32s3"
        );
    }

    #[test]
    fn a_manifest_without_an_index_is_any_device_s_and_its_last_layer_comes_first() {
        let manifest = r#"{"layers":[{"digest":"sha256:1"},{"digest":"sha256:2"}]}"#;
        let Next::Layers(layers) = next(manifest.as_bytes(), "any").unwrap() else {
            panic!("taken for an index");
        };
        let digests: Vec<_> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        assert_eq!(digests, ["sha256:2", "sha256:1"]);
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_entry_type(if name.ends_with('/') {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            archive.append_data(&mut header, name, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[rstest]
    #[case::below_the_folder(&[("etc/x", b"n" as &[u8]), ("firmware/", b""), ("firmware/app.bin", b"yes")], Some(b"yes" as &[u8]))]
    #[case::the_first_of_two(&[("firmware/a", b"1" as &[u8]), ("firmware/b", b"2")], Some(b"1" as &[u8]))]
    #[case::a_file_of_the_folder_s_name(&[("firmware", b"no" as &[u8])], None)]
    #[case::a_folder_of_a_similar_name(&[("my-firmware/a", b"no" as &[u8])], None)]
    fn the_firmware_is_the_first_file_below_its_folder(
        #[case] files: &[(&str, &[u8])],
        #[case] want: Option<&[u8]>,
    ) {
        let found = firmware("application/vnd.oci.image.layer.v1.tar", &archive(files)).unwrap();
        assert_eq!(found.as_deref(), want);
    }

    #[test]
    fn a_layer_that_is_compressed_in_another_way_is_refused_by_name() {
        let error = firmware("application/vnd.oci.image.layer.v1.tar+zstd", b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"a layer is of the kind "application/vnd.oci.image.layer.v1.tar+zstd", which is not supported"#
        );
    }
}
