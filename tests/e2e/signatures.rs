//! Who signed what a round flashes: a real registry, signatures by real cosign, both formats.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    CertificateIdentity, Cosign, ImageRegistry, Sigstore, Space, healthy,
    job::{Seen, job},
};

use crate::firmware::{KINDS, PIN, begin};

/// A class that trusts the keys of a Secret, with what they have to write into a signature.
pub fn rules(mode: &str, annotations: &Value) -> Value {
    let authority =
        json!({"name": "release", "key": {"secretName": "keys"}, "annotations": annotations});
    json!({"firmwareVerification": {"mode": mode, "authorities": [authority]}})
}

/// Stores public keys as the Secret that the class names.
pub fn trust(space: &Space, keys: &[(&str, &str)]) {
    let data: BTreeMap<_, _> = keys
        .iter()
        .map(|(name, pem)| (*name, STANDARD.encode(pem)))
        .collect();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": data,
    });
    space.apply(&secret.to_string());
}

/// The condition FirmwareVerified of a job: status, reason, message.
fn verified(seen: &Seen) -> (String, String, String) {
    seen.condition("FirmwareVerified")
}

#[rstest]
#[case::of_cosign_2("two", Cosign::Two)]
#[case::of_cosign_3("three", Cosign::Three)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_that_enforces_signatures_begins_a_round_with_a_signed_image_alone(
    #[case] name: &str,
    #[case] cosign: Cosign,
) {
    let space = Space::new(&format!("signatures-{name}")).await;
    let fleet = space.fleet(healthy(2, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let (old, new, other) = (
        registry.key("old"),
        registry.key("new"),
        registry.key("other"),
    );
    trust(&space, &[("old.pub", &old.1), ("new.pub", &new.1)]);
    let operator = space.operator(&[PIN]);
    let reference = registry.reference("fleet/esp32", "1");
    let rules = rules("Enforce", &json!({"author": "Example"}));

    begin(&space, "flash", &reference, &fleet, &rules);
    let seen = space.waits_for("flash", "SignatureMissing").await;
    assert!(seen.is("Stalled"), "{seen:?}");
    let (status, _, message) = verified(&seen);
    assert_eq!(status, "False");
    let words = format!(
        "{reference}: it has no signature; nothing starts: spec.firmwareVerification of FlashClass {}-flash; sign {}, or correct spec.firmware",
        space.name, image.digest
    );
    assert_eq!(message, words);

    let about = ("fleet/esp32", image.digest.as_str());
    registry.sign(cosign, about, &other.0, &["author=Example"]);
    space.patch_spec("flash", &json!({"version": "0.3.0"}));
    let seen = space.waits_for("flash", "SignatureInvalid").await;
    let message = verified(&seen).2;
    assert!(
        message.contains("it was not made with new.pub (sha256 "),
        "{message}"
    );

    registry.sign(cosign, about, &new.0, &["author=Somebody"]);
    space.patch_spec("flash", &json!({"version": "0.4.0"}));
    let seen = space.waits_for("flash", "IdentityMismatch").await;
    let message = verified(&seen).2;
    assert!(
        message.contains("without the annotation author=Example"),
        "{message}"
    );
    assert_eq!(space.births(), 0);

    registry.sign(cosign, about, &new.0, &["author=Example"]);
    space.patch_spec("flash", &json!({"version": "0.5.0"}));
    let done = space.finished("flash", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    let provenance = &done.0["status"]["provenance"];
    assert_eq!(provenance["digest"], image.digest);
    assert_eq!(provenance["authority"], "release");
    let identity = provenance["identity"].as_str().unwrap();
    assert!(identity.starts_with("new.pub (sha256 "), "{identity}");
    let (status, reason, message) = verified(&done);
    assert_eq!((&*status, &*reason), ("True", "SignatureVerified"));
    assert_eq!(message, format!("release signed it: {identity}"));
    let journal = fleet.journal();
    let pulled: Vec<_> = journal.iter().map(|flash| &flash.firmware).collect();
    let pinned = format!("{}/fleet/esp32@{}", registry.address, image.digest);
    assert_eq!(pulled, [&pinned, &pinned]);
    let metrics = operator.page("/metrics").unwrap().1;
    for (outcome, count) in [("unsigned", 3), ("verified", 1)] {
        let sample =
            format!("flashjob_firmware_lookup_seconds_count{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&sample), "{sample}{metrics}");
    }
}

#[rstest]
#[case::of_cosign_2("two", Cosign::Two)]
#[case::of_cosign_3("three", Cosign::Three)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_counts_as_signed_once_each_of_its_platforms_is(
    #[case] name: &str,
    #[case] cosign: Cosign,
) {
    let space = Space::new(&format!("signatures-platforms-{name}")).await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &["esp32", "esp32s3"]);
    let (key, public) = registry.key("key");
    trust(&space, &[("cosign.pub", &public)]);
    let _operator = space.operator(&[PIN]);
    let sign = |kind: &str| {
        let about = ("fleet/esp32", image.platforms[kind].as_str());
        registry.sign(cosign, about, &key, &[]);
    };
    sign("esp32");
    let reference = registry.reference("fleet/esp32", "1");
    begin(
        &space,
        "flash",
        &reference,
        &fleet,
        &rules("Enforce", &json!({})),
    );
    let seen = space.waits_for("flash", "SignatureInvalid").await;
    let message = verified(&seen).2;
    let words = "of its platforms some are signed, and of custom/esp32s3: it has no signature";
    assert!(message.contains(words), "{message}");
    sign("esp32s3");
    space.patch_spec("flash", &json!({"version": "0.3.0"}));
    let done = space.finished("flash", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    assert_eq!(done.0["status"]["provenance"]["authority"], "release");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_that_warns_flashes_an_unsigned_image_and_says_so_until_it_enforces() {
    let space = Space::new("signatures-warn").await;
    let fleet = space.fleet(healthy(2, 3.0)).await;
    let registry = ImageRegistry::start(space.control_plane);
    registry.push("fleet/esp32", "1", 1, &KINDS);
    let (_, public) = registry.key("key");
    trust(&space, &[("cosign.pub", &public)]);
    let mut operator = space.operator(&[PIN]);
    let reference = registry.reference("fleet/esp32", "1");
    begin(
        &space,
        "flash",
        &reference,
        &fleet,
        &rules("Warn", &json!({})),
    );
    let running = |seen: &Seen| seen.0["status"]["phase"] == "Running";
    let seen = space.becomes("flash", "Running", 60, running).await;
    let (status, reason, message) = verified(&seen);
    assert_eq!((&*status, &*reason), ("False", "SignatureMissing"));
    let class = format!("{}-flash", space.name);
    assert_eq!(
        message,
        format!("{reference}: it has no signature; FlashClass {class} warns of it")
    );
    let events = space.kubectl(&["get", "events", "-o", "json"]);
    assert!(events.contains("SignatureMissing"), "{events}");

    // A new leader knows it from what is frozen; and the class ends what began without a signature.
    space.replace(&mut operator, &[PIN]);
    space.put_class(&class, &rules("Enforce", &json!({})));
    let seen = space.waits_for("flash", "FirmwareNotAllowed").await;
    assert_eq!(verified(&seen).1, "SignatureMissing");
    let stalled = space
        .becomes("flash", "first device to end", 60, |seen| {
            seen.0["status"]["completedIndexes"] == "0"
        })
        .await;
    assert!(stalled.is("Stalled"), "{stalled:?}");
    assert_eq!(space.births(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_not_there_or_are_not_keys_keep_a_round_from_beginning_and_are_named() {
    let space = Space::new("signatures-keys").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let (key, public) = registry.key("key");
    registry.sign(Cosign::Three, ("fleet/esp32", &image.digest), &key, &[]);
    let operator = space.operator(&[PIN]);
    let reference = registry.reference("fleet/esp32", "1");
    begin(
        &space,
        "flash",
        &reference,
        &fleet,
        &rules("Enforce", &json!({})),
    );
    let says = async |words: &str| {
        let said = |seen: &Seen| seen.0.to_string().contains(words);
        space.becomes("flash", words, 90, said).await
    };
    let secret = format!("Secret {}/keys, which a FlashClass names", space.name);
    says(&format!("{secret}, does not exist")).await;
    trust(&space, &[("cosign.pub", "not a key")]);
    says(&format!(
        "{secret}: data[\\\"cosign.pub\\\"] has to be a public key in PEM"
    ))
    .await;
    assert!(!operator.log().contains("not a key"));
    trust(&space, &[("cosign.pub", &public)]);
    let done = space.finished("flash", 90).await;
    assert!(done.is("Complete"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_moves_after_the_canary_to_an_unsigned_image_changes_nothing_for_50_devices() {
    let space = Space::new("signatures-moved").await;
    let fleet = space.fleet(healthy(50, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let (key, public) = registry.key("key");
    trust(&space, &[("cosign.pub", &public)]);
    registry.sign(Cosign::Three, ("fleet/esp32", &image.digest), &key, &[]);
    let mut operator = space.operator(&[PIN]);
    let class = format!("{}-flash", space.name);
    space.put_class(&class, &rules("Enforce", &json!({})));
    let reference = registry.reference("fleet/esp32", "1");
    let spec = json!({
        "firmware": reference, "flashClassName": class, "parallelism": 10,
        "steps": [{"name": "canary", "devices": 1, "requireApproval": true}],
    });
    space.apply(&job("flash", &fleet.uuids(), &spec).to_string());
    let canary = |seen: &Seen| seen.0["status"]["completedIndexes"] == "0";
    let seen = space.becomes("flash", "canary to end", 60, canary).await;
    let first = seen.0["status"]["provenance"].clone();

    let moved = registry.push("fleet/esp32", "1", 2, &KINDS);
    assert_ne!(moved.digest, image.digest);
    space.replace(&mut operator, &[PIN]);
    space.patch_spec("flash", &json!({"approvedStep": "1.1"}));
    let done = space.finished("flash", 180).await;
    assert!(done.is("Complete"), "{done:?}");
    assert_eq!(done.0["status"]["provenance"], first);
    let journal = fleet.journal();
    let pinned = format!("{}/fleet/esp32@{}", registry.address, image.digest);
    assert!(journal.iter().all(|flash| flash.firmware == pinned));
    assert_eq!(journal.len(), 50);

    // The next round asks anew, and nobody signed what the tag means now.
    space.patch_spec("flash", &json!({"version": "0.3.0"}));
    let seen = space.waits_for("flash", "SignatureMissing").await;
    assert!(verified(&seen).2.contains(&moved.digest), "{seen:?}");
    assert_eq!(fleet.journal().len(), 50);
}

const WORKFLOW: &str = "https://github.com/example/fw/.github/workflows/build.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A class that trusts a workflow, whose certificates a Sigstore of the tests issues.
fn keyless_rules(space: &Space, sigstore: &Sigstore) -> Value {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sigstore-root"},
        "data": {"trusted_root.json": STANDARD.encode(sigstore.trusted_root().to_string())},
    });
    space.apply(&secret.to_string());
    let identity =
        json!({"issuer": ISSUER, "subjectRegExp": "^https://github\\.com/example/fw/.*"});
    let keyless = json!({"identities": [identity], "trustedRootSecretName": "sigstore-root"});
    let authority = json!({"name": "ci", "keyless": keyless});
    json!({"firmwareVerification": {"mode": "Enforce", "authorities": [authority]}})
}

#[rstest]
#[case::of_cosign_2("two", Cosign::Two)]
#[case::of_cosign_3("three", Cosign::Three)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyless_signature_counts_by_the_identity_in_its_certificate(
    #[case] name: &str,
    #[case] cosign: Cosign,
) {
    let space = Space::new(&format!("signatures-keyless-{name}")).await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let about = ("fleet/esp32", image.digest.as_str());
    let (trusted, strange) = (Arc::new(Sigstore::new()), Arc::new(Sigstore::new()));
    let _operator = space.operator(&[PIN]);
    let workflow = CertificateIdentity {
        subject: WORKFLOW,
        issuer: ISSUER,
    };

    // The right name, by an authority whom nobody trusts.
    let address = Arc::clone(&strange).serve().await;
    registry.sign_as(cosign, about, workflow, address);
    let reference = registry.reference("fleet/esp32", "1");
    let rules = keyless_rules(&space, &trusted);
    begin(&space, "flash", &reference, &fleet, &rules);
    space.waits_for("flash", "SignatureInvalid").await;

    // Another name, by the right authority.
    let address = Arc::clone(&trusted).serve().await;
    let another = CertificateIdentity {
        subject: "https://github.com/somebody/fw",
        issuer: ISSUER,
    };
    registry.sign_as(cosign, about, another, address);
    space.patch_spec("flash", &json!({"version": "0.3.0"}));
    let seen = space.waits_for("flash", "IdentityMismatch").await;
    let message = verified(&seen).2;
    assert!(message.contains(another.subject), "{message}");
    assert_eq!(space.births(), 0);

    registry.sign_as(cosign, about, workflow, address);
    space.patch_spec("flash", &json!({"version": "0.4.0"}));
    let done = space.finished("flash", 60).await;
    assert!(done.is("Complete"), "{done:?}");
    let provenance = &done.0["status"]["provenance"];
    assert_eq!(provenance["authority"], "ci");
    assert_eq!(provenance["identity"], format!("{WORKFLOW} of {ISSUER}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_whose_bytes_are_gone_or_cut_off_lets_no_round_begin() {
    let space = Space::new("signatures-cut").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let (key, public) = registry.key("key");
    trust(&space, &[("cosign.pub", &public)]);
    registry.sign(Cosign::Three, ("fleet/esp32", &image.digest), &key, &[]);
    let list = image.digest.replacen(':', "-", 1);
    let list = registry.stored("fleet/esp32", &list).unwrap();
    let bundle = list["manifests"][0]["digest"].as_str().unwrap();
    let bundle = registry.stored("fleet/esp32", bundle).unwrap();
    let layer = bundle["layers"][0]["digest"].as_str().unwrap();
    registry.cut_off(layer);
    let _operator = space.operator(&[PIN]);
    let reference = registry.reference("fleet/esp32", "1");
    let rules = rules("Enforce", &json!({}));
    begin(&space, "cut", &reference, &fleet, &rules);
    let seen = space.waits_for("cut", "FirmwareUnusable").await;
    let message = seen.condition("FirmwareResolved").2;
    assert!(
        message.contains("cannot be used: what it sent is"),
        "{message}"
    );
    assert_eq!(space.births(), 0);

    registry.strip("fleet/esp32", &image.digest);
    space.patch_spec("cut", &json!({"version": "0.3.0"}));
    space.waits_for("cut", "SignatureMissing").await;
    assert_eq!(space.births(), 0);
}
