//! Uploads to a registry that keeps what it gets, and to such as do not take it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// What a registry does beyond keeping what it gets.
#[derive(Clone, Copy, Debug, Default)]
struct Habits {
    /// It lists what refers to an image by itself.
    lists_referrers: bool,
    /// Whoever writes needs the token that its token service gives to `me`.
    asks_for_a_token: bool,
    /// Where it wants uploads.
    elsewhere: Option<&'static str>,
    /// What it answers to an upload.
    refuses: Option<u16>,
}

#[derive(Clone)]
struct Kept {
    habits: Habits,
    /// By path.
    things: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// What was written, in order.
    writes: Arc<Mutex<Vec<String>>>,
}

async fn answer(
    State(kept): State<Kept>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let path = uri
        .path()
        .trim_start_matches("/v2/fleet/receipts/")
        .to_owned();
    let shown = headers
        .get("authorization")
        .and_then(|shown| shown.to_str().ok());
    if path == "/token" {
        let asked = uri.query().unwrap_or_default();
        let scope = "service=registry&scope=repository%3Afleet%2Freceipts%3Apull%2Cpush";
        // me:secret
        return if (asked, shown) == (scope, Some("Basic bWU6c2VjcmV0")) {
            json!({"token": "for-me"}).to_string().into_response()
        } else {
            StatusCode::FORBIDDEN.into_response()
        };
    }
    if kept.habits.asks_for_a_token && shown != Some("Bearer for-me") {
        let host = headers["host"].to_str().unwrap();
        let header = format!(r#"Bearer realm="http://{host}/token",service="registry""#);
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", header)]).into_response();
    }
    if method == Method::GET || method == Method::HEAD {
        let found = kept.things.lock().unwrap().get(&path).cloned();
        return found.map_or_else(
            || StatusCode::NOT_FOUND.into_response(),
            IntoResponse::into_response,
        );
    }
    if let Some(code) = kept.habits.refuses {
        return StatusCode::from_u16(code).unwrap().into_response();
    }
    if method == Method::POST {
        let place = kept
            .habits
            .elsewhere
            .unwrap_or("/v2/fleet/receipts/uploads/1?state=a");
        return (StatusCode::ACCEPTED, [("location", place)]).into_response();
    }
    let name = match uri.query() {
        Some(query) if path.starts_with("uploads/") => {
            let digest = query
                .trim_start_matches("state=a&digest=")
                .replace("%3A", ":");
            format!("blobs/{digest}")
        }
        _ => path,
    };
    kept.writes.lock().unwrap().push(name.clone());
    kept.things.lock().unwrap().insert(name, body.to_vec());
    if kept.habits.lists_referrers {
        return (StatusCode::CREATED, [("oci-subject", "sha256:aa")]).into_response();
    }
    StatusCode::CREATED.into_response()
}

/// A registry on a loopback port of its own; it ends with the test's runtime.
async fn registry(habits: Habits) -> (SocketAddr, Kept) {
    let kept = Kept {
        habits,
        things: Arc::default(),
        writes: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer).with_state(kept.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, kept)
}

fn artifact() -> Artifact {
    Artifact {
        tag: "receipts-1".into(),
        kind: "application/vnd.test",
        blobs: vec![b"{}".to_vec(), b"lines".to_vec()],
        manifest: b"{\"layers\":[]}".to_vec(),
        subject: Some("sha256:aa".into()),
    }
}

async fn store(address: SocketAddr, password: Option<&str>) -> Result<String, String> {
    let repository = format!("{address}/fleet/receipts").parse().unwrap();
    let mut access = Access::default();
    if let Some(password) = password {
        let login = json!({"username": "me", "password": password});
        let file = json!({"auths": {address.to_string(): login}}).to_string();
        access.credentials.add(file.as_bytes()).unwrap();
    }
    let registry = Registry::new().unwrap();
    let stored = registry.store(&repository, artifact(), &access).await;
    stored.map_err(|error| error.to_string().replace(&address.to_string(), "REGISTRY"))
}

#[tokio::test]
async fn the_tag_is_written_when_everything_else_is_there_and_nothing_is_written_twice() {
    let (address, kept) = registry(Habits::default()).await;
    let digest = store(address, None).await.unwrap();
    let blobs = artifact().blobs;
    let blob = |at: usize| format!("blobs/{}", sha256(&blobs[at]));
    let expected = [
        blob(0),
        blob(1),
        format!("manifests/{digest}"),
        "manifests/sha256-aa".into(),
        "manifests/receipts-1".into(),
    ];
    assert_eq!(*kept.writes.lock().unwrap(), expected);
    assert_eq!(store(address, None).await, Ok(digest.clone()));
    assert_eq!(kept.writes.lock().unwrap().len(), expected.len());
    // As after a crash in between.
    kept.things.lock().unwrap().remove("manifests/receipts-1");
    assert_eq!(store(address, None).await, Ok(digest));
    let again = &kept.writes.lock().unwrap()[expected.len()..];
    assert_eq!(
        again,
        &expected[2..3]
            .iter()
            .chain(&expected[4..])
            .cloned()
            .collect::<Vec<_>>()[..]
    );
}

#[tokio::test]
async fn what_else_refers_to_the_firmware_stays_in_its_list() {
    let (address, kept) = registry(Habits::default()).await;
    let other =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"digest": "sha256:bb"}]});
    let list = "manifests/sha256-aa".to_owned();
    kept.things
        .lock()
        .unwrap()
        .insert(list.clone(), other.to_string().into_bytes());
    let digest = store(address, None).await.unwrap();
    let stored: Value = serde_json::from_slice(&kept.things.lock().unwrap()[&list]).unwrap();
    let expected = json!([
        {"digest": "sha256:bb"},
        {"mediaType": Artifact::MANIFEST, "digest": digest, "size": 13, "artifactType": "application/vnd.test"},
    ]);
    assert_eq!(stored["manifests"], expected);
}

