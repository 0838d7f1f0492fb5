//! Releases and histories as they are listed.

use flashjob_operator::{
    cli::history::{Place, Verdict, newest},
    device::Inventory,
    display,
};
use insta::assert_snapshot;

use super::*;
use crate::view::fixtures::{at, rollout};

fn row(revision: u32, status: &str) -> ReleaseRow {
    ReleaseRow {
        release: "flash-00000000-0000-4000-8000-000000000006".into(),
        namespace: "demo".into(),
        revision,
        status: status.into(),
        uuid: "00000000-0000-4000-8000-000000000006".into(),
        endpoint: "192.0.2.7:80".into(),
        device: "esp32s3".into(),
        job: "thermo".into(),
        round: 1,
        attempt: revision,
        from_version: "1.1.0".into(),
        version: "1.2.0".into(),
        updated: Some(display::time(at(560))),
        description: "TransferFailed: the transfer\u{1b}[2J broke off".into(),
        foreign: revision == 1,
        updated_at: Some(at(560)),
    }
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text() + "\n").collect()
}

#[test]
fn only_the_newest_revision_of_a_release_is_listed() {
    let releases = newest(vec![
        row(2, "failed"),
        row(3, "deployed"),
        row(1, "superseded"),
    ]);
    assert_eq!(releases.len(), 1);
    assert_snapshot!(text(&table(&releases, true, at(720))));
}

#[test]
fn a_history_has_verdicts_attempts_and_what_was_not_seen() {
    let jobs = [rollout()];
    let place = Place::of("192.0.2.7", &jobs, &Inventory::default());
    let verdicts = place.entries(&jobs).into_iter();
    let of = History {
        device: place.named.clone(),
        endpoint: place.endpoint.clone(),
        verdicts: verdicts
            .map(|(job, entry)| Verdict::of(job, entry))
            .collect(),
        attempts: vec![row(2, "failed"), row(1, "superseded")],
        not_seen: vec!["you may not list secrets".into()],
    };
    assert_snapshot!(text(&history(&of, at(720))));
}
