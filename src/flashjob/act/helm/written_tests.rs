//! Which Secret is the one that helm wrote.

use std::borrow::Cow;

use helm_release::{Stamp, Status, secret};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    flash_pod::intent::{Intent, Record, attempt_id},
    flashjob::fixtures::{JOB, at, identity, numbered, uuid},
    seal::{Seals, chart_digest, tests::seals},
};

const PLANNED: u32 = 3;

/// A Secret of the attempt as helm writes it under this revision, with the labels for the planned one.
fn written(revision: u32, edit: impl FnOnce(&mut Record)) -> Secret {
    let (keys, mut record) = (seals(1, None), record(revision));
    edit(&mut record);
    let intent = record.attachment.clone().unwrap();
    let labels = record_label(&keys, &intent, &record.name, PLANNED);
    secret(&record, &labels, Stamp::Created(at(0))).unwrap()
}

fn record(revision: u32) -> Record {
    let (keys, id) = (seals(1, None), attempt_id(&JOB.into(), 1, 1, "nonce"));
    let stored = numbered(&identity(0, id.as_str()), 1, Status::Deployed)
        .stored
        .unwrap();
    let mut record = stored.record.clone();
    record.version = revision;
    record.config = json!({"externalIP": ""});
    let intent = record.attachment.clone().unwrap();
    let chart = chart_digest(&record.chart);
    record.attachment = Some(keys.seal_content(&intent, &record.config, chart, None));
    record
}

fn found(secrets: &mut [Secret]) -> Option<u32> {
    let (keys, planned) = (seals(1, None), record(PLANNED));
    found_by(
        &keys,
        planned.attachment.as_ref().unwrap(),
        &planned,
        secrets,
    )
}

fn found_by(
    seals: &Seals,
    intent: &Intent,
    planned: &Record,
    secrets: &mut [Secret],
) -> Option<u32> {
    let plan = Plan {
        chart: planned.chart.clone(),
        intent,
        release: &planned.name,
        overrides: Cow::Borrowed(&planned.config),
        address: None,
        revision: PLANNED,
        seals,
    };
    misnumbered(&plan, secrets).map(|(_, revision)| revision)
}

#[rstest]
#[case::earlier(1, Some(1))]
#[case::later(4, Some(4))]
#[case::as_planned(PLANNED, None)]
fn the_record_that_helm_numbered_differently_is_found(
    #[case] revision: u32,
    #[case] expected: Option<u32>,
) {
    let others = written(7, |record| record.name = format!("flash-{}", uuid(1)));
    let mut unsealed = written(2, |_| ());
    unsealed
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .remove(LABEL_SEAL);
    assert_eq!(
        found(&mut [others, unsealed, written(revision, |_| ())]),
        expected
    );
}

#[test]
fn of_two_records_with_the_same_seal_none_is_taken() {
    assert_eq!(found(&mut [written(1, |_| ()), written(4, |_| ())]), None);
}

#[test]
fn a_record_of_other_content_is_not_taken_whatever_its_seal() {
    let edited = written(1, |record| {
        record.config = json!({"externalIP": "192.0.2.9"});
    });
    assert_eq!(found(&mut [edited]), None);
    let another = written(1, |record| {
        record.attachment.as_mut().unwrap().attempt_id = "another".into();
    });
    assert_eq!(found(&mut [another]), None);
}
