//! A small Sigstore, made anew for each test: an authority that certifies keys, and a log of signatures. Nobody has to prove who they
//! are; certificates, promises and proofs are as real as elsewhere.

mod server;

pub(crate) use server::token;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// When everything is signed, in seconds since 1970: 2025-01-01T12:00:00Z.
const SIGNED_AT: i64 = 1_735_732_800;
/// Name of the log.
const LOG: &str = "log.example.com";

/// Whom a certificate is about.
#[derive(Clone, Copy, Debug)]
pub struct CertificateIdentity<'a> {
    /// Who signs, a URI.
    pub subject: &'a str,
    /// Who vouches for them, a URI.
    pub issuer: &'a str,
}

/// A certificate of the authority.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// In DER.
    pub der: Vec<u8>,
    /// In PEM.
    pub pem: String,
}

/// An authority of certificates with its log of signatures.
#[derive(Debug)]
pub struct Sigstore {
    authority: Issuer<'static, KeyPair>,
    root: Certificate,
    log: KeyPair,
}

/// What the log says of an entry, which is the only one in it: its position is 0.
struct Logged {
    /// What the log signs of an entry before it is in the tree, in base64.
    promise: String,
    /// The root of the tree, which is the hash of the entry.
    root: Vec<u8>,
    /// The signed root.
    checkpoint: String,
}

impl Default for Sigstore {
    fn default() -> Self {
        Self::new()
    }
}

impl Sigstore {
    /// One that nobody trusts yet.
    pub fn new() -> Self {
        let own = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&own).unwrap();
        Self {
            root: Certificate {
                der: root.der().to_vec(),
                pem: root.pem(),
            },
            authority: Issuer::new(params, own),
            log: KeyPair::generate().unwrap(),
        }
    }

    /// What has to be trusted, in Sigstore's format of a trusted root.
    pub fn trusted_root(&self) -> Value {
        let log = STANDARD.encode(self.log.subject_public_key_info());
        let since = json!({"start": "2020-01-01T00:00:00Z"});
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example.com", "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": log, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since},
                "logId": {"keyId": STANDARD.encode(self.log_id())},
            }],
            "certificateAuthorities": [{
                "subject": {"organization": "example.com", "commonName": "example"},
                "uri": "https://ca.example.com",
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(&self.root.der)}]},
                "validFor": since,
            }],
            "ctlogs": [], "timestampAuthorities": [],
        })
    }

    /// Certifies that a key is an identity's.
    pub fn certify(
        &self,
        key: &impl PublicKeyData,
        identity: CertificateIdentity<'_>,
    ) -> Certificate {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2025, 1, 2);
        params.subject_alt_names = vec![SanType::URI(identity.subject.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.custom_extensions = vec![names_issuer(identity.issuer)];
        let certificate = params.signed_by(key, &self.authority).unwrap();
        Certificate {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
        }
    }

    /// The entry of a bundle, with its proof and its promise, for what was logged.
    pub fn entry(&self, body: &Value) -> Value {
        let text = body.to_string();
        let logged = self.log(&text);
        json!({
            "logIndex": "0", "logId": {"keyId": STANDARD.encode(self.log_id())},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": SIGNED_AT.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": logged.promise},
            "inclusionProof": {
                "logIndex": "0", "treeSize": "1", "rootHash": STANDARD.encode(logged.root), "hashes": [],
                "checkpoint": {"envelope": logged.checkpoint},
            },
            "canonicalizedBody": STANDARD.encode(&text),
        })
    }

    /// The log's promise for a logged entry, in the form that cosign stores beside a simple signature.
    pub fn promised(&self, body: &Value) -> Value {
        let text = body.to_string();
        json!({
            "SignedEntryTimestamp": self.log(&text).promise,
            "Payload": {
                "body": STANDARD.encode(&text), "integratedTime": SIGNED_AT, "logIndex": 0,
                "logID": hex::encode(self.log_id()),
            },
        })
    }

    fn log(&self, body: &str) -> Logged {
        let root = digest(&[&[0], body.as_bytes()].concat());
        let note = format!("{LOG}\n1\n{}\n", STANDARD.encode(&root));
        let hint = [&self.log_id()[..4], &self.sign(&note)].concat();
        // JSON with sorted keys.
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{SIGNED_AT},"logID":"{}","logIndex":0}}"#,
            STANDARD.encode(body),
            hex::encode(self.log_id())
        );
        Logged {
            promise: STANDARD.encode(self.sign(&promised)),
            checkpoint: format!("{note}\n— {LOG} {}\n", STANDARD.encode(hint)),
            root,
        }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        self.log.sign(text.as_bytes()).unwrap()
    }

    fn log_id(&self) -> Vec<u8> {
        digest(&self.log.subject_public_key_info())
    }
}

/// Fulcio's extension for the issuer: a short UTF8String of DER.
fn names_issuer(issuer: &str) -> CustomExtension {
    let length = u8::try_from(issuer.len()).unwrap();
    assert!(length < 0x80, "the issuer is too long for this authority");
    let text = [&[0x0c, length], issuer.as_bytes()].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 8], text)
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
