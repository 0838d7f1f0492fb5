//! Simple signing, as cosign 2 keeps it: a payload that names the digest, with signature, certificate and log entry as annotations
//! beside it. Pure over bytes.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use sigstore_verify::types::Bundle;

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
/// What a payload says that it is.
const TYPES: [&str; 2] = [
    "cosign container image signature",
    "atomic container signature",
];
/// What a signature is that has an entry in a log, but no proof that the entry is in its tree: the log's promise is beside it.
const PROMISED: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// A signature with what is beside it, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleSignature {
    /// What is signed.
    pub payload: Vec<u8>,
    /// In base64.
    pub signature: String,
    /// The signer's certificate, in PEM, if it is keyless.
    pub certificate: Option<String>,
    /// The entry in the log of signatures, in JSON.
    pub log_entry: Option<String>,
}

/// What a payload says of the image.
pub(super) struct Claim {
    /// Digest of the image.
    pub(super) digest: String,
    /// What the signer added.
    pub(super) annotations: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogEntry {
    signed_entry_timestamp: String,
    payload: LogPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogPayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
}

impl SimpleSignature {
    /// A payload with the annotations of its layer.
    pub(super) fn of(payload: Vec<u8>, annotations: &BTreeMap<String, String>) -> Self {
        let annotation = |name: &str| annotations.get(name).cloned();
        Self {
            payload,
            signature: annotation(SIGNATURE).unwrap_or_default(),
            certificate: annotation(CERTIFICATE).filter(|text| !text.is_empty()),
            log_entry: annotation(LOG_ENTRY).filter(|text| !text.is_empty()),
        }
    }

    /// What the payload says, whoever wrote it.
    pub(super) fn claim(&self) -> Result<Claim, String> {
        let payload: Payload = serde_json::from_slice(&self.payload)
            .map_err(|error| format!("its payload cannot be read: {error}"))?;
        if !TYPES.contains(&payload.critical.kind.as_str()) {
            return Err(format!(
                "it is not the signature of an image but {:?}",
                payload.critical.kind
            ));
        }
        Ok(Claim {
            digest: payload.critical.image.digest,
            annotations: payload.optional.unwrap_or_default(),
        })
    }

    /// The signature, decoded.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        let decoded = STANDARD.decode(&self.signature);
        decoded.map_err(|error| format!("its signature is not base64: {error}"))
    }

    /// The same as a bundle over the payload, so that one program verifies certificates and logs.
    pub(super) fn bundle(&self) -> Result<Bundle, String> {
        let certificate = self.certificate.as_deref().ok_or("it has no certificate")?;
        let entry = self
            .log_entry
            .as_deref()
            .ok_or("it has no entry of a log of signatures")?;
        let certificate = pem(certificate)?;
        let entry: LogEntry = serde_json::from_str(entry)
            .map_err(|error| format!("its log entry cannot be read: {error}"))?;
        let log = entry.payload;
        let body = STANDARD
            .decode(&log.body)
            .ok()
            .and_then(|body| serde_json::from_slice::<Body>(&body).ok())
            .ok_or("the body of its log entry cannot be read")?;
        let log_id = hex::decode(&log.log_id).map_err(|_| "the name of its log is not one")?;
        let document = json!({
            "mediaType": PROMISED,
            "verificationMaterial": {
                "x509CertificateChain": {"certificates": [{"rawBytes": certificate}]},
                "tlogEntries": [{
                    "logIndex": log.log_index.to_string(),
                    "logId": {"keyId": STANDARD.encode(log_id)},
                    "kindVersion": {"kind": body.kind, "version": body.api_version},
                    "integratedTime": log.integrated_time.to_string(),
                    "inclusionPromise": {"signedEntryTimestamp": entry.signed_entry_timestamp},
                    "canonicalizedBody": log.body,
                }],
            },
            "messageSignature": {"signature": self.signature},
        });
        serde_json::from_value(document).map_err(|error| format!("it cannot be read: {error}"))
    }
}

/// The first certificate of a text in PEM, in base64.
fn pem(text: &str) -> Result<String, String> {
    let certificate = sigstore_verify::types::DerCertificate::from_pem(text.trim());
    let certificate =
        certificate.map_err(|error| format!("its certificate cannot be read: {error}"))?;
    Ok(certificate.to_base64())
}
