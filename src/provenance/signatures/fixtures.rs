//! Signers for tests: keys, and identities that a small Sigstore vouches for.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore_verify::{crypto::KeyPair, types::pae};
use testbed::{CertificateIdentity, Sigstore, sigstore::Certificate};

use super::SimpleSignature;

const IN_TOTO: &str = "application/vnd.in-toto+json";
/// A key that signs.
pub(crate) fn key() -> KeyPair {
    KeyPair::generate_ecdsa_p256().unwrap()
}

/// The public half, in PEM.
pub(crate) fn public(key: &KeyPair) -> String {
    key.public_key_der().unwrap().to_pem()
}

/// What cosign 3 says of an image of this digest.
pub(crate) fn statement(digest: &str, annotations: &Value) -> Value {
    let digits = digest.trim_start_matches("sha256:");
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digits}, "annotations": annotations}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    })
}

/// What cosign 2 says of an image of this digest.
pub(crate) fn payload(digest: &str, annotations: &Value) -> Value {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example.com/esp32"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": annotations,
    })
}

/// A bundle over a statement, made with a key.
pub(crate) fn bundle_of(key: &KeyPair, statement: &Value) -> Value {
    let payload = statement.to_string();
    let signature = sign(key, &pae(IN_TOTO, payload.as_bytes()));
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "any"}},
        "dsseEnvelope": envelope(&payload, &signature),
    })
}

/// Simple signing with a key.
pub(crate) fn simple_of(key: &KeyPair, payload: &Value) -> SimpleSignature {
    let payload = payload.to_string().into_bytes();
    SimpleSignature {
        signature: sign(key, &payload),
        payload,
        ..SimpleSignature::default()
    }
}

fn sign(key: &KeyPair, text: &[u8]) -> String {
    STANDARD.encode(key.sign(text).unwrap().as_bytes())
}

fn envelope(payload: &str, signature: &str) -> Value {
    json!({
        "payload": STANDARD.encode(payload), "payloadType": IN_TOTO,
        "signatures": [{"sig": signature}],
    })
}

fn sha256(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(bytes))})
}

/// A key that a Sigstore has just certified.
struct Signer {
    key: KeyPair,
    certificate: Certificate,
}

impl Signer {
    fn new(sigstore: &Sigstore, identity: CertificateIdentity<'_>) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            certificate: sigstore.certify(&key, identity),
            key: KeyPair::from_pkcs8_der(&key.serialize_der()).unwrap(),
        }
    }
}

/// A bundle over a statement, signed by an identity.
pub(crate) fn bundle_by(
    sigstore: &Sigstore,
    identity: CertificateIdentity<'_>,
    statement: &Value,
) -> Value {
    let Signer { key, certificate } = Signer::new(sigstore, identity);
    let payload = statement.to_string();
    let signature = sign(&key, &pae(IN_TOTO, payload.as_bytes()));
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": sha256(b"not read"), "payloadHash": sha256(payload.as_bytes()),
            "signatures": [{"signature": signature, "verifier": STANDARD.encode(&certificate.pem)}],
        },
    });
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": STANDARD.encode(&certificate.der)},
            "tlogEntries": [sigstore.entry(&body)],
        },
        "dsseEnvelope": envelope(&payload, &signature),
    })
}

/// Simple signing by an identity.
pub(crate) fn simple_by(
    sigstore: &Sigstore,
    identity: CertificateIdentity<'_>,
    payload: &Value,
) -> SimpleSignature {
    let Signer { key, certificate } = Signer::new(sigstore, identity);
    let payload = payload.to_string().into_bytes();
    let signature = sign(&key, &payload);
    let body = json!({
        "apiVersion": "0.0.1", "kind": "hashedrekord",
        "spec": {
            "data": {"hash": sha256(&payload)},
            "signature": {"content": signature, "publicKey": {"content": STANDARD.encode(&certificate.pem)}},
        },
    });
    SimpleSignature {
        payload,
        signature,
        certificate: Some(certificate.pem),
        log_entry: Some(sigstore.promised(&body).to_string()),
    }
}
