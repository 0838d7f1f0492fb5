//! Which image a round flashes, as a registry on loopback serves it: one digest, known before the first device.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse as _,
};
use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Fleet, ImageRegistry, Space, healthy,
    job::{Seen, job},
};

/// Operators of these tests ask registries.
pub const PIN: &str = "--firmware-digest=pin";

/// A registry on a loopback port of its own, which serves what it is told to; it ends with the test.
pub struct Registry {
    /// Where it listens.
    pub address: SocketAddr,
    manifests: Arc<Mutex<HashMap<String, String>>>,
}

impl Registry {
    /// Starts it, empty.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manifests = Arc::<Mutex<HashMap<String, String>>>::default();
        let served = Arc::clone(&manifests);
        let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            let login = headers.get("authorization");
            // me:secret
            if uri.path().starts_with("/v2/private/")
                && login.is_none_or(|login| login != "Basic bWU6c2VjcmV0")
            {
                let asks = [("www-authenticate", "Basic realm=\"fleet\"")];
                return (StatusCode::UNAUTHORIZED, asks).into_response();
            }
            let found = served.lock().unwrap().get(uri.path()).cloned();
            found.map_or_else(
                || StatusCode::NOT_FOUND.into_response(),
                axum::response::IntoResponse::into_response,
            )
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, manifests }
    }

    /// Moves a tag to an index for these kinds of device, one like no other. Returns the reference.
    pub fn push(&self, tag: &str, build: u32, kinds: &[&str]) -> String {
        self.push_to("fleet", tag, build, kinds)
    }

    /// The same, for a team: `private` wants a login.
    fn push_to(&self, team: &str, tag: &str, build: u32, kinds: &[&str]) -> String {
        let digest = format!("sha256:{build:064}");
        let of = |kind: &&str| json!({"digest": digest, "platform": {"os": "custom", "architecture": kind}});
        let manifests: Vec<Value> = kinds.iter().map(of).collect();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
        let path = format!("/v2/{team}/esp32/manifests/{tag}");
        let mut served = self.manifests.lock().unwrap();
        served.insert(path, index.to_string());
        format!("{}/{team}/esp32:{tag}", self.address)
    }

    fn reference(&self, tag: &str) -> String {
        format!("{}/fleet/esp32:{tag}", self.address)
    }
}

/// A job of this firmware for all devices of a fleet, one after the other, under a class with these rules.
pub fn begin(space: &Space, name: &str, firmware: &str, fleet: &Fleet, rules: &Value) {
    let class = format!("{}-{name}", space.name);
    space.put_class(&class, rules);
    let spec = json!({"firmware": firmware, "flashClassName": class, "parallelism": 1});
    space.apply(&job(name, &fleet.uuids(), &spec).to_string());
}

/// What the flash Pods of a fleet were told to pull, oldest first.
fn pulled(fleet: &Fleet) -> Vec<String> {
    let journal = fleet.journal();
    journal.iter().map(|flash| flash.firmware.clone()).collect()
}

/// The condition FirmwareResolved of a job: status, reason, message.
fn resolved(seen: &Seen) -> (String, String, String) {
    seen.condition("FirmwareResolved")
}