#[tokio::test]
async fn a_registry_that_lists_referrers_gets_no_list() {
    let habits = Habits {
        lists_referrers: true,
        ..Habits::default()
    };
    let (address, kept) = registry(habits).await;
    store(address, None).await.unwrap();
    assert!(
        !kept
            .things
            .lock()
            .unwrap()
            .contains_key("manifests/sha256-aa")
    );
}

#[tokio::test]
async fn a_token_for_pulling_and_pushing_is_asked_for_with_the_login() {
    let habits = Habits {
        asks_for_a_token: true,
        ..Habits::default()
    };
    let (address, kept) = registry(habits).await;
    store(address, Some("secret")).await.unwrap();
    assert_eq!(kept.writes.lock().unwrap().len(), 5);
    let refused = store(registry(habits).await.0, Some("wrong"))
        .await
        .unwrap_err();
    assert!(
        refused.starts_with("registry REGISTRY: it answered 403 Forbidden"),
        "{refused}"
    );
}

#[rstest]
#[case::may_not_push(
    Habits { refuses: Some(403), ..Habits::default() },
    "registry REGISTRY: it answered 403 Forbidden to an upload: whoever asks may not push to this repository"
)]
#[case::read_only(
    Habits { refuses: Some(405), ..Habits::default() },
    "registry REGISTRY: it answered 405 Method Not Allowed to an upload"
)]
#[case::elsewhere(
    Habits { elsewhere: Some("http://192.0.2.1/upload"), ..Habits::default() },
    "registry REGISTRY: it wants the upload elsewhere, which is not done"
)]
#[tokio::test]
async fn a_registry_that_does_not_take_it_is_named_with_the_cause(
    #[case] habits: Habits,
    #[case] expected: &str,
) {
    let (address, kept) = registry(habits).await;
    assert_eq!(store(address, None).await, Err(expected.to_owned()));
    assert_eq!(*kept.writes.lock().unwrap(), Vec::<String>::new());
}
