//! Signatures as registries keep them: with the referrers API, without it, and badly.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{MAX_BLOB, MAX_SIGNATURES};
use crate::provenance::{
    Access, Registry,
    fixtures::DIGEST,
    signatures::{Signature, SimpleSignature},
};

/// What is under each path: a text, or where it sends.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<String, Stored>>>);

#[derive(Clone)]
enum Stored {
    Text(String),
    At(&'static str),
}

impl Shelf {
    fn put(&self, path: &str, stored: Stored) {
        let path = format!("/v2/fleet/esp32/{path}");
        self.0.lock().unwrap().insert(path, stored);
    }

    /// Stores a blob; its digest.
    fn blob(&self, text: &str) -> String {
        let digest = digest(text);
        self.put(&format!("blobs/{digest}"), Stored::Text(text.into()));
        digest
    }

    /// Stores a manifest with these layers under a name, or under its digest; its digest.
    fn manifest(&self, name: Option<&str>, layers: &Value) -> String {
        let text = json!({"schemaVersion": 2, "layers": layers}).to_string();
        let digest = digest(&text);
        let path = format!("manifests/{}", name.unwrap_or(&digest));
        self.put(&path, Stored::Text(text));
        digest
    }

    async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = self.clone();
        let router = Router::new().fallback(async move |uri: Uri| -> Response {
            let found = served.0.lock().unwrap().get(uri.path()).cloned();
            match found {
                Some(Stored::Text(text)) => text.into_response(),
                Some(Stored::At(url)) => {
                    (StatusCode::TEMPORARY_REDIRECT, [("location", url)]).into_response()
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    /// The signatures of the image, and errors with the registry's address replaced.
    async fn signatures(&self) -> Result<Vec<Signature>, String> {
        let address = self.serve().await.to_string();
        let reference = format!("{address}/fleet/esp32:1").parse().unwrap();
        let registry = Registry::new().unwrap();
        let access = Access::default();
        let found = registry.signatures(&reference, &[DIGEST], &access).await;
        match found {
            Ok(mut of_each) => Ok(of_each.remove(0)),
            Err(error) => Err(error.to_string().replace(&address, "REGISTRY")),
        }
    }
}

fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn tag() -> String {
    DIGEST.replace(':', "-")
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A bundle that refers to the image, as the referrers API tells, or a tag where there is none.
fn refer(shelf: &Shelf, api: bool, bundles: &[String]) {
    let layers: Vec<_> = bundles
        .iter()
        .map(|digest| json!({"mediaType": BUNDLE, "digest": digest}))
        .collect();
    let referrer = shelf.manifest(None, &json!(layers));
    // Cosign names the kind of it only where the registry does.
    let kind = "application/vnd.oci.empty.v1+json";
    let index = json!({"manifests": [{"digest": referrer, "artifactType": kind}]});
    let path = if api {
        format!("referrers/{DIGEST}")
    } else {
        format!("manifests/{}", tag())
    };
    shelf.put(&path, Stored::Text(index.to_string()));
}

#[rstest]
#[tokio::test]
async fn bundles_are_found_by_the_referrers_api_and_without_it(#[values(true, false)] api: bool) {
    let shelf = Shelf::default();
    let bundle = shelf.blob("a bundle");
    refer(&shelf, api, &[bundle]);
    let found = shelf.signatures().await.unwrap();
    assert_eq!(found, [Signature::Bundle(b"a bundle".to_vec())]);
}

#[tokio::test]
async fn simple_signatures_are_found_with_what_is_beside_them() {
    let shelf = Shelf::default();
    let payload = shelf.blob("a payload");
    let annotations = json!({"dev.cosignproject.cosign/signature": "c2ln", "more": "text"});
    let layers = json!([
        {"mediaType": SIMPLE, "digest": payload, "annotations": annotations},
        {"mediaType": "text/plain", "digest": payload},
        {"mediaType": SIMPLE, "digest": "sha256:../../../v2/other"},
    ]);
    shelf.manifest(Some(&format!("{}.sig", tag())), &layers);
    let expected = SimpleSignature {
        payload: b"a payload".to_vec(),
        signature: "c2ln".into(),
        ..SimpleSignature::default()
    };
    let found = shelf.signatures().await.unwrap();
    assert_eq!(found, [Signature::Simple(expected)]);
}

#[tokio::test]
async fn an_image_without_signatures_has_none() {
    let shelf = Shelf::default();
    assert_eq!(shelf.signatures().await, Ok(Vec::new()));
    shelf.put(&format!("referrers/{DIGEST}"), Stored::Text("{".into()));
    assert_eq!(shelf.signatures().await, Ok(Vec::new()));
}

#[tokio::test]
async fn only_so_many_signatures_are_read() {
    let shelf = Shelf::default();
    let bundles: Vec<_> = (0..=MAX_SIGNATURES)
        .map(|number| shelf.blob(&number.to_string()))
        .collect();
    refer(&shelf, true, &bundles);
    assert_eq!(shelf.signatures().await.unwrap().len(), MAX_SIGNATURES);
}

#[rstest]
#[case::of_other_bytes(
    Stored::Text("another".into()),
    "the image REGISTRY/fleet/esp32:1 cannot be used: what it sent is sha256:"
)]
#[case::without_end(
    Stored::Text(" ".repeat(MAX_BLOB + 1)),
    "the image REGISTRY/fleet/esp32:1 cannot be used: its answer is longer than 1048576 bytes"
)]
#[case::inside_the_cluster(
    Stored::At("https://kubernetes.default.svc/secrets"),
    "it answered 307 Temporary Redirect: it sends elsewhere, which is not followed"
)]
#[case::at_an_address(
    Stored::At("http://192.0.2.1/"),
    "it answered 307 Temporary Redirect: it sends elsewhere, which is not followed"
)]
#[tokio::test]
async fn a_blob_that_is_not_what_was_asked_for_is_refused(
    #[case] stored: Stored,
    #[case] said: &str,
) {
    let shelf = Shelf::default();
    let bundle = digest("a bundle");
    shelf.put(&format!("blobs/{bundle}"), stored);
    refer(&shelf, true, &[bundle]);
    let error = shelf.signatures().await.unwrap_err();
    assert!(
        error.starts_with(&format!("registry REGISTRY: {said}")),
        "{error}"
    );
}

#[tokio::test]
async fn a_blob_is_followed_once_within_its_registry() {
    let shelf = Shelf::default();
    let bundle = digest("a bundle");
    shelf.put(
        &format!("blobs/{bundle}"),
        Stored::At("/v2/fleet/esp32/stored"),
    );
    shelf.put("stored", Stored::Text("a bundle".into()));
    refer(&shelf, true, std::slice::from_ref(&bundle));
    let found = shelf.signatures().await.unwrap();
    assert_eq!(found, [Signature::Bundle(b"a bundle".to_vec())]);
    shelf.put("stored", Stored::At("/v2/fleet/esp32/again"));
    let error = shelf.signatures().await.unwrap_err();
    assert!(error.ends_with("which is not followed"), "{error}");
}
