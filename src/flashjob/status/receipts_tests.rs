use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    api::{Reason, Word},
    flashclass::freeze,
    flashjob::{
        fixtures::{Scene, at, classes, found},
        verdict::Outcome,
    },
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
