//! Images for tests.

use serde_json::{Value, json};

use super::{FirmwareImage, Platforms};

/// Digest of the image.
pub(crate) const DIGEST: &str =
    "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";

/// An image index for these kinds of device.
pub(crate) fn index(kinds: &[&str]) -> String {
    let of = |kind: &&str| json!({"digest": format!("sha256:{:0>64}", hex::encode(kind)), "platform": {"os": "custom", "architecture": kind}});
    let manifests: Vec<Value> = kinds.iter().map(of).collect();
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}).to_string()
}

/// What a registry serves under a reference, for these kinds of device.
pub(crate) fn image(reference: &str, kinds: &[&str]) -> FirmwareImage {
    FirmwareImage {
        reference: reference.parse().unwrap(),
        digest: DIGEST.into(),
        platforms: Platforms::parse(index(kinds).as_bytes(), None).unwrap(),
    }
}
