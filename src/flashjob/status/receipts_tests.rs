use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{FlashImage, Reason, StepApproval, StepStatus, Word},
    flashclass::freeze,
    flashjob::{
        fixtures::{Scene, at, classes, endpoint, found},
        verdict::Outcome,
    },
    provenance::receipts::{PublicKeys, verify},
};

const DIGEST: &str = "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";
const PLATFORM: &str = "sha256:1e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";

/// Three devices whose round has a digest, under a class that asks for receipts or not.
fn scene(asks: bool) -> Scene {
    let spec = if asks {
        json!({"receipts": {"keySecretName": "receipts"}})
    } else {
        json!({})
    };
    let classes = classes(&[json!({"metadata": {"name": "c"}, "spec": spec})]);
    let class = Arc::clone(classes.get("c").unwrap());
    let provenance = Provenance {
        platforms: [("esp32s2".to_owned(), PLATFORM.to_owned())].into(),
        ..Provenance::of(format!("r.example/esp32@{DIGEST}"), DIGEST)
    };
    let frozen = freeze(&class, 1)
        .unwrap()
        .with_firmware(Some(provenance.clone()));
    let mut scene = Scene::new(3);
    scene.terms.classes = vec![class];
    scene.terms.frozen = Some(Arc::new(frozen));
    scene.stored(|status| status.provenance = Some(provenance));
    scene
}

fn end(scene: &mut Scene, outcomes: &[Outcome]) {
    for (index, outcome) in outcomes.iter().enumerate() {
        let ended = found(Some(index), *outcome, Reason::FlashFailed);
        scene.memory.refused.insert(index, ended);
    }
}

fn receipts(status: &FlashJobStatus) -> Option<&RoundReceipts> {
    status.provenance.as_ref().unwrap().receipts.as_ref()
}

#[test]
fn a_round_gets_its_root_when_it_ends_and_not_before() {
    let mut scene = scene(true);
    end(&mut scene, &[Outcome::Succeeded, Outcome::Failed]);
    let status = scene.status(10);
    assert_eq!(receipts(&status), None);
    end(
        &mut scene,
        &[Outcome::Succeeded, Outcome::Failed, Outcome::Skipped],
    );
    let status = scene.status(10);
    let receipts = receipts(&status).unwrap();
    assert_eq!((receipts.count, receipts.merkle_root.len()), (3, 64));
    assert_eq!(receipts.signature, None);
}

#[test]
fn without_a_class_that_asks_there_are_none() {
    let mut scene = scene(false);
    end(&mut scene, &[Outcome::Succeeded; 3]);
    assert_eq!(receipts(&scene.status(10)), None);
}

#[test]
fn another_leader_finds_the_same_root_and_keeps_its_signature() {
    let mut scene = scene(true);
    end(&mut scene, &[Outcome::Succeeded; 3]);
    let mut first = scene.status(10);
    let root = receipts(&first).unwrap().merkle_root.clone();
    // Of a leader that was killed before it stored that, nothing is left but what the devices came to, found later.
    end(&mut scene, &[Outcome::Succeeded; 3]);
    assert_eq!(receipts(&scene.status(500)).unwrap().merkle_root, root);
    let stored = first
        .provenance
        .as_mut()
        .unwrap()
        .receipts
        .as_mut()
        .unwrap();
    stored.signature = Some("signed".into());
    scene.store(first);
    scene.memory.refused.clear();
    let later = scene.status(900);
    assert_eq!(
        receipts(&later).unwrap().signature.as_deref(),
        Some("signed")
    );
}

#[test]
fn a_round_that_goes_on_loses_its_root() {
    let mut scene = scene(true);
    end(
        &mut scene,
        &[Outcome::Succeeded, Outcome::Succeeded, Outcome::Failed],
    );
    let ended = scene.status(10);
    scene.store(ended);
    scene.memory.refused.clear();
    scene.stored(|status| {
        status.failed_indexes = None;
        status.devices.clear();
    });
    assert_eq!(receipts(&scene.status(20)), None);
}

