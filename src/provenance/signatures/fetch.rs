//! Reads the signatures of a digest from its registry: bundles that refer to it, and the tag `sha256-….sig`.
//!
//! Formats: the referrers API and its fallback tag (OCI distribution specification 1.1), the tag of cosign's signature specification.

use serde::{Deserialize, de::DeserializeOwned};

use super::{Signature, SimpleSignature};
use crate::provenance::{
    RegistryError, is_sha256,
    registry::{MANIFESTS, MAX_MANIFEST},
    session::Session,
};

/// Most manifests that may refer to a digest and are read, and most signatures in one manifest.
const MAX_SIGNATURES: usize = 64;
/// Most bytes of a bundle or a payload.
const MAX_BLOB: usize = 1024 * 1024;
/// How media types of bundles begin.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// Media type of a payload of simple signing.
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Referrer>,
}

#[derive(Deserialize)]
struct Referrer {
    digest: String,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// All signatures of a digest. What cannot be read is not a signature.
pub(in crate::provenance) async fn signatures(
    session: &mut Session<'_>,
    digest: &str,
) -> Result<Vec<Signature>, RegistryError> {
    // Nobody signs digests of another kind.
    if !is_sha256(digest) {
        return Ok(Vec::new());
    }
    // Tags know no colon.
    let digits = digest.trim_start_matches("sha256:");
    let mut found = Vec::new();
    for referrer in referrers(session, digest, digits).await? {
        if found.len() == MAX_SIGNATURES {
            break;
        }
        bundles(session, &referrer.digest, &mut found).await?;
    }
    simple(session, digits, &mut found).await?;
    Ok(found)
}

/// What refers to a digest, whatever it says of its kind: some registries know no kinds.
async fn referrers(
    session: &mut Session<'_>,
    digest: &str,
    digits: &str,
) -> Result<Vec<Referrer>, RegistryError> {
    let told: Option<Index> = read(session, &format!("referrers/{digest}")).await?;
    let mut found = match told {
        Some(index) if !index.manifests.is_empty() => index.manifests,
        _ => {
            let tag = Session::manifest(&format!("sha256-{digits}"));
            let index: Option<Index> = read(session, &tag).await?;
            index.map(|index| index.manifests).unwrap_or_default()
        }
    };
    found.retain(|referrer| is_sha256(&referrer.digest));
    found.truncate(MAX_SIGNATURES);
    Ok(found)
}

/// What is under a path of the repository; none where nothing is, or something else.
async fn read<T: DeserializeOwned>(
    session: &mut Session<'_>,
    path: &str,
) -> Result<Option<T>, RegistryError> {
    let answer = session.get(path, MANIFESTS, MAX_MANIFEST).await?;
    Ok(answer.and_then(|answer| serde_json::from_slice(&answer.bytes).ok()))
}

async fn bundles(
    session: &mut Session<'_>,
    referrer: &str,
    found: &mut Vec<Signature>,
) -> Result<(), RegistryError> {
    let path = Session::manifest(referrer);
    let Some(manifest) = read::<Manifest>(session, &path).await? else {
        return Ok(());
    };
    let bundles = manifest
        .layers
        .iter()
        .filter(|layer| layer.media_type.starts_with(BUNDLE) && is_sha256(&layer.digest));
    for layer in bundles.take(MAX_SIGNATURES - found.len()) {
        if let Some(bundle) = session.blob(&layer.digest, MAX_BLOB).await? {
            found.push(Signature::Bundle(bundle));
        }
    }
    Ok(())
}

async fn simple(
    session: &mut Session<'_>,
    digits: &str,
    found: &mut Vec<Signature>,
) -> Result<(), RegistryError> {
    let path = Session::manifest(&format!("sha256-{digits}.sig"));
    let Some(manifest) = read::<Manifest>(session, &path).await? else {
        return Ok(());
    };
    let layers = manifest
        .layers
        .into_iter()
        .filter(|layer| layer.media_type == SIMPLE && is_sha256(&layer.digest));
    for layer in layers.take(MAX_SIGNATURES) {
        if let Some(payload) = session.blob(&layer.digest, MAX_BLOB).await? {
            let signature = SimpleSignature::of(payload, &layer.annotations);
            found.push(Signature::Simple(signature));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
