//! Receipts that are signed, kept and checked.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// A private key in PEM with its public key.
fn pair(ed25519: bool) -> (String, String) {
    let random = SystemRandom::new();
    let (private, public) = if ed25519 {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = key.public_key().as_der().unwrap().as_ref().to_vec();
        (pkcs8.as_ref().to_vec(), public)
    } else {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
        let public = key.public_key().as_der().unwrap().as_ref().to_vec();
        (pkcs8.as_ref().to_vec(), public)
    };
    let pem = |kind: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n")
    };
    (pem("PRIVATE", &private), pem("PUBLIC", &public))
}

fn keys(public: &str) -> PublicKeys {
    let mut keys = PublicKeys::default();
    keys.add(public).unwrap();
    keys
}

fn flash(index: usize, result: FlashResult) -> FlashStatement {
    FlashStatement::of(
        &format!("sha256:{}", "a".repeat(64)),
        FlashPredicate {
            job: job(),
            round: 2,
            index,
            device: FlashedDevice {
                uuid: format!("uuid-{index}"),
                endpoint: Some(format!("192.0.2.{index}:80")),
                device_type: Some("esp32s3".into()),
                application: None,
            },
            firmware: FlashedFirmware {
                reference: format!("r.example/fleet/esp32@sha256:{}", "b".repeat(64)),
                version: "1.2.0".into(),
                from_version: Some("1.1.0".into()),
            },
            result,
            details: Some(Details {
                reason: Some("FlashFailed".into()),
                attempts: 2,
                ..Details::default()
            }),
        },
    )
}

fn job() -> JobReference {
    JobReference {
        namespace: "lab".into(),
        name: "lamps".into(),
        uid: "u-1".into(),
    }
}

fn round(receipts: &[FlashStatement], results: &str) -> RoundStatement {
    let predicate = RoundPredicate {
        job: job(),
        round: 2,
        count: receipts.len(),
        merkle_root: tree::root(receipts.iter().map(FlashStatement::leaf)),
        results: results.into(),
    };
    RoundStatement::of_round("r.example/fleet/esp32", "sha256:00", predicate)
}

/// A file of a round with three devices that are final, and one that is not.
fn file(signer: &Signer) -> String {
    use FlashResult::{Failed, Skipped, Succeeded};
    let receipts = [flash(0, Succeeded), flash(1, Failed), flash(3, Skipped)];
    let mut lines: Vec<_> = receipts
        .iter()
        .map(|receipt| signer.sign(receipt).unwrap().0)
        .collect();
    lines.push(signer.sign(&round(&receipts, "SF-K")).unwrap().0);
    lines.join("\n") + "\n"
}

fn is_believed(report: &Report) -> bool {
    report.faults.is_empty()
        && report.rounds.iter().all(|round| round.whole.is_ok())
        && !report.rounds.is_empty()
}

#[rstest]
fn a_whole_round_is_believed_with_either_kind_of_key(#[values(true, false)] ed25519: bool) {
    let (private, public) = pair(ed25519);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let report = verify(file(&signer).as_bytes(), &keys(&public));
    assert!(is_believed(&report), "{report:?}");
    assert_eq!((report.receipts, report.rounds[0].devices), (3, 3));
}

#[test]
fn the_log_is_read_as_it_is_written_for_programs_and_for_people() {
    let (private, public) = pair(true);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let lines = file(&signer);
    let json = |line: &str| serde_json::json!({"level": "INFO", "receipt": line}).to_string();
    let text = |line: &str| format!("2026-03-01T10:00:00Z  INFO receipts: receipt={line}");
    for wrap in [&json as &dyn Fn(&str) -> String, &text] {
        let log: Vec<_> = lines.lines().map(wrap).collect();
        let log = format!("INFO something else\n{}\n", log.join("\n"));
        let report = verify(log.as_bytes(), &keys(&public));
        assert!(is_believed(&report), "{report:?}");
    }
}

#[test]
fn no_altered_bit_of_a_file_is_believed() {
    let (private, public) = pair(true);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let (file, keys) = (file(&signer).into_bytes(), keys(&public));
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut altered = file.clone();
            altered[at] ^= 1 << bit;
            let report = verify(&altered, &keys);
            assert!(!is_believed(&report), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_receipt_that_is_taken_out_is_missed() {
    let (private, public) = pair(true);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let file = file(&signer);
    for left_out in 0..4 {
        let kept = file.lines().enumerate().filter(|(at, _)| *at != left_out);
        let kept: Vec<_> = kept.map(|(_, line)| line).collect();
        let report = verify(kept.join("\n").as_bytes(), &keys(&public));
        let why = report.rounds[0].whole.clone().unwrap_err();
        let said = [
            "indexes 0",
            "indexes 1",
            "indexes 3",
            "receipt of the round is not there",
        ];
        assert!(why.contains(said[left_out]), "{why}");
    }
}

#[test]
fn of_two_receipts_of_a_device_the_one_counts_that_the_round_is_signed_with() {
    use FlashResult::{Failed, Succeeded};
    let (private, public) = pair(true);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let again = [flash(0, Failed), flash(0, Succeeded), flash(0, Succeeded)];
    let mut lines: Vec<_> = again
        .iter()
        .map(|receipt| signer.sign(receipt).unwrap().0)
        .collect();
    lines.push(signer.sign(&round(&again[1..2], "S")).unwrap().0);
    let report = verify(lines.join("\n").as_bytes(), &keys(&public));
    assert!(is_believed(&report), "{report:?}");
}

#[test]
fn receipts_of_another_key_are_not_believed() {
    let (private, _) = pair(true);
    let signer = Signer::from_pem(private.as_bytes()).unwrap();
    let (_, other) = pair(false);
    let report = verify(file(&signer).as_bytes(), &keys(&other));
    assert_eq!((report.receipts, report.faults.len()), (0, 4));
    assert!(
        report.faults[0].1.contains("signed with another key"),
        "{report:?}"
    );
}

#[test]
fn what_was_observed_is_signed_and_is_not_part_of_the_leaf() {
    let one = flash(0, FlashResult::Failed);
    let mut other = one.clone();
    other.predicate.details = None;
    assert_eq!(one.leaf(), other.leaf());
    other.predicate.device.uuid.push('x');
    assert_ne!(one.leaf(), other.leaf());
}

#[rstest]
#[case::nothing("")]
#[case::a_public_key(
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
)]
#[case::one_with_a_password(
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END ENCRYPTED PRIVATE KEY-----\n"
)]
fn what_is_not_a_private_key_cannot_sign(#[case] pem: &str) {
    assert_eq!(Signer::from_pem(pem.as_bytes()).unwrap_err(), KeyError);
}

/// The recursive definition of RFC 6962, section 2.1, word for word.
fn mth(leaves: &[Vec<u8>]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let hash = |parts: &[&[u8]]| Sha256::digest(parts.concat()).to_vec();
    match leaves {
        [] => hash(&[]),
        [one] => hash(&[&[0], one]),
        more => {
            let k = 1 << (more.len() - 1).ilog2();
            hash(&[&[1], &mth(&more[..k]), &mth(&more[k..])])
        }
    }
}

proptest! {
    #[test]
    fn the_root_is_the_tree_head_of_rfc_6962(leaves in proptest::collection::vec(any::<Vec<u8>>(), 0..70)) {
        prop_assert_eq!(tree::root(leaves.clone()), hex::encode(mth(&leaves)));
    }
}
