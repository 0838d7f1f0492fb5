//! Flash images in a registry that asks for a login.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    job::Seen,
    real::{
        image_registry::ImageRegistry,
        installation::{Installation, PULL_SECRET},
        site::{JOB, Site},
    },
};

/// A job whose Pods show the login.
fn with_login(image: &str) -> Value {
    json!({
        "flashjobPodImage": image, "values": {"imagePullSecrets": [{"name": PULL_SECRET}]},
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    })
}

/// Waits until that is said of the device, which is not flashed for that reason; all that is said.
async fn waits(site: &Site, uuid: &str, reason: &str, words: &str) -> String {
    let what = format!("{reason} of a device: {words}");
    let message = |job: &Seen| {
        job.device(uuid)["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let is_said = |job: &Seen| job.device(uuid)["reason"] == reason && message(job).contains(words);
    message(&site.space.becomes(JOB, &what, 90, is_said).await)
}

#[rstest]
#[case::no_secret(None)]
#[case::wrong_login(Some(false))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_waits_while_its_image_asks_for_another_login_and_is_flashed_once_the_secret_is_right(
    #[case] before: Option<bool>,
) {
    Installation::shared();
    let site = Site::new("login", &["none"]).await;
    let registry = ImageRegistry::start(site.world);
    let image = registry.push(site.world, "login");
    let put = |is_right| {
        let secret = ImageRegistry::secret(PULL_SECRET, is_right);
        site.space.apply(&secret.to_string());
    };
    before.map(put);
    let uuids = site.apply(&with_login(&image)).await;
    let said = waits(&site, &uuids[0], "ImagePullFailed", "401 Unauthorized").await;
    let words = ["ErrImagePull: ", "ImagePullBackOff: "];
    assert!(words.iter().any(|word| said.starts_with(word)), "{said}");
    assert!(said.contains(&image), "{said}");
    site.assert_untouched();
    put(true);
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
    let events = site.space.kubectl(&["get", "events"]);
    let pulled = format!("Successfully pulled image \"{image}\"");
    assert!(events.contains(&pulled), "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_waits_for_an_image_that_is_not_there_and_is_flashed_once_it_is() {
    Installation::shared();
    let site = Site::new("missing", &["none"]).await;
    let registry = ImageRegistry::start(site.world);
    let secret = ImageRegistry::secret(PULL_SECRET, true);
    site.space.apply(&secret.to_string());
    let missing = ImageRegistry::reference("missing");
    let uuids = site.apply(&with_login(&missing)).await;
    let said = waits(&site, &uuids[0], "ImagePullFailed", "not found").await;
    assert!(said.contains(&missing), "{said}");
    site.assert_untouched();
    registry.push(site.world, "missing");
    let done = site.finished(120).await;
    site.assert_flashed_once(&done, &uuids);
}
