//! Pictures of 80 columns and 24 rows.

use std::{sync::Arc, time::Instant};

use crossterm::event::{KeyCode, KeyEvent};
use flashjob_operator::{api::SelectedDevice, flashjob::spec::job::Job};
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    live::{Journal, Order, Surroundings},
    view::fixtures::{at, condition, device, job, rollout, time},
};

const SIZE: (usize, usize) = (80, 24);

fn live(job: Job) -> Live {
    Live::of(Box::new(job), false)
}

fn press(live: &mut Live, codes: impl IntoIterator<Item = KeyCode>) {
    for code in codes {
        let frame = live.frame(SIZE, at(720));
        live.drawn(&frame);
        live.press(KeyEvent::from(code));
    }
}

fn text(live: &Live) -> String {
    let lines = live.frame(SIZE, at(720)).lines;
    assert_eq!(lines.len(), SIZE.1);
    assert!(lines.iter().all(|line| line.width() <= SIZE.0));
    lines.iter().map(|line| line.text() + "\n").collect()
}

/// Of so many devices all but every fourth are in flight; those failed.
fn fleet(devices: usize) -> Job {
    let pod = |index: usize| json!({"startTime": time(650), "pod": format!("flash-{index}-x7k2p")});
    let entries: Vec<_> = (0..devices)
        .map(|index| match index % 4 {
            0 => device(
                index,
                "Failed",
                "ContactFailed",
                &json!({"startTime": time(100), "completionTime": time(400)}),
            ),
            _ => device(index, "Flashing", "Flashing", &pod(index)),
        })
        .collect();
    job(
        &json!({"uuid": ["a"], "firmware": "f:1", "version": "1"}),
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress",
            "conditions": [condition("Accepted")], "effective": {"parallelism": devices},
            "counts": {"selected": devices, "failed": devices / 4, "inFlight": devices - devices / 4},
            "devices": entries,
        }),
    )
}

#[test]
fn a_rollout_is_drawn_from_its_head_with_the_keys_below() {
    assert_snapshot!(text(&live(rollout())));
}

#[test]
fn a_device_that_is_pointed_at_is_brought_into_view() {
    let mut live = live(fleet(100));
    press(&mut live, [KeyCode::Down; 20]);
    assert_snapshot!(text(&live));
}

#[test]
fn a_lost_connection_is_said_until_the_job_is_seen_again() {
    let mut live = live(rollout());
    live.lose("watch FlashJob demo/thermo: connection refused".into());
    assert_snapshot!(text(&live));
    live.see(Box::new(rollout()));
    assert!(!text(&live).contains("trying again"));
}

#[test]
fn help_names_every_key() {
    let mut live = live(rollout());
    press(&mut live, [KeyCode::Char('?')]);
    assert_snapshot!(text(&live));
    press(&mut live, [KeyCode::Char('x')]);
    assert!(text(&live).contains("FlashJob demo/thermo"));
}

#[test]
fn a_log_takes_the_place_of_the_tree() {
    let mut live = live(rollout());
    let mut journal = Journal::of("Log of device #8 192.0.2.9:80, Pod flash-x".into());
    (0..40).for_each(|number| journal.add(format!("line {number}\u{1b}[2J")));
    live.open(journal);
    assert_snapshot!(text(&live));
    press(&mut live, [KeyCode::Up]);
    assert!(!text(&live).contains("line 39"), "{}", text(&live));
}

#[rstest]
#[case::the_beginning(KeyCode::Home, "FlashJob demo/thermo")]
#[case::the_end(KeyCode::End, "#99 192.0.2.100:80")]
#[case::the_second_page(KeyCode::PageDown, "#64 192.0.2.65:80")]
fn any_part_can_be_looked_at(#[case] key: KeyCode, #[case] words: &str) {
    let mut live = live(fleet(100));
    press(&mut live, [key]);
    assert!(text(&live).contains(words), "{}", text(&live));
}

#[test]
fn who_looks_beyond_the_end_comes_back_by_one_key() {
    let mut live = live(fleet(100));
    press(&mut live, [KeyCode::PageDown; 50]);
    let end = text(&live);
    press(&mut live, [KeyCode::PageDown, KeyCode::PageUp]);
    let before = text(&live);
    assert_ne!(before, end);
    press(&mut live, [KeyCode::PageDown]);
    assert_eq!(text(&live), end);
}

