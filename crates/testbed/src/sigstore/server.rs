//! The Sigstore on loopback, as real cosign asks it: Fulcio's API in both versions, and Rekor's.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::ETAG},
    response::IntoResponse,
    routing::post,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use serde_json::{Value, json};

use super::{Certificate, CertificateIdentity, SIGNED_AT, Sigstore, digest};

/// Bytes of the point at the end of a P-256 public key.
const POINT: usize = 65;

impl Sigstore {
    /// Answers on a loopback port of its own until the test ends.
    pub async fn serve(self: Arc<Self>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/api/v1/signingCert", post(certify_for_cosign_2))
            .route("/api/v2/signingCert", post(certify_for_cosign_3))
            .route("/api/v1/log/entries", post(log))
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn certified(&self, headers: &HeaderMap, pem: &str) -> Certificate {
        let authorization = headers["authorization"].to_str().unwrap();
        let claims = authorization.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let identity = CertificateIdentity {
            subject: claims["sub"].as_str().unwrap(),
            issuer: claims["iss"].as_str().unwrap(),
        };
        self.certify(&PublicKey::from_pem(pem), identity)
    }
}

/// A token that says who asks. Nobody checks its signature.
pub(crate) fn token(identity: CertificateIdentity<'_>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "RS256", "typ": "JWT"}));
    let claims = json!({"iss": identity.issuer, "sub": identity.subject, "aud": "sigstore", "exp": 4_102_444_800_u32});
    format!(
        "{header}.{}.{}",
        part(&claims),
        URL_SAFE_NO_PAD.encode("signature")
    )
}

/// A public key of P-256 that somebody else made.
struct PublicKey(Vec<u8>);

impl PublicKey {
    fn from_pem(pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        Self(der[der.len() - POINT..].to_vec())
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

async fn certify_for_cosign_2(
    State(sigstore): State<Arc<Sigstore>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> impl IntoResponse {
    let pem = STANDARD.decode(asked["publicKey"]["content"].as_str().unwrap());
    let pem = String::from_utf8(pem.unwrap()).unwrap();
    let certificate = sigstore.certified(&headers, &pem);
    let chain = format!("{}{}", certificate.pem, sigstore.root.pem);
    (StatusCode::CREATED, chain)
}

async fn certify_for_cosign_3(
    State(sigstore): State<Arc<Sigstore>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Json<Value> {
    let pem = asked["publicKeyRequest"]["publicKey"]["content"].as_str();
    let certificate = sigstore.certified(&headers, pem.unwrap());
    let chain = [certificate.pem, sigstore.root.pem.clone()];
    Json(json!({"signedCertificateDetachedSct": {"chain": {"certificates": chain}}}))
}

async fn log(
    State(sigstore): State<Arc<Sigstore>>,
    Json(proposed): Json<Value>,
) -> impl IntoResponse {
    let body = canonical(&proposed).to_string();
    let logged = sigstore.log(&body);
    let uuid = hex::encode(&logged.root);
    let entry = json!({
        "body": STANDARD.encode(&body), "integratedTime": SIGNED_AT, "logIndex": 0,
        "logID": hex::encode(sigstore.log_id()),
        "verification": {
            "signedEntryTimestamp": logged.promise,
            "inclusionProof": {
                "logIndex": 0, "treeSize": 1, "rootHash": &uuid, "hashes": [], "checkpoint": logged.checkpoint,
            },
        },
    });
    let answer = json!({&uuid: entry});
    (StatusCode::CREATED, [(ETAG, uuid)], Json(answer))
}

/// What is logged of a proposal: of an envelope its hashes, its signatures and who made them.
fn canonical(proposed: &Value) -> Value {
    let content = &proposed["spec"]["proposedContent"];
    let Some(text) = content["envelope"].as_str() else {
        return proposed.clone();
    };
    let envelope: Value = serde_json::from_str(text).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap());
    let sha256 = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex::encode(digest(bytes))});
    json!({
        "apiVersion": proposed["apiVersion"], "kind": proposed["kind"],
        "spec": {
            "envelopeHash": sha256(text.as_bytes()), "payloadHash": sha256(&payload.unwrap()),
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": content["verifiers"][0]}],
        },
    })
}