#[test]
fn the_receipts_of_devices_make_the_root_of_their_round() {
    let mut scene = scene(true);
    end(
        &mut scene,
        &[Outcome::Succeeded, Outcome::Failed, Outcome::Skipped],
    );
    let (plan, status) = (scene.plan(10), scene.status(10));
    let observed = scene.observed();
    let roster = observed.roster.unwrap();
    let entries = ended(&observed, &plan, at(10));
    assert_eq!(entries.len(), 3);
    let of = |entries: &[DeviceStatus]| -> Vec<FlashStatement> {
        let each = entries.iter().map(|entry| {
            let index = usize::try_from(entry.index).unwrap();
            receipt(&scene.job, &status, &roster.devices()[index], entry).unwrap()
        });
        let mut all: Vec<_> = each.collect();
        all.sort_by_key(|statement| statement.predicate.index);
        all
    };
    let statements = of(&entries);
    let root = receipts(&status).unwrap().merkle_root.clone();
    let leaves = |statements: &[FlashStatement]| -> Vec<_> {
        statements.iter().map(FlashStatement::leaf).collect()
    };
    assert_eq!(tree::root(leaves(&statements)), root);
    let finals = Finals::of(&status);
    let round = round_receipt(&scene.job, &status, roster, &finals).unwrap();
    assert_eq!(
        (round.predicate.merkle_root, &*round.predicate.results),
        (root.clone(), "SFK")
    );
    // The same, of a status that has room for no device.
    let mut bare = status.clone();
    bare.devices.clear();
    let late = of(&all_ended(&bare, roster, &finals, Vec::new()));
    assert_eq!(tree::root(leaves(&late)), root);
    let with_details = of(&all_ended(&bare, roster, &finals, entries));
    assert_eq!(with_details, statements);
    let details = statements[1].predicate.details.as_ref().unwrap();
    assert_eq!(details.reason.as_deref(), Some("FlashFailed"));
}

#[test]
fn a_device_that_is_not_final_has_no_receipt() {
    let scene = scene(true);
    let entry = DeviceStatus {
        phase: Word::from(DevicePhase::Flashing),
        ..DeviceStatus::default()
    };
    let selected = &scene.roster.as_ref().unwrap().devices()[0];
    assert_eq!(
        receipt(&scene.job, &scene.status(10), selected, &entry),
        None
    );
}

#[test]
fn the_image_of_a_receipt_is_that_of_the_devices_platform() {
    let provenance = Provenance {
        platforms: [("esp32s2".to_owned(), PLATFORM.to_owned())].into(),
        ..Provenance::of("r.example/esp32".into(), DIGEST)
    };
    for (kind, found) in [
        (Some("ESP32-S2"), PLATFORM),
        (Some("esp32"), DIGEST),
        (None, DIGEST),
    ] {
        let selected = SelectedDevice {
            device_type: kind.map(str::to_owned),
            ..SelectedDevice::default()
        };
        assert_eq!(digest(&provenance, &selected), found);
    }
}

#[test]
fn a_receipt_names_job_device_and_firmware_and_tells_what_was_observed() {
    let mut scene = scene(true);
    let approval = StepApproval {
        by: "ana".into(),
        step: "1.1".into(),
        ..StepApproval::default()
    };
    scene.stored(|status| {
        status.step = Some(StepStatus {
            approvals: vec![approval.clone()],
            ..StepStatus::default()
        });
    });
    let entry = DeviceStatus {
        index: 1,
        phase: DevicePhase::Succeeded.into(),
        reason: Some(Reason::Verified.into()),
        attempts: 2,
        pod: Some("flash-uuid-1-b0".into()),
        to_version: Some("0.2.0".into()),
        start_time: Some(Time(at(5))),
        completion_time: Some(Time(at(9))),
        log_tail: Some("one\ntwo".into()),
        ..DeviceStatus::default()
    };
    let roster = scene.roster.as_ref().unwrap();
    let selected = &roster.devices()[1];
    let told = receipt(&scene.job, &scene.job.status, selected, &entry).unwrap();
    let expected = FlashPredicate {
        job: JobReference {
            namespace: "lab".into(),
            name: "lamps".into(),
            uid: "job-1".into(),
        },
        round: 1,
        index: 1,
        device: FlashedDevice {
            uuid: "uuid-1".into(),
            endpoint: Some(endpoint(1)),
            device_type: Some("esp32s3".into()),
            application: Some("lamp".into()),
        },
        firmware: FlashedFirmware {
            reference: format!("r.example/esp32@{DIGEST}"),
            version: "0.2.0".into(),
            from_version: Some("0.1.0".into()),
        },
        result: FlashResult::Succeeded,
        details: Some(Details {
            reason: Some("Verified".into()),
            attempts: 2,
            pod: Some("flash-uuid-1-b0".into()),
            flash_image: None,
            approvals: vec![approval],
            to_version: Some("0.2.0".into()),
            start_time: Some(Time(at(5))),
            completion_time: Some(Time(at(9))),
            log_tail_sha256: Some(
                "21066d108d5319ecb5a1fc4454f42ef22fc5f1c7df49c31d90294950e0ea8b2c".into(),
            ),
        }),
    };
    assert_eq!(told.predicate, expected);
}

#[rstest]
#[case::nobody_wrote_one(None, None, None)]
#[case::as_it_is_written(None, Some("r.example/flash:1"), Some("r.example/flash:1"))]
#[case::by_its_digest(
    Some("r.example/flash@sha256:00"),
    Some("r.example/flash:1"),
    Some("r.example/flash@sha256:00")
)]
fn the_flash_image_of_a_round_is_the_pinned_one_or_else_the_written_one(
    #[case] pinned: Option<&str>,
    #[case] written: Option<&str>,
    #[case] found: Option<&str>,
) {
    let mut status = scene(true).job.status.clone();
    status.effective.as_mut().unwrap().flash_image = written.map(str::to_owned);
    let pinned = pinned.map(|reference| FlashImage {
        reference: reference.into(),
        ..FlashImage::default()
    });
    status.provenance.as_mut().unwrap().flash_image = pinned;
    assert_eq!(flash_image(&status), found);
}