#[rstest]
#[case::of_one_row((80, 1))]
#[case::of_no_rows((80, 0))]
#[case::of_few_columns((3, 10))]
fn a_tiny_terminal_has_a_picture_too(#[case] size: (usize, usize)) {
    let mut live = live(rollout());
    live.over = Over::Question("Approve?".into(), Order::Resume);
    let lines = live.frame(size, at(720)).lines;
    assert!(lines.len() <= size.1);
    assert!(lines.iter().all(|line| line.width() <= size.0.max(1)));
}

/// `cargo test … ten_thousand -- --nocapture` prints what it costs.
#[test]
fn of_ten_thousand_devices_only_those_on_the_screen_are_laid_out() {
    let mut live = live(fleet(10_000));
    press(&mut live, [KeyCode::End]);
    let begin = Instant::now();
    let tree = live.tree(at(720));
    let told = begin.elapsed();
    let look = Look {
        most: usize::MAX,
        ..Look::of(false, SIZE.0)
    };
    let mut canvas = Canvas::of(9_000..9_024);
    let begin = Instant::now();
    view::draw(&tree, look, at(720), &mut canvas);
    let laid_out = begin.elapsed();
    // Head, 2 500 failed devices, and 7 500 in flight with a Pod each.
    assert!(canvas.rows() > 17_500, "{}", canvas.rows());
    assert_eq!(canvas.into_lines().len(), 24);
    let begin = Instant::now();
    let lines = live.frame(SIZE, at(720)).lines;
    let whole = begin.elapsed();
    assert_eq!(lines.len(), 24);
    println!("10 000 devices: tree {told:?}, layout {laid_out:?}, whole picture {whole:?}");
}

/// `cargo test … names_ten_thousand -- --nocapture` prints what it costs: pictures of a job as the operator stores it, with its selection.
#[test]
fn a_job_that_names_ten_thousand_devices_is_drawn_with_those_that_have_not_begun_counted() {
    const PICTURES: u32 = 20;
    let uuid = |index: usize| format!("00000000-0000-4000-8000-{index:012}");
    let uuids: Vec<_> = (0..10_000).map(uuid).collect();
    let selection = uuids.iter().map(|uuid| SelectedDevice {
        uuid: uuid.as_str().into(),
        ..SelectedDevice::default()
    });
    let selection: Arc<[SelectedDevice]> = selection.collect();
    let entries: Vec<_> = (100..300)
        .map(|index| {
            device(
                index,
                "Flashing",
                "Flashing",
                &json!({"startTime": time(650)}),
            )
        })
        .collect();
    let job = job(
        &json!({"uuid": uuids, "firmware": "f:1", "version": "1"}),
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress", "effective": {"parallelism": 200},
            "round": {"number": 1, "firmware": "f:1", "version": "1"}, "selection": {"count": 10_000, "hash": "00"},
            "step": {"id": "1.1", "of": 2, "devices": 5_000, "state": "Running"}, "completedIndexes": "0-99",
            "counts": {"selected": 10_000, "succeeded": 100, "inFlight": 200, "pending": 9_700}, "devices": entries,
        }),
    );
    let mut live = live(job);
    live.surround(Surroundings {
        selection: Some(selection),
        class: None,
    });
    let counted = |live: &Live| {
        let groups = live.tree(at(720)).not_begun;
        groups
            .iter()
            .map(|group| (group.reason.clone(), group.devices))
            .collect::<Vec<_>>()
    };
    let expected = [("SlotsFull", 4_700), ("StepNotReached", 5_000)];
    let expected = expected.map(|(reason, devices)| (reason.to_owned(), devices));
    assert_eq!(counted(&live), expected);
    let begin = Instant::now();
    for _ in 0..PICTURES {
        assert_eq!(live.frame(SIZE, at(720)).lines.len(), SIZE.1);
    }
    println!(
        "10 000 devices that are named: a picture {:?}",
        begin.elapsed() / PICTURES
    );
}
