//! Receipts of flashes: what the operator signs into its log, and whether anybody can check it afterwards, whatever became of the
//! operator meanwhile.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use testbed::{Fleet, ImageRegistry, Params, Space, healthy, job::Seen};

use crate::firmware::{KINDS, PIN, Registry, begin};

/// A private key and its public key, in PEM.
fn pair() -> (String, String) {
    let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap();
    let public = pair.public_key().as_der().unwrap();
    let pem = |kind: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n")
    };
    (
        pem("PRIVATE", private.as_ref()),
        pem("PUBLIC", public.as_ref()),
    )
}

/// Stores a private key as the Secret that classes name.
fn store(space: &Space, private: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "receipts"},
        "data": {"receipt.key": STANDARD.encode(private)},
    });
    space.apply(&secret.to_string());
}

fn rules() -> Value {
    json!({"receipts": {"keySecretName": "receipts"}})
}

/// What `verify-receipt` says of a log, and its exit code.
fn verify(log: &str, public: &str) -> (String, i32) {
    let directory = tempfile::tempdir().unwrap();
    let (file, key) = (
        directory.path().join("operator.log"),
        directory.path().join("key.pub"),
    );
    std::fs::write(&file, log).unwrap();
    std::fs::write(&key, public).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flashjob-operator"))
        .arg("verify-receipt")
        .arg(file)
        .arg("--key")
        .arg(key)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.code().unwrap())
}

/// Whether a line of the log is the receipt of the device with the index 0.
fn is_of_first_device(line: &str) -> bool {
    let payload = line.split("\"payload\":\"").nth(1);
    let payload = payload.and_then(|rest| rest.split('"').next());
    let statement = payload.and_then(|payload| STANDARD.decode(payload).ok());
    statement.is_some_and(|statement| String::from_utf8_lossy(&statement).contains("\"index\":0,"))
}

fn receipts(seen: &Seen) -> &Value {
    &seen.0["status"]["provenance"]["receipts"]
}

/// Waits for the end of a round with the signature of its receipts.
async fn signed(space: &Space, name: &str, within: u64) -> Seen {
    space
        .becomes(name, "signed receipts", within, |seen| {
            seen.is("Finished") && receipts(seen)["signature"].is_string()
        })
        .await
}

