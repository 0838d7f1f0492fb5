//! The client against registries that answer well, badly, too much and never.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use rstest::rstest;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Access, FirmwareImage, Registry, RegistryError, fixtures};

fn index() -> String {
    fixtures::index(&["esp32s2", "esp32s3"])
}

fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// A registry that answers each path in its own way, on a loopback port of its own; it ends with the test's runtime.
async fn registry() -> SocketAddr {
    async fn answer(uri: Uri, headers: HeaderMap) -> Response {
        let host = headers["host"].to_str().unwrap_or_default();
        let token = headers
            .get("authorization")
            .and_then(|token| token.to_str().ok());
        let challenge = |realm: String| {
            let header = format!(r#"Bearer realm="{realm}",service="registry""#);
            (StatusCode::UNAUTHORIZED, [("www-authenticate", header)]).into_response()
        };
        match uri.path() {
            "/v2/fleet/esp32/manifests/1.2.0" => index().into_response(),
            "/token"
                if uri.query()
                    == Some("service=registry&scope=repository%3Ashut%2Fesp32%3Apull") =>
            {
                json!({"access_token": "for-anybody"})
                    .to_string()
                    .into_response()
            }
            "/v2/shut/esp32/manifests/1" if token == Some("Bearer for-anybody") => {
                index().into_response()
            }
            "/v2/shut/esp32/manifests/1" => challenge(format!("http://{host}/token")),
            // me:secret
            "/v2/basic/esp32/manifests/1" if token == Some("Basic bWU6c2VjcmV0") => {
                index().into_response()
            }
            "/v2/basic/esp32/manifests/1" => {
                let header = [("www-authenticate", "Basic realm=\"fleet\"")];
                (StatusCode::UNAUTHORIZED, header).into_response()
            }
            "/members" if token == Some("Basic bWU6c2VjcmV0") => {
                json!({"token": "for-members"}).to_string().into_response()
            }
            "/members" => StatusCode::FORBIDDEN.into_response(),
            "/v2/members/esp32/manifests/1" if token == Some("Bearer for-members") => {
                index().into_response()
            }
            "/v2/members/esp32/manifests/1" => challenge(format!("http://{host}/members")),
            "/v2/elsewhere/esp32/manifests/1" => challenge("http://192.0.2.1/token".into()),
            "/v2/private/esp32/manifests/1" => challenge(format!("http://{host}/no-token")),
            "/v2/moved/esp32/manifests/1" => (
                StatusCode::TEMPORARY_REDIRECT,
                [("location", "http://192.0.2.1/")],
            )
                .into_response(),
            "/v2/busy/esp32/manifests/1" => StatusCode::TOO_MANY_REQUESTS.into_response(),
            "/v2/broken/esp32/manifests/1" => StatusCode::BAD_GATEWAY.into_response(),
            "/v2/chart/esp32/manifests/1" => "{}".into_response(),
            "/v2/endless/esp32/manifests/1" => {
                let chunks =
                    stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 8_192])));
                Body::from_stream(chunks).into_response()
            }
            "/v2/slow/esp32/manifests/1" => {
                let bytes = stream::repeat(()).then(async |()| {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok::<_, Infallible>(Bytes::from_static(b" "))
                });
                Body::from_stream(bytes).into_response()
            }
            path if path.starts_with("/v2/fleet/esp32/manifests/sha256:") => {
                index().into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What is found under a name of that registry, and errors with its address replaced.
async fn found(name: &str) -> Result<FirmwareImage, String> {
    found_with(name, None).await
}

/// The same, with a password of `me`.
async fn found_with(name: &str, password: Option<&str>) -> Result<FirmwareImage, String> {
    let address = registry().await.to_string();
    let reference = format!("{address}/{name}").parse().unwrap();
    let mut access = Access::default();
    if let Some(password) = password {
        let login = json!({"username": "me", "password": password});
        let file = json!({"auths": {&address: login}}).to_string();
        access.credentials.add(file.as_bytes()).unwrap();
    }
    let found = Registry::new().unwrap().image(&reference, &access).await;
    found.map_err(|error| error.to_string().replace(&address, "REGISTRY"))
}

#[rstest]
#[case::open("fleet/esp32:1.2.0")]
#[case::with_a_token_for_anybody("shut/esp32:1")]
#[case::by_digest(&format!("fleet/esp32@{}", digest(&index())))]
#[tokio::test]
async fn the_image_is_found_by_the_digest_of_what_was_sent(#[case] name: &str) {
    let image = found(name).await.unwrap();
    assert_eq!(image.digest, digest(&index()));
    let kinds: Vec<_> = image.platforms.iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["esp32s2", "esp32s3"]);
}

