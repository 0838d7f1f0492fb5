//! Signers for tests: keys, and a small Sigstore with an authority of certificates and a log, each made anew.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair as CertificateKey, KeyUsagePurpose, SanType, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore_verify::{crypto::KeyPair, types::pae};

use super::SimpleSignature;

const IN_TOTO: &str = "application/vnd.in-toto+json";
/// When everything here was signed: 2025-01-01T12:00:00Z.
const SIGNED_AT: i64 = 1_735_732_800;
/// Name of the log.
const LOG: &str = "log.example.com";

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

fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// An authority of certificates with its log of signatures.
pub(crate) struct Sigstore {
    authority: Issuer<'static, CertificateKey>,
    certificate: Vec<u8>,
    log: KeyPair,
}

/// A certificate that was just made, with its key.
struct Signer {
    key: KeyPair,
    der: Vec<u8>,
    pem: String,
}

impl Sigstore {
    /// One that nobody trusts yet.
    pub(crate) fn new() -> Self {
        let own = CertificateKey::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&own).unwrap().der().to_vec();
        Self {
            authority: Issuer::new(params, own),
            certificate,
            log: key(),
        }
    }

    /// What has to be trusted, as Sigstore writes it.
    pub(crate) fn trusted_root(&self) -> Value {
        let log = self.log.public_key_der().unwrap();
        let since = json!({"start": "2020-01-01T00:00:00Z"});
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example.com", "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": log.to_base64(), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since},
                "logId": {"keyId": STANDARD.encode(self.log_id())},
            }],
            "certificateAuthorities": [{
                "subject": {"organization": "example.com", "commonName": "example"},
                "uri": "https://ca.example.com",
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(&self.certificate)}]},
                "validFor": since,
            }],
            "ctlogs": [], "timestampAuthorities": [],
        })
    }

    /// A bundle over a statement, signed by a subject whom an issuer vouches for.
    pub(crate) fn bundle_of(&self, (subject, issuer): (&str, &str), statement: &Value) -> Value {
        let signer = self.signer(subject, issuer);
        let payload = statement.to_string();
        let signature = sign(&signer.key, &pae(IN_TOTO, payload.as_bytes()));
        let body = json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": hex::encode(digest(b"not read"))},
                "payloadHash": {"algorithm": "sha256", "value": hex::encode(digest(payload.as_bytes()))},
                "signatures": [{"signature": signature, "verifier": STANDARD.encode(&signer.pem)}],
            },
        });
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": STANDARD.encode(&signer.der)},
                "tlogEntries": [self.entry(&body)],
            },
            "dsseEnvelope": envelope(&payload, &signature),
        })
    }

    /// Simple signing by a subject whom an issuer vouches for.
    pub(crate) fn simple_of(&self, who: (&str, &str), payload: &Value) -> SimpleSignature {
        let signer = self.signer(who.0, who.1);
        let payload = payload.to_string().into_bytes();
        let signature = sign(&signer.key, &payload);
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex::encode(digest(&payload))}},
                "signature": {"content": signature, "publicKey": {"content": STANDARD.encode(&signer.pem)}},
            },
        });
        let body = body.to_string();
        let entry = json!({
            "SignedEntryTimestamp": self.promise(&body),
            "Payload": {
                "body": STANDARD.encode(&body), "integratedTime": SIGNED_AT, "logIndex": 0,
                "logID": hex::encode(self.log_id()),
            },
        });
        SimpleSignature {
            payload,
            signature,
            certificate: Some(signer.pem),
            log_entry: Some(entry.to_string()),
        }
    }

    fn signer(&self, subject: &str, issuer: &str) -> Signer {
        let key = CertificateKey::generate().unwrap();
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2025, 1, 2);
        params.subject_alt_names = vec![SanType::URI(subject.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A short UTF8String of DER, as Fulcio names the issuer.
        let length = u8::try_from(issuer.len()).unwrap();
        assert!(length < 0x80, "the issuer is too long for this fixture");
        let text = [&[0x0c, length], issuer.as_bytes()].concat();
        let oid = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
        let named = CustomExtension::from_oid_content(&oid, text);
        params.custom_extensions = vec![named];
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Signer {
            key: KeyPair::from_pkcs8_der(&key.serialize_der()).unwrap(),
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
        }
    }

    fn log_id(&self) -> Vec<u8> {
        digest(self.log.public_key_der().unwrap().as_bytes())
    }

    /// The only entry of the log, with its proof and its promise.
    fn entry(&self, body: &Value) -> Value {
        let body = body.to_string();
        let leaf = digest(&[&[0], body.as_bytes()].concat());
        let note = format!("{LOG}\n1\n{}\n", STANDARD.encode(&leaf));
        let signature = self.log.sign(note.as_bytes()).unwrap();
        let hint = [&self.log_id()[..4], signature.as_bytes()].concat();
        let checkpoint = format!("{note}\n— {LOG} {}\n", STANDARD.encode(hint));
        json!({
            "logIndex": "0", "logId": {"keyId": STANDARD.encode(self.log_id())},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": SIGNED_AT.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": self.promise(&body)},
            "inclusionProof": {
                "logIndex": "0", "treeSize": "1", "rootHash": STANDARD.encode(&leaf), "hashes": [],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": STANDARD.encode(&body),
        })
    }

    /// What the log signs of an entry before it is in the tree: JSON with sorted keys.
    fn promise(&self, body: &str) -> String {
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{SIGNED_AT},"logID":"{}","logIndex":0}}"#,
            STANDARD.encode(body),
            hex::encode(self.log_id())
        );
        sign(&self.log, promised.as_bytes())
    }
}
