//! What `plan` says of the image behind a FlashJob's firmware, as a registry on loopback serves it.

use std::{io::Write as _, net::SocketAddr};

use axum::{Router, http::Uri, response::IntoResponse as _};
use serde_json::{Value, json};

use testbed::{Asking, Params, Space, job::job};

/// An image index for these kinds of device.
fn index(kinds: &[&str]) -> String {
    let of = |kind: &&str| json!({"digest": format!("sha256:{}", "0".repeat(64)), "platform": {"os": "custom", "architecture": kind}});
    let manifests: Vec<Value> = kinds.iter().map(of).collect();
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}).to_string()
}

/// A registry with `esp32:all` and `esp32:other`, on a loopback port of its own; it ends with the test.
async fn registry() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(async |uri: Uri| match uri.path() {
        "/v2/fleet/esp32/manifests/all" => index(&["esp32", "esp32s3"]).into_response(),
        "/v2/fleet/esp32/manifests/other" => index(&["stm32"]).into_response(),
        _ => axum::http::StatusCode::NOT_FOUND.into_response(),
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_says_which_image_the_firmware_is_and_which_devices_it_is_not_for() {
    let space = Space::new("plan-firmware").await;
    let params = Params {
        devices: 2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let asking = Asking::new(&space);
    let registry = registry().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut plan = |firmware: &str, more: &[&str]| {
        let spec = json!({"firmware": firmware});
        file.as_file().set_len(0).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        write!(file, "{}", job("future", &fleet.uuids(), &spec)).unwrap();
        asking.plan(&[&["-f", &path], more].concat())
    };

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:all"), &[]);
    assert_eq!(code, 0, "{foretold:#}");
    let image = &foretold["image"];
    let digest = image["digest"].as_str().unwrap();
    let pinned = format!("{registry}/fleet/esp32@{digest}");
    assert_eq!(image["pinned"], json!(pinned), "{foretold:#}");
    assert_eq!(image["platforms"], json!(["esp32", "esp32s3"]));
    let text = asking.text(&["plan", "-f", &path]);
    assert!(
        text.contains(&format!("which is {digest} now, for esp32, esp32s3")),
        "{text}"
    );

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &[]);
    assert_eq!(
        (code, &foretold["image"]["refusal"]["reason"]),
        (3, &json!("PlatformMissing"))
    );
    let message = foretold["image"]["refusal"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("the image has no custom/esp32"),
        "{message}"
    );
    assert!(message.ends_with("it has custom/stm32"), "{message}");

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:none"), &[]);
    let message = format!("registry {registry} has no image {registry}/fleet/esp32:none");
    assert_eq!(
        foretold["image"]["refusal"],
        json!({"reason": "FirmwareMissing", "message": message})
    );
    assert_eq!(code, 3);

    // What cannot be asked here, the flash Pods may reach in the cluster.
    let (foretold, code) = plan("127.0.0.1:1/fleet/esp32:all", &[]);
    let unknown = foretold["image"]["unknown"].as_str().unwrap();
    assert!(
        unknown.starts_with("registry 127.0.0.1:1: no connection"),
        "{unknown}"
    );
    assert_eq!(code, 0, "{foretold:#}");
    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &["--no-registry"]);
    assert_eq!((code, &foretold["image"]), (0, &Value::Null));
    asking.assert_wrote_nothing();
}