#[rstest]
#[case(
    "fleet/esp32:9",
    "registry REGISTRY has no image REGISTRY/fleet/esp32:9"
)]
#[case(
    "elsewhere/esp32:1",
    "registry REGISTRY: its token service \"http://192.0.2.1/token\" is not one of the registry; it is not asked"
)]
#[case("private/esp32:1", "registry REGISTRY: it answered 404 Not Found")]
#[case(
    "moved/esp32:1",
    "registry REGISTRY: it answered 307 Temporary Redirect: it sends elsewhere, which is not followed"
)]
#[case(
    "busy/esp32:1",
    "registry REGISTRY: it answered 429 Too Many Requests: it has had too many requests"
)]
#[case("broken/esp32:1", "registry REGISTRY: it answered 502 Bad Gateway")]
#[case(
    "chart/esp32:1",
    "registry REGISTRY: the image REGISTRY/chart/esp32:1 cannot be used: it is not an image but \"text/plain; charset=utf-8\""
)]
#[case(
    "endless/esp32:1",
    "registry REGISTRY: the image REGISTRY/endless/esp32:1 cannot be used: its answer is longer than 4194304 bytes"
)]
#[tokio::test]
async fn what_cannot_be_had_is_said_with_the_registry_and_the_cause(
    #[case] name: &str,
    #[case] said: &str,
) {
    assert_eq!(found(name).await.unwrap_err(), said);
}

#[rstest]
#[case::as_it_is(
    "basic",
    "it answered 401 Unauthorized: it does not show this image to everybody"
)]
#[case::for_a_token(
    "members",
    "it answered 403 Forbidden: it does not show this image to everybody"
)]
#[tokio::test]
async fn a_registry_gets_the_login_that_it_asks_for(
    #[case] repository: &str,
    #[case] refused: &str,
) {
    let name = format!("{repository}/esp32:1");
    let image = found_with(&name, Some("secret")).await.unwrap();
    assert_eq!(image.digest, digest(&index()));
    let refused = format!("registry REGISTRY: {refused}");
    assert_eq!(found(&name).await.unwrap_err(), refused);
    let wrong = found_with(&name, Some("another")).await.unwrap_err();
    assert_eq!(wrong, refused);
}

#[rstest]
#[case::at_the_same_path("", "registry.example.com/fleet/esp32:1.2.0")]
#[case::below_a_path("/fleet", "registry.example.com/esp32:1.2.0")]
#[tokio::test]
async fn a_mirror_is_asked_instead_and_the_image_keeps_its_name(
    #[case] path: &str,
    #[case] reference: &str,
) {
    let access = Access {
        mirror: Some(format!("{}{path}", registry().await)),
        ..Access::default()
    };
    let reference = reference.parse().unwrap();
    let image = Registry::new().unwrap().image(&reference, &access).await;
    let image = image.unwrap();
    assert_eq!(
        (image.reference, image.digest),
        (reference, digest(&index()))
    );
}

#[tokio::test]
async fn what_a_mirror_does_not_have_is_missing_at_the_mirror() {
    let address = registry().await.to_string();
    let access = Access {
        mirror: Some(address.clone()),
        ..Access::default()
    };
    let reference = "registry.example.com/none/esp32:1".parse().unwrap();
    let image = Registry::new().unwrap().image(&reference, &access).await;
    let error = image.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("registry {address} has no image {address}/none/esp32:1")
    );
}

#[test]
fn what_is_not_a_certificate_is_no_authority() {
    for text in [
        "",
        "-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----",
    ] {
        let error = Registry::trusting(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("registry (any): ") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn bytes_that_do_not_hash_to_what_was_asked_for_are_refused() {
    let asked = digest("another index");
    let error = found(&format!("fleet/esp32@{asked}")).await.unwrap_err();
    let sent = digest(&index());
    let cause =
        format!("the image REGISTRY/fleet/esp32@{asked} cannot be used: what it sent is {sent}");
    assert_eq!(error, format!("registry REGISTRY: {cause}"));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_sends_a_byte_a_second_is_given_up() {
    let error = found("slow/esp32:1").await.unwrap_err();
    assert_eq!(error, "registry REGISTRY: no whole answer within 15 s");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reference = format!("{address}/esp32:1").parse().unwrap();
    let error = Registry::new()
        .unwrap()
        .image(&reference, &Access::default())
        .await
        .unwrap_err();
    let RegistryError::Unreachable { host, cause } = error else {
        panic!("{error}");
    };
    assert_eq!(host, address.to_string());
    assert!(
        cause.starts_with("no connection: Connection refused"),
        "{cause}"
    );
}