#[test]
fn a_device_that_the_status_has_no_room_for_is_told_by_its_uuid_and_how_it_ended() {
    let mut scene = scene(true);
    end(
        &mut scene,
        &[Outcome::Succeeded, Outcome::Failed, Outcome::Skipped],
    );
    let mut status = scene.status(10);
    // A device that was tried again is still listed as it was before.
    status.devices.retain(|device| device.index == 1);
    status.devices[0].phase = DevicePhase::Waiting.into();
    let roster = scene.roster.as_ref().unwrap();
    let ended = all_ended(&status, roster, &Finals::of(&status), Vec::new());
    let entry = |index: i64, phase: DevicePhase| DeviceStatus {
        index,
        uuid: format!("uuid-{index}"),
        phase: phase.into(),
        ..DeviceStatus::default()
    };
    let expected = [
        entry(0, DevicePhase::Succeeded),
        entry(1, DevicePhase::Failed),
        entry(2, DevicePhase::Skipped),
    ];
    assert_eq!(ended, expected);
}

/// The stored status of a round that has ended, with a signed root.
fn signed(scene: &mut Scene) -> String {
    end(scene, &[Outcome::Succeeded; 3]);
    let mut status = scene.status(10);
    let provenance = status.provenance.as_mut().unwrap();
    let receipts = provenance.receipts.as_mut().unwrap();
    receipts.signature = Some("signed".into());
    let root = receipts.merkle_root.clone();
    scene.store(status);
    scene.memory.refused.clear();
    root
}

#[test]
fn a_device_that_ends_otherwise_gives_its_round_another_root_without_a_signature() {
    let mut scene = scene(true);
    let before = signed(&mut scene);
    scene.stored(|status| status.completed_indexes = Some("0-1".into()));
    let failed = found(Some(2), Outcome::Failed, Reason::FlashFailed);
    scene.memory.refused.insert(2, failed);
    let status = scene.status(20);
    let RoundReceipts {
        count,
        merkle_root,
        signature,
        ..
    } = receipts(&status).unwrap();
    assert_eq!((*count, signature), (3, &None));
    assert_ne!(*merkle_root, before);
}

#[test]
fn a_root_that_was_taken_out_of_the_status_is_found_again() {
    let mut scene = scene(true);
    let before = signed(&mut scene);
    scene.stored(|status| status.provenance.as_mut().unwrap().receipts = None);
    let status = scene.status(20);
    let again = receipts(&status).unwrap();
    assert_eq!((&again.merkle_root, &again.signature), (&before, &None));
}

/// A key that signs, and those that tell whether it did.
fn keys() -> (Signer, PublicKeys) {
    let random = SystemRandom::new();
    let private = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap();
    let pem = |kind: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n")
    };
    let signer = Signer::from_pem(pem("PRIVATE", private.as_ref()).as_bytes()).unwrap();
    let mut keys = PublicKeys::default();
    let public = key.public_key().as_der().unwrap();
    keys.add(&pem("PUBLIC", public.as_ref())).unwrap();
    (signer, keys)
}

#[test]
fn the_lines_of_a_round_are_a_receipt_of_each_final_device_and_one_of_the_round() {
    let mut scene = scene(true);
    end(&mut scene, &[Outcome::Succeeded, Outcome::Failed]);
    let status = scene.status(10);
    let roster = scene.roster.as_ref().unwrap();
    let (signer, keys) = keys();
    let (lines, round) = receipt_lines(&scene.job, &status, roster, &signer).unwrap();
    assert_eq!(
        (round.predicate.count, round.predicate.results.as_str()),
        (2, "SF-")
    );
    let text = String::from_utf8(lines).unwrap();
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().count(), 3);
    let report = verify(text.as_bytes(), &keys);
    assert_eq!((report.receipts, report.faults), (2, Vec::new()));
    let [whole] = report.rounds.as_slice() else {
        panic!("{:?}", report.rounds)
    };
    assert_eq!(
        (whole.round, whole.devices, &whole.whole),
        (1, 2, &Ok(round.predicate.merkle_root))
    );
}

#[test]
fn a_round_without_a_digest_has_no_lines() {
    let mut scene = scene(true);
    scene.stored(|status| status.provenance = None);
    let roster = scene.roster.as_ref().unwrap();
    let (signer, _) = keys();
    let lines = receipt_lines(&scene.job, &scene.job.status, roster, &signer);
    assert_eq!(lines, None);
}