async fn three_of_which_one_fails_once(space: &Space) -> Fleet {
    let world = Params {
        exit1_once_share: 0.34,
        ..healthy(3, 0.5)
    };
    space.fleet(world).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_device_of_a_round_has_a_signed_receipt_though_the_operator_was_killed_in_the_middle()
{
    let space = Space::new("receipts").await;
    let fleet = three_of_which_one_fails_once(&space).await;
    let registry = Registry::start().await;
    let reference = registry.push("1", 1, &KINDS);
    let (private, public) = pair();
    // Whatever is logged, receipts are.
    let arguments = [PIN, "--log-level", "error"];
    let mut operator = space.operator(&arguments);

    begin(&space, "proven", &reference, &fleet, &rules());
    let seen = space.waits_for("proven", "ReceiptKeyUnusable").await;
    let message = seen.0["status"]["message"].as_str().unwrap();
    assert!(
        seen.is("Stalled")
            && message
                .contains("/receipts, which a FlashClass names, does not exist; nothing starts"),
        "{message}"
    );
    assert_eq!(space.births(), 0);

    store(&space, &private);
    space.patch_spec("proven", &json!({"version": "0.3.0"}));
    let running = |seen: &Seen| seen.0["status"]["counts"]["pending"] == 1;
    space.becomes("proven", "second device", 60, running).await;
    space.replace(&mut operator, &arguments);
    let done = signed(&space, "proven", 120).await;
    assert_eq!(done.indexes("failedIndexes").len(), 1, "{done:?}");

    let log = space.operator_logs();
    let (said, code) = verify(&log, &public);
    let root = receipts(&done)["merkleRoot"].as_str().unwrap();
    assert_eq!(code, 0, "{said}\n{log}");
    assert!(
        said.contains(&format!(
            "proven (uid {}), round 1: 3 devices, none is missing, root {root}",
            done.0["metadata"]["uid"].as_str().unwrap()
        )),
        "{said}"
    );
    assert_eq!(receipts(&done)["count"], 3);
    let others = log
        .lines()
        .find(|line| !line.contains("receipts: receipt="));
    assert_eq!(others, None, "the log says errors alone");

    // Anybody may take a line out of a log, and is found out.
    let lines = log
        .lines()
        .filter(|line| line.contains("receipt={"))
        .count();
    assert!(lines >= 4, "{lines}");
    let left: Vec<_> = log
        .lines()
        .filter(|line| !is_of_first_device(line))
        .collect();
    let (said, code) = verify(&left.join("\n"), &public);
    assert!(
        code == 1 && said.contains("1 of 3 receipts are missing, those of the indexes 0"),
        "{said}"
    );
    let (said, code) = verify(&log, &pair().1);
    assert_eq!(
        (code, said.contains("signed with another key")),
        (1, true),
        "{said}"
    );

    // The failed one is tried again, and the round gets another root.
    space.patch_spec(
        "proven",
        &json!({"rerun": {"id": "again", "devices": "Failed"}}),
    );
    let again = space
        .becomes("proven", "another root", 120, |seen| {
            seen.is("Complete") && receipts(seen)["signature"].is_string()
        })
        .await;
    assert_ne!(receipts(&again)["merkleRoot"], root);
    let (said, code) = verify(&space.operator_logs(), &public);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(receipts(&again)["merkleRoot"].as_str().unwrap()),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_lost_in_the_middle_keeps_no_flash_from_ending_and_its_receipts_come_later() {
    let space = Space::new("receipts-owed").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let registry = Registry::start().await;
    let reference = registry.push("1", 1, &KINDS);
    let (private, public) = pair();
    store(&space, &private);
    let arguments = [PIN];
    let mut operator = space.operator(&arguments);
    begin(&space, "owed", &reference, &fleet, &rules());
    let running = |seen: &Seen| seen.0["status"]["counts"]["pending"] == 2;
    space.becomes("owed", "first device", 60, running).await;
    space.kubectl(&["delete", "secret", "receipts"]);
    // Who leads next has not read the key.
    space.replace(&mut operator, &arguments);
    let done = space.finished("owed", 120).await;
    assert!(done.is("Complete"), "{done:?}");
    assert_eq!(
        (
            receipts(&done)["count"].as_i64(),
            receipts(&done)["signature"].is_null()
        ),
        (Some(3), true)
    );
    let query = [
        "get",
        "events",
        "--field-selector",
        "reason=ReceiptKeyUnusable",
    ];
    let told = space.kubectl(&query);
    assert!(
        told.contains("receipts of this round are written once it can be used"),
        "{told}"
    );
    let (said, code) = verify(&space.operator_logs(), &public);
    assert_eq!(code, 1, "{said}");

    store(&space, &private);
    let later = signed(&space, "owed", 150).await;
    assert_eq!(
        receipts(&later)["merkleRoot"],
        receipts(&done)["merkleRoot"]
    );
    let (said, code) = verify(&space.operator_logs(), &public);
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receipts_of_a_round_are_an_artifact_of_its_firmware_once_their_registry_is_back() {
    let space = Space::new("receipts-stored").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let registry = ImageRegistry::start(space.control_plane);
    registry.push("fleet/esp32", "1", 1, &KINDS);
    let reference = registry.reference("fleet/esp32", "1");
    let (private, public) = pair();
    store(&space, &private);
    let port = testbed::operator::free_port();
    let repository = format!("127.0.0.1:{port}/fleet/receipts");
    let rules = json!({"receipts": {"keySecretName": "receipts", "repository": &repository}});
    let arguments = [PIN];
    let mut operator = space.operator(&arguments);
    begin(&space, "stored", &reference, &fleet, &rules);
    // Nothing listens there, and the round ends all the same.
    let done = signed(&space, "stored", 120).await;
    let query = [
        "get",
        "events",
        "--field-selector",
        "reason=ReceiptsNotStored",
    ];
    let told = async || {
        let told = space.kubectl(&query);
        told.contains("no connection").then_some(told)
    };
    let told = space.eventually("event", testbed::seconds(30), told).await;
    assert!(
        told.contains("the receipts of this round are in the log, and stored once that is right"),
        "{told}"
    );
    assert!(receipts(&done)["artifact"].is_null(), "{done:?}");

    let keeper = ImageRegistry::start_at(space.control_plane, port);
    let stored = |seen: &Seen| receipts(seen)["artifact"].is_string();
    let seen = space.becomes("stored", "artifact", 120, stored).await;
    let artifact = receipts(&seen)["artifact"].as_str().unwrap();
    let digest = artifact.strip_prefix(&format!("{repository}@")).unwrap();
    let manifest = keeper.stored("fleet/receipts", digest).unwrap();
    let firmware = seen.0["status"]["provenance"]["digest"].as_str().unwrap();
    assert_eq!(manifest["subject"]["digest"], firmware);
    let root = receipts(&seen)["merkleRoot"].as_str().unwrap();
    assert_eq!(
        manifest["annotations"]["flashjob.nbfc.io/merkle-root"],
        root
    );
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let lines = keeper.stored_blob("fleet/receipts", layer);
    let (said, code) = verify(&lines, &public);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("3 devices, none is missing, root {root}")),
        "{said}"
    );
    // This registry lists no referrers by itself.
    let list = keeper.stored("fleet/receipts", &firmware.replacen(':', "-", 1));
    assert_eq!(list.unwrap()["manifests"][0]["digest"], digest);

    // Who leads next stores nothing twice, and the status stays.
    space.replace(&mut operator, &arguments);
    space.patch_spec("stored", &json!({"suspend": true}));
    let suspended =
        |seen: &Seen| seen.0["status"]["observedGeneration"] == seen.0["metadata"]["generation"];
    let again = space.becomes("stored", "next pass", 60, suspended).await;
    assert_eq!(receipts(&again)["artifact"], artifact);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_reach_a_private_repository_with_the_login_of_their_class_alone() {
    let space = Space::new("receipts-private").await;
    let fleet = space.fleet(healthy(1, 0.2)).await;
    let registry = ImageRegistry::start(space.control_plane);
    registry.push("fleet/esp32", "1", 1, &KINDS);
    let reference = registry.reference("fleet/esp32", "1");
    let keeper = ImageRegistry::start_private(space.control_plane);
    let (private, public) = pair();
    store(&space, &private);
    let login = |password| space.store_login("push", keeper.address, password);
    login("another");
    let repository = format!("{}/fleet/receipts", keeper.address);
    let rules = json!({"receipts": {
        "keySecretName": "receipts", "repository": &repository, "registry": {"pullSecretNames": ["push"]},
    }});
    let operator = space.operator(&[PIN]);
    begin(&space, "stored", &reference, &fleet, &rules);
    signed(&space, "stored", 120).await;
    let told = async || {
        let query = [
            "get",
            "events",
            "--field-selector",
            "reason=ReceiptsNotStored",
        ];
        let told = space.kubectl(&query);
        told.contains("401 Unauthorized").then_some(told)
    };
    space.eventually("event", testbed::seconds(30), told).await;

    space.kubectl(&["delete", "secret", "push"]);
    login(ImageRegistry::PASSWORD);
    let stored = |seen: &Seen| receipts(seen)["artifact"].is_string();
    let seen = space.becomes("stored", "artifact", 150, stored).await;
    let artifact = receipts(&seen)["artifact"].as_str().unwrap();
    let digest = artifact.strip_prefix(&format!("{repository}@")).unwrap();
    let manifest = keeper.stored("fleet/receipts", digest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let (said, code) = verify(&keeper.stored_blob("fleet/receipts", layer), &public);
    assert_eq!(code, 0, "{said}");
    let everything = space.kubectl(&["get", "flashjobs,events,controllerrevisions", "-o", "yaml"]);
    for text in ["bWU6c2VjcmV0", ":secret"] {
        assert!(!everything.contains(text) && !operator.log().contains(text));
    }
}