/// Kinds of device that the images of these tests are for.
pub const KINDS: [&str; 3] = ["esp32", "esp32s2", "esp32s3"];

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_moves_in_the_middle_of_a_round_changes_nothing_of_it_and_the_next_round_follows(
    #[case] engine: &str,
) {
    let space = Space::new(&format!("firmware-pinned-{engine}")).await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let registry = Registry::start().await;
    let reference = registry.push("1", 1, &KINDS);
    let arguments = [PIN, "--engine", engine];
    let mut operator = space.operator(&arguments);
    begin(&space, "pinned", &reference, &fleet, &json!({}));
    let running = |seen: &Seen| seen.0["status"]["phase"] == "Running";
    let seen = space
        .becomes("pinned", "Running of pinned", 60, running)
        .await;
    let first = seen.0["status"]["provenance"].clone();
    let digest = first["digest"].as_str().unwrap().to_owned();
    let name = reference.strip_suffix(":1").unwrap();
    assert_eq!(first["reference"], format!("{name}@{digest}"));
    assert_eq!(
        first["shortDigest"],
        digest["sha256:".len()..][..12].to_owned()
    );
    assert_eq!(resolved(&seen).1, "DigestPinned");

    registry.push("1", 2, &KINDS);
    // Who leads next knows the frozen digest, and does not ask again.
    space.replace(&mut operator, &arguments);
    // A helm command that was cut off has its two minutes.
    let done = space.finished("pinned", 300).await;
    assert!(done.is("Complete"), "{done:?}");
    assert_eq!(done.0["status"]["provenance"], first);
    assert_eq!(pulled(&fleet), vec![format!("{name}@{digest}"); 3]);

    // The version is another one: a round of its own.
    space.patch_spec("pinned", &json!({"version": "0.3.0"}));
    let done = space
        .becomes("pinned", "end of round 2", 120, |seen| {
            seen.is("Complete") && seen.0["status"]["round"]["number"] == 2
        })
        .await;
    let second = done.0["status"]["provenance"]["reference"].clone();
    assert_ne!(second, first["reference"]);
    assert_eq!(pulled(&fleet)[3..], vec![second.as_str().unwrap(); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_firmware_no_registry_has_stalls_and_begins_with_the_next_spec() {
    let space = Space::new("firmware-missing").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = Registry::start().await;
    let _operator = space.operator(&[PIN]);
    let missing = registry.reference("none");
    begin(&space, "missing", &missing, &fleet, &json!({}));
    let seen = space.waits_for("missing", "FirmwareMissing").await;
    assert!(seen.is("Stalled"), "{seen:?}");
    let (status, reason, message) = resolved(&seen);
    assert_eq!((&*status, &*reason), ("False", "FirmwareMissing"));
    let words = format!(
        "registry {} has no image {missing}; nothing starts; push it, or correct spec.firmware",
        registry.address
    );
    assert_eq!(message, words);
    let reference = registry.push("1", 1, &KINDS);
    space.patch_spec("missing", &json!({"firmware": reference}));
    let done = space.finished("missing", 60).await;
    assert!(done.is("Complete") && !done.is("Stalled"), "{done:?}");
    assert_eq!(resolved(&done).0, "True");
    assert_eq!(pulled(&fleet).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_registry_a_round_goes_on_with_the_tag_unless_a_class_asks_for_a_digest() {
    let space = Space::new("firmware-away").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let _operator = space.operator(&[PIN]);
    let away = "127.0.0.1:1/fleet/esp32:1";
    let strict = json!({"requireFirmwareDigest": true, "firmwareVerification": {}});
    begin(&space, "strict", away, &fleet, &strict);
    let seen = space.waits_for("strict", "FirmwareUnreachable").await;
    let (status, reason, message) = resolved(&seen);
    assert_eq!((&*status, &*reason), ("False", "FirmwareUnreachable"));
    assert!(
        message.starts_with("registry 127.0.0.1:1: no connection"),
        "{message}"
    );
    assert!(!seen.is("Finished") && !seen.is("Stalled"), "{seen:?}");
    assert_eq!(space.births(), 0);
    space.delete_job("strict", 60).await;

    begin(&space, "open", away, &fleet, &json!({}));
    let done = space.finished("open", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    let (status, reason, message) = resolved(&done);
    assert_eq!((&*status, &*reason), ("False", "FirmwareUnreachable"));
    assert!(
        message.contains("the round goes on with the tag"),
        "{message}"
    );
    assert_eq!(done.0["status"]["provenance"], Value::Null);
    assert_eq!(pulled(&fleet), [away]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_that_requires_platforms_begins_no_round_without_them() {
    let space = Space::new("firmware-platforms").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = Registry::start().await;
    let _operator = space.operator(&[PIN]);
    let other = registry.push("other", 1, &["stm32"]);
    let strict = json!({"firmwareVerification": {"requirePlatform": true}});
    begin(&space, "strict", &other, &fleet, &strict);
    let seen = space.waits_for("strict", "PlatformMissing").await;
    assert!(seen.is("Stalled"), "{seen:?}");
    let message = resolved(&seen).2;
    assert!(
        message.contains("the image has no custom/esp32")
            && message.contains("it has custom/stm32"),
        "{message}"
    );
    assert_eq!(space.births(), 0);
    space.delete_job("strict", 60).await;
    begin(&space, "open", &other, &fleet, &json!({}));
    let done = space.finished("open", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    let events = space.kubectl(&["get", "events", "-o", "json"]);
    assert!(events.contains("PlatformMissing"), "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_login_of_a_class_opens_its_registry_and_shows_up_nowhere() {
    let space = Space::new("firmware-private").await;
    let fleet = space.fleet(healthy(2, 0.2)).await;
    let registry = Registry::start().await;
    let reference = registry.push_to("private", "1", 1, &KINDS);
    let operator = space.operator(&[PIN]);
    let rules = |secret: &str| json!({"requireFirmwareDigest": true, "firmwareVerification": {"registry": {"pullSecretNames": [secret]}}});
    let one = |name: &str, secret: &str, device: usize| {
        let class = format!("{}-{name}", space.name);
        space.put_class(&class, &rules(secret));
        let spec = json!({"firmware": reference, "flashClassName": class});
        let uuid = fleet.uuids()[device].clone();
        space.apply(&job(name, &[uuid], &spec).to_string());
    };
    one("without", "not-there", 0);
    let seen = space.waits_for("without", "FirmwareUnreachable").await;
    let secret = format!(
        "Secret {}/not-there, which a FlashClass names, does not exist",
        space.name
    );
    let message = resolved(&seen).2;
    assert!(message.contains(&secret), "{message}");

    space.store_login("login", registry.address, ImageRegistry::PASSWORD);
    one("with", "login", 1);
    let done = space.finished("with", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    assert_eq!(resolved(&done).1, "DigestPinned");
    let everything = space.kubectl(&["get", "flashjobs,events,controllerrevisions", "-o", "yaml"]);
    for text in ["bWU6c2VjcmV0", ":secret"] {
        assert!(!everything.contains(text) && !operator.log().contains(text));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mirror_of_a_class_is_asked_once_and_flash_pods_pull_by_the_name_that_the_job_gives() {
    let space = Space::new("firmware-mirror").await;
    let fleet = space.fleet(healthy(2, 0.5)).await;
    let mirror = ImageRegistry::start_private(space.control_plane);
    let image = mirror.push("mirrored/fleet/esp32", "1", 1, &KINDS);
    space.store_login("mirror", mirror.address, ImageRegistry::PASSWORD);
    let mut operator = space.operator(&[PIN]);
    let place = format!("{}/mirrored", mirror.address);
    let registry = json!({"mirror": place, "pullSecretNames": ["mirror"]});
    let rules =
        json!({"requireFirmwareDigest": true, "firmwareVerification": {"registry": registry}});
    // No such host exists, so the test fails if anybody asks it.
    let reference = "firmware.example.com/fleet/esp32:1";
    begin(&space, "mirrored", reference, &fleet, &rules);
    let running = |seen: &Seen| seen.0["status"]["counts"]["pending"] == 1;
    space.becomes("mirrored", "first device", 60, running).await;
    // From here on nobody can ask it, and nobody has to.
    drop(mirror);
    space.replace(&mut operator, &[PIN]);
    let done = space.finished("mirrored", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    let pinned = format!("firmware.example.com/fleet/esp32@{}", image.digest);
    assert_eq!(pulled(&fleet), [pinned.clone(), pinned]);
}
